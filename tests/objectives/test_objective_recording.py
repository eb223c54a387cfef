"""Pretraining with every objective by recorded steps, several models together: each ends as `train` leaves it."""

from __future__ import annotations

import numpy as np
import pytest
from objective_cases import NETWORKS, every_objective, examples

from fewlabels.data import Scaling
from fewlabels.objectives import OBJECTIVES
from fewlabels.training import Examples, Job
from fewlabels.training.ensemble import fit as stacked
from stacked_pretraining import SUBSETS, alike, assert_stacked_equals_train

ONE = Scaling(np.zeros(1, np.float32), np.ones(1, np.float32))


@pytest.mark.slow
@every_objective
@pytest.mark.parametrize("network", ["dense", "stride"])
def test_recorded_steps_end_as_those_of_the_loop(monkeypatch, name, network):
    recorded, record = [], stacked.record

    def counted(function, state, batch):
        recorded.append(len(batch[0]))
        return record(function, state, batch)

    monkeypatch.setattr(stacked, "record", counted)
    monkeypatch.setattr(stacked, "recording_pays", lambda *args: True)
    spec, shape = NETWORKS[network]
    x = examples(*shape).numpy()
    jobs = alike(Job(spec, OBJECTIVES[name]), 2, steps=(3, 3), patience=(None, None))
    assert_stacked_equals_train(jobs, Examples(x, ONE), subsets=SUBSETS[:2])
    assert recorded == [2]
