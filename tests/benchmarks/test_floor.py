"""Operations and bytes of a step, against a count by hand and torch's own counter."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.floor import FLOAT, autoencoder_step, layers_of, probe_step, training_step
from benchmarks.workloads import SHAPE, WORKLOADS, fresh_network


@pytest.mark.parametrize("name", WORKLOADS)
def test_multiply_adds_are_those_of_torch(name):
    workload = WORKLOADS[name]
    net = fresh_network(workload, 0)
    x = torch.rand(workload.batch, *SHAPE)
    with FlopCounterMode(display=False) as counter:
        F.mse_loss(net.decode(net.encode(x)), x).backward()
    assert 2 * autoencoder_step(name).multiply_adds == counter.get_total_flops()


def test_paper_1s_network_by_hand():
    """Convolutions 1-8 and 8-4, then 4-4, 4-8 and 8-1, on sides of 28, 14, 7, 14 and 28; kernels of 3x3."""
    first = 9 * 8 * 28**2
    rest = 9 * (8 * 4 * 14**2 + 4 * 4 * 7**2 + 4 * 8 * 14**2 + 8 * 1 * 28**2)
    assert autoencoder_step("paper1").multiply_adds == 256 * (2 * first + 3 * rest)


def test_a_probes_step_by_hand():
    step = probe_step()
    assert step.multiply_adds == 2 * 16 * 196 * 10
    assert step.bytes == FLOAT * (2 * 16 * (196 + 10) + 10 * 1970)


def test_bytes_of_two_layers_by_hand():
    layers, y = layers_of(nn.Sequential(nn.Flatten(), nn.Linear(6, 4, bias=False), nn.ReLU()), torch.rand(5, 2, 3))
    assert y.shape == (5, 4)
    step = training_step(layers)
    assert step.bytes == FLOAT * (2 * 5 * (6 + 4) + 5 * 5 * 4 + 10 * 24)
    assert step.largest == FLOAT * 5 * 6


def test_layers_of_unknown_work_are_refused():
    with pytest.raises(TypeError, match="multiply-adds of a Conv1d are not known"):
        layers_of(nn.Sequential(nn.Conv1d(2, 2, 1)), torch.rand(2, 2, 3))
