"""Encoder and labels -> classifier, and the controls that need no pretraining. Knows nothing of studies."""

from fewlabels.transfer.base import FINE_TUNING_RATE, Classifier, Inputs, Learner, Start, Task, fit_one, take
from fewlabels.transfer.features import (
    LAYERS,
    Centre,
    Centring,
    Codes,
    PrincipalComponents,
    Raw,
    features_at,
    features_of,
    first_that_fit,
    fit_centring,
    fit_pca,
    width_at,
)
from fewlabels.transfer.finetune import EncoderClassifier, FineTune, WholeNetwork
from fewlabels.transfer.logistic import Regression, softmax_regression, softmax_regressions
from fewlabels.transfer.mlp import MlpHead, mlp_head
from fewlabels.transfer.probe import Probe
from fewlabels.transfer.registry import CONTROLS, TRANSFERS, tried_settings
from fewlabels.transfer.rows import Control, Transfer
from fewlabels.transfer.tuning import Case, HeldOut, Outcome, Trial, per_example, tune_and_fit, tune_and_fit_all

__all__ = [
    "CONTROLS",
    "FINE_TUNING_RATE",
    "LAYERS",
    "TRANSFERS",
    "Case",
    "Centre",
    "Centring",
    "Classifier",
    "Codes",
    "Control",
    "EncoderClassifier",
    "FineTune",
    "HeldOut",
    "Inputs",
    "Learner",
    "MlpHead",
    "Outcome",
    "PrincipalComponents",
    "Probe",
    "Raw",
    "Regression",
    "Start",
    "Task",
    "Transfer",
    "Trial",
    "WholeNetwork",
    "features_at",
    "features_of",
    "first_that_fit",
    "fit_centring",
    "fit_one",
    "fit_pca",
    "mlp_head",
    "per_example",
    "softmax_regression",
    "softmax_regressions",
    "take",
    "tried_settings",
    "tune_and_fit",
    "tune_and_fit_all",
    "width_at",
]
