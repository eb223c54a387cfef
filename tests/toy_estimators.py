"""Small data and small settings to try estimators on."""

from __future__ import annotations

from typing import Any

import numpy as np

from fewlabels import AutoencoderTransformer, PretrainedClassifier
from fewlabels.networks import Dense

SMALL = Dense(hidden=(8,), latent_dim=3)


def transformer(**settings: Any) -> AutoencoderTransformer:
    return AutoencoderTransformer(**{"network": SMALL, "steps": 20, "random_state": 0, "device": "cpu", **settings})


def classifier(**settings: Any) -> PretrainedClassifier:
    small = {"network": SMALL, "transfer": "probe", "steps": 20, "random_state": 0, "device": "cpu"}
    return PretrainedClassifier(**{**small, **settings})


def clusters(n: int = 60, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Three clusters in six dimensions, on a scale of their own, and the number of each: float64 and int64."""
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.arange(n) % 3)
    return 100 + 5 * (3 * np.repeat(np.eye(3), 2, axis=1)[y] + 0.5 * rng.normal(size=(n, 6))), y


def pictures(shape: tuple[int, ...], n: int = 40, seed: int = 0) -> np.ndarray:
    """[n, *shape] uint8: each a brightness of its own, dark to the left and light below."""
    rng = np.random.default_rng(seed)
    slope = np.linspace(0, 100, int(np.prod(shape))).reshape(shape)
    return (slope + rng.integers(0, 150, size=(n, *(1 for _ in shape)))).astype(np.uint8)
