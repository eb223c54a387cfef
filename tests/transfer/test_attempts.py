"""Fits that do not learn what their folds learned are tried again, watched through learners that are planted."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import pytest
import torch
from torch import nn
from toy_task import D, K, as_examples, toy

from fewlabels.transfer import Case, Classifier, Task, WholeNetwork, tune_and_fit, tune_and_fit_all
from fewlabels.transfer.supervised import AGAIN, _recipes, seed_of
from fewlabels.transfer.tuning import ATTEMPTS, Trial, has_learned

SETTING = {"lr": 0.01}
FAST = {"lr": 0.1}


@dataclass(frozen=True)
class Failing:
    """Right of the given share of whatever it sees, by an example's number; a fit on as many labels as its case has
    names class 0 only, at the first `failures` attempts, and is `steps` long."""

    failures: int
    right: float = 0.9
    steps: int = 5
    settings: tuple[dict[str, float], ...] = (SETTING,)
    default: dict[str, float] = field(default_factory=lambda: dict(SETTING))
    fits: list[Task] = field(default_factory=list)

    def fit_all(self, x, y, tasks):
        self.fits.extend(tasks)
        return [self._fit(task) for task in tasks]

    def _fit(self, task):
        dead = len(task.index) == task.labels and task.attempt < self.failures

        def log_proba(new):
            number, true = new[:, 0].astype(int), new[:, 1].astype(int)
            named = np.where(number % 10 < 10 * self.right, true, (true + 1) % K)
            named = np.zeros_like(true) if dead else named
            sure = 0.5 + 0.1 * task.attempt
            return np.log(np.where(np.arange(K) == named[:, None], sure, (1 - sure) / (K - 1)))

        return Classifier(log_proba, nn.Identity(), trained=1, total=1, curve=[1.0] * self.steps)


def numbered(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Inputs [n, 2], an example's number and its class, and labels."""
    y = np.arange(n) % K
    return np.stack([np.arange(n), y], axis=1).astype(np.float32), y


@pytest.mark.parametrize("n", [3, 60])  # without folds, and with
@pytest.mark.parametrize("failures", [0, 1, 2, ATTEMPTS - 1])
def test_a_fit_that_does_not_learn_is_tried_again_until_it_does(n, failures):
    (x, y), learner = numbered(n), Failing(failures)
    outcome = tune_and_fit(learner, x, y, seed=3)
    assert outcome.attempts == failures + 1
    assert (outcome.folds == 0) == (n == 3)
    refits = [task for task in learner.fits if len(task.index) == n]
    assert [(task.attempt, task.seed, task.setting) for task in refits] == [
        (i, 3, SETTING) for i in range(failures + 1)
    ]
    hits = (outcome.classifier.log_proba(x).argmax(axis=1) == y).mean()
    assert hits == (1.0 if n == 3 else 0.9)


def test_the_attempts_end_and_the_least_bad_is_kept():
    (x, y), learner = numbered(60), Failing(ATTEMPTS + 5)
    outcome = tune_and_fit(learner, x, y, seed=0)
    assert outcome.attempts == ATTEMPTS == len([task for task in learner.fits if len(task.index) == 60])
    sure = np.exp(outcome.classifier.log_proba(x)).max()
    assert sure == pytest.approx(0.5)  # the first: a third right and two thirds wrong, the less sure the better


@pytest.mark.parametrize("right", [0.3, 0.1])
def test_what_the_folds_did_not_learn_either_is_not_tried_again(right):
    (x, y), learner = numbered(60), Failing(ATTEMPTS, right=right)
    assert tune_and_fit(learner, x, y, seed=0).attempts == 1


def test_what_is_not_trained_in_steps_is_not_tried_again():
    (x, y), learner = numbered(60), Failing(ATTEMPTS, steps=0)
    assert tune_and_fit(learner, x, y, seed=0).attempts == 1


def test_the_bar_is_halfway_from_the_largest_class_to_the_folds():
    x, y = numbered(30)
    y[:] = np.repeat([0, 1, 2], [18, 6, 6])  # the largest class has 0.6
    x[:, 1] = y

    def right_of(hits):
        def log_proba(new):
            named = np.where(np.arange(len(new)) < hits, new[:, 1], (new[:, 1] + 1) % K)
            return np.log(np.where(np.arange(K) == named[:, None], 0.8, 0.1))

        return Classifier(log_proba, nn.Identity(), trained=1, total=1, curve=[1.0])

    trial = Trial(SETTING, accuracy=0.8, log_loss=1.0)  # halfway is 0.7: 21 of 30
    assert [has_learned(right_of(hits), x, y, trial) for hits in (18, 20, 22, 30)] == [False, False, True, True]
    assert [has_learned(right_of(hits), x, y, None) for hits in (17, 18, 19)] == [False, False, True]
    one = np.zeros(30, dtype=int)
    assert has_learned(right_of(0), x, one, None)  # of a single class there is nothing to learn


class Unlucky(nn.Module):
    """A linear classifier that is born dead from the seeds that `planted` has: its ReLU never opens."""

    def __init__(self, dead: bool) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(D, 16), nn.ReLU(), nn.Linear(16, K))
        if dead:
            nn.init.constant_(self.layers[0].bias, -1e4)

    def forward(self, x):
        return self.layers(x)


def unlucky(*seeds: int) -> WholeNetwork:
    """Dead from these seeds of torch."""
    return WholeNetwork(lambda: Unlucky(torch.initial_seed() in seeds), default=FAST)


def test_a_network_dead_at_its_first_seed_ends_as_it_would_from_the_next(short):
    x, y = toy(0, 3)  # too few for folds, which the same seed would kill
    examples, task = as_examples(x), Task(np.arange(3), FAST, 3, 0)
    again = Task(task.index, {"lr": 0.1 * AGAIN}, 3, seed_of(replace(task, attempt=1)))
    outcome = tune_and_fit(unlucky(0), examples, y, seed=0)
    assert outcome.attempts == 2
    (expected,) = unlucky().fit_all(examples, y, [again])
    np.testing.assert_allclose(outcome.classifier.log_proba(examples), expected.log_proba(examples), atol=1e-6)
    assert tune_and_fit(unlucky(1), examples, y, seed=0).attempts == 1


def test_a_case_that_is_tried_again_ends_as_it_does_alone(short):
    x, y = toy(0, 40)
    examples, cases = as_examples(x), [Case(np.arange(3), 0), Case(np.arange(3), 1), Case(np.arange(40), 2)]
    together = tune_and_fit_all(unlucky(1), examples, y, cases)
    assert [outcome.attempts for outcome in together] == [1, 2, 1]
    alone = tune_and_fit_all(unlucky(1), examples, y, cases[1:2])[0]
    assert alone.attempts == 2
    np.testing.assert_array_equal(together[1].classifier.log_proba(examples), alone.classifier.log_proba(examples))


def test_every_attempt_has_a_seed_of_its_own_and_a_smaller_rate():
    tasks = [Task(np.arange(20), SETTING, 20, 7, attempt) for attempt in range(ATTEMPTS)]
    assert seed_of(tasks[0]) == 7
    assert len({seed_of(task) for task in tasks}) == ATTEMPTS
    rates = [recipe.lr for recipe in _recipes(tasks)]
    np.testing.assert_allclose(rates, 0.01 * AGAIN ** np.arange(ATTEMPTS))
