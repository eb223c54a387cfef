"""Models on an accelerator."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any, TypeVar

from fewlabels.models.classifier import ClassifierModel
from fewlabels.models.encoder import EncoderModel
from fewlabels.models.modules import ready

ModelT = TypeVar("ModelT", bound=EncoderModel | ClassifierModel)


def on_device(model: ModelT, device: str) -> ModelT:
    """The same model on the device; the given one stays where it is."""
    module: Any = ready(copy.deepcopy(model.module), device)
    return replace(model, module=module)
