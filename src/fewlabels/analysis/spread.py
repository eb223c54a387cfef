"""How codes are spread, without labels: effective rank, dead units, alignment and uniformity; a collapse in words.

References
----------
Roy & Vetterli (2007), The effective rank. Wang & Isola (2020), Understanding contrastive representation learning
through alignment and uniformity on the hypersphere.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

ROUNDING = 1e-5
"""What varies by less than this share of the largest code, or of the codes' deviation, does not vary."""

LOW_RANK, MOST_DEAD = 1.5, 0.5
"""An effective rank below the one, or a greater share of dead units than the other, is a collapse."""

FEWEST = 3
"""Codes that a collapse can be told of: fewer may have a rank of 1 by right."""


def effective_rank(codes: np.ndarray) -> float:
    """exp H(p), with p the singular values of the centred codes [N, D] over their sum and H the entropy in nats.

    From 1, all codes on a line, to min(N - 1, D), as much in every direction; 0 where all examples have the same codes.
    """
    values = np.linalg.svd(_centred(codes), compute_uv=False)
    if not values.any():
        return 0.0
    shares = values[values > 0] / values.sum()
    return float(np.exp(-(shares * np.log(shares)).sum()))


def dead_share(codes: np.ndarray) -> float:
    """Share of the units of [N, D] that are the same, but for rounding, for all examples."""
    deviations = _centred(codes).std(axis=0)
    typical = np.sqrt(np.square(deviations).mean())
    return float((deviations <= ROUNDING * typical).mean())


def alignment(first: np.ndarray, second: np.ndarray) -> float:
    """Mean squared distance, on the unit sphere, of the codes [N, D] of two views of each example, 0 to 4."""
    return float(np.square(_on_sphere(first) - _on_sphere(second)).sum(axis=1).mean())


def uniformity(codes: np.ndarray) -> float:
    """ln of the mean of e^(-2 d^2) over pairs of different examples, d their distance on the unit sphere.

    0 where all are one point; the lower, the more evenly codes [N, D] cover the sphere, down to about -4. Codes of 0,
    which have no direction, are one point, its centre.
    """
    points = _on_sphere(codes)
    norms = np.square(points).sum(axis=1)
    nearness = np.exp(-2 * np.clip(norms[:, None] + norms - 2 * points @ points.T, 0, None))
    np.fill_diagonal(nearness, 0)
    n = len(points)
    return float(np.log(nearness.sum() / (n * (n - 1))))


def describe_spread(codes: np.ndarray, views: tuple[np.ndarray, np.ndarray] | None = None) -> dict[str, Any]:
    """All of the above, as JSON values.

    codes: of N examples, 3 or more, [N, D]. views: codes of two views of each, where the encoder was trained with such;
    None: alignment and uniformity are None too.
    """
    return {
        "codes": codes.shape[1],
        "effective_rank": effective_rank(codes),
        "dead": dead_share(codes),
        "alignment": None if views is None else alignment(*views),
        "uniformity": None if views is None else uniformity(codes),
    }


def collapse(spread: Mapping[str, Any]) -> str | None:
    """What is wrong with codes that `describe_spread` tells of, as a clause; None where they have not collapsed."""
    if spread["codes"] < FEWEST:
        return None
    if spread["effective_rank"] < LOW_RANK:
        return f"the effective rank of its {spread['codes']} codes is {spread['effective_rank']:.1f}"
    if spread["dead"] > MOST_DEAD:
        return f"{spread['dead']:.0%} of its {spread['codes']} codes are the same for all examples"
    return None


def _centred(codes: np.ndarray) -> np.ndarray:
    """Less their means, in double precision; deviations within rounding are 0."""
    exact = codes.astype(np.float64)
    centred: np.ndarray = exact - exact.mean(axis=0)
    centred[:, np.abs(centred).max(axis=0) <= ROUNDING * np.abs(exact).max(initial=0)] = 0
    return centred


def _on_sphere(codes: np.ndarray) -> np.ndarray:
    """Scaled to length 1; codes of 0 stay 0."""
    exact = codes.astype(np.float64)
    points: np.ndarray = exact / np.maximum(np.linalg.norm(exact, axis=1, keepdims=True), 1e-12)
    return points
