"""Networks are stacks of stages: taken apart they compute what the whole computes, with the whole's weights."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch
from network_cases import TIED_CONV, both_widths, every_network, noise
from torch import nn

from fewlabels.networks import PAPER_1, PAPER_2, PAPER_3, Conv, Dense, Residual, seeded

pytestmark = pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")

DEEP = Conv(channels=(4, 3), hidden=(11,), latent_dim=6)


def climbed(parts, x):
    """The codes of the last part, each part fed with the codes of the one below in the shape it wants."""
    for part in parts:
        x = part.encode(x.unflatten(1, part.input_shape) if x.dim() == 2 else x)
    return x


def descended(parts, z):
    for part in reversed(parts):
        z = part.decode(z.flatten(1))
    return z


def places(module):
    """Where the numbers of its parameters lie."""
    return [parameter.data_ptr() for parameter in module.parameters()]


def stages_of(net):
    return [net.part(i, i + 1) for i in range(net.depth)]


def equal(actual, expected):
    torch.testing.assert_close(actual, expected, rtol=1e-6, atol=1e-7)


def built(cases):
    """Every network, for one number a code and for two; on the larger images only where there are no others."""
    smaller = [(spec, shape) for spec, shape in cases if shape not in ((1, 28, 28), (3, 96, 96))]
    return seeded(0, lambda: [spec.build(shape, width) for spec, shape in smaller or cases for width in (1, 2)])


@pytest.mark.slow
@every_network
@torch.no_grad()
def test_parts_put_together_are_the_whole(cases):
    for net in built(cases):
        x, z = noise(2, *net.input_shape), noise(2, net.latent_dim, seed=1)
        code, output = net.encode(x), net.decode(z)
        halves = [[net.part(0, i), net.part(i, net.depth)] for i in range(1, net.depth)]
        for parts in ([net.part(0, net.depth)], stages_of(net), *halves):
            equal(climbed(parts, x), code)
            equal(descended(parts, z), output)
            assert [part.code_width for part in parts] == [1] * (len(parts) - 1) + [net.code_width]
            assert parts[-1].latent_dim == net.latent_dim


@pytest.mark.slow
@every_network
def test_every_stage_has_weights_both_ways_and_they_are_the_wholes(cases):
    for net in built(cases):
        stages = stages_of(net)
        for part in stages:
            assert part.depth == 1
            for half in (part.encoder, part.decoder):
                parameters = list(half.parameters())
                assert parameters, net.input_shape
                assert all(parameter.requires_grad for parameter in parameters)
        together = [place for part in stages for place in places(part)]
        assert len(set(together)) == len(together)  # no stage holds another's
        assert set(together) == set(places(net)) == set(places(net.part(0, net.depth)))


@pytest.mark.slow
@every_network
@torch.no_grad()
def test_without_decoder_is_the_encoder(cases):
    for net in built(cases):
        net.heads["critic"] = nn.Linear(net.latent_dim, 1)
        alone = net.without_decoder()
        encoders = {name: tensor.data_ptr() for name, tensor in net.state_dict().items() if name.startswith("encoder.")}
        assert {name: tensor.data_ptr() for name, tensor in alone.state_dict().items()} == encoders
        assert (alone.input_shape, alone.latent_dim) == (net.input_shape, net.latent_dim)
        assert alone.code_width == net.code_width
        x = noise(2, *net.input_shape)
        assert torch.equal(alone.encode(x), net.encode(x))
        assert alone.depth == net.depth


def test_a_pickle_of_the_time_when_a_critic_was_the_only_head_comes_back_without_it():
    net = Dense(hidden=(), latent_dim=3).build((5,))
    del net.heads
    net.critic = nn.Linear(3, 1)
    again = pickle.loads(pickle.dumps(net))
    assert {name.partition(".")[0] for name in again.state_dict()} == {"encoder", "decoder"}
    assert len(again.heads) == 0


@pytest.mark.slow
@every_network
@torch.no_grad()
def test_without_heads_is_encoder_and_decoder_stage_by_stage(cases):
    for net in built(cases):
        bare = net.without_heads()
        places = {name: tensor.data_ptr() for name, tensor in net.state_dict().items()}
        net.heads["critic"] = nn.Linear(net.latent_dim, 1)
        again = net.without_heads()
        for found in (bare, again):
            assert {name: tensor.data_ptr() for name, tensor in found.state_dict().items()} == places
        x = noise(2, *net.input_shape)
        for stage in range(net.depth):
            whole, alone = net.part(stage, net.depth), again.part(stage, net.depth)
            x = x if stage == 0 else net.part(stage - 1, stage).encode(x).view(2, *whole.input_shape)
            assert torch.equal(whole.encode(x), alone.encode(x))
            z = noise(2, whole.latent_dim)
            assert torch.equal(whole.decode(z), alone.decode(z))


@pytest.mark.parametrize(
    ("spec", "shape", "inputs", "codes"),
    [
        (Dense(hidden=(9, 6), latent_dim=4), (2, 5), [(2, 5), (9,), (6,)], [9, 6, 4]),
        (Dense(hidden=(), latent_dim=3), (5,), [(5,)], [3]),
        (PAPER_3, (64,), [(64,), (512,), (256,), (128,)], [512, 256, 128, 64]),
        (DEEP, (1, 28, 28), [(1, 28, 28), (4, 14, 14), (3, 7, 7), (11,)], [784, 147, 11, 6]),
        (PAPER_1, (1, 28, 28), [(1, 28, 28), (8, 14, 14)], [1568, 196]),
        (PAPER_1, (1, 9, 17), [(1, 9, 17), (8, 4, 8)], [256, 32]),
        (
            PAPER_2,
            (1, 28, 28),
            [(1, 28, 28), (8, 14, 14), (16, 7, 7), (32, 3, 3), (64,)],
            [1568, 784, 288, 64, 9],
        ),
        (Residual((4, 6), latent_dim=5), (3, 31, 45), [(3, 31, 45), (4, 16, 23), (6, 8, 12)], [1472, 576, 5]),
        (Residual((4, 6), latent_dim=None), (3, 31, 45), [(3, 31, 45), (4, 16, 23)], [1472, 576]),
    ],
)
@both_widths
def test_where_the_stages_begin_and_end(spec, shape, inputs, codes, code_width):
    stages = stages_of(spec.build(shape, code_width))
    assert [part.input_shape for part in stages] == inputs
    assert [part.latent_dim for part in stages] == codes
    widths = [part.encode(noise(2, *part.input_shape)).shape[1] for part in stages]
    assert widths == [*codes[:-1], code_width * codes[-1]]


@pytest.mark.parametrize(
    ("spec", "stages"),
    [
        (
            DEEP,
            [
                ("Conv2d ReLU Flatten", "Unflatten ConvTranspose2d"),
                ("Conv2d ReLU Flatten", "Unflatten ConvTranspose2d ReLU"),
                ("Flatten Linear ReLU", "Linear ReLU Unflatten"),
                ("Linear", "Linear ReLU"),
            ],
        ),
        (
            PAPER_1,
            [
                ("Conv2d MaxPool2d ReLU Flatten", "Unflatten Upsample Conv2d"),
                ("Conv2d MaxPool2d ReLU Flatten", "Unflatten Conv2d ReLU Upsample Conv2d ReLU"),
            ],
        ),
        (
            PAPER_3,
            [
                ("Flatten Linear ReLU", "Linear ReLU Unflatten"),
                *[("Linear ReLU", "Linear ReLU")] * 3,
            ],
        ),
    ],
    ids=["conv", "paper1", "paper3"],
)
def test_a_layer_and_its_activation_share_a_stage(spec, stages):
    parts = stages_of(spec.build((1, 28, 28)))
    names = [[" ".join(type(layer).__name__ for layer in half) for half in (p.encoder, p.decoder)] for p in parts]
    assert names == [list(pair) for pair in stages]


def test_two_numbers_a_feature_map_code_come_from_one_more_1x1_convolution():
    net = PAPER_1.build((1, 28, 28), 2)
    assert sum(parameter.numel() for parameter in net.encoder.parameters()) == 372 + (4 + 1) * 8
    assert sum(parameter.numel() for parameter in net.decoder.parameters()) == 517
    widened = net.part(1, 2)
    assert [type(layer).__name__ for layer in widened.encoder][-2:] == ["Conv2d", "Flatten"]
    with torch.no_grad():
        convolution = widened.encoder[-2]
        convolution.weight[4:] = 0
        convolution.bias.copy_(torch.arange(8.0))
        mean, log_variance = net.encode(noise(3, 1, 28, 28)).chunk(2, dim=1)
    spread = torch.arange(4.0, 8.0).repeat_interleave(49).expand(3, -1)
    assert torch.equal(log_variance, spread)
    assert mean.std(0).min() > 0


@pytest.mark.parametrize(
    ("spec", "shape"),
    [(DEEP, (1, 9, 8)), (TIED_CONV["tied-pool"], (1, 9, 8)), (Residual((4, 6), latent_dim=5), (1, 9, 8))],
    ids=["conv", "tied", "residual"],
)
def test_training_a_stage_changes_it_in_the_whole_and_no_other(spec, shape):
    net = seeded(0, lambda: spec.build(shape))
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    part = net.part(1, 2)
    own = set(places(part))
    assert {name for name, tensor in net.state_dict().items() if tensor.data_ptr() in own}
    x = noise(6, *part.input_shape).abs()
    part.decode(part.encode(x)).sub(x).square().mean().backward()
    torch.optim.SGD(part.parameters(), lr=0.1).step()
    for name, tensor in net.state_dict().items():
        assert torch.equal(tensor, before[name]) == (tensor.data_ptr() not in own), name


@pytest.mark.parametrize("again", [copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net))], ids=["copy", "pickle"])
def test_a_copy_can_be_taken_apart_too(again):
    net = seeded(0, lambda: DEEP.build((1, 9, 8), 2))
    twin = again(net)
    assert twin.depth == 4
    assert not set(places(twin)) & set(places(net))
    assert set(places(twin.part(0, 4))) == set(places(twin))
    x = noise(2, 1, 9, 8)
    equal(climbed(stages_of(twin), x), net.encode(x))


def test_stacked_on_the_stage_below_is_both_in_one_with_the_weights_of_both():
    net = seeded(0, lambda: DEEP.build((1, 9, 8), 2))
    below, above = net.part(0, 2), net.part(2, 4)
    whole = above.stacked_on(below)
    assert (whole.input_shape, whole.latent_dim, whole.code_width) == ((1, 9, 8), 6, 2)
    assert set(places(whole)) == set(places(net))
    x, z = noise(2, 1, 9, 8), noise(2, 6)
    equal(whole.encode(x), net.encode(x))
    equal(whole.decode(z), net.decode(z))


@pytest.mark.parametrize(
    ("spec", "stage"),
    [
        (DEEP, 1),
        (DEEP, 3),
        (TIED_CONV["tied-pool"], 0),
        (TIED_CONV["tied-stride"], 2),
        (PAPER_3, 1),
        (Residual((4, 6)), 0),
    ],
    ids=["conv", "code", "tied-pool", "tied-code", "dense", "residual"],
)
def test_log_variances_come_from_a_twin_of_the_stage(spec, stage):
    part = seeded(0, lambda: spec.build((1, 12, 12))).part(stage, stage + 1)
    both = part.with_log_variances()
    assert (both.input_shape, both.latent_dim, both.code_width) == (part.input_shape, part.latent_dim, 2)
    assert set(places(part)) < set(places(both))
    added = sum(parameter.numel() for parameter in both.parameters()) - sum(p.numel() for p in part.parameters())
    assert added == sum(parameter.numel() for parameter in part.encoder.parameters()) + 2 * part.latent_dim
    x = noise(9, *part.input_shape)
    mean, log_variance = both.encode(x).chunk(2, dim=1)
    equal(mean, part.encode(x))
    equal(log_variance, mean)  # until it is trained
    stretch, shift = both.encoder[0].second[1].parameters()
    with torch.no_grad():
        stretch.fill_(-2.0)
        shift.fill_(0.5)
    mean, log_variance = both.encode(x).chunk(2, dim=1)
    equal(mean, part.encode(x))
    equal(log_variance, 0.5 - 2 * mean)  # of either sign, even where a stage ends in a ReLU
    z = noise(2, part.latent_dim).abs()
    equal(both.decode(z), part.decode(z))
