"""The linear probe against scikit-learn on the features themselves, and where scikit-learn has no answer."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from fewlabels.transfer import Probe, Task, fit_one, softmax_regression
from fewlabels.transfer.probe import log_softmax


def problem(seed: int, n: int, features: int, classes: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Gaussian classes: labelled features, their labels (all occur), and features to predict."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(classes, features))
    y = rng.permutation(np.arange(n) % classes)
    x = centres[y] + rng.normal(size=(n, features)) * 1.5
    new = centres[rng.integers(0, classes, 50)] + rng.normal(size=(50, features))
    return x.astype(np.float32), y, new.astype(np.float32)


@pytest.mark.parametrize("C", [0.001, 0.1, 1.0])
@pytest.mark.parametrize("classes", [2, 3, 10])
@pytest.mark.parametrize(("n", "features"), [(60, 8), (20, 60), (30, 30)])
def test_equals_scikit_learn_with_more_and_with_fewer_examples_than_features(n, features, classes, C):
    x, y, new = problem(n + classes, n, features, classes)
    # of two classes scikit-learn has but the difference of the weights, which costs it twice as much
    oracle = LogisticRegression(C=2 * C if classes == 2 else C, tol=1e-8, max_iter=20_000)
    oracle.fit(x.astype(np.float64), y)
    classifier = fit_one(Probe(classes), x, y, {"C": C}, seed=0)
    for inputs in (x, new):
        found = classifier.log_proba(inputs)
        assert found.dtype == np.float64
        np.testing.assert_allclose(found, oracle.predict_log_proba(inputs.astype(np.float64)), rtol=0, atol=1e-3)
    assert np.ptp(classifier.log_proba(new)) > (0.01 if C < 0.01 else 0.3)  # not just the class shares
    assert classifier.trained == classifier.total == classes * (features + 1)


@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize(("n", "features"), [(40, 5), (12, 30)])
def test_the_gradient_of_the_stated_loss_is_zero(n, features, classes):
    """sum_i -log softmax(W x_i + b)[y_i] + |W|^2 / (2 C), at C = 0.5."""
    x, y, _ = problem(2, n, features, classes)
    x = x.astype(np.float64) + 3  # not centred
    weights, intercepts = softmax_regression(x, y, classes, C=0.5)
    logits = x @ weights.T + intercepts
    proba = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    errors = proba - np.eye(classes)[y]
    np.testing.assert_allclose(errors.T @ x + weights / 0.5, 0, atol=1e-3)
    np.testing.assert_allclose(errors.sum(axis=0), 0, atol=1e-3)
    assert abs(errors).max() > 0.05


@pytest.mark.parametrize("n_features", [1, 7])
def test_features_without_information_give_the_shares_of_the_classes(n_features):
    x = np.full((10, n_features), 4.0, dtype=np.float32)
    y = np.array([0] * 7 + [1] * 2 + [2])
    found = fit_one(Probe(3), x, y, {"C": 1.0}, seed=0).log_proba(x[:2])
    np.testing.assert_allclose(np.exp(found), [[0.7, 0.2, 0.1]] * 2, atol=1e-3)


def test_all_tasks_together_end_as_each_alone():
    x, y, new = problem(5, 30, 12, 3)
    folds = [np.setdiff1d(np.arange(30), fold) for fold in np.array_split(np.arange(30), 3)]
    tasks = [Task(fold, {"C": C}, 30, 0) for C in (0.1, 1.0) for fold in folds]
    tasks.append(Task(np.arange(9, 30), {"C": 1.0}, 21, 5))
    together = Probe(3).fit_all(x, y, tasks)
    for task, classifier in zip(tasks, together, strict=True):
        alone = fit_one(Probe(3), x[task.index], y[task.index], task.setting, seed=1)
        np.testing.assert_allclose(classifier.log_proba(new), alone.log_proba(new), rtol=0, atol=1e-9)
    assert len({classifier.log_proba(new).tobytes() for classifier in together}) == len(tasks)


@pytest.mark.parametrize("present", [(0, 2), (1, 4), (0, 1, 3), (1, 2, 3, 4)])
@pytest.mark.parametrize("features", [3, 40])
def test_a_class_without_a_label_is_never_predicted(present, features):
    x, index, new = problem(0, 24, features, len(present))
    y = np.array(present)[index]
    log_proba = fit_one(Probe(5), x, y, {"C": 1.0}, seed=0).log_proba(100 * new)
    assert np.isfinite(log_proba).all()
    absent = [k for k in range(5) if k not in present]
    assert np.exp(log_proba[:, absent]).max() < 1e-20
    np.testing.assert_allclose(np.exp(log_proba).sum(axis=1), 1)
    among = fit_one(Probe(len(present)), x, index, {"C": 1.0}, seed=0).log_proba(100 * new)
    np.testing.assert_allclose(log_proba[:, list(present)], among, atol=1e-6)


def test_a_single_class_is_always_predicted():
    x = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)
    proba = np.exp(fit_one(Probe(3), x, np.full(4, 2), {"C": 1.0}, seed=0).log_proba(10 * x))
    np.testing.assert_allclose(proba, [[0, 0, 1]] * 4, atol=1e-20)


def test_the_solution_lies_in_the_span_of_the_examples():
    x, y, _ = problem(3, 10, 25, 3)
    weights, intercepts = softmax_regression(x, y, 3, C=1.0)
    assert (weights.shape, intercepts.shape) == ((3, 25), (3,))
    outside = weights - weights @ np.linalg.pinv(x.astype(np.float64)) @ x
    assert abs(outside).max() < 1e-8
    assert abs(weights).max() > 0.05


def test_a_smaller_penalty_fits_the_labels_closer():
    x, y, _ = problem(0, 40, 6, 4)
    losses = [
        -classifier.log_proba(x)[np.arange(40), y].mean()
        for classifier in (fit_one(Probe(4), x, y, setting, 0) for setting in Probe(4).settings)
    ]
    assert losses == sorted(losses, reverse=True)
    assert losses[0] > 2 * losses[-1]


@pytest.mark.parametrize("offset", [0, 1e4, -1e4, 1e300])
def test_log_softmax_of_huge_logits(offset):
    logits = np.array([[0.0, np.log(3)], [1000, 0], [-2000, 2000]]) + offset
    if abs(offset) <= 1e4:
        expected = [[np.log(0.25), np.log(0.75)], [0, -1000], [-4000, 0]]
        np.testing.assert_allclose(log_softmax(logits), expected, rtol=1e-9, atol=1e-9)
    else:  # so far out that the logits are equal
        np.testing.assert_allclose(log_softmax(logits), np.log(0.5))


@given(st.lists(st.lists(st.floats(-1e6, 1e6), min_size=3, max_size=3), min_size=1, max_size=4))
def test_log_softmax_gives_probabilities(values):
    logits = np.array(values)
    found = log_softmax(logits)
    assert (found <= 1e-12).all()
    np.testing.assert_allclose(np.exp(found).sum(axis=1), 1)
    rows = np.arange(len(logits))
    np.testing.assert_array_equal(found[rows, logits.argmax(axis=1)], found.max(axis=1))
