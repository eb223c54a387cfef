"""The linear probe: softmax regression on fixed features, solved to convergence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.optimize import minimize

from fewlabels.errors import FewlabelsError
from fewlabels.transfer.classifier import Classifier, Inputs, Setting, Task

PENALTIES: tuple[Setting, ...] = ({"C": 0.01}, {"C": 0.1}, {"C": 1.0})
DEFAULT_PENALTY: Setting = {"C": 0.1}

ABSENT = -50.0
"""Logit of a class without a label, where labels were drawn as collected."""

TOLERANCE, CONVERGED = 1e-7, 1e-3
"""Largest gradient aimed at, and accepted where rounding stops the search, in coordinates of curvature about 1."""


@dataclass(frozen=True)
class Probe:
    """min_W,b sum_i -log softmax(W x_i + b)[y_i] + |W|^2 / (2 C), for each of a few C."""

    classes: int
    settings: tuple[Setting, ...] = PENALTIES
    default: Setting = field(default_factory=lambda: DEFAULT_PENALTY)

    def fit_all(self, x: Inputs, y: np.ndarray, tasks: Sequence[Task], seed: int) -> list[Classifier]:
        """x: [n, D] features. The problem is convex: the seed is not used."""
        assert isinstance(x, np.ndarray)
        indices = {id(task.index): task.index for task in tasks}
        coordinates = {name: principal_coordinates(x[index]) for name, index in indices.items()}
        return [self._fit(coordinates[id(task.index)], y[task.index], task.setting["C"]) for task in tasks]

    def _fit(self, coordinates: Coordinates, y: np.ndarray, C: float) -> Classifier:
        weights, intercepts = solve(coordinates, y, self.classes, C)

        def log_proba(features: Inputs) -> np.ndarray:
            assert isinstance(features, np.ndarray)
            return log_softmax(features @ weights.T + intercepts)

        return Classifier(log_proba, trained=weights.size + intercepts.size, total=weights.size + intercepts.size)


@dataclass(frozen=True, eq=False)
class Coordinates:
    """Examples in the axes of their own principal components: x_i = mean + z_i @ basis, with z [n, r], basis [r, D].

    The weights of a penalised solution lie in the span of the examples, and the intercept takes up the mean, so the
    problem is the same here; r is at most n and the curvature along every axis is known beforehand.
    """

    z: np.ndarray
    basis: np.ndarray
    mean: np.ndarray


def principal_coordinates(x: np.ndarray) -> Coordinates:
    """x: [n, D] features."""
    x = np.asarray(x, dtype=np.float64)
    mean = x.mean(axis=0)
    left, sizes, basis = np.linalg.svd(x - mean, full_matrices=False)
    kept = sizes > 1e-10 * max(sizes[0], 1e-300)
    return Coordinates(left[:, kept] * sizes[kept], basis[kept], mean)


def softmax_regression(x: np.ndarray, y: np.ndarray, classes: int, C: float) -> tuple[np.ndarray, np.ndarray]:
    """L2-penalised softmax regression of y [n] on x [n, D]: weights [K, D] and intercepts [K], float64."""
    return solve(principal_coordinates(x), y, classes, C)


def solve(coordinates: Coordinates, y: np.ndarray, classes: int, C: float) -> tuple[np.ndarray, np.ndarray]:
    """Weights [K, D] and intercepts [K] of the minimum, found by L-BFGS in coordinates of curvature about 1.

    Raises FewlabelsError where it is not reached, which the convexity of the problem should rule out.
    """
    present, targets = np.unique(y, return_inverse=True)
    n, rank, k = len(y), coordinates.z.shape[1], len(present)
    penalty = 1 / (C * n)
    uncertainty = (1 - 1 / k) / k  # of a class at the start: the Hessian of the mean loss is about this times E[z^2]
    scale = 1 / np.sqrt(uncertainty * np.square(coordinates.z).mean(axis=0) + penalty)  # [r]
    inputs, hits = coordinates.z * scale, np.eye(k)[targets]  # [n, r], [n, k]
    ridge = penalty * scale**2

    def loss_and_gradient(flat: np.ndarray) -> tuple[float, np.ndarray]:
        weights, intercepts = flat[: k * rank].reshape(k, rank), flat[k * rank :]
        log_proba = log_softmax(inputs @ weights.T + intercepts)  # [n, k]
        loss = -(hits * log_proba).sum() / n + 0.5 * (ridge * weights**2).sum()
        errors = (np.exp(log_proba) - hits) / n
        return loss, np.concatenate([(errors.T @ inputs + ridge * weights).ravel(), errors.sum(axis=0)])

    options = {"maxiter": 10_000, "maxfun": 20_000, "gtol": TOLERANCE, "ftol": 0.0, "maxcor": 30}
    found = minimize(loss_and_gradient, np.zeros(k * (rank + 1)), jac=True, method="L-BFGS-B", options=options)
    if np.abs(found.jac).max() > CONVERGED:
        raise FewlabelsError(f"softmax regression did not converge at C = {C:g} ({found.message}); try a smaller C")

    weights, intercepts = np.zeros((classes, coordinates.basis.shape[1])), np.full(classes, ABSENT)
    weights[present] = (found.x[: k * rank].reshape(k, rank) * scale) @ coordinates.basis
    intercepts[present] = found.x[k * rank :] - weights[present] @ coordinates.mean
    return weights, intercepts


def log_softmax(logits: np.ndarray) -> np.ndarray:
    """[n, K] -> [n, K] log-probabilities."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
