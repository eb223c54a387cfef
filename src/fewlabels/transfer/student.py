"""The way of transfer `student`: a network taught by the graph over its own codes, which is made anew as it learns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import repeat
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fewlabels.networks import seeded
from fewlabels.objectives.views import STRONG, View
from fewlabels.training import Examples, Group, Losses, Recipe, fit
from fewlabels.transfer.base import Classifier, Inputs, Setting, Start, Task
from fewlabels.transfer.features import features_at, width_at
from fewlabels.transfer.finetune import EncoderClassifier
from fewlabels.transfer.nodes import pool_of
from fewlabels.transfer.spreading import Spreading
from fewlabels.transfer.supervised import AGAIN, classifier_of, seed_of
from fewlabels.transfer.tuning import tune_and_fit

STUDENT_RATES: tuple[Setting, ...] = ({"lr": 3e-3},)
"""One alone: a student takes minutes, and inside the labels it would be paid for every setting and fold."""

DEFAULT_STUDENT_RATE: Setting = STUDENT_RATES[0]

LESSONS = 3
"""Graphs that a student is taught by, one after the other, each over the codes it has by then."""

BATCH = 256
LABELLED = 32
"""Of a batch, so many have labels of their own."""

PLAIN = 3
"""One in so many examples of a batch is seen as it is, not in a view: so are those to be classified."""

EPOCHS = 20
FEWEST_STEPS, MOST_STEPS = 60, 400
"""Of a lesson."""

SMOOTHING = 0.05
"""Of the labels taught: so much of each is shared out over all classes."""

SUREST = 0.95
"""Of the examples of a class, so many are taught, those of which the graph is surest."""


class Lesson(NamedTuple):
    """What the graph says of the pool. label: [U] int64. sure: [U] bool, whether it is taught."""

    label: Tensor
    sure: Tensor


@dataclass(frozen=True)
class Student:
    """Encoder and linear head, taught the labels that the graph over its codes gives to the unlabelled pool.

    A step minimises ``(1 / B) (sum_u s_u H(q_u, p(v_u)) + sum_l H(q_l, p(v_l)))`` over B examples: u of the pool, s_u
    telling whether the graph is sure of it, and LABELLED labelled ones l; v is a strong view, or, of one in PLAIN, the
    example itself; H is the cross-entropy, q a one-hot label smoothed by SMOOTHING. The graph is made anew after each
    of LESSONS equal parts of the training: labels that the network makes more of spread better over its codes. Its
    setting is the one chosen inside the task's labels for the codes to begin with.

    That the surest of each class are taught is self-training by class (Zou et al. 2018, section 3.2); that a plain
    example teaches its strong view is FixMatch's (Sohn et al. 2020), with the graph in place of the network.

    Attributes
    ----------
    start
        With a network.
    view
        The strong one.

    References
    ----------
    Sohn et al. 2020, FixMatch: simplifying semi-supervised learning with consistency and confidence. Zou et al. 2018,
    Unsupervised domain adaptation for semantic segmentation via class-balanced self-training.
    """

    start: Start
    view: View = STRONG
    settings: tuple[Setting, ...] = STUDENT_RATES
    default: Setting = field(default_factory=lambda: DEFAULT_STUDENT_RATE)

    def fit_all(self, x: Inputs, y: np.ndarray, tasks: Sequence[Task]) -> list[Classifier]:
        """x: n Examples. Each student is trained alone."""
        assert isinstance(x, Examples)
        return [self._taught(x, y, task) for task in tasks]

    def _taught(self, x: Examples, y: np.ndarray, task: Task) -> Classifier:
        here, seed = self.start.numerics(), seed_of(task)
        student, generator = here.to(seeded(seed, self._beginner)), here.generator(seed)
        pool, own = pool_of(self.start).on(here), x.take(task.index).on(here)
        own_label = torch.from_numpy(y[task.index]).to(here.device)
        recipe = recipe_for(len(pool), task.setting["lr"] * AGAIN**task.attempt)
        graph = Spreading(self.start)
        setting = tune_and_fit(graph, graph.start.features_of(own), y[task.index], task.seed).setting
        lessons = self._lessons(graph, student, own, y[task.index], setting, recipe.steps // LESSONS)

        def loss_of(index: Tensor) -> Losses:
            lesson = next(lessons)
            drawn = torch.randint(len(own), (LABELLED,), generator=generator, device=here.device)
            batch = torch.cat([pool.batch(index), own.batch(drawn)])
            label = torch.cat([lesson.label[index], own_label[drawn]])
            sure = torch.cat([lesson.sure[index], torch.ones_like(drawn, dtype=torch.bool)])
            seen = here.to_memory_format(partly_viewed(batch, self.view, generator))
            with here.autocast():
                logits = student(seen)
            losses = F.cross_entropy(logits.float(), label, reduction="none", label_smoothing=SMOOTHING)
            return (losses * sure).mean(), {}

        history = fit(student, [Group(tuple(student.parameters()))], loss_of, len(pool), recipe, generator)
        return replace(classifier_of(student, history.loss), taught_by=setting)

    def _beginner(self) -> EncoderClassifier:
        """The encoder, and a linear head of random weights."""
        start = self.start
        assert start.network is not None
        assert start.objective is not None
        net = start.network()
        head = nn.Linear(width_at(net, start.layer), start.classes)
        return EncoderClassifier(features_at(net, start.objective, start.layer), start.centring, head, settled=False)

    def _lessons(
        self, graph: Spreading, student: EncoderClassifier, x: Examples, y: np.ndarray, setting: Setting, steps: int
    ) -> Iterator[Lesson]:
        """The lesson of each step, from the labels y [m] of x. One stands for `steps` steps, and but for the first its
        graph is made when the first of them asks."""
        for _ in range(LESSONS):
            student.eval()
            logits = graph.pool_logits(graph.start.features_of(x), y, setting)
            student.train()
            lesson = lesson_of(torch.from_numpy(logits).to(graph.start.numerics().device))
            yield from repeat(lesson, steps)
            graph = Spreading(replace(self.start, features=student.features))


def recipe_for(pool: int, lr: float) -> Recipe:
    """That of all lessons together on a pool of so many examples: one schedule."""
    batch = min(pool, BATCH - LABELLED)
    steps = min(MOST_STEPS, max(FEWEST_STEPS, EPOCHS * pool // batch))
    return Recipe(LESSONS * steps, batch, lr=lr, weight_decay=1e-2, schedule="one-cycle", warm_up=0.2)


def partly_viewed(x: Tensor, view: View, generator: torch.Generator) -> Tensor:
    """The batch x [B, ...], each example in a view, but for the first of every PLAIN, which stay as they are."""
    plain = torch.arange(len(x), device=x.device) % PLAIN == 0
    return torch.where(plain.view(-1, *(1,) * (x.dim() - 1)), x, view.of(x, generator))


def lesson_of(logits: Tensor) -> Lesson:
    """Of what a graph says of the pool, [U, K]: the label of each example, and whether its margin, that of its largest
    logit over the next, is among the SUREST share of those of the same label.
    """
    top = logits.topk(2, dim=1)
    margin, label = top.values[:, 0] - top.values[:, 1], top.indices[:, 0]
    sure = torch.zeros_like(label, dtype=torch.bool)
    for own in label.unique():
        same = (label == own).nonzero()[:, 0]
        sure[same[margin[same].argsort(descending=True)[: max(1, round(SUREST * len(same)))]]] = True
    return Lesson(label, sure)
