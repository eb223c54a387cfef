"""Many softmax regressions at once: against scikit-learn, against their own gradient, and each against itself alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from fewlabels.core.errors import FewlabelsError
from fewlabels.transfer import Regression, logistic, newton, softmax_regression, softmax_regressions
from fewlabels.transfer.base import ABSENT
from fewlabels.transfer.logistic import TOLERANCE, principal_axes
from fewlabels.transfer.probe import log_softmax


def gaussian_classes(rng, n: int, features: int, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Features [n, D] float32 and labels that name every class."""
    y = rng.permutation(np.arange(n) % classes)
    x = rng.normal(size=(classes, features))[y] + rng.normal(0, 1.5, (n, features))
    return x.astype(np.float32), y


def random_case(seed: int) -> tuple[Regression, np.ndarray, np.ndarray, int]:
    """A regression of any size and penalty, and held-out features and labels from the same classes."""
    rng = np.random.default_rng(seed)
    classes, features = rng.integers(2, 11), rng.integers(1, 81)
    n = classes * rng.integers(2, 16)
    x, y = gaussian_classes(rng, 2 * n, features, classes)
    C = 10 ** rng.uniform(-2.5, 0.5)
    first = np.sort(np.concatenate([np.flatnonzero(y == k)[: n // classes] for k in range(classes)]))
    rest = np.setdiff1d(np.arange(2 * n), first)
    return Regression(x[first], y[first], C), x[rest], y[rest], int(classes)


def oracle(regression: Regression, classes: int) -> LogisticRegression:
    # of two classes scikit-learn has but the difference of the weights, which costs it twice as much
    C = 2 * regression.C if classes == 2 else regression.C
    model = LogisticRegression(C=C, tol=1e-8, max_iter=20_000)
    return model.fit(regression.x.astype(np.float64), regression.y)


def log_loss(log_proba: np.ndarray, y: np.ndarray) -> float:
    return float(-log_proba[np.arange(len(y)), y].mean())


@pytest.mark.slow
def test_fifty_random_cases_equal_scikit_learn():
    cases = [random_case(seed) for seed in range(50)]
    by_classes: dict[int, list[int]] = {}
    for number, (*_, classes) in enumerate(cases):
        by_classes.setdefault(classes, []).append(number)
    for classes, numbers in by_classes.items():
        found = softmax_regressions([cases[number][0] for number in numbers], classes)
        for number, (weights, intercepts) in zip(numbers, found, strict=True):
            regression, new_x, new_y, _ = cases[number]
            model = oracle(regression, classes)
            for x, y in ((regression.x, regression.y), (new_x, new_y)):
                ours, theirs = log_softmax(x @ weights.T + intercepts), model.predict_log_proba(x.astype(np.float64))
                assert log_loss(ours, y) == pytest.approx(log_loss(theirs, y), abs=1e-4), number
                np.testing.assert_allclose(ours, theirs, rtol=0, atol=5e-3)
            assert log_loss(ours, new_y) != pytest.approx(np.log(classes), abs=1e-3)  # it has learned something


def gradient(regression: Regression, weights: np.ndarray, intercepts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of the stated loss with respect to weights [K, D] and intercepts [K], for classes that all have labels."""
    x = regression.x.astype(np.float64)
    errors = np.exp(log_softmax(x @ weights.T + intercepts)) - np.eye(len(weights))[regression.y]
    return errors.T @ x + weights / regression.C, errors.sum(axis=0)


def assert_minimal(regression: Regression, weights: np.ndarray, intercepts: np.ndarray) -> None:
    """TOLERANCE bounds the gradient through the largest curvature there can be: a quarter of the inputs' squares."""
    x = regression.x.astype(np.float64)
    mean = x.mean(axis=0)
    of_weights, of_intercepts = gradient(regression, weights, intercepts)
    largest = 0.25 * np.linalg.norm(x - mean, ord=2) ** 2 + 1 / regression.C
    allowed = TOLERANCE * len(x)
    assert np.linalg.norm(of_weights - np.outer(of_intercepts, mean)) <= 1.01 * allowed * largest**0.5 + 1e-9
    assert np.linalg.norm(of_intercepts) <= 1.01 * allowed * (0.25 * len(x)) ** 0.5 + 1e-9


@pytest.mark.parametrize("C", [0.01, 1.0, 30.0])
@pytest.mark.parametrize(("n", "features"), [(400, 20), (60, 64), (12, 5)])
def test_the_gradient_is_within_the_stated_tolerance_of_zero(n, features, C):
    rng = np.random.default_rng(n)
    x, y = gaussian_classes(rng, n, features, 4)
    regression = Regression(x, y, C)
    weights, intercepts = softmax_regression(x, y, 4, C)
    assert_minimal(regression, weights, intercepts)
    moved = softmax_regression(x, y, 4, 1.3 * C)[0]
    with pytest.raises(AssertionError):
        assert_minimal(regression, moved, intercepts)


def awkward(rng, n: int, features: int, spread: float) -> np.ndarray:
    """Features whose scales differ by `spread` orders of magnitude: some constant, some each other's sums, far out."""
    x = rng.normal(size=(n, features)) * 10 ** rng.uniform(-spread / 2, spread / 2, features)
    x[:, features // 2] = 7.0
    x[:, -1] = x[:, 0] + x[:, features // 3]
    return (x + rng.normal(0, 3, features)).astype(np.float32)


@given(
    n=st.integers(2, 40),
    features=st.integers(1, 50),
    classes=st.integers(1, 5),
    spread=st.floats(0, 5),
    C=st.sampled_from([0.01, 0.1, 1.0, 10.0]),
    seed=st.integers(0, 1000),
)
@example(n=2, features=10, classes=2, spread=5.0, C=10.0, seed=2)  # float32 is too coarse to get near its minimum
@settings(max_examples=60, deadline=None)
def test_regressions_of_any_shape_end_at_their_minimum(n, features, classes, spread, C, seed):
    rng = np.random.default_rng(seed)
    x, y = awkward(rng, n, features, spread), np.unique(rng.integers(0, classes, n), return_inverse=True)[1]
    present = y.max() + 1
    weights, intercepts = softmax_regression(x, y, present, C)
    assert_minimal(Regression(x, y, C), weights, intercepts)
    some = np.sort(rng.permutation(8)[:present])  # the same labels among eight classes
    among, raised = softmax_regression(x, some[y], 8, C)
    np.testing.assert_array_equal(among[some], weights)
    np.testing.assert_array_equal(raised[some], intercepts)
    absent = np.setdiff1d(np.arange(8), some)
    assert not among[absent].any()
    assert (raised[absent] == ABSENT).all()


@pytest.mark.parametrize("n", [40, 300, 600])
def test_codes_of_wildly_different_scales_are_no_obstacle(n):
    rng = np.random.default_rng(0)
    x, y = awkward(rng, n, 250, spread=6), np.arange(n) % 5
    for C, (weights, intercepts) in zip(
        (0.01, 1.0), softmax_regressions([Regression(x, y, C) for C in (0.01, 1.0)], 5), strict=True
    ):
        assert_minimal(Regression(x, y, C), weights, intercepts)
        assert np.isfinite(weights).all()


def test_each_ends_as_it_does_alone_whatever_is_solved_along():
    rng = np.random.default_rng(4)
    regressions = []
    for n, features in ((7, 12), (7, 12), (20, 12), (7, 3), (90, 12), (7, 12)):
        x, y = gaussian_classes(rng, n, features, 3)
        regressions += [Regression(x, y, C) for C in (1.0, 0.01, 0.1)]
    x, y = gaussian_classes(rng, 7, 12, 2)
    regressions.insert(4, Regression(x, 2 * y, 1.0))  # a class is missing
    together = softmax_regressions(regressions, 3)
    assert len({weights.tobytes() for weights, _ in together}) == len(regressions)
    for regression, (weights, intercepts) in zip(regressions, together, strict=True):
        alone = softmax_regression(*regression[:2], 3, regression.C)
        np.testing.assert_allclose(weights, alone[0], rtol=0, atol=1e-9)
        np.testing.assert_allclose(intercepts, alone[1], rtol=0, atol=1e-9)


def test_the_sizes_of_batches_change_nothing(monkeypatch):
    rng = np.random.default_rng(1)
    sets = [gaussian_classes(rng, 30, 8, 4) for _ in range(5)]
    regressions = [Regression(x, y, C) for x, y in sets for C in (0.01, 1.0)]
    first = softmax_regressions(regressions, 4)
    monkeypatch.setattr(logistic, "SIDE_BY_SIDE", 3 * 30 * 8)
    monkeypatch.setattr(logistic, "AT_ONCE", 2 * 30 * 8)
    for (weights, intercepts), again in zip(first, softmax_regressions(regressions, 4), strict=True):
        np.testing.assert_allclose(weights, again[0], rtol=0, atol=1e-9)
        np.testing.assert_allclose(intercepts, again[1], rtol=0, atol=1e-9)


def test_no_regressions_have_no_solutions():
    assert softmax_regressions([], 3) == []


@pytest.mark.parametrize(("n", "features"), [(9, 4), (4, 9), (5, 5)])
def test_principal_axes_lead_back_to_the_features(n, features):
    x = awkward(np.random.default_rng(0), n, features, spread=2).astype(np.float64)
    (axes,) = principal_axes(x[None])
    z = axes.z[:-1] / axes.scale[:, None]  # [R, n]
    np.testing.assert_allclose(axes.mean + z.T @ axes.basis, x, atol=1e-9)
    np.testing.assert_allclose(axes.basis @ axes.basis.T, np.eye(min(n, features)), atol=1e-9)
    correlation = z @ z.T
    np.testing.assert_allclose(correlation - np.diag(np.diag(correlation)), 0, atol=1e-9 * correlation.max())
    assert (axes.z[-1] == 1).all()


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_features_that_are_not_finite_are_named(value):
    x, y = gaussian_classes(np.random.default_rng(0), 10, 3, 2)
    x[3, 1] = value
    with pytest.raises(FewlabelsError, match="some features are NaN or infinite; check the inputs and the encoder"):
        softmax_regression(x, y, 2, 1.0)


def test_a_search_that_does_not_end_is_an_error(monkeypatch):
    x, y = gaussian_classes(np.random.default_rng(0), 10, 3, 2)
    monkeypatch.setattr(newton, "MOST_STEPS", 2)
    with pytest.raises(
        FewlabelsError, match=r"did not converge: .* after 2 steps where .* is allowed; try a smaller C"
    ):
        softmax_regression(x, y, 2, 1.0)
