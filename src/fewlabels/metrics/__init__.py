"""How good a classifier is, how sure that is, and what follows: arrays in, numbers out. Never imports torch."""

from fewlabels.metrics.calibration import abstain, apply_temperature, fit_temperature, wilson_interval
from fewlabels.metrics.classification import ClassFigures, Evaluation, Reliability, evaluate

__all__ = [
    "ClassFigures",
    "Evaluation",
    "Reliability",
    "abstain",
    "apply_temperature",
    "evaluate",
    "fit_temperature",
    "wilson_interval",
]
