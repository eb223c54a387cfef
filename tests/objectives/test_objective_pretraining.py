"""Pretraining with every objective on every network, several models together: each ends as `train` leaves it."""

from __future__ import annotations

import numpy as np
import pytest
from objective_cases import (
    NETWORKS,
    changed,
    every_float_setting,
    every_network,
    every_objective,
    examples,
    value_at,
)

from fewlabels.data import Scaling
from fewlabels.networks import Network
from fewlabels.objectives import OBJECTIVES
from fewlabels.training import Examples, Job, Layerwise
from stacked_pretraining import SUBSETS, alike, assert_stacked_equals_train

ONE = Scaling(np.zeros(1, np.float32), np.ones(1, np.float32))
BELOW = [name for name, objective in OBJECTIVES.items() if objective.why_not_greedy is None]


def given(network: str) -> tuple[Network, Examples, Examples]:
    """The network's spec, examples to train on and others to validate with."""
    spec, shape = NETWORKS[network]
    x, validation = examples(*shape).numpy(), examples(*shape, seed=5).numpy()[:7]
    return spec, Examples(x, ONE), Examples(validation, ONE)


@pytest.mark.slow
@every_objective
@every_network
def test_jobs_trained_together_end_as_those_trained_alone(name, network):
    spec, x, validation = given(network)
    jobs = alike(Job(spec, OBJECTIVES[name]), 2, steps=(7, 4))
    assert_stacked_equals_train(jobs, x, validation, SUBSETS[:2])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("network", "name"),
    [
        *(("dense", name) for name in BELOW),
        *(
            (network, name)
            for network in ("tied", "tied-stride", "residual")
            for name in ("variational", "adversarial")
        ),
    ],
)
def test_layer_by_layer_too(network, name):
    spec, x, validation = given(network)
    jobs = alike(Job(spec, OBJECTIVES[name], layerwise=Layerwise(joint=True)), steps=(9,) * 3)
    histories = assert_stacked_equals_train(jobs, x, validation, SUBSETS)
    assert all(history.phases.keys() >= {"layer 1", "layer 2", "joint"} for history in histories)


@pytest.mark.slow
@every_float_setting
def test_each_with_a_float_setting_of_its_own(name, path):
    """As one stack: a single call would not be equal if the setting of one were that of all."""
    objective = OBJECTIVES[name]
    value = value_at(objective, path) or 0.2
    spec, x, validation = given("dense")
    jobs = alike(Job(spec, objective))
    jobs = [
        Job(spec, changed(objective, path, value * share), job.recipe, seed=0)
        for share, job in zip((1.0, 0.5, 0.7), jobs, strict=True)
    ]
    assert_stacked_equals_train(jobs, x, validation)
