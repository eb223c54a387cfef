"""Models in use: pretraining and fine-tuning as one call each, saved folders, predictions, ONNX."""

from fewlabels.models.classifier import ClassifierModel
from fewlabels.models.device import on_device
from fewlabels.models.encoder import EncoderModel
from fewlabels.models.export import ExportReport, export_onnx
from fewlabels.models.fitting import TRANSFERS, finetune
from fewlabels.models.folder import (
    CHECKPOINT,
    CONFIG,
    check_free,
    load_classifier,
    load_encoder,
    load_model,
    save_model,
)
from fewlabels.models.pretraining import plan_pretraining, pretrain
from fewlabels.models.streaming import Prediction, predictions, save_codes, save_predictions, write_predictions
from fewlabels.models.unseen import unseen_examples

__all__ = [
    "CHECKPOINT",
    "CONFIG",
    "TRANSFERS",
    "ClassifierModel",
    "EncoderModel",
    "ExportReport",
    "Prediction",
    "check_free",
    "export_onnx",
    "finetune",
    "load_classifier",
    "load_encoder",
    "load_model",
    "on_device",
    "plan_pretraining",
    "predictions",
    "pretrain",
    "save_codes",
    "save_model",
    "save_predictions",
    "unseen_examples",
    "write_predictions",
]
