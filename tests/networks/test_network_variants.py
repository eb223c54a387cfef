"""Variants of a network: as many codes as promised, settings like any other's, refusals in one line."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace

import pytest
import torch
from network_cases import dense_count, noise

from fewlabels.core.errors import InputError
from fewlabels.core.settings import from_json, to_json
from fewlabels.networks import (
    NETWORKS,
    PAPER_1,
    PAPER_2,
    PAPER_3,
    VARIANTS,
    Conv,
    Dense,
    PooledConv,
    Residual,
    linear_decoder,
    parameter_count,
    seeded,
)

IMAGE, VECTOR = (1, 28, 28), (20,)
BASES = {
    "vector": (Dense(hidden=(9,), latent_dim=4, output="relu"), VECTOR),
    "conv": (Conv(channels=(3, 4), hidden=(8,), latent_dim=7), IMAGE),
    "paper1": (PAPER_1, IMAGE),
    "residual": (Residual(channels=(4, 6), latent_dim=5), IMAGE),
}
CODES = {
    "linear": {"vector": 4, "conv": 7, "paper1": 196, "residual": 5},
    "tied": {"vector": 4, "conv": 7, "paper1": 196},
    "dense": {"vector": 4, "conv": 7, "paper1": 196, "residual": 5},
    "residual": {"conv": 7, "paper1": 196, "residual": 5},
    "pooled": {"conv": 640, "paper1": 640, "residual": 640},
    "overcomplete": {"vector": 20, "conv": 784, "paper1": 784, "residual": 784},
    "paper1": {"conv": 196, "paper1": 196, "residual": 196},
    "paper2": {"conv": 9, "paper1": 9, "residual": 9},
    "paper3": {"vector": 64, "conv": 64, "paper1": 64, "residual": 64},
}
PAIRS = [(variant, base) for variant, codes in CODES.items() for base in codes]
every_pair = pytest.mark.parametrize(("variant", "base"), PAIRS)


def varied(variant, base):
    return VARIANTS[variant](*BASES[base])


def test_the_table_is_whole():
    assert list(VARIANTS) == list(CODES)
    assert all("/" not in name and "+" not in name for name in VARIANTS)  # as they stand in the names of methods


@pytest.mark.slow
@every_pair
@torch.no_grad()
def test_variants_have_the_promised_codes(variant, base):
    shape = BASES[base][1]
    net = seeded(0, lambda: varied(variant, base).build(shape))
    assert net.latent_dim == CODES[variant][base]
    x = noise(2, *shape)
    assert net.decode(net.encode(x)).shape == x.shape


@every_pair
def test_variants_are_settings(variant, base):
    spec = varied(variant, base)
    back = from_json(json.loads(json.dumps(to_json(spec))), NETWORKS)
    assert back == spec == varied(variant, base)
    assert hash(back) == hash(spec)


@pytest.mark.parametrize(
    ("variant", "base", "expected"),
    [
        ("linear", "paper1", Dense(hidden=(), latent_dim=196)),
        ("dense", "conv", Dense(hidden=(256, 128), latent_dim=7)),
        ("tied", "vector", Dense(hidden=(9,), latent_dim=4, output="relu", tied=True)),
        ("tied", "conv", Conv(channels=(3, 4), hidden=(8,), latent_dim=7, tied=True)),
        ("tied", "paper1", replace(PAPER_1, tied=True)),
        ("residual", "conv", Residual(channels=(16, 32), latent_dim=7)),
        ("residual", "vector", Residual(channels=(16,), latent_dim=4)),
        ("pooled", "conv", PooledConv()),
        ("pooled", "vector", PooledConv(channels=(32,))),
        ("overcomplete", "vector", Dense(hidden=(9,), latent_dim=20, output="relu")),
        ("overcomplete", "paper1", replace(PAPER_1, latent_dim=784)),
        ("overcomplete", "residual", Residual(channels=(4, 6), latent_dim=784)),
        ("paper1", "conv", PAPER_1),
        ("paper2", "vector", PAPER_2),
        ("paper3", "residual", PAPER_3),
    ],
)
def test_what_variants_are(variant, base, expected):
    assert varied(variant, base) == expected


@pytest.mark.parametrize(
    ("shape", "channels"),
    [
        ((1, 8, 8), (16,)),
        ((1, 28, 28), (16, 32)),
        ((3, 31, 45), (16, 32, 64)),
        ((3, 96, 96), (16, 32, 64, 64)),
        ((1, 300, 8), (16, 32, 64)),
        ((1, 8, 17), (16, 32)),
        ((2, 3, 5), (16,)),
    ],
)
@torch.no_grad()
def test_the_residual_variant_fits_the_image(shape, channels):
    spec = VARIANTS["residual"](Dense(latent_dim=6), shape)
    assert spec == Residual(channels, latent_dim=6)
    net = seeded(0, lambda: spec.build(shape))
    codes = net.encode(noise(5, *shape))
    assert codes.std(0).max() > 0.01
    assert net.decode(codes).shape == (5, *shape)


@pytest.mark.parametrize("base", BASES)
def test_linear_is_affine(base):
    shape = BASES[base][1]
    net = seeded(0, lambda: varied("linear", base).build(shape))
    assert parameter_count(net) == dense_count(net.encoder[-1].in_features, net.latent_dim, net.encoder[-1].in_features)
    a, b = noise(2, 3, *shape)
    zero = torch.zeros_like(a)
    for f in (net.encode, lambda x: net.decode(net.encode(x))):
        torch.testing.assert_close(f(2 * a - 3 * b), 2 * f(a) - 3 * f(b) + 2 * f(zero), rtol=1e-4, atol=1e-4)
        assert not torch.allclose(f(a), f(b))


def test_the_linear_decoder_is_found_where_there_is_one():
    for shape in (VECTOR, IMAGE):
        net = Dense(hidden=(), latent_dim=3).build(shape)
        weight = linear_decoder(net)
        z = noise(2, 3)
        offset = net.decode(torch.zeros(1, 3))
        torch.testing.assert_close((z @ weight.T).view(2, *shape) + offset, net.decode(z))
    tied = Dense(hidden=(), latent_dim=3, tied=True).build(VECTOR)
    assert torch.equal(linear_decoder(tied), tied.encoder[-1].weight.T)
    for spec in (Dense(), Dense((), 3, code="relu"), Dense((), 3, output="relu"), PAPER_1, Conv(latent_dim=3)):
        assert linear_decoder(spec.build(IMAGE)) is None


def test_a_variant_of_an_image_shape_counts_all_its_numbers():
    assert VARIANTS["overcomplete"](Conv(), (3, 9, 8)).latent_dim == 216
    assert VARIANTS["overcomplete"](Dense(), (2, 5)).latent_dim == 10


def test_making_a_variant_leaves_the_global_generator_alone():
    torch.manual_seed(5)
    before = torch.get_rng_state()
    for variant, base in PAIRS:
        varied(variant, base)
    assert torch.equal(torch.get_rng_state(), before)


@dataclass(frozen=True)
class Other:
    """A network of somebody else's."""

    def build(self, input_shape, code_width=1):
        return Dense(latent_dim=3).build(input_shape, code_width)


def test_networks_of_other_kinds_have_the_variants_that_only_need_their_codes():
    assert VARIANTS["linear"](Other(), VECTOR) == Dense(hidden=(), latent_dim=3)
    assert VARIANTS["residual"](Other(), IMAGE).latent_dim == VARIANTS["dense"](Other(), IMAGE).latent_dim == 3


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: varied("tied", "residual"), "network Residual cannot be tied; allowed are Dense, Conv"),
        (lambda: VARIANTS["tied"](Other(), VECTOR), "network Other cannot be tied; allowed are Dense, Conv"),
        (
            lambda: VARIANTS["overcomplete"](Other(), VECTOR),
            "network Other has no overcomplete form; allowed are Dense, Conv, Residual",
        ),
        (
            lambda: varied("residual", "vector").build(VECTOR),
            "Residual needs images (channels, height, width), got examples of shape (20,); use Dense",
        ),
        (
            lambda: varied("paper1", "vector").build(VECTOR),
            "Conv needs images (channels, height, width), got examples of shape (20,); use Dense",
        ),
        (
            lambda: VARIANTS["linear"](Conv(), VECTOR),
            "Conv needs images (channels, height, width), got examples of shape (20,); use Dense",
        ),
    ],
)
def test_what_does_not_go_together_is_refused_in_one_line(make, message):
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        make()
