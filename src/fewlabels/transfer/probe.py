"""The linear probe: softmax regression on fixed features, solved to convergence."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from fewlabels.transfer.classifier import Classifier, Inputs, Setting, Task

ABSENT = -50.0
"""Logit of a class without a label, where labels were drawn as collected."""


PENALTIES: tuple[Setting, ...] = ({"C": 0.01}, {"C": 0.1}, {"C": 1.0})
DEFAULT_PENALTY: Setting = {"C": 0.1}


@dataclass(frozen=True)
class Probe:
    """min_W,b sum_i -log softmax(W x_i + b)[y_i] + |W|^2 / (2 C), for each of a few C."""

    classes: int
    settings: tuple[Setting, ...] = PENALTIES
    default: Setting = field(default_factory=lambda: DEFAULT_PENALTY)

    def fit_all(self, x: Inputs, y: np.ndarray, tasks: Sequence[Task], seed: int) -> list[Classifier]:
        """x: [n, D] features. The problem is convex: the seed is not used."""
        assert isinstance(x, np.ndarray)
        return [self._fit(x[task.index], y[task.index], task.setting["C"]) for task in tasks]

    def _fit(self, x: np.ndarray, y: np.ndarray, C: float) -> Classifier:
        weights, intercepts = softmax_regression(x, y, self.classes, C)

        def log_proba(features: Inputs) -> np.ndarray:
            assert isinstance(features, np.ndarray)
            return log_softmax(features @ weights.T + intercepts)

        return Classifier(log_proba, trained=weights.size + intercepts.size, total=weights.size + intercepts.size)


def softmax_regression(x: np.ndarray, y: np.ndarray, classes: int, C: float) -> tuple[np.ndarray, np.ndarray]:
    """L2-penalised softmax regression: weights [K, D] and intercepts [K], float64.

    The solution's weights lie in the span of the examples, so with fewer examples than features it is found in the
    n-dimensional coordinates of that span: the same minimum, reached many times faster.
    """
    x = np.asarray(x, dtype=np.float64)
    weights, intercepts = np.zeros((classes, x.shape[1])), np.full(classes, ABSENT)
    if (y == y[0]).all():  # as collected: the only class there is
        intercepts[y[0]] = 0.0
        return weights, intercepts
    basis = np.linalg.svd(x, full_matrices=False)[2] if len(x) < x.shape[1] else None  # [n, D]
    model = LogisticRegression(C=C, tol=1e-6, max_iter=5000)
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        model.fit(x if basis is None else x @ basis.T, y)
    coefficients = model.coef_ if basis is None else model.coef_ @ basis
    offsets = model.intercept_
    if len(model.classes_) == 2:  # scikit-learn keeps one row for two classes: theirs is the difference
        coefficients, offsets = (
            np.vstack([-coefficients, coefficients]) / 2,
            np.hstack([-offsets, offsets]) / 2,
        )
    weights[model.classes_], intercepts[model.classes_] = coefficients, offsets
    return weights, intercepts


def log_softmax(logits: np.ndarray) -> np.ndarray:
    """[n, K] -> [n, K] log-probabilities."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
