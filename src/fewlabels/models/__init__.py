"""Models in use: saved folders, predictions, ONNX. Knows nothing of how they are made."""

from fewlabels.models.classifier import ClassifierModel, on_device, unseen_examples
from fewlabels.models.encoder import EncoderModel
from fewlabels.models.folder import (
    CHECKPOINT,
    CONFIG,
    check_free,
    load_classifier,
    load_encoder,
    load_model,
    save_model,
)
from fewlabels.models.onnx import ExportReport, export_onnx
from fewlabels.models.predict import (
    Prediction,
    counting_unknown,
    predictions,
    save_codes,
    save_predictions,
    unknown_categories,
    write_predictions,
)

__all__ = [
    "CHECKPOINT",
    "CONFIG",
    "ClassifierModel",
    "EncoderModel",
    "ExportReport",
    "Prediction",
    "check_free",
    "counting_unknown",
    "export_onnx",
    "load_classifier",
    "load_encoder",
    "load_model",
    "on_device",
    "predictions",
    "save_codes",
    "save_model",
    "save_predictions",
    "unknown_categories",
    "unseen_examples",
    "write_predictions",
]
