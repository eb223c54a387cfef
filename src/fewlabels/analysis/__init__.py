"""What a code space looks like and how good a classifier is: arrays in, numbers out. Knows nothing of models."""

from fewlabels.analysis.calibration import abstain, apply_temperature, fit_temperature, wilson_interval
from fewlabels.analysis.evaluation import ClassFigures, Evaluation, Reliability, evaluate
from fewlabels.analysis.principal import PcaAlignment, align_with_covariance, align_with_pca, describe_alignment

__all__ = [
    "ClassFigures",
    "Evaluation",
    "PcaAlignment",
    "Reliability",
    "abstain",
    "align_with_covariance",
    "align_with_pca",
    "apply_temperature",
    "describe_alignment",
    "evaluate",
    "fit_temperature",
    "wilson_interval",
]
