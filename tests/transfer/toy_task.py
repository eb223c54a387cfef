"""A toy task, and learners to try on it: three classes that a few steps can tell apart."""

from __future__ import annotations

import copy

import numpy as np
import pytest
from torch import nn

from fewlabels.data import fit_scaling
from fewlabels.networks import Dense, seeded
from fewlabels.objectives import Reconstruction
from fewlabels.training import Examples
from fewlabels.transfer import (
    Codes,
    FineTune,
    MlpHead,
    WholeNetwork,
    features_of,
    fit_centring,
)

SETTING = {"lr": 0.02}
N, D, K = 30, 6, 3


def toy(seed: int, n: int = N) -> tuple[np.ndarray, np.ndarray]:
    """Three well separated classes in six dimensions."""
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.arange(n) % K)
    x = 2 * np.repeat(np.eye(K), D // K, axis=1)[y] + 0.3 * rng.normal(size=(n, D))
    return x.astype(np.float32), y


def as_examples(x: np.ndarray) -> Examples:
    return Examples(x, fit_scaling(np.zeros((1, *x.shape[1:]), dtype=np.float32)))


def accuracy(classifier, inputs, y) -> float:
    log_proba = classifier.log_proba(inputs)
    assert (log_proba.shape, log_proba.dtype) == ((len(y), K), np.float64)
    np.testing.assert_allclose(np.exp(log_proba).sum(axis=1), 1)
    return (log_proba.argmax(axis=1) == y).mean()


NET = seeded(0, lambda: Dense(hidden=(8,), latent_dim=4).build((D,))).eval()
CENTRING = fit_centring(features_of(Codes(NET, Reconstruction()), as_examples(toy(9)[0])))


def finetune(copies: list | None = None, rate: float = 0.5) -> FineTune:
    def start():
        net = copy.deepcopy(NET)
        if copies is not None:
            copies.append(net)
        return net

    return FineTune(K, start, Reconstruction(), CENTRING, encoder_rate=rate)


def whole() -> WholeNetwork:
    return WholeNetwork(lambda: nn.Sequential(nn.Linear(D, 8), nn.ReLU(), nn.Linear(8, K)))


LEARNERS = {"mlp": (MlpHead(K), np.asarray), "finetune": (finetune(), as_examples), "whole": (whole(), as_examples)}
learners = pytest.mark.parametrize("name", LEARNERS)
