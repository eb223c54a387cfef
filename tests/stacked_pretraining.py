"""Made up for tests of stacked pretraining: jobs of one kind, trained together and one by one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from fewlabels.networks import Autoencoder, state_hash
from fewlabels.training import Examples, History, Job, Recipe, train, train_stacked

RECIPE = Recipe(steps=6, batch_size=5, epsilon=1e-3, schedule="one-cycle", clip_norm=1.0, validate_every=2)
"""Epsilon is far above rounding: where a gradient is exactly zero, Adam must not blow its rounding up to a step."""

COUPLED = 1e-3
"""Tolerance for objectives behind a projection, whose normalisation over batches of five divides by small deviations:
rounding grows, in the biases of codes, which have no other gradient, and where it switches a ReLU behind that."""

SUBSETS = [np.arange(3, 15), np.arange(10)[::-1].copy(), np.array([0, 2, 4, 6, 8, 10, 12, 14, 15])]


def alike(job: Job, m: int = 3, **values: Sequence[Any]) -> list[Job]:
    """Jobs that differ in seed, learning rate, weight decay, clipping and patience, and what is given of the recipe."""
    settings = {
        "lr": (0.003, 0.01, 0.006),
        "weight_decay": (0.0, 0.1, 0.3),
        "clip_norm": (0.5, 1.0, 5.0),
        "patience": (1, 2, None),
        **values,
    }
    recipes = [replace(RECIPE, **{name: own[model] for name, own in settings.items()}) for model in range(m)]
    return [replace(job, recipe=recipe, seed=3 + model) for model, recipe in enumerate(recipes)]


def assert_stacked_equals_train(
    jobs: Sequence[Job],
    x: Examples,
    validation: Examples | None = None,
    subsets: Sequence[np.ndarray] | None = None,
    tolerance: float | None = None,
) -> list[History]:
    """Weights, losses, terms, validation and strips are those of `train`, in the order of the jobs. The histories."""
    tolerance = tolerance or (COUPLED if jobs[0].objective.coupled else 1e-5)
    found = train_stacked(jobs, x, validation, subsets)
    assert len(found) == len(jobs)
    for place, (job, (net, history)) in enumerate(zip(jobs, found, strict=True)):
        oracle, told = train(job, x if subsets is None else x.take(subsets[place]), validation)
        assert_equal_nets(net, oracle, tolerance)
        assert_equal_histories(history, told, tolerance)
    assert len({state_hash(net) for net, _ in found}) == len(jobs)
    return [history for _, history in found]


def assert_equal_nets(net: Autoencoder, oracle: Autoencoder, tolerance: float) -> None:
    torch.testing.assert_close(net.state_dict(), oracle.state_dict(), rtol=tolerance, atol=tolerance)
    assert not any(part.training for part in net.modules())


def assert_equal_histories(history: History, told: History, tolerance: float) -> None:
    def near(values: list[float]) -> Any:
        return pytest.approx(values, rel=tolerance, abs=tolerance)

    assert history.loss == near(told.loss)
    assert history.terms.keys() == told.terms.keys()
    for name, values in told.terms.items():
        assert history.terms[name] == near(values)
    assert history.validation_step == told.validation_step
    assert history.validation_loss == near(told.validation_loss)
    assert (history.best_step, history.phases) == (told.best_step, told.phases)
    assert history.seconds > 0
    assert history.strip_step == told.strip_step
    assert (history.strip is None) == (told.strip is None)
    if history.strip is not None:
        rounding = max(tolerance, 2e-3)  # of float16
        torch.testing.assert_close(history.strip, told.strip, rtol=rounding, atol=rounding)
