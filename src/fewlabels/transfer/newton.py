"""The minima of many softmax regressions at once: Newton's method, its steps found by conjugate gradients.

All take every step together. A step is solved for in float32, which costs half and loses nothing: the next gradient,
float64 in the end, tells what is still missing. Method: Nocedal and Wright 2006, Numerical Optimization, algorithm 7.1,
with the Hessian's diagonal as preconditioner.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from fewlabels.core.errors import FewlabelsError

MOST_STEPS, MOST_PRODUCTS, MOST_HALVINGS = 100, 250, 40


@dataclass(frozen=True, eq=False)
class Problems:
    """P regressions side by side, in one floating-point type. Their parameters, [P, K, R + 1], end in the intercepts.

    z: [P, R + 1, n]; squares: z^2; hits: [P, K, n], 1 at an example's class; ridge: [P, 1, R + 1].
    """

    z: np.ndarray
    squares: np.ndarray
    hits: np.ndarray
    ridge: np.ndarray

    def take(self, kept: np.ndarray) -> Problems:
        """Those for which `kept`, [P] bool, holds."""
        return Problems(*(part[kept] for part in self._parts()))

    def rounded(self) -> Problems:
        """In float32."""
        return Problems(*(part.astype(np.float32) for part in self._parts()))

    def _parts(self) -> tuple[np.ndarray, ...]:
        return self.z, self.squares, self.hits, self.ridge


class Point(NamedTuple):
    """Where P searches are: loss [P], gradient [P, K, R + 1] and probabilities [P, K, n] at their parameters."""

    parameters: np.ndarray
    loss: np.ndarray
    gradient: np.ndarray
    proba: np.ndarray

    def take(self, kept: np.ndarray) -> Point:
        return Point(*(part[kept] for part in self))


def minimise(problems: Problems, rounded: Problems, start: np.ndarray, close: float) -> np.ndarray:
    """Parameters [P, K, R + 1] where every gradient is `close` to 0, by Newton's method from a start.

    rounded: the problems in float32, in which the steps are solved for. Problems that are float32 themselves may be
    too coarse to get there: then parameters near by. Raises FewlabelsError where the search fails for others.
    """
    coarse = problems is rounded
    found, searching = np.empty_like(start), np.arange(len(start))
    at = evaluate(problems, start)
    for _ in range(MOST_STEPS):
        proba, downhill = at.proba.astype(np.float32, copy=False), -at.gradient.astype(np.float32, copy=False)
        inverse = 1 / _curvatures(rounded, proba)
        size = np.sqrt(_dot(downhill * inverse, downhill))
        if (done := size <= close).any():
            found[searching[done]] = at.parameters[done]
            if done.all():
                return found
            left = ~done
            searching, problems, rounded, at = searching[left], problems.take(left), rounded.take(left), at.take(left)
            proba, downhill, inverse, size = proba[left], downhill[left], inverse[left], size[left]
        # the closer to the end, the closer a step must come to Newton's, but never closer than the end needs
        precision = np.maximum(size * np.minimum(0.25, 0.3 * np.sqrt(size)), 0.3 * close)
        step = newton_step(rounded, proba, downhill, inverse, precision)
        at = _descend(problems, at, step.astype(start.dtype, copy=False))
    if coarse:
        found[searching] = at.parameters
        return found
    raise FewlabelsError(
        f"softmax regression did not converge: gradients are {', '.join(f'{s:.1e}' for s in size[:3])} after "
        f"{MOST_STEPS} steps where {close:.1e} is allowed; try a smaller C, or features of a more even scale"
    )


def evaluate(problems: Problems, parameters: np.ndarray) -> Point:
    logits = parameters @ problems.z
    logits -= logits.max(axis=1, keepdims=True)
    loss = -_dot(problems.hits, logits)
    proba = np.exp(logits, out=logits)
    total = proba.sum(axis=1, keepdims=True)
    loss += np.log(total).sum(axis=(1, 2))
    proba /= total
    gradient = problems.ridge * parameters
    loss += 0.5 * _dot(gradient, parameters)
    errors = np.subtract(proba, problems.hits)
    gradient += errors @ problems.z.mT
    return Point(parameters, loss, gradient, proba)


def _curvatures(problems: Problems, proba: np.ndarray) -> np.ndarray:
    """The diagonal of every Hessian, [P, K, R + 1]; an intercept's never quite 0, as it is where all is certain."""
    uncertainty = proba - np.square(proba)  # [P, K, n]
    curvatures: np.ndarray = np.maximum(uncertainty @ problems.squares.mT + problems.ridge, 1e-6)
    return curvatures


def newton_step(
    problems: Problems, proba: np.ndarray, downhill: np.ndarray, inverse: np.ndarray, precision: np.ndarray
) -> np.ndarray:
    """The s [P, K, R + 1] of H s = downhill, by conjugate gradients until the residual is within `precision`, [P]."""
    step, residual = np.zeros_like(downhill), downhill.copy()
    scaled = inverse * residual
    direction, product, moved, spare = (
        scaled.copy(),
        np.empty_like(downhill),
        np.empty_like(proba),
        np.empty_like(proba),
    )
    size = _dot(residual, scaled)
    going = size > 0
    for _ in range(MOST_PRODUCTS):
        np.matmul(direction, problems.z, out=moved)
        moved *= proba
        moved -= np.multiply(proba, moved.sum(axis=1, keepdims=True), out=spare)
        np.matmul(moved, problems.z.mT, out=product)
        product += problems.ridge * direction
        length = np.divide(size, _dot(direction, product), out=np.zeros_like(size), where=going)[:, None, None]
        step += length * direction
        residual -= length * product
        np.multiply(inverse, residual, out=scaled)
        previous, size = size, _dot(residual, scaled)
        going &= size > precision * precision
        if not going.any():
            break
        direction *= np.divide(size, previous, out=np.zeros_like(size), where=going)[:, None, None]
        direction += scaled
    return step


def _descend(problems: Problems, at: Point, step: np.ndarray) -> Point:
    """Go the whole step where that lowers the loss enough, else a half of it, a quarter, ..."""
    slope, share = _dot(at.gradient, step), np.ones_like(at.loss)
    slack = 10 * np.finfo(at.loss.dtype).eps * np.abs(at.loss)
    for _ in range(MOST_HALVINGS):
        new = evaluate(problems, at.parameters + share[:, None, None] * step)
        too_far = ~(new.loss <= at.loss + 1e-4 * share * slope + slack)
        if not too_far.any():
            break
        share[too_far] /= 2
    return new


def _dot(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """[P, ...], [P, ...] -> [P]."""
    products: np.ndarray = np.vecdot(a.reshape(len(a), -1), b.reshape(len(b), -1))
    return products
