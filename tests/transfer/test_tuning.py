"""Choosing inside the labels, watched through a learner that is planted."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest
from torch import nn

from fewlabels.data import fit_scaling, folds
from fewlabels.networks import Dense
from fewlabels.objectives import Reconstruction
from fewlabels.training import Examples
from fewlabels.transfer import (
    Case,
    Centring,
    Classifier,
    FineTune,
    MlpHead,
    Probe,
    WholeNetwork,
    per_example,
    take,
    tried_settings,
    tune_and_fit,
    tune_and_fit_all,
)
from fewlabels.transfer.tuning import FOLDS, ONE_SPLIT_FROM

CLASSES = 3


@dataclass(frozen=True)
class Planted:
    """Its classifiers are wrong about the first `wrong` examples, and give the class they name the probability `sure`.

    Inputs are [n, 2]: an example's number and its class.
    """

    settings: tuple[dict[str, float], ...]
    default: dict[str, float] = field(default_factory=lambda: {"wrong": 0, "sure": 0.99})
    fits: list[tuple[list[int], dict[str, float], int]] = field(default_factory=list)
    predictions: list[list[int]] = field(default_factory=list)
    labels: list[list[int]] = field(default_factory=list)

    def fit_all(self, x, y, tasks):
        self.labels.append([task.labels for task in tasks])
        assert (y == x[:, 1]).all()
        return [self._fit(x[task.index], task.setting, task.seed) for task in tasks]

    def _fit(self, x, setting, seed):
        self.fits.append((x[:, 0].astype(int).tolist(), dict(setting), seed))
        seen = len(self.fits) - 1

        def log_proba(new):
            self.predictions.append([seen, *new[:, 0].astype(int).tolist()])
            named = (new[:, 1].astype(int) + (new[:, 0] < setting["wrong"])) % CLASSES
            rest = (1 - setting["sure"]) / (CLASSES - 1)
            return np.log(np.where(np.arange(CLASSES) == named[:, None], setting["sure"], rest))

        return Classifier(log_proba, nn.Identity(), trained=1, total=1)


def labels(n: int) -> np.ndarray:
    return np.random.default_rng(0).permutation(np.arange(n) % CLASSES)


def inputs(y: np.ndarray) -> np.ndarray:
    return np.stack([np.arange(len(y)), y], axis=1).astype(np.float32)


def planted(*settings: tuple[int, float]) -> Planted:
    return Planted(tuple({"wrong": wrong, "sure": sure} for wrong, sure in settings))


@pytest.mark.parametrize("place", [0, 1, 2])
def test_the_best_setting_is_found_wherever_it_stands(place):
    settings = [(9, 0.9), (6, 0.9)]
    settings.insert(place, (3, 0.9))
    learner, y = planted(*settings), labels(30)
    outcome = tune_and_fit(learner, inputs(y), y, seed=0)
    assert outcome.setting == {"wrong": 3, "sure": 0.9}
    assert outcome.chosen == outcome.trials[place]
    assert [trial.accuracy for trial in outcome.trials] == pytest.approx([1 - wrong / 30 for wrong, _ in settings])
    right, wrong = -np.log(0.9), -np.log(0.05)
    for trial, (k, _) in zip(outcome.trials, settings, strict=True):
        assert trial.log_loss == pytest.approx((right * (30 - k) + wrong * k) / 30)
    np.testing.assert_array_equal(outcome.classifier.log_proba(inputs(y)).argmax(axis=1) == y, np.arange(30) >= 3)


@pytest.mark.parametrize(
    ("settings", "chosen"),
    [
        ([(3, 0.5), (3, 0.9), (3, 0.7)], 1),  # equally often right: the surer one
        ([(0, 0.4), (3, 0.9)], 0),  # accuracy comes first
        ([(3, 0.7), (3, 0.7), (3, 0.7)], 0),  # all alike: the first
        ([(6, 0.7), (3, 0.7), (3, 0.7)], 1),
        ([(0, 0.98), (0, 0.99), (0, 0.99)], 1),
    ],
)
def test_ties_go_to_the_lower_loss_and_then_to_the_first(settings, chosen):
    learner, y = planted(*settings), labels(30)
    outcome = tune_and_fit(learner, inputs(y), y, seed=1)
    # equal settings are told apart by nothing but their place, so compare the values
    assert outcome.setting == learner.settings[chosen]
    best = [i for i, trial in enumerate(outcome.trials) if trial.setting == outcome.setting]
    assert best[0] == chosen


@pytest.mark.parametrize("n", [6, 30, ONE_SPLIT_FROM - 1, ONE_SPLIT_FROM, ONE_SPLIT_FROM + 60])
@pytest.mark.parametrize("seed", [0, 5])
def test_every_setting_is_tried_on_the_same_folds_of_the_labels_and_nothing_else(n, seed):
    learner, y = planted((3, 0.9), (0, 0.9)), labels(n)
    outcome = tune_and_fit(learner, inputs(y), y, seed)
    splits = folds(y, FOLDS, seed)
    if n >= ONE_SPLIT_FROM:
        splits = splits[:1]
    assert outcome.folds == len(splits) == (1 if n >= ONE_SPLIT_FROM else 3)
    expected = [(train.tolist(), dict(setting), seed) for setting in learner.settings for train, _ in splits]
    assert learner.fits[:-1] == expected
    assert learner.fits[-1] == (list(range(n)), dict(outcome.setting), seed)
    assert learner.predictions == [
        [i, *splits[i % len(splits)][1].tolist()] for i in range(len(splits) * len(learner.settings))
    ]
    for (trained_on, _, _), (_, *predicted) in zip(learner.fits[:-1], learner.predictions, strict=True):
        assert not set(trained_on) & set(predicted)
        assert len(trained_on) + len(predicted) == n


def test_from_three_hundred_labels_on_the_scores_are_those_of_one_fold():
    learner, y = planted((150, 0.9)), labels(ONE_SPLIT_FROM)
    (trial,) = tune_and_fit(learner, inputs(y), y, seed=2).trials
    held_out = folds(y, FOLDS, 2)[0][1]
    assert len(held_out) == 100
    assert trial.accuracy == pytest.approx((held_out >= 150).mean())


def test_where_most_classes_have_one_label_nothing_is_tried_and_the_default_taken():
    y = np.array([0, 1, 2, 3, 3])
    learner = planted((0, 0.9), (3, 0.9))
    outcome = tune_and_fit(learner, inputs(y), y, seed=4)
    assert (outcome.trials, outcome.chosen, outcome.folds) == ((), None, 0)
    assert outcome.setting == learner.default
    assert learner.fits == [([0, 1, 2, 3, 4], dict(learner.default), 4)]
    assert learner.predictions == []


def test_every_way_of_transfer_tries_as_many_settings():
    learners = [
        Probe(3),
        MlpHead(3),
        FineTune(3, lambda: Dense().build((4,)), Reconstruction(), Centring(np.zeros(64, np.float32), 1.0)),
        WholeNetwork(lambda: Dense().build((4,))),
    ]
    (count,) = {len(learner.settings) for learner in learners}
    assert count >= 3
    for learner in learners:
        assert len({tuple(setting.items()) for setting in learner.settings}) == count
        assert learner.default in learner.settings
    told = tried_settings()
    for learner, row in zip(learners, ("probe", "mlp", "finetune", "cnn"), strict=True):
        assert told[row]["tried"] == [dict(setting) for setting in learner.settings]
        assert told[row]["default"] == dict(learner.default)


def test_all_learners_of_one_seed_see_the_same_folds_whatever_they_try():
    y = labels(21)
    one, other = planted((3, 0.9)), planted((0, 0.5), (6, 0.6))
    tune_and_fit(one, inputs(y), y, seed=3)
    tune_and_fit(other, inputs(y), y, seed=3)
    assert {str(rows) for rows, _, _ in one.fits} == {str(rows) for rows, _, _ in other.fits}
    again = planted((3, 0.9))
    tune_and_fit(again, inputs(y), y, seed=4)
    assert {str(rows) for rows, _, _ in again.fits} != {str(rows) for rows, _, _ in one.fits}


@pytest.mark.parametrize("n", [30, ONE_SPLIT_FROM])
def test_with_fewer_folds_a_way_is_validated_on_the_first_of_those_that_others_see(n):
    y = labels(n)
    all_folds, one, two = planted((6, 0.9)), planted((6, 0.9)), planted((6, 0.9))
    full = tune_and_fit(all_folds, inputs(y), y, 5)
    first = tune_and_fit(one, inputs(y), y, 5, most_folds=1)
    assert (first.folds, full.folds) == (1, 1 if n == ONE_SPLIT_FROM else 3)
    assert one.fits == [all_folds.fits[0], all_folds.fits[-1]]
    assert one.predictions == all_folds.predictions[:1]
    np.testing.assert_array_equal(first.held_out.y, full.held_out.y[: len(first.held_out.y)])
    assert tune_and_fit(two, inputs(y), y, 5, most_folds=2).folds == min(2, full.folds)


def cases_of(y: np.ndarray) -> list[Case]:
    """Nested and overlapping draws: with and without validation, with three folds and with one."""
    order = np.random.default_rng(5).permutation(len(y))
    sizes = (3, 12, 40, ONE_SPLIT_FROM)
    return [Case(order[shift : shift + n], seed) for n in sizes for seed, shift in ((0, 0), (7, 30))]


def test_cases_are_tried_in_one_go_and_fitted_in_another():
    y = labels(ONE_SPLIT_FROM + 30)
    cases, learner = cases_of(y), planted((3, 0.9), (0, 0.9))
    outcomes = tune_and_fit_all(learner, inputs(y), y, cases)
    tried, chosen = learner.labels
    assert chosen == [len(case.index) for case in cases]
    assert len(tried) == sum(2 * outcome.folds for outcome in outcomes)
    assert [outcome.folds for outcome in outcomes] == [2, 0, 3, 3, 3, 3, 1, 1]
    for case, fit in zip(cases, learner.fits[-len(cases) :], strict=True):
        assert (fit[0], fit[2]) == (case.index.tolist(), case.seed)
    assert len({(o.tuning_seconds, o.fitting_seconds) for o in outcomes}) == 1


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["planted", "probe", "mlp"])
def test_cases_together_end_as_each_alone(short, kind):
    y = labels(ONE_SPLIT_FROM + 30)
    rng = np.random.default_rng(0)
    noisy = (np.eye(CLASSES)[y] + rng.normal(0, 0.8, (len(y), CLASSES))).astype(np.float32)
    learner, x = {
        "planted": (planted((150, 0.9), (40, 0.9)), inputs(y)),
        "probe": (Probe(CLASSES), noisy),
        "mlp": (MlpHead(CLASSES, hidden=6), noisy),
    }[kind]
    cases = cases_of(y)
    together = tune_and_fit_all(learner, x, y, cases)
    for case, outcome in zip(cases, together, strict=True):
        alone = tune_and_fit(learner, x[case.index], y[case.index], case.seed)
        assert (outcome.setting, outcome.folds) == (alone.setting, alone.folds)
        for trial, expected in zip(outcome.trials, alone.trials, strict=True):
            assert trial.setting == expected.setting
            assert trial.accuracy == expected.accuracy
            assert trial.log_loss == pytest.approx(expected.log_loss, abs=1e-4 if kind == "mlp" else 1e-9)
        found, expected = outcome.classifier.log_proba(x), alone.classifier.log_proba(x)
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-3 if kind == "mlp" else 1e-9)


def test_per_example():
    proba = np.array([[0.5, 0.25, 0.25], [0.1, 0.2, 0.7], [0.6, 0.4, 0.0001]])
    hits, losses = per_example(np.log(proba), np.array([0, 1, 2]))
    assert hits.tolist() == [1, 0, 0]
    np.testing.assert_allclose(losses, [np.log(2), np.log(5), np.log(10_000)])


def test_take_picks_from_arrays_and_examples_alike():
    x = np.arange(12, dtype=np.float32).reshape(4, 3)
    index = np.array([3, 0])
    np.testing.assert_array_equal(take(x, index), x[[3, 0]])
    taken = take(Examples(x, fit_scaling(np.zeros((1, 3), np.float32))), index)
    np.testing.assert_array_equal(taken.batch(slice(None)), x[[3, 0]])
