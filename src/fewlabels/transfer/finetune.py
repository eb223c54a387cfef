"""Encoder and head trained together, or a whole network from scratch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Self

import numpy as np
from torch import Tensor, nn

from fewlabels.networks import Autoencoder, batch_normalisations
from fewlabels.objectives import Objective
from fewlabels.objectives.views import MILD, View
from fewlabels.training import Examples, Numerics
from fewlabels.transfer.base import FINE_TUNING_RATE, Classifier, Inputs, Setting, Task
from fewlabels.transfer.features import Centring, features_at, features_of
from fewlabels.transfer.logistic import Regression, softmax_regressions
from fewlabels.transfer.probe import DEFAULT_PENALTY, linear
from fewlabels.transfer.supervised import AUGMENTED_RATES, DEFAULT_AUGMENTED_RATE, train_classifiers


class EncoderClassifier(nn.Module):
    """features -> centre -> head: [B, *input_shape] -> logits [B, K].

    Running statistics that pretraining has gathered stay as they are where they are `settled`: batches of a few
    labelled examples would ruin them. Those of a network from random weights are gathered while it is trained.
    """

    def __init__(self, features: nn.Module, centring: Centring, head: nn.Module, settled: bool = True) -> None:
        super().__init__()
        self.features = features
        self.centre = centring.layer()
        self.head = head
        norms = batch_normalisations(features) if settled else []
        self._settled = [layer for layer in norms if bool(layer.num_batches_tracked)]

    def train(self, mode: bool = True) -> Self:
        super().train(mode)
        for layer in self._settled:
            layer.eval()
        return self

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(self.centre(self.features(x)))
        return logits


@dataclass(frozen=True)
class FineTune:
    """Encoder and linear head trained together, the encoder at its own rate. From random weights: from scratch.

    The head begins as the linear probe of the starting codes, so that it does not distort them before it has learned
    anything (Kumar et al. 2022, LP-FT).

    network: makes a fresh copy of the autoencoder to begin from. objective, layer: say which codes, or which other
    features, the head sees. centring: of those of the starting encoder. encoder_rate: the encoder's learning rate as a
    share of the head's. numerics: of networks that are trained one by one. view: through which it sees labelled
    examples, where it augments them.
    """

    classes: int
    network: Callable[[], Autoencoder]
    objective: Objective
    centring: Centring
    encoder_rate: float = FINE_TUNING_RATE
    layer: str | None = None
    numerics: Callable[[], Numerics] | None = None
    view: View = MILD
    settings: tuple[Setting, ...] = AUGMENTED_RATES
    default: Setting = field(default_factory=lambda: DEFAULT_AUGMENTED_RATE)

    def fit_all(self, x: Inputs, y: np.ndarray, tasks: Sequence[Task]) -> list[Classifier]:
        """x: n Examples."""
        assert isinstance(x, Examples)
        starting = self.centring.apply(features_of(self._features(), x))  # [n, D]

        indices = {id(task.index): task.index for task in tasks}
        probes = [Regression(starting[index], y[index], DEFAULT_PENALTY["C"]) for index in indices.values()]
        heads = dict(zip(indices, softmax_regressions(probes, self.classes), strict=True))

        def model(task: Task) -> nn.Module:
            return EncoderClassifier(self._features(), self.centring, linear(*heads[id(task.index)]))

        def rate(name: str) -> float:
            return 1.0 if name.startswith("head.") else self.encoder_rate

        return train_classifiers(model, rate, x, y, tasks, self.view, self.numerics)

    def _features(self) -> nn.Module:
        return features_at(self.network(), self.objective, self.layer)


@dataclass(frozen=True)
class WholeNetwork:
    """Any classifier network trained from fresh random weights."""

    build: Callable[[], nn.Module]
    view: View = MILD
    settings: tuple[Setting, ...] = AUGMENTED_RATES
    default: Setting = field(default_factory=lambda: DEFAULT_AUGMENTED_RATE)

    def fit_all(self, x: Inputs, y: np.ndarray, tasks: Sequence[Task]) -> list[Classifier]:
        """x: n Examples."""
        return train_classifiers(lambda task: self.build(), lambda name: 1.0, x, y, tasks, self.view)
