"""Models on an accelerator."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, TypeVar

from fewlabels.models.classifier import ClassifierModel
from fewlabels.models.encoder import EncoderModel
from fewlabels.models.nets import ready

ModelT = TypeVar("ModelT", bound=EncoderModel | ClassifierModel)


def on_device(model: ModelT, device: str) -> ModelT:
    """The model, computing on the device from now on."""
    module: Any = ready(model.module, device)
    return replace(model, module=module)
