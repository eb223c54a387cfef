"""What the ways of transfer share: what they begin with, inputs in, a fitted classifier out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from torch import nn

from fewlabels.networks import Autoencoder
from fewlabels.objectives import Objective
from fewlabels.training import Examples, Numerics
from fewlabels.transfer.features import Centring, features_of

FINE_TUNING_RATE = 0.3
"""The encoder's learning rate as a share of the head's: smaller where there is something to keep."""

ABSENT = -50.0
"""Logit of a class without a label."""

Inputs = np.ndarray | Examples
"""Features [n, D] float32, or examples that a network reads itself."""

Setting = Mapping[str, float]
"""One setting that a learner may try: names and values."""


@dataclass(frozen=True)
class Classifier:
    """A classifier fitted to labels.

    Attributes
    ----------
    log_proba
        Inputs of n examples -> [n, K] float64 log-probabilities.
    module
        A batch of inputs [B, ...] -> logits [B, K], the same in float32; None where it is no network and cannot be kept
        as a model.
    trained
        How many parameters were fitted to the labels.
    total
        How many a prediction uses, a frozen encoder's included where the learner holds it.
    head
        Whole numbers that, with the widths of features and classes, say how to build a head of this kind again.
    curve
        Training loss at every step, where it was trained in steps.
    taught_by
        The setting of the graph that taught it first, where one did: chosen inside its own labels.
    """

    log_proba: Callable[[Inputs], np.ndarray]
    module: nn.Module | None
    trained: int
    total: int
    head: Mapping[str, int] = field(default_factory=dict)
    curve: list[float] = field(default_factory=list)
    taught_by: Setting = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Task:
    """One fit: on which of the labelled inputs, with which setting, from which seed.

    Attributes
    ----------
    labels
        How many its case has; the task may have some of them only, the others being held out.
    attempt
        How often training failed at it before: the next begins elsewhere, and goes in smaller steps.
    """

    index: np.ndarray
    setting: Setting
    labels: int
    seed: int
    attempt: int = 0


@dataclass(frozen=True, eq=False)
class Start:
    """What a way of transfer begins with, besides labels.

    Attributes
    ----------
    classes
        K, of the classifier to be.
    features
        A scaled batch [B, *input_shape] -> features [B, D].
    centring
        Fitted on the features of the unlabelled pool.
    unlabelled
        Gives the unlabelled pool, for a learner that wants it; test examples are in it only where the study is
        transductive.
    network
        Makes a copy of the encoder, where the features are its codes.
    objective
        Says which codes.
    encoder_rate
        The encoder's learning rate as a share of the head's.
    layer
        Of the encoder, that the features are read from: a name of LAYERS; None: its code.
    numerics
        In which the network is trained fastest, where it is trained alone.
    """

    classes: int
    features: nn.Module
    centring: Centring
    unlabelled: Callable[[], Examples]
    network: Callable[[], Autoencoder] | None = None
    objective: Objective | None = None
    encoder_rate: float = 1.0
    layer: str | None = None
    numerics: Callable[[], Numerics] = Numerics

    def features_of(self, x: Examples) -> np.ndarray:
        """Centred features [n, D] float32 of any examples."""
        return self.centring.apply(features_of(self.features, x))


class Learner(Protocol):
    """A way to make a classifier from labelled inputs."""

    @property
    def settings(self) -> tuple[Setting, ...]:
        """What is tried, when the labels allow to choose: as many for every learner but one whose fits take minutes."""
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
