"""One readable loop, and pretraining on top of it. Knows neither concrete objectives nor networks."""

from fewlabels.training.checkpoint import Checkpoints
from fewlabels.training.ensemble.fit import can_stack, fit_stacked, stacking_pays
from fewlabels.training.ensemble.pretrain import train_stacked, why_apart
from fewlabels.training.examples import Examples
from fewlabels.training.history import History, describe, thin
from fewlabels.training.layerwise import Layerwise, greedy
from fewlabels.training.loop import Losses, fit, progress_bar
from fewlabels.training.numerics import FORMATS, PRECISIONS, Numerics, choose_device, fastest
from fewlabels.training.pretrain import Job, build, mean_loss, train
from fewlabels.training.recipe import Group, Recipe
from fewlabels.training.store import EncoderStore, Pretrained

__all__ = [
    "FORMATS",
    "PRECISIONS",
    "Checkpoints",
    "EncoderStore",
    "Examples",
    "Group",
    "History",
    "Job",
    "Layerwise",
    "Losses",
    "Numerics",
    "Pretrained",
    "Recipe",
    "build",
    "can_stack",
    "choose_device",
    "describe",
    "fastest",
    "fit",
    "fit_stacked",
    "greedy",
    "mean_loss",
    "progress_bar",
    "stacking_pays",
    "thin",
    "train",
    "train_stacked",
    "why_apart",
]
