"""Encoder and labels -> classifier, and the controls that need no pretraining. Knows nothing of studies."""

from fewlabels.transfer.choice import Outcome, Trial, per_example, tune_and_fit
from fewlabels.transfer.classifier import Classifier, Inputs, Learner, Task, fit_one, take
from fewlabels.transfer.effort import tried_settings
from fewlabels.transfer.features import (
    Centring,
    FeatureMap,
    codes,
    features_of,
    first_that_fit,
    fit_centring,
    fit_pca,
    raw,
)
from fewlabels.transfer.integrity import require_different, require_equal
from fewlabels.transfer.neural import FineTune, MlpHead, WholeNetwork
from fewlabels.transfer.probe import Probe, softmax_regression

__all__ = [
    "Centring",
    "Classifier",
    "FeatureMap",
    "FineTune",
    "Inputs",
    "Learner",
    "MlpHead",
    "Outcome",
    "Probe",
    "Task",
    "Trial",
    "WholeNetwork",
    "codes",
    "features_of",
    "first_that_fit",
    "fit_centring",
    "fit_one",
    "fit_pca",
    "per_example",
    "raw",
    "require_different",
    "require_equal",
    "softmax_regression",
    "take",
    "tried_settings",
    "tune_and_fit",
]
