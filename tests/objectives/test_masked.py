"""Masks hide whole patches, as many of every example, and the loss looks where it says."""

from __future__ import annotations

from itertools import product

import pytest
import torch
from objective_cases import NETWORKS, build, draw, every_network, examples, uniform
from torch import Tensor

from fewlabels.networks import Autoencoder, Dense
from fewlabels.objectives import Masked

SHAPES = [(1, 8, 8), (3, 7, 9), (2, 5, 4), (1, 28, 28), (1, 3, 11), (12,), (5,)]
RATIOS = [0.001, 0.3, 0.5, 0.75, 0.999]


def mask_of(objective: Masked, shape: tuple[int, ...], examples: int = 40, seed: int = 0) -> Tensor:
    x = uniform(examples, *shape)
    return objective.draw(x, 3, torch.Generator().manual_seed(seed))["hidden"]


def places(mask: Tensor, patch: int) -> Tensor:
    """[B, places]: the upper left number of every patch, or the features of a vector."""
    return mask.flatten(1) if mask.dim() == 2 else mask[:, 0, ::patch, ::patch].flatten(1)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("patch", [1, 2, 4])
def test_every_example_loses_exactly_the_share_of_its_places(shape, patch):
    for ratio in RATIOS:
        hidden = places(mask_of(Masked(ratio, patch), shape), patch)
        count = hidden.shape[1]
        expected = min(max(round(ratio * count), 1), max(count - 1, 1))
        assert hidden.unique().tolist() in ([0, 1], [1])
        assert hidden.sum(dim=1).tolist() == [expected] * len(hidden)


@pytest.mark.parametrize(("ratio", "gone"), [(1e-9, 1), (0.01, 1), (0.99, 3), (1 - 1e-9, 3)])
def test_at_least_one_place_is_hidden_and_never_all(ratio, gone):
    for shape in ((1, 8, 8), (4,)):  # four places each
        assert places(mask_of(Masked(ratio), shape), 4).sum(dim=1).tolist() == [gone] * 40


def test_a_single_place_is_hidden():
    assert mask_of(Masked(0.1), (2, 4, 3)).mean() == 1


@pytest.mark.parametrize("shape", [shape for shape in SHAPES if len(shape) == 3], ids=str)
@pytest.mark.parametrize("patch", [2, 3, 4])
def test_patches_are_whole_aligned_and_cut_off_at_the_edge(shape, patch):
    mask = mask_of(Masked(0.5, patch), shape)
    _, height, width = shape
    assert mask.shape == (40, 1, height, width)
    for top, left in product(range(0, height, patch), range(0, width, patch)):
        cell = mask[:, 0, top : top + patch, left : left + patch].flatten(1)
        assert torch.equal(cell, cell[:, :1].expand_as(cell))


def test_hidden_numbers_read_0_in_all_channels_and_the_rest_is_kept():
    x = uniform(40, 3, 7, 9) + 1
    objective = Masked(0.5, 2)
    noise = objective.draw(x, 3, torch.Generator().manual_seed(0))
    corrupted = objective.corrupt(x, noise)
    gone = (noise["hidden"] == 1).expand_as(x)
    assert (corrupted[gone] == 0).all()
    assert torch.equal(corrupted[~gone], x[~gone])


def test_features_of_vectors_are_hidden_one_by_one():
    """The side of a patch plays no part."""
    one, other = mask_of(Masked(0.5, patch=1), (12,)), mask_of(Masked(0.5, patch=4), (12,))
    assert torch.equal(one, other)
    neighbours = one[:, 1:] != one[:, :-1]
    assert neighbours.float().mean().item() == pytest.approx(6 / 11, abs=0.1)


@pytest.mark.parametrize("shape", [(1, 16, 16), (12,)], ids=str)
def test_examples_get_masks_of_their_own_and_every_place_its_turn(shape):
    hidden = places(mask_of(Masked(0.5), shape, examples=400), 4)
    assert len(hidden.unique(dim=0)) > 0.5 * 400
    assert hidden.mean(dim=0).tolist() == pytest.approx([0.5] * hidden.shape[1], abs=4 * 0.5 / 400**0.5)


class Perturbed(Autoencoder):
    """Another autoencoder, its output shifted by `by` [B, *input_shape]."""

    def __init__(self, net: Autoencoder, by: Tensor) -> None:
        torch.nn.Module.__init__(self)
        self.net = net
        self.by = by

    def encode(self, x: Tensor) -> Tensor:
        return self.net.encode(x)

    def decode(self, z: Tensor) -> Tensor:
        return self.net.decode(z) + self.by


@every_network
def test_errors_on_what_was_shown_count_only_where_the_target_is_all(network):
    spec, shape = NETWORKS[network]
    x = examples(*shape)
    hidden, everything = Masked(target="hidden"), Masked(target="all")
    net = build(spec, shape, hidden)
    noise = draw(hidden, net, x)
    mask = noise["hidden"].expand_as(x)
    elsewhere, there = Perturbed(net, 5 * (1 - mask)), Perturbed(net, 5 * mask)
    assert torch.equal(hidden.loss(elsewhere, x, noise)[0], hidden.loss(net, x, noise)[0])
    assert everything.loss(elsewhere, x, noise)[0] > everything.loss(net, x, noise)[0] + 0.5
    assert hidden.loss(there, x, noise)[0] > hidden.loss(net, x, noise)[0] + 5
    torch.testing.assert_close(
        everything.loss(net, x, noise)[0], (net.decode(net.encode(x * (1 - mask))) - x).square().mean()
    )


def test_the_loss_is_the_mean_over_the_hidden_numbers_of_all_channels():
    """Of a network that gives 0 everywhere: the mean square of what was hidden."""
    x = uniform(6, 3, 5, 7)
    net = build(Dense(hidden=(), latent_dim=2), (3, 5, 7), Masked())
    for parameter in net.parameters():
        torch.nn.init.zeros_(parameter)
    noise = draw(Masked(), net, x)
    mask = noise["hidden"].bool().expand_as(x)
    torch.testing.assert_close(Masked().loss(net, x, noise)[0], x[mask].square().mean())


def test_what_is_hidden_is_never_seen():
    """The loss's gradient with respect to the input's hidden numbers, through the encoder, is 0."""
    x = uniform(6, 1, 8, 8).requires_grad_()
    objective = Masked(target="hidden")
    net = build(Dense(hidden=(6,), latent_dim=3), (1, 8, 8), objective)
    noise = draw(objective, net, x.detach())
    net.encode(objective.corrupt(x, noise)).sum().backward()
    assert x.grad is not None
    assert not x.grad[noise["hidden"].bool()].any()
    assert x.grad[~noise["hidden"].bool()].any()
