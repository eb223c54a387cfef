"""The way of transfer `student`: a network taught, in rounds, by the graph over its own codes."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import count
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fewlabels.networks import parameter_count, seeded
from fewlabels.objectives.views import AutomaticView
from fewlabels.training import Examples, Group, Losses, Recipe, fit
from fewlabels.transfer.base import Classifier, Inputs, Setting, Start, Task
from fewlabels.transfer.features import features_at, width_at
from fewlabels.transfer.finetune import EncoderClassifier
from fewlabels.transfer.nodes import pool_of
from fewlabels.transfer.spreading import DEFAULT_GRAPH, Spreading
from fewlabels.transfer.supervised import classifier_of, seed_of

READINGS: tuple[Setting, ...] = ({"graph": 1.0}, {"graph": 0.0})
"""Which of the two answers of one and the same student is given: that of the last graph, or that of its own head."""

DEFAULT_READING: Setting = READINGS[0]

ROUNDS = 3
BATCH = 256
LABELLED = 32
"""Of the examples of every batch, so many have labels of their own."""

EPOCHS = 20
FEWEST_STEPS, MOST_STEPS = 60, 400
"""Of a round."""

RATE = 3e-3
SMOOTHING = 0.05
"""Of the labels taught: so much of each is shared out over all classes."""

DECAY = 0.99
"""Of the moving average of the weights, which is what is kept."""


class Lesson(NamedTuple):
    """What the graph says of the unlabelled pool. label: [U] int64. weight: [U] float32, from 0 to 1."""

    label: Tensor
    weight: Tensor


@dataclass(frozen=True)
class Student:
    """Encoder and linear head, trained on strong views of the unlabelled pool with the labels that the graph over its
    codes gives; then the graph is made anew over the codes it has by then, and so on, ROUNDS times.

    A step minimises ``(1 / B) (sum_u w_u H(q_u, p(v_u)) + sum_l H(q_l, p(v_l)))`` over examples u of the pool and
    LABELLED labelled ones l, B together, with one view v of each; H is the cross-entropy, q a one-hot label smoothed by
    SMOOTHING. What is kept of a round is the moving average of its weights (Tarvainen & Valpola 2017).

    Attributes
    ----------
    start
        With a network.

    References
    ----------
    Tarvainen & Valpola 2017, Mean teachers are better role models.
    """

    start: Start
    settings: tuple[Setting, ...] = READINGS
    default: Setting = field(default_factory=lambda: DEFAULT_READING)

    def fit_all(self, x: Inputs, y: np.ndarray, tasks: Sequence[Task]) -> list[Classifier]:
        """x: n Examples. Tasks that differ in the setting alone share a student; each student is trained alone."""
        assert isinstance(x, Examples)
        students: dict[tuple[bytes, int], Taught] = {}
        for task in tasks:
            key = task.index.tobytes(), seed_of(task)
            students[key] = students.get(key) or self._teach(x, y, task)
        return [students[task.index.tobytes(), seed_of(task)].classifier(task.setting) for task in tasks]

    def _teach(self, x: Examples, y: np.ndarray, task: Task) -> Taught:
        here, seed = self.start.numerics(), seed_of(task)
        generator = here.generator(seed)
        curve: list[float] = []
        student = here.to(seeded(seed, self._beginner))
        pool, own = pool_of(self.start, len(x)).on(here), x.take(task.index).on(here)
        own_y = torch.from_numpy(y[task.index]).to(here.device)
        graph = GraphOfCodes(self.start, student, x, y, task)
        for _ in range(ROUNDS):
            student, losses = attend(student, graph.lesson(), pool, own, own_y, generator)
            graph, curve = replace(graph, student=student), [*curve, *losses]
        return Taught(graph, curve)

    def _beginner(self) -> EncoderClassifier:
        """The encoder, and a linear head of random weights."""
        start = self.start
        assert start.network is not None
        assert start.objective is not None
        net = start.network()
        head = nn.Linear(width_at(net, start.layer), start.classes)
        return EncoderClassifier(features_at(net, start.objective, start.layer), start.centring, head, settled=False)


@dataclass(frozen=True)
class GraphOfCodes:
    """The graph over the codes that a student has, and a task's labels on it. x, y: all labelled examples."""

    start: Start
    student: EncoderClassifier
    x: Examples
    y: np.ndarray
    task: Task

    def lesson(self) -> Lesson:
        """What it says of `pool_of` the start."""
        spreading, features, task = self._spreading()
        return lesson_of(spreading.pool_logits(features, self.y, task), self.y[task.index])

    def classifier(self) -> Classifier:
        """What reads features of the student off the graph."""
        spreading, features, task = self._spreading()
        return spreading.fit_all(features, self.y, [task])[0]

    @property
    def codes(self) -> Start:
        """The start with the student's features."""
        return replace(self.start, features=self.student.features)

    def _spreading(self) -> tuple[Spreading, np.ndarray, Task]:
        return Spreading(self.codes), self.codes.features_of(self.x), replace(self.task, setting=DEFAULT_GRAPH)


@dataclass(frozen=True)
class Taught:
    """A student that has learned, and the last graph. curve: its losses."""

    graph: GraphOfCodes
    curve: list[float]

    def classifier(self, reading: Setting) -> Classifier:
        """That of the graph, or of the student's own head."""
        student, codes = self.graph.student, self.graph.codes
        if not reading["graph"]:
            return classifier_of(student, self.curve)
        vote, size = self._vote, parameter_count(student.features)
        assert vote.module is not None
        return replace(
            vote,
            log_proba=lambda x: vote.log_proba(codes.features_of(x)),  # type: ignore[arg-type]  # examples, as it was given
            module=student.with_head(vote.module),
            trained=vote.trained + size,
            total=vote.total + size,
            curve=self.curve,
        )

    @cached_property
    def _vote(self) -> Classifier:
        return self.graph.classifier()


def lesson_of(logits: np.ndarray, y: np.ndarray) -> Lesson:
    """The lesson of a graph's logits [U, K], y being the labels [n] that it had.

    Probabilities are aligned with the shares of the classes among the labels, ``b_k = (n_k + 1) / (n + K)``:
    ``p'_k`` is proportional to ``p_k b_k / mean p_k`` (Berthelot et al. 2022, equation 2). The weight of an example
    follows its confidence c, the greatest of them: 1 above the mean mu of all, below it
    ``exp(-(c - mu)^2 / (2 (s / 2)^2))``, s being the deviation (Chen et al. 2023, equation 6).

    References
    ----------
    Berthelot et al. 2022, AdaMatch: a unified approach to semi-supervised learning and domain adaptation. Chen et al.
    2023, SoftMatch: addressing the quantity-quality trade-off in semi-supervised learning.
    """
    proba = torch.from_numpy(logits).softmax(dim=1)
    shares = torch.from_numpy(np.bincount(y, minlength=proba.shape[1]) + 1.0).float()
    proba = F.normalize(proba * shares / proba.mean(dim=0).clamp(min=1e-6), p=1, dim=1)
    confidence, label = proba.max(dim=1)
    below = (confidence - confidence.mean()).clamp(max=0)
    deviation = confidence.std(correction=0).clamp(min=1e-6)
    return Lesson(label, (-below.square() / (2 * (deviation / 2).square())).exp())


def attend(
    student: EncoderClassifier, lesson: Lesson, pool: Examples, x: Examples, y: Tensor, generator: torch.Generator
) -> tuple[EncoderClassifier, list[float]]:
    """One round: the moving average of the student's weights, and the losses.

    x, y: the n labelled examples of the task, and their labels, [n] int64.
    """
    averaged = copy.deepcopy(student).requires_grad_(False)
    both = nn.ModuleDict({"student": student, "averaged": averaged})
    here, view, done = pool.numerics, AutomaticView(), count(1)
    label, weight = (part.to(here.device) for part in lesson)

    def loss_of(index: Tensor) -> Losses:
        own = torch.randint(len(x), (LABELLED,), generator=generator, device=here.device)
        seen = view.of(torch.cat([pool.batch(index), x.batch(own)]), generator)
        with here.autocast():
            logits = student(here.to_memory_format(seen)).float()
        target, certainty = torch.cat([label[index], y[own]]), torch.cat([weight[index], weight.new_ones(LABELLED)])
        return (F.cross_entropy(logits, target, reduction="none", label_smoothing=SMOOTHING) * certainty).mean(), {}

    def follow() -> None:
        steps = next(done)
        move(averaged, student, 1 - min(DECAY, steps / (steps + 9)))

    batch = min(len(pool), BATCH - LABELLED)
    steps = min(MOST_STEPS, max(FEWEST_STEPS, EPOCHS * len(pool) // batch))
    recipe = Recipe(steps, batch, lr=RATE, weight_decay=1e-2, schedule="one-cycle", warm_up=0.2)
    groups = [Group(tuple(student.parameters()))]
    history = fit(both, groups, loss_of, len(pool), recipe, generator, after_step=follow)
    return averaged.requires_grad_(True), history.loss


def move(averaged: nn.Module, student: nn.Module, share: float) -> None:
    """Bring every weight and running statistic that share of the way to the student's."""
    for mean, now in zip(averaged.state_dict().values(), student.state_dict().values(), strict=True):
        mean.lerp_(now, share) if mean.is_floating_point() else mean.copy_(now)
