"""Many L2-penalised softmax regressions solved at once, those on equally many examples side by side (`newton.py`)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from fewlabels.core.errors import FewlabelsError
from fewlabels.transfer.base import ABSENT
from fewlabels.transfer.newton import Problems, minimise

TOLERANCE = 1e-5
"""On the gradient g of the stated loss, measured by its Hessian's diagonal: sqrt(g' diag(H)^-1 g) <= TOLERANCE n.

With H itself in place of its diagonal, half the square of the left side would be what is left to gain.
"""

FLOAT32_TOLERANCE = 0.7
"""The share of the tolerance to which gradients, too, are float32."""

SIDE_BY_SIDE = 2**16
"""Features of the regressions that take their steps together: about what a processor keeps close at hand."""

AT_ONCE = 2**21
"""Features of the example sets that are held as `Axes` at a time."""


class Regression(NamedTuple):
    """One problem, ``min_W,b sum_i -log softmax(W x_i + b)[y_i] + |W|^2 / (2 C)``, of features x [n, D] and int64 class
    indices y [n]. Regressions that share the very array x share some of the work.
    """

    x: np.ndarray
    y: np.ndarray
    C: float


Solution = tuple[np.ndarray, np.ndarray]
"""Weights [K, D] and intercepts [K], float64."""


def softmax_regressions(regressions: Sequence[Regression], classes: int) -> list[Solution]:
    """The minimum of every regression, to TOLERANCE, and the same within rounding whichever others are solved along.

    A class without a label has weights of 0 and the intercept ABSENT. Raises FewlabelsError for features that are not
    finite, and where a minimum is not reached, which the convexity of the problem should rule out.
    """
    labels = [np.unique(regression.y, return_inverse=True) for regression in regressions]
    solutions: dict[int, Solution] = {}
    for numbers in _alike(regressions, [len(present) for present, _ in labels]):
        sets = {id(regressions[number].x): regressions[number].x for number in numbers}
        axes = dict(zip(sets, principal_axes(np.stack(list(sets.values()))), strict=True))
        for part in _side_by_side(numbers, regressions[numbers[0]].x.shape):
            coordinates = [axes[id(regressions[number].x)] for number in part]
            targets = np.stack([labels[number][1] for number in part])
            penalties = np.array([1 / regressions[number].C for number in part])
            for number, parameters in zip(part, _solve(coordinates, targets, penalties), strict=True):
                place = axes[id(regressions[number].x)]
                solutions[number] = _among_all(classes, labels[number][0], *_back(parameters, place))
    return [solutions[number] for number in range(len(regressions))]


def softmax_regression(x: np.ndarray, y: np.ndarray, classes: int, C: float) -> Solution:
    """L2-penalised softmax regression of y [n] on x [n, D]."""
    return softmax_regressions([Regression(x, y, C)], classes)[0]


def _alike(regressions: Sequence[Regression], present: Sequence[int]) -> Iterator[list[int]]:
    """Numbers of regressions on features of one shape, and of as many classes `present`, weak penalties last.

    They are on no more sets of examples than fit AT_ONCE.
    """
    kinds: dict[tuple[int, ...], dict[int, list[int]]] = {}
    for number, regression in enumerate(regressions):
        kind = kinds.setdefault((*regression.x.shape, present[number]), {})
        kind.setdefault(id(regression.x), []).append(number)
    for (n, width, _), by_set in kinds.items():
        sets, most = list(by_set.values()), max(1, AT_ONCE // (n * min(n, width)))
        for start in range(0, len(sets), most):
            numbers = [number for members in sets[start : start + most] for number in members]
            yield sorted(numbers, key=lambda number: regressions[number].C)


def _side_by_side(numbers: list[int], shape: tuple[int, ...]) -> Iterator[list[int]]:
    """Those that take their steps together. Neighbours have similar penalties, and so take similarly many."""
    n, width = shape
    most = max(1, SIDE_BY_SIDE // (n * min(n, width)))
    for start in range(0, len(numbers), most):
        yield numbers[start : start + most]


@dataclass(frozen=True, eq=False)
class Axes:
    """Examples in the axes of their own principal components: x_i = mean + (z_i / scale) @ basis.

    The weights of a penalised solution lie in the span of the examples, and the intercept takes up the mean, so the
    problem is the same here. It has min(n, D) axes, all kept, for features may differ wildly in scale; the Hessian is
    not far from diagonal, and scaled to be about 1.

    z: [R + 1, n], the last row of ones for the intercept; scale: [R]; basis: [R, D]; mean: [D], all float64.
    """

    z: np.ndarray
    scale: np.ndarray
    basis: np.ndarray
    mean: np.ndarray


def principal_axes(x: np.ndarray) -> list[Axes]:
    """x: [S, n, D], the features of S sets of examples. Raises FewlabelsError unless they are finite."""
    x = x.astype(np.float64)
    if not np.isfinite(x).all():
        raise FewlabelsError("softmax regression: some features are NaN or infinite; check the inputs and the encoder")
    mean = x.mean(axis=1)
    z, span = x - mean[:, None], None
    if x.shape[1] < x.shape[2]:
        span, triangle = np.linalg.qr(z.mT)  # [S, D, n], [S, n, n]
        z = triangle.mT
    _, rotation = np.linalg.eigh(z.mT @ z)
    z = rotation.mT @ z.mT  # [S, R, n]
    basis = (rotation if span is None else span @ rotation).mT
    scale = 1 / np.sqrt(0.1 * np.square(z).sum(axis=2) + 1)  # [S, R]
    z = np.concatenate([z * scale[:, :, None], np.ones((len(x), 1, x.shape[1]))], axis=1)
    return [Axes(*parts) for parts in zip(z, scale, basis, mean, strict=True)]


def _solve(axes: list[Axes], y: np.ndarray, penalties: np.ndarray) -> np.ndarray:
    """Parameters [P, K, R + 1] in the axes of the examples. y: [P, n], all of the K classes; penalties: [P], 1 / C."""
    z = np.stack([place.z for place in axes])  # [P, R + 1, n]
    ridge = np.stack([np.append(place.scale**2, 0) for place in axes]) * penalties[:, None]
    hits = y[:, None] == np.arange(y[0].max() + 1)[:, None]  # [P, K, n]
    problems = Problems(z, np.square(z), hits.astype(np.float64), ridge[:, None])
    rounded, close = problems.rounded(), TOLERANCE * z.shape[2]
    start = np.zeros((len(z), hits.shape[1], z.shape[1]), dtype=np.float32)
    rough = minimise(rounded, rounded, start, FLOAT32_TOLERANCE * close)
    return minimise(problems, rounded, rough.astype(np.float64), close)


def _back(parameters: np.ndarray, axes: Axes) -> Solution:
    """From the axes, [K, R + 1], to the features. Intercepts are given such that those of centred features sum to 0."""
    weights = (parameters[:, :-1] * axes.scale) @ axes.basis
    return weights, parameters[:, -1] - parameters[:, -1].mean() - weights @ axes.mean


def _among_all(classes: int, present: np.ndarray, weights: np.ndarray, intercepts: np.ndarray) -> Solution:
    every = np.zeros((classes, weights.shape[1])), np.full(classes, ABSENT)
    every[0][present], every[1][present] = weights, intercepts
    return every
