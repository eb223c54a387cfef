"""One readable loop, and pretraining on top of it. Knows neither concrete objectives nor networks."""

from fewlabels.training.examples import Examples
from fewlabels.training.loop import History, fit
from fewlabels.training.pretrain import Job, build, mean_loss, train
from fewlabels.training.progress import progress_bar
from fewlabels.training.recipe import Group, Recipe

__all__ = ["Examples", "Group", "History", "Job", "Recipe", "build", "fit", "mean_loss", "progress_bar", "train"]
