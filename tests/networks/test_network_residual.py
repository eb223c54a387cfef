"""Residual networks: a block by hand, every example on its own, groups that divide, refusals."""

from __future__ import annotations

import pytest
import torch
from network_cases import RESIDUAL, noise
from torch import nn

from fewlabels.core.errors import InputError
from fewlabels.networks import Residual, parameter_count, seeded
from fewlabels.networks.layers import Block


def test_a_block_without_weights_is_the_identity_and_a_relu():
    block = Block(6, 3)
    for parameter in block.parameters():
        if parameter.dim() == 4:
            nn.init.zeros_(parameter)
    x = noise(2, 6, 5, 4)
    assert torch.equal(block(x), x.clamp(min=0))


def middle(block, *factors):
    """Kernels that multiply every pixel by a factor."""
    with torch.no_grad():
        for convolution, factor in zip((block.change[0], block.change[3]), factors, strict=True):
            convolution.weight.zero_()
            convolution.weight[:, :, 1, 1] = factor


def test_a_block_by_hand():
    block = Block(1, 1)
    middle(block, 1.0, 5.0)
    x = torch.tensor([[3.0, -1.0], [-1.0, 3.0]])[None, None]
    # normalised [1 -1; -1 1], relu [1 0; 0 1], times five, normalised [1 -1; -1 1], plus x [4 -2; -2 4], relu
    expected = torch.tensor([[4.0, 0.0], [0.0, 4.0]])[None, None]
    torch.testing.assert_close(block(x), expected, rtol=1e-4, atol=0)
    with torch.no_grad():
        block.change[4].weight.fill_(2.0)
        block.change[4].bias.fill_(0.5)  # twice [1 -1; -1 1] and 0.5: [2.5 -1.5; -1.5 2.5], plus x
    torch.testing.assert_close(block(x), torch.tensor([[5.5, 0.0], [0.0, 5.5]])[None, None], rtol=1e-4, atol=0)


def test_a_level_is_convolution_normalisation_blocks_and_the_decoder_mirrors_it():
    net = Residual(channels=(4, 6), blocks=2, latent_dim=5).build((1, 12, 12))
    level = "Conv2d Norm ReLU Block Block "
    up = "Block Block Upsample Conv2d "
    assert [type(layer).__name__ for layer in net.encoder] == (level * 2 + "Flatten Linear").split()
    assert [type(layer).__name__ for layer in net.decoder] == (
        "Linear ReLU Unflatten " + up + "Norm ReLU " + up
    ).split()
    blocks = [layer for layer in net.encoder if isinstance(layer, Block)]
    first = [(m.in_channels, m.out_channels, m.kernel_size) for m in blocks[0].modules() if isinstance(m, nn.Conv2d)]
    assert first == [(4, 4, (3, 3))] * 2


def test_parameters_counted_by_hand():
    net = Residual(channels=(4,), blocks=1, latent_dim=3).build((1, 8, 8))
    block = 2 * (4 * 4 * 9 + 2 * 4)
    assert parameter_count(net.encoder) == (1 * 9 * 4 + 4) + 2 * 4 + block + (4 * 4 * 4 * 3 + 3)
    assert parameter_count(net.decoder) == (3 * 64 + 64) + block + (4 * 9 * 1 + 1)


@pytest.mark.parametrize(
    ("shape", "codes"),
    [
        ((1, 8, 8), 9 * 1 * 1),
        ((1, 28, 28), 9 * 4 * 4),
        ((3, 96, 96), 9 * 12 * 12),
        ((3, 31, 45), 9 * 4 * 6),
        ((1, 9, 17), 9 * 2 * 3),
        ((2, 32, 5), 9 * 4 * 1),
    ],
)
def test_every_level_halves_and_rounds_up(shape, codes):
    assert RESIDUAL["residual-feature-map"].build(shape).latent_dim == codes


@pytest.mark.parametrize("name", RESIDUAL)
@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
@torch.no_grad()
def test_an_example_is_treated_alone(name, training):
    net = seeded(0, lambda: RESIDUAL[name].build((3, 17, 12), 2)).train(training)
    x = noise(4, 3, 17, 12)
    others = torch.cat([x[:1], 1000 * noise(3, 3, 17, 12, seed=1)])
    for batch in (x[:1], others):
        torch.testing.assert_close(net.encode(batch)[0], net.encode(x)[0], rtol=1e-4, atol=1e-5)
    z = noise(4, net.latent_dim, seed=2)
    others = torch.cat([z[:1], 1000 * noise(3, net.latent_dim, seed=3)])
    for batch in (z[:1], others):
        torch.testing.assert_close(net.decode(batch)[0], net.decode(z)[0], rtol=1e-4, atol=1e-5)
    assert not list(net.buffers())  # no running statistics


@pytest.mark.parametrize("name", RESIDUAL)
@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 11, 30)], ids=str)
@torch.no_grad()
def test_codes_tell_examples_apart(name, shape):
    net = seeded(0, lambda: RESIDUAL[name].build(shape))
    assert net.encode(noise(5, *shape)).std(0).max() > 0.01


@pytest.mark.parametrize(
    ("groups", "channels", "expected"),
    [(4, 16, 4), (4, 6, 2), (4, 3, 1), (3, 6, 3), (8, 4, 4), (5, 16, 1), (1, 7, 1), (4, 1, 1)],
)
def test_as_many_groups_as_divide_the_channels(groups, channels, expected):
    net = Residual(channels=(channels, 2 * channels), groups=groups, latent_dim=2).build((1, 16, 16))
    norms = [m for m in net.modules() if isinstance(m, nn.GroupNorm)]
    assert len(norms) == (1 + 2) * 2 + 2 * 2 + 1
    assert {norm.num_groups for norm in norms if norm.num_channels == channels} == {expected}


def test_channels_of_different_groups_are_normalised_apart():
    block = Block(4, 2)
    middle(block, 0.0, 1.0)
    with torch.no_grad():
        block.change[0].weight[:, :, 1, 1] = torch.eye(4)
        block.change[3].weight[:, :, 1, 1] = torch.eye(4)
    x = noise(1, 4, 3, 3)
    louder = x * torch.tensor([1.0, 1.0, 1.0, 50.0])[:, None, None]
    assert torch.equal(block(louder)[:, :2], block(x)[:, :2])
    assert not torch.allclose(block(louder)[:, 2], block(x)[:, 2])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Residual(channels=()), "Residual: channels is (); allowed is one level or more, each of 1 or more"),
        (lambda: Residual((4, 0)), "Residual: channels is (4, 0); allowed is one level or more, each of 1 or more"),
        (lambda: Residual(blocks=-1), "Residual: blocks is -1; allowed is 0 or more"),
        (lambda: Residual(groups=0), "Residual: groups is 0; allowed is 1 or more"),
        (lambda: Residual(latent_dim=0), "Residual: latent_dim is 0; allowed is 1 or more, or None"),
        (
            lambda: Residual().build((64,)),
            "Residual needs images (channels, height, width), got examples of shape (64,); use Dense",
        ),
        (
            lambda: Residual().build((28, 28)),
            "Residual needs images (channels, height, width), got examples of shape (28, 28); use Dense",
        ),
        (
            lambda: Residual((4,) * 4).build((1, 8, 8)),
            "Residual with 4 levels is too deep for images of 8x8; give fewer channels or larger images",
        ),
        (
            lambda: Residual((4,) * 3).build((1, 20, 2)),
            "Residual with 3 levels is too deep for images of 20x2; give fewer channels or larger images",
        ),
        (
            lambda: Residual((4,)).build((1, 1, 9)),
            "Residual with 1 levels is too deep for images of 1x9; give fewer channels or larger images",
        ),
        (
            lambda: Residual((8, 8, 4)).build((1, 8, 8)),
            "Residual with 4 groups would normalise 4 channels of 1x1 one number at a time, and every code would be "
            "the same; give fewer groups, more channels or larger images",
        ),
        (
            lambda: Residual((8, 1)).build((1, 4, 4)),
            "Residual with 4 groups would normalise 1 channels of 1x1 one number at a time, and every code would be "
            "the same; give fewer groups, more channels or larger images",
        ),
    ],
)
def test_what_does_not_fit_is_refused(make, message):
    with pytest.raises(InputError) as refusal:
        make()
    assert str(refusal.value) == message


@pytest.mark.parametrize(
    ("spec", "shape"),
    [
        (Residual((4,) * 3, groups=2), (1, 8, 8)),
        (Residual((4,) * 3), (1, 9, 8)),
        (Residual((8, 8, 8)), (1, 8, 8)),
        (Residual((4,)), (1, 2, 3)),
    ],
)
@torch.no_grad()
def test_the_smallest_images_that_fit(spec, shape):
    net = seeded(0, lambda: spec.build(shape))
    codes = net.encode(noise(5, *shape))
    assert codes.std(0).max() > 0.01
    assert net.decode(codes).shape == (5, *shape)
