"""What the ways of transfer share: inputs in, a fitted classifier out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from torch import nn

from fewlabels.training import Examples

Inputs = np.ndarray | Examples
"""Features [n, D] float32, or examples that a network reads itself."""

Setting = Mapping[str, float]
"""One setting that a learner may try: names and values."""


@dataclass(frozen=True)
class Classifier:
    """A classifier fitted to labels.

    log_proba: Inputs of n examples -> [n, K] float64 log-probabilities.
    module: a batch of inputs [B, ...] -> logits [B, K], the same in float32.
    trained: how many parameters were fitted to the labels.
    total: how many a prediction uses, a frozen encoder's included where the learner holds it.
    curve: training loss at every step, where it was trained in steps.
    """

    log_proba: Callable[[Inputs], np.ndarray]
    module: nn.Module
    trained: int
    total: int
    curve: list[float] = field(default_factory=list)


@dataclass(frozen=True, eq=False)
class Task:
    """One fit: on which of the labelled inputs, with which setting, from which seed.

    labels: how many its case has; the task may have some of them only, the others being held out.
    """

    index: np.ndarray
    setting: Setting
    labels: int
    seed: int


class Learner(Protocol):
    """A way to make a classifier from labelled inputs."""

    @property
    def settings(self) -> tuple[Setting, ...]:
        """What is tried, when the labels allow to choose: as many for every learner."""
        ...

    @property
    def default(self) -> Setting:
        """What is taken when they do not."""
        ...

    def fit_all(self, x: Inputs, y: np.ndarray, tasks: Sequence[Task]) -> list[Classifier]:
        """One classifier a task, of one case or of several. x: n labelled inputs; y: [n] int64 class indices."""
        ...


def take(x: Inputs, index: np.ndarray) -> Inputs:
    """The inputs at `index`."""
    return x.take(index) if isinstance(x, Examples) else x[index]


def fit_one(learner: Learner, x: Inputs, y: np.ndarray, setting: Setting, seed: int) -> Classifier:
    """A classifier fitted on all of the labelled inputs."""
    return learner.fit_all(x, y, [Task(np.arange(len(y)), setting, len(y), seed)])[0]
