"""The figures of an evaluation against scikit-learn, slow loops and answers known beforehand."""

from __future__ import annotations

import json
import math
import tracemalloc

import numpy as np
import pytest
from sklearn import metrics

from fewlabels.core.errors import InputError
from fewlabels.metrics.classification import balanced_accuracy, evaluate, frequent_confusions, worst_classes
from made_up_predictions import predictions


def names(k: int) -> list[str]:
    return [f"class {i}" for i in range(k)]


def by_hand(rows: list[list[float]], y: list[int]):
    """An evaluation of probabilities."""
    with np.errstate(divide="ignore"):
        log_proba = np.log(np.array(rows))
    return evaluate(log_proba, np.array(y), names(len(rows[0])))


@pytest.mark.slow
@pytest.mark.parametrize(("n", "k"), [(500, 2), (3000, 10), (40, 60), (20_000, 120)])
def test_every_figure_agrees_with_scikit_learn(n, k):
    log_proba, y = predictions(n, k)
    p, predicted = np.exp(log_proba), log_proba.argmax(axis=1)
    everything = list(range(k))

    found = evaluate(log_proba, y, names(k))

    assert found.accuracy == metrics.accuracy_score(y, predicted)
    assert found.log_loss == pytest.approx(metrics.log_loss(y, p, labels=everything))
    assert found.brier == pytest.approx(np.mean(np.sum((p - np.eye(k)[y]) ** 2, axis=1)))
    np.testing.assert_array_equal(found.confusion, metrics.confusion_matrix(y, predicted, labels=everything))
    recalls = metrics.recall_score(y, predicted, labels=np.unique(y), average="macro", zero_division=0)
    assert found.balanced_accuracy == pytest.approx(recalls)
    expected = metrics.precision_recall_fscore_support(y, predicted, labels=everything, zero_division=np.nan)
    for name, column in zip(("precision", "recall", "f1", "support"), expected, strict=True):
        got = [getattr(one, name) for one in found.per_class]
        np.testing.assert_allclose([math.nan if value is None else value for value in got], column, atol=1e-12)


def test_balanced_accuracy_is_scikit_learns_where_every_class_occurs():
    log_proba, y = predictions(2000, 5)
    expected = metrics.balanced_accuracy_score(y, log_proba.argmax(axis=1))
    assert evaluate(log_proba, y, names(5)).balanced_accuracy == pytest.approx(expected)


def slow_calibration_error(p: np.ndarray, y: np.ndarray, bins: int = 15) -> float:
    total = 0.0
    for m in range(bins):
        inside = [i for i in range(len(y)) if m / bins < p[i].max() <= (m + 1) / bins]
        if inside:
            accuracy = sum(p[i].argmax() == y[i] for i in inside) / len(inside)
            confidence = sum(p[i].max() for i in inside) / len(inside)
            total += len(inside) / len(y) * abs(accuracy - confidence)
    return total


@pytest.mark.parametrize("temperature", [0.3, 1, 3])
def test_calibration_error_agrees_with_a_slow_loop(temperature):
    log_proba, y = predictions(700, 4, temperature=temperature)
    found = evaluate(log_proba, y, names(4)).calibration_error
    assert found == pytest.approx(slow_calibration_error(np.exp(log_proba), y))
    assert (found < 0.06) == (temperature == 1)


def test_bins_hold_their_upper_edge_and_every_example_once():
    log_proba, y = predictions(5000, 3)
    bins = evaluate(log_proba, y, names(3)).reliability
    assert sum(one.count for one in bins) == 5000
    assert all(one.low < one.confidence <= one.high for one in bins)
    assert all(one.interval[0] <= one.accuracy <= one.interval[1] for one in bins)

    certain, half = by_hand([[1.0, 0.0], [0.5, 0.5]], [0, 1]).reliability[::-1]
    assert (certain.low, certain.high, certain.accuracy) == (14 / 15, 1.0, 1.0)
    assert (half.low, half.high, half.accuracy) == (7 / 15, 8 / 15, 0.0)  # of equals, the first is predicted
    fifth = by_hand([[0.2] * 5], [0]).reliability[0]
    assert (fifth.low, fifth.high) == (2 / 15, 3 / 15)


def test_one_example_known_by_heart():
    found = by_hand([[0.25, 0.75]], [0])
    assert (found.n, found.accuracy, found.balanced_accuracy) == (1, 0.0, 0.0)
    assert found.log_loss == pytest.approx(math.log(4))
    assert found.brier == pytest.approx(2 * 0.75**2)
    assert found.calibration_error == pytest.approx(0.75)
    first, second = found.per_class
    assert (first.precision, first.recall, first.f1, first.support) == (None, 0.0, 0.0, 1)
    assert (second.precision, second.recall, second.f1, second.support) == (0.0, None, 0.0, 0)
    low, high = found.accuracy_interval
    assert low == 0
    assert high == pytest.approx(1.959964**2 / (1 + 1.959964**2), abs=1e-6)  # Wilson's for none of one


def test_a_class_that_neither_occurs_nor_is_predicted_has_no_figures():
    third = by_hand([[0.7, 0.2, 0.1], [0.3, 0.6, 0.1]], [0, 1]).per_class[2]
    assert (third.precision, third.recall, third.f1, third.support) == (None, None, None, 0)


def test_probability_zero_for_the_truth_is_told_and_stays_json():
    found = by_hand([[1.0, 0.0], [0.6, 0.4], [0.0, 1.0]], [1, 0, 1])
    assert found.log_loss == math.inf
    assert found.impossible == 1
    assert found.brier == pytest.approx((2 + 2 * 0.4**2) / 3)
    told = json.loads(json.dumps(found.as_json(), allow_nan=False))
    assert told["log_loss"] is None
    assert told["impossible"] == 1


def test_json_holds_every_figure():
    log_proba, y = predictions(50, 3)
    found = evaluate(log_proba, y, ["a", "b", "c"])
    told = json.loads(json.dumps(found.as_json(), allow_nan=False))
    assert told["classes"] == ["a", "b", "c"]
    assert told["confusion"] == found.confusion.tolist()
    assert told["log_loss"] == found.log_loss
    assert told["per_class"][1]["recall"] == found.per_class[1].recall
    assert told["reliability"][0]["interval"] == list(found.reliability[0].interval)
    assert set(told) == {*found.__dataclass_fields__, "majority_share"}


def test_float32_is_near_enough_to_one():
    log_proba, y = predictions(300, 1000)
    found = evaluate(log_proba.astype(np.float32), y, names(1000))
    assert found.log_loss == pytest.approx(evaluate(log_proba, y, names(1000)).log_loss, rel=1e-5)


def test_many_rows_are_never_copied_as_a_whole():
    log_proba, y = predictions(40_000, 100)  # 32 MB
    tracemalloc.start()
    evaluate(log_proba, y, names(100))
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 1.5 * log_proba.nbytes


def test_confusions_most_frequent_first():
    confusion = np.array([[9, 2, 0], [5, 1, 2], [0, 0, 7]])
    assert frequent_confusions(confusion, 10) == [(1, 0, 5), (0, 1, 2), (1, 2, 2)]
    assert frequent_confusions(confusion, 1) == [(1, 0, 5)]
    assert frequent_confusions(np.diag([3, 4]), 5) == []
    assert confusion.trace() == 17  # as it was


def test_worst_classes_leave_out_those_without_figures():
    log_proba, y = predictions(400, 6)
    closed = np.column_stack([log_proba, np.full(400, -np.inf)])
    worst = worst_classes(evaluate(closed, y, names(7)).per_class, 7)
    assert [one.f1 for one in worst] == sorted(one.f1 for one in worst)
    assert "class 6" not in {one.name for one in worst}
    assert len(worst) == 6


GOOD = np.log(np.full((3, 2), 0.5))


@pytest.mark.parametrize(
    ("log_proba", "y", "classes", "message"),
    [
        (GOOD[0], [0], 2, r"shape \(2,\).*\[n, K\]"),
        (np.zeros((3, 1)), [0, 0, 0], 1, r"shape \(3, 1\).*K >= 2"),
        (np.zeros((3, 2), dtype=int), [0, 0, 0], 2, "int64; they must be floats"),
        (GOOD, [0, 1], 2, r"labels have shape \(2,\).*beside 3 rows"),
        (GOOD, [0.0, 1.0, 1.0], 2, "type float64.*whole numbers"),
        (GOOD, [0, 1, 2], 2, "example 2 is 2; allowed are 0 to 1"),
        (GOOD, [0, -1, 1], 2, "example 1 is -1.*leave out examples without a label"),
        (GOOD, [0, 1, 1], 3, "3 class names for 2 columns"),
        (GOOD[:0], [], 2, "no examples"),
        (np.exp(GOOD), [0, 1, 1], 2, "example 0 have exponentials that sum to 3.29744"),
        (
            GOOD + np.array([[0], [0], [0.002]]),
            [0, 1, 1],
            2,
            "sum to 1.002; a row must sum to one within 0.001",
        ),
        (GOOD + np.array([[0], [np.nan], [0]]), [0, 1, 1], 2, "example 1 hold a NaN"),
        (GOOD + np.array([[0], [np.inf], [0]]), [0, 1, 1], 2, "example 1 have exponentials that sum to inf"),
    ],
)
def test_what_cannot_be_evaluated_is_refused_in_one_line(log_proba, y, classes, message):
    labels = np.array(y, dtype=None if y else np.int64)
    with pytest.raises(InputError, match=message) as refusal:
        evaluate(log_proba, labels, names(classes))
    assert "\n" not in str(refusal.value)


def test_a_fault_in_a_late_block_names_its_example():
    log_proba, y = predictions(30_000, 100)
    log_proba[29_999, 5] = np.nan
    with pytest.raises(InputError, match="example 29999 hold a NaN"):
        evaluate(log_proba, y, names(100))


def test_balanced_accuracy_counts_every_class_that_is_there_the_same():
    confusion = np.array([[90, 0, 0], [9, 1, 0], [0, 0, 0]])
    assert balanced_accuracy(confusion) == pytest.approx((1.0 + 0.1) / 2)


def test_an_evaluation_tells_what_needs_no_classifier():
    log_proba = np.log([[0.9, 0.1]] * 10)
    found = evaluate(log_proba, np.array([0] * 7 + [1] * 3), ["a", "b"])
    assert (found.accuracy, found.majority_share, found.balanced_accuracy) == (0.7, 0.7, 0.5)
    assert found.as_json()["majority_share"] == 0.7
    assert "Balanced accuracy 50.0%; always the most frequent class 70.0%." in repr(found)
