"""Models on an accelerator."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

from fewlabels.models.classifier import ClassifierModel
from fewlabels.models.encoder import EncoderModel
from fewlabels.models.nets import ready

ModelT = TypeVar("ModelT", EncoderModel, ClassifierModel)


def on_device(model: ModelT, device: str) -> ModelT:
    """The model, computing on the device from now on."""
    return replace(model, module=ready(model.module, device))
