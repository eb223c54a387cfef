"""One hidden layer on frozen features."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from torch import nn

from fewlabels.transfer.base import Classifier, Inputs, Setting, Task
from fewlabels.transfer.supervised import DEFAULT_RATE, RATES, train_classifiers


@dataclass(frozen=True)
class MlpHead:
    """One hidden layer of ReLU units on fixed features (paper 2 has 64)."""

    classes: int
    hidden: int = 64
    settings: tuple[Setting, ...] = RATES
    default: Setting = field(default_factory=lambda: DEFAULT_RATE)

    def fit_all(self, x: Inputs, y: np.ndarray, tasks: Sequence[Task]) -> list[Classifier]:
        """x: [n, D] features."""
        assert isinstance(x, np.ndarray)

        def head(task: Task) -> nn.Module:
            return mlp_head(x.shape[1], self.hidden, self.classes)

        fitted = train_classifiers(head, lambda name: 1.0, x, y, tasks)
        return [replace(classifier, head={"hidden": self.hidden}) for classifier in fitted]


def mlp_head(width: int, hidden: int, classes: int) -> nn.Sequential:
    """[B, width] -> logits [B, classes], by one hidden layer of ReLU units."""
    return nn.Sequential(nn.Linear(width, hidden), nn.ReLU(), nn.Linear(hidden, classes))
