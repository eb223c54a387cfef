"""Specs as settings: JSON both ways, hashing, refusal of what is out of range; seeds and hashes of modules."""

from __future__ import annotations

import json
from dataclasses import FrozenInstanceError

import pytest
import torch
from torch import nn

from fewlabels.core.errors import InputError
from fewlabels.core.settings import from_json, to_json
from fewlabels.networks import (
    NETWORKS,
    PRESETS,
    Conv,
    Dense,
    PooledConv,
    Residual,
    channels_last,
    default_network,
    seeded,
    state_hash,
)

SPECS = [
    Dense(),
    Dense(hidden=(), latent_dim=1, code="relu", output="relu"),
    Conv(),
    Conv(channels=(3, 5), padding=(1, 0), hidden=(7,), latent_dim=2),
    Conv(channels=(4,), kernel=5, down="pool", padding=2, latent_dim=None),
    Dense(tied=True),
    Conv(tied=True),
    Residual(),
    Residual(channels=(3, 5), blocks=2, groups=1, latent_dim=None),
    PooledConv(),
    PooledConv(channels=(3, 5), norm=None),
    *PRESETS.values(),
    default_network((3, 31, 45)),
    default_network((5,)),
]


@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_json_there_and_back(spec):
    back = from_json(json.loads(json.dumps(to_json(spec))), NETWORKS)
    assert back == spec
    assert hash(back) == hash(spec)
    assert type(spec).__name__ in NETWORKS


def test_specs_are_told_apart_and_frozen():
    assert len({to_json(spec).__repr__() for spec in SPECS}) == len(set(SPECS)) == len(SPECS)
    with pytest.raises(FrozenInstanceError):
        Dense().latent_dim = 3
    assert to_json(Dense(hidden=(3,), latent_dim=2)) == {
        "kind": "Dense",
        "hidden": [3],
        "latent_dim": 2,
        "code": "linear",
        "output": "linear",
        "tied": False,
    }
    assert to_json(Residual(channels=(3,), latent_dim=None)) == {
        "kind": "Residual",
        "channels": [3],
        "blocks": 1,
        "groups": 4,
        "latent_dim": None,
    }


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"kind": "Transformer"},
            "unknown kind 'Transformer' in settings; allowed are Conv, Dense, PooledConv, Residual",
        ),
        ({"hidden": [3]}, "unknown kind None"),
        ({"kind": "Dense", "depth": 3, "width": 1}, "Dense has no setting depth, width; allowed are code, hidden,"),
        ({"kind": "Dense", "latent_dim": 0}, "Dense: latent_dim is 0"),
        ({"kind": "Residual", "hidden": [3]}, "Residual has no setting hidden; allowed are blocks, channels, groups,"),
    ],
)
def test_json_of_something_else_is_refused(values, message):
    with pytest.raises(InputError, match=message):
        from_json(values, NETWORKS)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Dense(hidden=(4, 0)), r"Dense: hidden is \(4, 0\); allowed is widths of 1 or more"),
        (lambda: Dense(latent_dim=0), "Dense: latent_dim is 0; allowed is 1 or more"),
        (lambda: Dense(code="tanh"), "Dense: code is 'tanh'; allowed is 'linear' or 'relu'"),
        (lambda: Dense(output="sigmoid"), "Dense: output is 'sigmoid'; allowed is 'linear' or 'relu'"),
        (lambda: Conv(channels=()), r"Conv: channels is \(\); allowed is one level or more, each of 1 or more"),
        (lambda: Conv(channels=(3, 0)), r"Conv: channels is \(3, 0\)"),
        (lambda: Conv(kernel=0), "Conv: kernel is 0; allowed is 1 or more"),
        (lambda: Conv(down="half"), "Conv: down is 'half'; allowed is 'stride' or 'pool'"),
        (lambda: Conv(padding=3), "Conv: padding is 3; allowed is 0 to kernel - 1, one a level"),
        (lambda: Conv(padding=-1), "Conv: padding is -1"),
        (lambda: Conv(padding=(1,)), r"Conv: padding is \(1,\); .* one a level"),
        (lambda: Conv(padding=(1, 1, 0)), r"Conv: padding is \(1, 1, 0\)"),
        (lambda: Conv(hidden=(0,)), r"Conv: hidden is \(0,\); allowed is widths of 1 or more"),
        (lambda: Conv(latent_dim=0), "Conv: latent_dim is 0; allowed is 1 or more, or None"),
        (lambda: Conv(latent_dim=None, hidden=(9,)), r"Conv: hidden is \(9,\); allowed is \(\) where latent_dim is"),
    ],
)
def test_settings_out_of_range_are_refused(make, message):
    with pytest.raises(InputError, match=message):
        make()


def test_seeded_decides_the_weights_and_leaves_the_global_generator_alone():
    torch.manual_seed(123)
    expected = torch.rand(5)
    torch.manual_seed(123)
    first, again, other = (seeded(seed, lambda: Dense().build((6,))) for seed in (7, 7, 8))
    torch.testing.assert_close(torch.rand(5), expected, rtol=0, atol=0)
    assert state_hash(first) == state_hash(again) != state_hash(other)


def test_seeded_restores_the_generator_when_building_fails():
    before = torch.get_rng_state()
    with pytest.raises(InputError):
        seeded(0, lambda: (torch.rand(3), Conv().build((4,)))[1])
    assert torch.equal(torch.get_rng_state(), before)


def with_buffers() -> nn.Module:
    return nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.Linear(3, 1, bias=False))


def test_state_hash_sees_every_single_weight_and_buffer():
    module = seeded(0, with_buffers)
    original = state_hash(module)
    seen = {original}
    count = 0
    for tensor in module.state_dict().values():
        flat = tensor.view(-1)
        for i in range(len(flat)):
            kept = flat[i].clone()
            flat[i] = kept + 1
            seen.add(state_hash(module))
            flat[i] = kept
            count += 1
    assert count == 6 + 3 + 3 + 3 + 3 + 3 + 1 + 3
    assert len(seen) == 1 + count
    assert state_hash(module) == original


def test_state_hash_sees_names_shapes_and_types_but_not_memory_layout():
    zeros = [nn.Linear(2, 3, bias=False), nn.Linear(3, 2, bias=False), nn.Linear(2, 3, bias=False).double()]
    for module in zeros:
        nn.init.zeros_(module.weight)
    assert len({state_hash(module) for module in [*zeros, nn.Sequential(zeros[0])]}) == 4


def test_channels_last_changes_the_memory_and_nothing_else():
    net = seeded(0, lambda: Conv(channels=(4, 5), latent_dim=3).build((3, 9, 8)))
    x = torch.rand(2, 3, 9, 8, generator=torch.Generator().manual_seed(0))
    before, output = state_hash(net), net.decode(net.encode(x))
    assert channels_last(net) is net
    kernels = [parameter for parameter in net.parameters() if parameter.dim() == 4]
    assert len(kernels) == 4
    assert all(kernel.is_contiguous(memory_format=torch.channels_last) for kernel in kernels)
    assert state_hash(net) == before
    torch.testing.assert_close(net.decode(net.encode(x)), output)
