"""A classifier in use: examples as they come in, classes and their probabilities out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import nn
from torch.nn import functional as F

from fewlabels.core.errors import InputError
from fewlabels.data import Signature, examples_like
from fewlabels.models.config import Features, Head
from fewlabels.models.encoder import answers
from fewlabels.models.modules import ClassifierNet


@dataclass(frozen=True, eq=False, repr=False)
class ClassifierModel:
    """signature: of the examples it takes. classes: the K names, in the order of the probabilities.

    features, head: what its module is made of, for its folder.
    seen: [n, 16] uint8, a digest of every labelled example it was trained on, so that none is taken to test it.
    facts: for the model card.
    """

    module: ClassifierNet
    signature: Signature
    classes: tuple[str, ...]
    features: Features
    head: Head | None
    seen: np.ndarray
    facts: Mapping[str, Any]

    def __repr__(self) -> str:
        return f"ClassifierModel({len(self.classes)} classes of {self.signature})"

    @property
    def temperature(self) -> float:
        return self.module.temperature.item()

    def log_proba(self, x: np.ndarray) -> np.ndarray:
        """Examples [n, *signature.shape], or whatever `examples_like` makes such -> log-probabilities [n, K] float64,
        calibrated by the temperature. Raises InputError for other examples.
        """
        x = examples_like(x, self.signature)
        found = [F.log_softmax(logits.double(), dim=1).numpy(force=True) for logits in answers(self.module, x)]
        return np.concatenate(found)

    def predict(self, x: np.ndarray) -> np.ndarray:
        """Examples [n, *signature.shape] -> the names of their most probable classes, [n] str."""
        return np.array(self.classes)[self.log_proba(x).argmax(axis=1)]

    def embed(self, x: np.ndarray) -> np.ndarray:
        """Examples as for `log_proba` -> the features [n, D] float32 that its head looks at, not centred: the codes of
        its encoder, where it has one. Raises InputError where it has no features.
        """
        if self.head is None:
            raise InputError("this classifier is a network without features of its own; name a folder of another kind")
        features = nn.Sequential(self.module.prepare, self.module.features)
        x = examples_like(x, self.signature)
        return np.concatenate([found.numpy(force=True) for found in answers(features, x)])
