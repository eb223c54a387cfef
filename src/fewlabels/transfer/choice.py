"""Choosing a setting inside the labels: every setting on every fold, the best refitted on all."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fewlabels.data import folds
from fewlabels.transfer.classifier import Classifier, Inputs, Learner, Setting, Task, fit_one, take

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

    @property
    def chosen(self) -> Trial | None:
        return next((trial for trial in self.trials if trial.setting == self.setting), None)


def tune_and_fit(learner: Learner, x: Inputs, y: np.ndarray, seed: int) -> Outcome:
    """Choose among the learner's settings inside the labels, then fit the choice on all of them.

    x: n labelled inputs; y: [n] int64. The folds depend on y and seed alone, so every learner sees the same. The
    choice has the best accuracy, then the lowest log-loss, then the first place.
    """
    splits = folds(y, FOLDS, seed)[: 1 if len(y) >= ONE_SPLIT_FROM else FOLDS]
    started = time.perf_counter()
    trials = _try_all(learner, x, y, splits, seed) if splits else ()
    tuned = time.perf_counter()
    setting = min(trials, key=lambda t: (-t.accuracy, t.log_loss)).setting if trials else learner.default
    classifier = fit_one(learner, x, y, setting, seed)
    return Outcome(
        classifier, setting, trials, len(splits), tuned - started, fitting_seconds=time.perf_counter() - tuned
    )


def _try_all(
    learner: Learner, x: Inputs, y: np.ndarray, splits: Sequence[tuple[np.ndarray, np.ndarray]], seed: int
) -> tuple[Trial, ...]:
    tasks = [Task(train, setting) for setting in learner.settings for train, _ in splits]
    classifiers = iter(learner.fit_all(x, y, tasks, seed))
    trials = []
    for setting in learner.settings:
        scores = [per_example(next(classifiers).log_proba(take(x, held_out)), y[held_out]) for _, held_out in splits]
        hits, losses = np.concatenate(scores, axis=1)
        trials.append(Trial(dict(setting), float(hits.mean()), float(losses.mean())))
    return tuple(trials)


def per_example(log_proba: np.ndarray, y: np.ndarray) -> np.ndarray:
    """[2, n]: hits (0 or 1) and losses (-log p of the true class, nats), from [n, K] log-probabilities."""
    hits = log_proba.argmax(axis=1) == y
    return np.stack([hits.astype(float), -log_proba[np.arange(len(y)), y]])
