"""Every network spec on every input shape: what goes in, what comes out, how many parameters."""

from __future__ import annotations

from math import prod

import pytest
import torch
from network_cases import both_widths, dense_count, every_case

from fewlabels.core.errors import InputError
from fewlabels.networks import (
    PAPER_1,
    PAPER_2,
    PAPER_3,
    PRESETS,
    Conv,
    Dense,
    convnet,
    default_network,
    parameter_count,
    seeded,
    small_cnn,
)

pytestmark = pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")


@pytest.mark.slow
@every_case
def test_codes_and_reconstructions_have_the_promised_shapes(spec, shape):
    nets = seeded(0, lambda: [spec.build(shape, code_width) for code_width in (1, 2)])
    for code_width, net in enumerate(nets, start=1):
        if spec.latent_dim is not None:
            assert net.latent_dim == spec.latent_dim
        assert (net.input_shape, net.code_width) == (shape, code_width)
        x = torch.rand(2, *shape, generator=torch.Generator().manual_seed(0))
        code = net.encode(x)
        assert code.shape == (2, code_width * net.latent_dim)
        output = net.decode(code[:, : net.latent_dim])
        assert output.shape == x.shape
        assert output.isfinite().all()
        (output.square().mean() + code.square().mean()).backward()
        assert all(parameter.grad is not None for parameter in net.parameters())


def test_paper_1_has_889_parameters_and_196_codes():
    net = PAPER_1.build((1, 28, 28))
    assert parameter_count(net) == 889
    assert net.latent_dim == 196
    assert [parameter_count(half) for half in (net.encoder, net.decoder)] == [372, 517]


def test_paper_2_encoder_has_24969_parameters_and_9_codes():
    net = PAPER_2.build((1, 28, 28))
    assert parameter_count(net.encoder) == 24_969
    assert net.latent_dim == 9
    dense = dense_count(9, 64, 288)
    grown = (32 * 9 + 0) * 16 + 16 + 16 * 9 * 8 + 8 + 8 * 9 * 1 + 1  # transposed convolutions, 3x3
    assert parameter_count(net.decoder) == dense + grown


@pytest.mark.parametrize(
    ("spec", "encoder", "decoder"),
    [
        (PAPER_1, "Conv2d MaxPool2d ReLU " * 2 + "Flatten", "Unflatten " + "Conv2d ReLU Upsample " * 2 + "Conv2d"),
        (
            PAPER_2,
            "Conv2d ReLU " * 3 + "Flatten Linear ReLU Linear",
            "Linear ReLU " * 2 + "Unflatten " + "ConvTranspose2d ReLU " * 2 + "ConvTranspose2d",
        ),
        (PAPER_3, "Flatten" + " Linear ReLU" * 4, "Linear ReLU " * 4 + "Unflatten"),
    ],
    ids=["paper1", "paper2", "paper3"],
)
def test_the_layers_of_the_papers_stand_in_their_order(spec, encoder, decoder):
    net = spec.build((1, 28, 28))
    assert [type(layer).__name__ for layer in net.encoder] == encoder.split()
    assert [type(layer).__name__ for layer in net.decoder] == decoder.split()


def test_paper_3_is_784_512_256_128_64_and_back():
    net = PAPER_3.build((1, 28, 28))
    assert parameter_count(net.encoder) == dense_count(784, 512, 256, 128, 64)
    assert parameter_count(net) == dense_count(784, 512, 256, 128, 64, 128, 256, 512, 784)
    assert set(PRESETS.values()) == {PAPER_1, PAPER_2, PAPER_3}


@both_widths
def test_dense_parameters_follow_its_widths(code_width):
    net = Dense(hidden=(9, 6), latent_dim=4).build((2, 5), code_width)
    assert parameter_count(net.encoder) == dense_count(10, 9, 6, 4 * code_width)
    assert parameter_count(net.decoder) == dense_count(4, 6, 9, 10)


@pytest.mark.parametrize(
    ("spec", "shape", "features"),
    [
        (Conv(channels=(4, 3)), (1, 28, 28), 3 * 7 * 7),
        (Conv(channels=(4, 3)), (1, 9, 17), 3 * 3 * 5),  # stride 2, padding 1 rounds up
        (Conv(channels=(4, 3), kernel=4), (1, 9, 17), 3 * 2 * 4),  # an even kernel rounds down
        (Conv(channels=(4, 3), padding=0), (3, 31, 45), 3 * 7 * 10),
        (Conv(channels=(4, 3), down="pool"), (3, 31, 45), 3 * 7 * 11),
        (Conv(channels=(4, 3), down="pool", padding=(0, 2)), (1, 28, 28), 3 * 7 * 7),
    ],
)
def test_the_feature_map_shrinks_as_the_sizes_say(spec, shape, features):
    assert spec.build(shape).encoder[-1].in_features == features


def test_relu_where_asked_and_only_there():
    x = torch.randn(50, 8, generator=torch.Generator().manual_seed(1))
    for code in ("linear", "relu"):
        for output in ("linear", "relu"):
            spec = Dense(hidden=(6,), latent_dim=5, code=code, output=output)
            net = seeded(0, lambda spec=spec: spec.build((8,)))
            z = net.encode(x)
            assert bool((z < 0).any()) == (code == "linear")
            assert bool((net.decode(z) < 0).any()) == (output == "linear")


def test_without_hidden_layers_dense_is_affine():
    net = seeded(0, lambda: Dense(hidden=(), latent_dim=3).build((6,)))
    a, b = torch.randn(2, 4, 6, generator=torch.Generator().manual_seed(1))
    whole = net.decode(net.encode(a + b)) + net.decode(net.encode(0 * a))
    torch.testing.assert_close(whole, net.decode(net.encode(a)) + net.decode(net.encode(b)))


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((64,), Dense(hidden=(128,), latent_dim=32)),
        ((5,), Dense(hidden=(128,), latent_dim=2)),
        ((1,), Dense(hidden=(128,), latent_dim=2)),
        ((784,), Dense(hidden=(128,), latent_dim=64)),
        ((1, 8, 8), Dense(hidden=(128,), latent_dim=32)),
        ((1, 16, 16), Dense(hidden=(128,), latent_dim=64)),
        ((1, 28, 28), Conv(channels=(8, 16), kernel=4)),
        ((1, 9, 17), Conv(channels=(8, 16), kernel=4)),
        ((3, 31, 45), Conv(channels=(8, 16, 32), kernel=4)),
        ((3, 96, 96), Conv(channels=(8, 16, 32, 64), kernel=4)),
        ((1, 200, 200), Conv(channels=(8, 16, 32, 64, 64), kernel=4)),
    ],
)
def test_default_network(shape, expected):
    assert default_network(shape) == expected


@pytest.mark.parametrize("shape", [(1, 8, 100), (1, 300, 8), (3, 15, 129), (1, 8, 17)])
def test_the_default_network_takes_long_thin_images(shape):
    net = default_network(shape).build(shape)
    x = torch.zeros(1, *shape)
    assert net.decode(net.encode(x)).shape == x.shape
    assert net.encoder[-1].in_features <= 64 * prod(shape) // 16


@pytest.mark.parametrize(
    ("shape", "classes", "count"),
    [
        ((1, 28, 28), 10, 2740),
        ((3, 31, 45), 4, (3 * 9 + 1) * 5 + (5 * 9 + 1) * 5 + (5 * 7 * 11 + 1) * 4),
        ((1, 4, 4), 2, 50 + 230 + 12),
    ],
)
def test_small_cnn(shape, classes, count):
    net = small_cnn(shape, classes).eval()
    assert parameter_count(net) == count
    assert net(torch.zeros(3, *shape)).shape == (3, classes)
    assert [layer.p for layer in net if isinstance(layer, torch.nn.Dropout)] == [0.2]


@pytest.mark.parametrize(("shape", "count"), [((1, 28, 28), 20_490), ((3, 31, 45), 448 + 4640 + (32 * 77 + 1) * 10)])
def test_convnet(shape, count):
    net = convnet(shape, 10)
    assert parameter_count(net) == count
    assert net(torch.zeros(3, *shape)).shape == (3, 10)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: convnet((64,), 3), r"of 4x4 pixels or more, got examples of shape \(64,\); leave out 'convnet'"),
        (lambda: convnet((1, 3, 9), 3), r"got examples of shape \(1, 3, 9\)"),
        (lambda: Conv().build((64,)), r"Conv needs images .* got examples of shape \(64,\); use Dense"),
        (lambda: Conv().build((28, 28)), r"got examples of shape \(28, 28\)"),
        (
            lambda: PAPER_2.build((1, 8, 8)),
            "Conv with 3 levels of kernel 3 is too deep for images of 8x8; give fewer channels or larger images",
        ),
        (lambda: Conv(channels=(2,), kernel=9, padding=0).build((1, 8, 20)), "too deep for images of 8x20"),
        (lambda: Conv(channels=(2,) * 4, down="pool").build((1, 20, 8)), "4 levels .* images of 20x8"),
        (lambda: small_cnn((64,), 3), r"images of 4x4 pixels or more, got examples of shape \(64,\); leave out 'cnn'"),
        (lambda: small_cnn((1, 3, 9), 3), r"got examples of shape \(1, 3, 9\)"),
    ],
)
def test_shapes_that_do_not_fit_are_refused(build, message):
    with pytest.raises(InputError, match=message):
        build()
