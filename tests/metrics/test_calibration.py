"""Temperature, abstention and the interval of a share against grids, planted values and SciPy."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.special import log_softmax
from scipy.stats import binomtest

from fewlabels.core.errors import InputError
from fewlabels.metrics import calibration
from fewlabels.metrics.calibration import (
    PRIOR_WEIGHT,
    TRUSTED_FROM,
    abstain,
    apply_temperature,
    constant_confidence_loss,
    fit_temperature,
    wilson_interval,
)
from fewlabels.metrics.classification import evaluate
from made_up_predictions import normalised, predictions


@pytest.mark.parametrize("level", [0.8, 0.95, 0.999])
@pytest.mark.parametrize(("hits", "n"), [(0, 1), (1, 1), (0, 30), (30, 30), (7, 12), (1, 5000), (999_999, 1_000_000)])
def test_wilson_interval_agrees_with_scipy(hits, n, level):
    expected = binomtest(hits, n).proportion_ci(confidence_level=level, method="wilson")
    assert wilson_interval(hits, n, level) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_wilson_interval_stays_within_zero_and_one_exactly():
    assert wilson_interval(0, 3)[0] == 0
    assert wilson_interval(49, 49)[1] == 1


@pytest.mark.parametrize(("hits", "n", "level"), [(0, 0, 0.95), (5, 4, 0.95), (-1, 4, 0.95), (1, 2, 1.0)])
def test_wilson_interval_refuses_what_is_no_share(hits, n, level):
    with pytest.raises(InputError, match=f"{hits} of {n} at level"):
        wilson_interval(hits, n, level)


@pytest.mark.parametrize("temperature", [0.4, 1.0, 3.0])
def test_a_planted_temperature_is_found_again(temperature):
    log_proba, y = predictions(50_000, 5, temperature=temperature)

    found = fit_temperature(log_proba, y)

    assert found == pytest.approx(temperature, rel=0.02)
    mended = evaluate(apply_temperature(log_proba, found), y, list("abcde"))
    assert mended.calibration_error < 0.01


def cost(log_proba: np.ndarray, y: np.ndarray, temperature: float, weight: float) -> float:
    losses = -log_softmax(log_proba / temperature, axis=1)[np.arange(len(y)), y]
    doubt = (TRUSTED_FROM * log_proba.shape[1] / len(y)) ** 2 / 2
    return float(
        losses.sum() + weight * (1 / temperature - 1 + math.log(temperature)) + doubt * math.log(temperature) ** 2
    )


@pytest.mark.slow
@pytest.mark.parametrize(("n", "planted"), [(2, 1.0), (9, 5.0), (60, 0.5), (60, 2.0), (2000, 8.0)])
def test_no_temperature_on_a_grid_is_better(n, planted):
    log_proba, y = predictions(n, 4, seed=n, temperature=planted)
    found = fit_temperature(log_proba, y)
    least = min(cost(log_proba, y, t, PRIOR_WEIGHT) for t in np.geomspace(0.05, 20, 2000))
    assert cost(log_proba, y, found, PRIOR_WEIGHT) <= least + 1e-9


def test_few_examples_all_right_or_all_wrong_move_it_little():
    sure = np.log([[0.9, 0.1]] * 3)
    right, wrong = fit_temperature(sure, np.array([0, 0, 0])), fit_temperature(sure, np.array([1, 1, 1]))
    assert 0.9 < right < 1  # without the prior: 0.05
    assert 1 < wrong < 1.3  # without the prior: 20
    many = fit_temperature(np.log([[0.9, 0.1]] * 3000), np.zeros(3000, dtype=int))
    assert 0.05 < many < 0.4  # it gives way to evidence


def overconfident(n, k, right, share):
    """n held-out examples of k classes, sure by the share; every class is wrong alike, and so many are right in all."""
    log_proba = np.full((n, k), math.log((1 - share) / (k - 1)))
    log_proba[:, 0] = math.log(share)
    return log_proba, np.where(np.arange(n) < right * n, 0, 1 + np.arange(n) % (k - 1))


def test_two_labels_a_class_do_not_flatten_the_probabilities(monkeypatch):
    """Folds that had one label a class are right in a tenth of cases, the classifier of all labels in a third: the
    temperature that is best for it is 4, and held-out labels alone ask for more than 9.
    """
    held_out, test = overconfident(20, 10, 0.1, 0.98), overconfident(1000, 10, 0.34, 0.98)
    found, best = fit_temperature(*held_out), fit_temperature(*test)
    with monkeypatch.context() as patched:
        patched.setattr(calibration, "TRUSTED_FROM", 0.0)
        before = fit_temperature(*held_out)
    losses = [evaluate(apply_temperature(test[0], t), test[1], "abcdefghij").log_loss for t in (before, found, best)]
    assert before > 9
    assert best == pytest.approx(4, abs=0.1)
    assert 2.5 < found < best
    assert losses[1] < losses[0]


@pytest.mark.parametrize(("n", "planted"), [(300, 0.6), (300, 2.5), (3000, 4.0)])
def test_many_labels_are_believed_as_they_were(monkeypatch, n, planted):
    log_proba, y = predictions(n, 10, temperature=planted)
    found = fit_temperature(log_proba, y)
    monkeypatch.setattr(calibration, "TRUSTED_FROM", 0.0)
    assert found == pytest.approx(fit_temperature(log_proba, y), rel=0.002)


@pytest.mark.slow
def test_it_stays_within_its_bounds():
    hopeless = np.log([[1 - 1e-9, 1e-9]] * 500)
    assert fit_temperature(hopeless, np.ones(500, dtype=int)) == pytest.approx(20, rel=1e-4)
    timid = normalised(np.tile([0.001, 0.0], (200_000, 1)))
    assert fit_temperature(timid, np.zeros(200_000, dtype=int)) == pytest.approx(0.05, rel=1e-4)


def test_nothing_to_learn_from_leaves_it_at_one():
    assert fit_temperature(np.empty((0, 3)), np.empty(0, dtype=int)) == 1
    assert fit_temperature(np.log([[0.99, 0.01]]), np.array([1])) == 1
    alike = np.log(np.full((40, 4), 0.25))
    assert fit_temperature(alike, np.arange(40) % 4) == pytest.approx(1, abs=1e-4)


def test_probabilities_of_zero_are_evidence_against_confidence():
    with np.errstate(divide="ignore"):
        log_proba = np.log([[1.0, 0.0, 0.0]] * 10)
    found = fit_temperature(log_proba, np.array([0] * 9 + [1]))
    assert 10 < found <= 20
    assert fit_temperature(log_proba, np.zeros(10, dtype=int)) == pytest.approx(1, abs=1e-3)  # no loss to mend


def test_tempered_rows_are_those_of_scipy_and_keep_their_order():
    log_proba, _ = predictions(30_000, 40)  # several blocks
    log_proba[3] = np.where(np.arange(40) < 2, np.log(0.5), -np.inf)
    before = log_proba.copy()
    for temperature in (0.05, 1.0, 2.5, 20.0):
        tempered = apply_temperature(log_proba, temperature)
        np.testing.assert_allclose(tempered, log_softmax(log_proba / temperature, axis=1), atol=1e-9)
        np.testing.assert_array_equal(tempered.argmax(axis=1), log_proba.argmax(axis=1))
    np.testing.assert_array_equal(log_proba, before)


@pytest.mark.parametrize("temperature", [0.0, -1.0, math.nan, math.inf])
def test_temperatures_that_are_none_are_refused(temperature):
    with pytest.raises(InputError, match=r"the temperature is .*; allowed are numbers above 0"):
        apply_temperature(np.log([[0.5, 0.5]]), temperature)


def test_abstaining_is_below_the_threshold():
    log_proba = np.log([[0.5, 0.5], [0.25, 0.75], [0.9, 0.1]])
    assert abstain(log_proba, 0.75 - 1e-9).tolist() == [True, False, False]
    assert abstain(log_proba, 0.8).tolist() == [True, True, False]
    assert not abstain(np.log([[0.5, 0.5]]), 0.5).any()  # not below
    assert not abstain(log_proba, 0.0).any()
    with pytest.raises(InputError, match=r"the threshold is 80; allowed are probabilities"):
        abstain(log_proba, 80)


def test_abstaining_pays_where_confidence_can_be_believed():
    log_proba, y = predictions(4000, 4)
    kept = ~abstain(log_proba, 0.8)
    accuracy = (log_proba.argmax(axis=1) == y)[kept].mean()
    assert accuracy > 0.85 > (log_proba.argmax(axis=1) == y).mean()


@pytest.mark.parametrize("function", [lambda x: fit_temperature(x, np.array([0])), lambda x: abstain(x, 0.5)])
def test_raw_scores_are_refused(function):
    with pytest.raises(InputError, match=r"sum to 4\.07985.*not raw scores"):
        function(np.array([[0.3, 1.0043]]))


@pytest.mark.parametrize(
    ("accuracy", "classes", "loss"),
    [(0.5, 2, math.log(2)), (0.1, 10, math.log(10)), (1.0, 3, 0.0), (0.0, 3, math.log(2)), (0.75, 4, 0.836988)],
)
def test_constant_confidence_costs_the_entropy_of_being_right_and_of_the_other_classes(accuracy, classes, loss):
    """At 0.75 of four: 0.75 ln(4/3) + 0.25 ln(4) + 0.25 ln(3)."""
    assert constant_confidence_loss(accuracy, classes) == pytest.approx(loss, abs=1e-6)
