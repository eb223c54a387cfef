"""Predictions of a classifier that never was, and the truth beside them."""

from __future__ import annotations

import numpy as np


def predictions(n: int, k: int, seed: int = 0, temperature: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """[n, k] float64 log-probabilities and [n] labels drawn from them.

    At temperature 1 the classifier knows exactly how sure it may be. Elsewhere its log-probabilities were multiplied by
    the temperature after the labels were drawn, so that dividing by it mends them: above 1 it is overconfident.
    """
    rng = np.random.default_rng(seed)
    honest = normalised(2 * rng.standard_normal((n, k)))
    y = (np.exp(honest).cumsum(axis=1) > rng.random((n, 1))).argmax(axis=1)
    return normalised(temperature * honest), y


def normalised(scores: np.ndarray) -> np.ndarray:
    """Log-probabilities of scores [n, k]."""
    return scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))
