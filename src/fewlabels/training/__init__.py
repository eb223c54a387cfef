"""One readable loop, and pretraining on top of it. Knows neither concrete objectives nor networks."""

from fewlabels.training.examples import Examples
from fewlabels.training.history import History, describe, thin
from fewlabels.training.loop import fit
from fewlabels.training.pretrain import Job, build, mean_loss, train
from fewlabels.training.progress import progress_bar
from fewlabels.training.recipe import Group, Recipe
from fewlabels.training.store import EncoderStore, Pretrained

__all__ = [
    "EncoderStore",
    "Examples",
    "Group",
    "History",
    "Job",
    "Pretrained",
    "Recipe",
    "build",
    "describe",
    "fit",
    "mean_loss",
    "progress_bar",
    "thin",
    "train",
]
