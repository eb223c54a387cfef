"""Choosing a setting inside the labels: every setting on every fold, the best refitted on all."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fewlabels.data import folds
from fewlabels.transfer.classifier import Classifier, Inputs, Learner, Setting, Task, take

FOLDS = 3
ONE_SPLIT_FROM = 300
"""From so many labels on, one fold is large enough to choose by, and the others are not run."""


@dataclass(frozen=True)
class Trial:
    """One tried setting: accuracy and log-loss (nats) over the validation examples of all folds run."""

    setting: Setting
    accuracy: float
    log_loss: float


@dataclass(frozen=True)
class Outcome:
    classifier: Classifier
    setting: Setting
    trials: tuple[Trial, ...]
    """Empty where the labels allow no validation: about one a class."""
    folds: int
    tuning_seconds: float
    fitting_seconds: float
    """Of several cases tuned and fitted together, each has an equal share of the seconds."""

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


def tune_and_fit(learner: Learner, x: Inputs, y: np.ndarray, seed: int) -> Outcome:
    """`tune_and_fit_all` for one case that has all of the n labelled inputs x and their labels y, [n] int64."""
    return tune_and_fit_all(learner, x, y, [Case(np.arange(len(y)), seed)])[0]


def tune_and_fit_all(learner: Learner, x: Inputs, y: np.ndarray, cases: Sequence[Case]) -> list[Outcome]:
    """For every case, choose among the learner's settings inside its labels, then fit the choice on all of them.

    x: labelled inputs; y: their labels, int64. The folds of a case depend on its labels and seed alone, so every
    learner sees the same. The choice has the best accuracy, then the lowest log-loss, then the first place. What the
    cases try is fitted in one go, and so is what they choose.
    """
    started = time.perf_counter()
    splits = [_splits(y, case) for case in cases]
    trials = _try_all(learner, x, y, cases, splits)
    settings = [_best(tried) if tried else learner.default for tried in trials]
    tuned = time.perf_counter()
    tasks = [
        Task(case.index, setting, len(case.index), case.seed) for case, setting in zip(cases, settings, strict=True)
    ]
    classifiers = learner.fit_all(x, y, tasks)
    tuning, fitting = ((tuned - started) / len(cases), (time.perf_counter() - tuned) / len(cases))
    return [
        Outcome(classifier, setting, tried, len(parts), tuning, fitting)
        for classifier, setting, tried, parts in zip(classifiers, settings, trials, splits, strict=True)
    ]


def _splits(y: np.ndarray, case: Case) -> Splits:
    parts = folds(y[case.index], FOLDS, case.seed)[: 1 if len(case.index) >= ONE_SPLIT_FROM else FOLDS]
    return [(case.index[train], case.index[held_out]) for train, held_out in parts]


def _try_all(
    learner: Learner, x: Inputs, y: np.ndarray, cases: Sequence[Case], splits: Sequence[Splits]
) -> list[tuple[Trial, ...]]:
    tasks = [
        Task(train, setting, len(case.index), case.seed)
        for case, parts in zip(cases, splits, strict=True)
        for setting in learner.settings
        for train, _ in parts
    ]
    classifiers = iter(learner.fit_all(x, y, tasks) if tasks else ())

    def trial(setting: Setting, parts: Splits) -> Trial:
        scores = [per_example(next(classifiers).log_proba(take(x, held_out)), y[held_out]) for _, held_out in parts]
        hits, losses = np.concatenate(scores, axis=1)
        return Trial(dict(setting), float(hits.mean()), float(losses.mean()))

    return [tuple(trial(setting, parts) for setting in learner.settings) if parts else () for parts in splits]


def _best(trials: Sequence[Trial]) -> Setting:
    return min(trials, key=lambda trial: (-trial.accuracy, trial.log_loss)).setting


def per_example(log_proba: np.ndarray, y: np.ndarray) -> np.ndarray:
    """[2, n]: hits (0 or 1) and losses (-log p of the true class, nats), from [n, K] log-probabilities."""
    hits = log_proba.argmax(axis=1) == y
    return np.stack([hits.astype(float), -log_proba[np.arange(len(y)), y]])
