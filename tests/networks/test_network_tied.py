"""Tied networks: half the weights, and a decoder that is the encoder backwards."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest
import torch
from network_cases import CONV, DENSE, TIED_CONV, both_widths, dense_count, noise, weight_count
from tied_cases import MIRRORED, POOLED, batch, every_net, loss_of, made, reconstruction, sources_of, weighted
from torch import nn

from fewlabels.networks import PAPER_1, Dense, parameter_count, seeded
from fewlabels.networks.layers import TiedLinear

PAPER_4 = Dense(hidden=(100,), latent_dim=30, tied=True)


def test_paper_4_has_half_the_weights():
    net, untied = PAPER_4.build((1, 28, 28)), replace(PAPER_4, tied=False).build((1, 28, 28))
    assert weight_count(net) == 784 * 100 + 100 * 30
    assert weight_count(untied) == 2 * weight_count(net)
    assert parameter_count(net) == 784 * 100 + 100 * 30 + (100 + 30) + (100 + 784)
    assert parameter_count(untied) == dense_count(784, 100, 30, 100, 784)


@pytest.mark.parametrize("name", [name for name in DENSE | CONV if "pool" not in name and name != "paper1"])
def test_networks_that_mirror_have_exactly_half_the_weights(name):
    spec = (DENSE | CONV)[name]
    for shape in [(1, 9, 17), (3, 31, 45)]:
        net, untied = replace(spec, tied=True).build(shape), spec.build(shape)
        assert 2 * weight_count(net) == weight_count(untied)
        biases = [sum(parameter.numel() for parameter in n.parameters() if parameter.dim() == 1) for n in (net, untied)]
        assert biases[0] == biases[1]


@pytest.mark.parametrize(
    ("spec", "weights", "untied"),
    [
        (PAPER_1, 8 * 9 + 4 * 8 * 9, (8 * 9 + 4 * 8 * 9) * 2 + 4 * 4 * 9),
        (CONV["pool-no-padding"], 3 * 25 + 3 * 144 * 7, (3 * 25 + 3 * 144 * 7) * 2 + 3 * 3 * 25),
    ],
    ids=["paper1", "pool-no-padding"],
)
def test_with_pooling_the_untied_decoder_has_one_convolution_more(spec, weights, untied):
    assert weight_count(spec.build((1, 28, 28))) == untied
    assert weight_count(replace(spec, tied=True).build((1, 28, 28))) == weights


def test_the_dense_decoder_is_x_w_plus_b():
    net = made(Dense(hidden=(5,), latent_dim=3, tied=True), (2, 4))
    (outer, last), (inner, first) = sources_of(net)
    z = noise(6, 3, dtype=torch.float64)
    hidden = (z @ inner.weight + first.bias).clamp(min=0)  # a layer's weights are [out, in]
    torch.testing.assert_close(net.decode(z), (hidden @ outer.weight + last.bias).view(6, 2, 4))
    assert [tuple(layer.bias.shape) for layer in (first, last)] == [(5,), (8,)]


def test_a_linear_layer_backwards_by_hand():
    source = nn.Linear(3, 2)
    back = TiedLinear(source, 2)
    with torch.no_grad():
        source.weight.copy_(torch.tensor([[1.0, 2.0, 3.0], [10.0, 20.0, 30.0]]))
        back.bias.copy_(torch.tensor([0.5, 0.0, -0.5]))
    assert back(torch.tensor([[1.0, 1.0], [2.0, 0.0]])).tolist() == [[11.5, 22.0, 32.5], [2.5, 4.0, 5.5]]
    one_row = TiedLinear(source, 1)
    assert one_row(torch.tensor([[2.0]])).tolist() == [[2.0, 4.0, 6.0]]


@pytest.mark.parametrize("name", TIED_CONV)
@torch.no_grad()
def test_convolutions_backwards_are_adjoint(name):
    for shape in [(1, 28, 28), (3, 31, 45), (1, 9, 17)]:
        net = seeded(0, lambda shape=shape: TIED_CONV[name].build(shape)).double()
        pairs = [(there, back) for there, back in sources_of(net) if isinstance(there, nn.Conv2d)]
        assert len(pairs) == len(TIED_CONV[name].channels)
        x = noise(1, *shape, dtype=torch.float64)
        for there, back in pairs:
            a = net.encoder[: list(net.encoder).index(there)](x)
            forward = there(a) - there.bias[:, None, None]
            b = noise(*forward.shape, dtype=torch.float64)
            assert not back.bias.any()  # as it starts
            backward = back(b)
            assert backward.shape == a.shape
            torch.testing.assert_close((forward * b).sum(), (a * backward).sum(), rtol=1e-10, atol=1e-10)
            back.bias += torch.arange(1.0, len(back.bias) + 1)
            by_channel = (back(b) - backward).transpose(0, 1).flatten(1)
            torch.testing.assert_close(by_channel, back.bias[:, None].expand_as(by_channel))


def backwards(weight, rows):
    """What a layer of the untied decoder has in place of a source's weights, or the way back from it."""
    return weight if weight.dim() == 4 else weight[:rows].T


@pytest.mark.parametrize(("spec", "shape"), [pytest.param(*case, id=name) for name, case in MIRRORED.items()])
@both_widths
def test_the_gradient_is_the_sum_of_both_uses_of_an_untied_twin(spec, shape, code_width):
    net = made(spec, shape, code_width)
    twin = made(replace(spec, tied=False), shape, code_width)
    twin.encoder.load_state_dict(net.encoder.state_dict())
    own = weighted(twin.decoder)[::-1]
    with torch.no_grad():
        for (there, back), layer in zip(sources_of(net), own, strict=True):
            layer.weight.copy_(backwards(there.weight, layer.weight.shape[1]))
            layer.bias.copy_(back.bias)
    x = batch(shape)
    torch.testing.assert_close(reconstruction(net, x), reconstruction(twin, x))
    loss_of(net, x).backward()
    loss_of(twin, x).backward()
    for (there, back), twin_there, layer in zip(sources_of(net), weighted(twin.encoder), own, strict=False):
        expected = twin_there.weight.grad.clone()
        rows = layer.weight.shape[1] if layer.weight.dim() == 2 else len(expected)
        expected[:rows] += layer.weight.grad.T if layer.weight.dim() == 2 else layer.weight.grad
        torch.testing.assert_close(there.weight.grad, expected)
        torch.testing.assert_close(back.bias.grad, layer.bias.grad)
        assert layer.weight.grad.abs().max() > 0


@every_net
@both_widths
def test_the_gradient_is_the_sum_over_two_copies_one_for_each_way(spec, shape, code_width):
    net, x = made(spec, shape, code_width), batch(shape)
    there, back = copy.deepcopy(net), copy.deepcopy(net)
    loss_of(net, x).backward()
    back.decode(there.encode(x)[:, : net.latent_dim]).sub(x).square().sum().backward()
    for whole, one, other in zip(net.parameters(), there.parameters(), back.parameters(), strict=True):
        parts = [part.grad for part in (one, other) if part.grad is not None]
        torch.testing.assert_close(whole.grad, sum(parts))
    for (one, _), (other, _) in zip(sources_of(there), sources_of(back), strict=True):
        assert min(one.weight.grad.abs().max(), other.weight.grad.abs().max()) > 0


@pytest.mark.parametrize("name", ["dense", "stride", "stride-hidden", "pool"])
def test_of_two_numbers_a_code_only_the_means_rows_are_run_backwards(name):
    spec, shape = (MIRRORED | POOLED)[name]
    net = made(spec, shape, code_width=2)
    z = noise(3, net.latent_dim, dtype=torch.float64)
    code, _ = sources_of(net)[-1]
    assert code.weight.shape[0] == 2 * net.latent_dim
    output = net.decode(z)
    output.square().sum().backward()
    gradient = code.weight.grad.abs().amax(1)
    assert (gradient[: net.latent_dim] > 0).all()
    assert (gradient[net.latent_dim :] == 0).all()
    with torch.no_grad():
        code.weight[net.latent_dim :] += 7
        assert torch.equal(net.decode(z), output)
        code.weight[: net.latent_dim] += 7
        assert not torch.allclose(net.decode(z), output)
