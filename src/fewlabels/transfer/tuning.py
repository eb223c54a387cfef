"""Choosing a setting inside the labels: every setting on every fold, the best refitted on all."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from fewlabels.data import folds
from fewlabels.transfer.base import Classifier, Inputs, Learner, Setting, Task, take

FOLDS = 3
ONE_SPLIT_FROM = 300
"""From so many labels on, one fold is large enough to choose by, and the others are not run."""
ATTEMPTS = 4
"""At a fit on all labels, where it is trained in steps and does not learn what its folds learned."""


@dataclass(frozen=True)
class Trial:
    """One tried setting: accuracy and log-loss (nats) over the validation examples of all folds run."""

    setting: Setting
    accuracy: float
    log_loss: float


class HeldOut(NamedTuple):
    """What classifiers said of validation examples they had not seen: [m, K] log-probabilities, and labels [m]."""

    log_proba: np.ndarray
    y: np.ndarray


@dataclass(frozen=True)
class Outcome:
    classifier: Classifier
    setting: Setting
    trials: tuple[Trial, ...]
    """Empty where the labels allow no validation: about one a class."""
    held_out: HeldOut | None
    """Of the chosen setting, all folds run; None where the labels allow no validation."""
    folds: int
    tuning_seconds: float
    fitting_seconds: float
    """Of several cases tuned and fitted together, each has an equal share of the seconds."""
    attempts: int = 1
    """At the fit on all labels: more than one where the first did not learn what its folds had learned."""

    @property
    def chosen(self) -> Trial | None:
        return next((trial for trial in self.trials if trial.setting == self.setting), None)


Splits = list[tuple[np.ndarray, np.ndarray]]
"""Training and validation parts of a case, as positions among the labelled inputs."""


@dataclass(frozen=True, eq=False)
class Case:
    """One draw of labels: index, [n] positions among the labelled inputs, and the seed of all chance in fitting."""

    index: np.ndarray
    seed: int


def tune_and_fit(learner: Learner, x: Inputs, y: np.ndarray, seed: int, most_folds: int = FOLDS) -> Outcome:
    """`tune_and_fit_all` for one case that has all of the n labelled inputs x and their labels y, [n] int64."""
    return tune_and_fit_all(learner, x, y, [Case(np.arange(len(y)), seed)], most_folds)[0]


def tune_and_fit_all(
    learner: Learner, x: Inputs, y: np.ndarray, cases: Sequence[Case], most_folds: int = FOLDS
) -> list[Outcome]:
    """For every case, choose among the learner's settings inside its labels, then fit the choice on all of them.

    x: labelled inputs; y: their labels, int64. The folds of a case depend on its labels and seed alone, so every
    learner sees the same, or the first `most_folds` of them. The choice has the best accuracy, then the lowest
    log-loss, then the first place. What the cases try is fitted in one go, and so is what they choose; what does not
    learn then (`has_learned`) is tried again.
    """
    started = time.perf_counter()
    splits = [_splits(y, case, most_folds) for case in cases]
    tried = _try_all(learner, x, y, cases, splits)
    best = [min(trials, key=_badness) if trials else (None, None) for trials in tried]
    settings = [trial.setting if trial else learner.default for trial, _ in best]
    tuned = time.perf_counter()
    tasks = [
        Task(case.index, setting, len(case.index), case.seed) for case, setting in zip(cases, settings, strict=True)
    ]
    fitted = [
        _persist(learner, x, y, task, trial, classifier)
        for task, (trial, _), classifier in zip(tasks, best, learner.fit_all(x, y, tasks), strict=True)
    ]
    tuning, fitting = ((tuned - started) / len(cases), (time.perf_counter() - tuned) / len(cases))
    return [
        Outcome(
            classifier, setting, tuple(trial for trial, _ in trials), held_out, len(parts), tuning, fitting, attempts
        )
        for (classifier, attempts), setting, trials, (_, held_out), parts in zip(
            fitted, settings, tried, best, splits, strict=True
        )
    ]


def has_learned(classifier: Classifier, x: Inputs, y: np.ndarray, trial: Trial | None) -> bool:
    """Whether a fit learned of its own n labels what the folds of its setting learned of others.

    Its accuracy on them must be more than halfway from the share of the largest class to the accuracy of the trial on
    examples held out; without a trial, above that share. What is not trained in steps has no other way to end.
    """
    constant = float(np.bincount(y).max() / len(y))
    if not classifier.curve or (1.0 if trial is None else trial.accuracy) <= constant:
        return True
    wanted = constant if trial is None else (constant + trial.accuracy) / 2
    return float(per_example(classifier.log_proba(x), y)[0].mean()) > wanted


def _persist(
    learner: Learner, x: Inputs, y: np.ndarray, task: Task, trial: Trial | None, first: Classifier
) -> tuple[Classifier, int]:
    """The first fit of a task that has learned, or the least bad of all, and how many there were. Each is alone: it
    must not depend on which others failed."""
    own_x, own_y, found = take(x, task.index), y[task.index], [first]
    while not has_learned(found[-1], own_x, own_y, trial):
        if len(found) == ATTEMPTS:
            return min(found, key=lambda classifier: _own_loss(classifier, own_x, own_y)), ATTEMPTS
        found += learner.fit_all(x, y, [replace(task, attempt=len(found))])
    return found[-1], len(found)


def _own_loss(classifier: Classifier, x: Inputs, y: np.ndarray) -> float:
    return float(per_example(classifier.log_proba(x), y)[1].mean())


def _splits(y: np.ndarray, case: Case, most: int) -> Splits:
    parts = folds(y[case.index], FOLDS, case.seed)[: 1 if len(case.index) >= ONE_SPLIT_FROM else most]
    return [(case.index[train], case.index[held_out]) for train, held_out in parts]


def _try_all(
    learner: Learner, x: Inputs, y: np.ndarray, cases: Sequence[Case], splits: Sequence[Splits]
) -> list[list[tuple[Trial, HeldOut]]]:
    tasks = [
        Task(train, setting, len(case.index), case.seed)
        for case, parts in zip(cases, splits, strict=True)
        for setting in learner.settings
        for train, _ in parts
    ]
    classifiers = iter(learner.fit_all(x, y, tasks) if tasks else ())

    def trial(setting: Setting, parts: Splits) -> tuple[Trial, HeldOut]:
        answers = np.concatenate([next(classifiers).log_proba(take(x, held_out)) for _, held_out in parts])
        found = HeldOut(answers, y[np.concatenate([held_out for _, held_out in parts])])
        hits, losses = per_example(*found)
        return Trial(dict(setting), float(hits.mean()), float(losses.mean())), found

    return [[trial(setting, parts) for setting in learner.settings] if parts else [] for parts in splits]


def _badness(tried: tuple[Trial, HeldOut]) -> tuple[float, float]:
    return -tried[0].accuracy, tried[0].log_loss


def per_example(log_proba: np.ndarray, y: np.ndarray) -> np.ndarray:
    """[2, n]: hits (0 or 1) and losses (-log p of the true class, nats), from [n, K] log-probabilities."""
    hits = log_proba.argmax(axis=1) == y
    return np.stack([hits.astype(float), -log_proba[np.arange(len(y)), y]])
