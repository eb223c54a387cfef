"""Pooled convolutional networks: codes by hand, sizes, normalisation, refusals."""

from __future__ import annotations

import pytest
import torch
from network_cases import noise
from torch import nn

from fewlabels.core.errors import InputError
from fewlabels.networks import VARIANTS, Dense, PooledConv, parameter_count, seeded
from fewlabels.networks.layers import MeanAndMax
from fewlabels.objectives import Contractive, Reconstruction, Variational, equipped


def test_codes_are_means_and_the_maxima_of_quarters():
    x = torch.arange(16.0).view(1, 1, 4, 4)
    both = torch.cat([x, -x], dim=1)  # quarters of x end with 5, 7, 13, 15; those of -x begin with -0, -2, -8, -10
    assert MeanAndMax()(both).tolist() == [[7.5, -7.5, 5, 7, 13, 15, 0, -2, -8, -10]]


@pytest.mark.parametrize("shape", [(1, 1, 1), (2, 1, 9), (1, 3, 2), (3, 7, 5)])
def test_quarters_of_odd_maps_overlap_and_miss_nothing(shape):
    x = noise(3, *shape)
    codes = MeanAndMax()(x)
    assert codes.shape == (3, 5 * shape[0])
    torch.testing.assert_close(codes[:, shape[0] :].view(3, shape[0], 4).amax(2), x.amax((2, 3)))


@pytest.mark.parametrize("norm", ["batch", "group", None])
def test_parameters_counted_by_hand(norm):
    net = PooledConv(channels=(4, 6), norm=norm).build((1, 8, 8))
    per_channel = 1 if norm is None else 2  # a bias, or a gain and a bias of the normalisation
    assert parameter_count(net.encoder) == 9 * 4 + 9 * 4 * 6 + per_channel * (4 + 6)
    inner = (0 if norm is None else 2) * 4
    assert parameter_count(net.decoder) == (30 + 1) * 24 + (9 * 6 * 4 + 4) + inner + (9 * 4 + 1)


@pytest.mark.parametrize(
    ("shape", "channels"),
    [
        ((1, 8, 8), (32,)),
        ((1, 28, 28), (32, 64, 128)),
        ((3, 32, 32), (32, 64, 128)),
        ((3, 96, 96), (32, 64, 128, 128)),
        ((1, 300, 8), (32, 64, 128)),
        ((1, 1, 9), (32,)),
    ],
)
@torch.no_grad()
def test_the_variant_fits_the_image(shape, channels):
    spec = VARIANTS["pooled"](Dense(latent_dim=6), shape)
    assert spec == PooledConv(channels)
    net = seeded(0, lambda: spec.build(shape))
    codes = net.encode(noise(5, *shape))
    assert codes.shape == (5, 5 * channels[-1])
    assert codes.std(0).max() > 0.01
    assert net.decode(codes).shape == (5, *shape)


@torch.no_grad()
def test_batch_normalisation_sees_the_batch_in_training_alone():
    net = seeded(0, lambda: PooledConv(channels=(4, 6)).build((1, 8, 8)))
    x = noise(6, 1, 8, 8)
    assert not torch.allclose(net.encode(x)[0], net.encode(torch.cat([x[:1], 9 * x[1:]]))[0])
    net.eval()
    torch.testing.assert_close(net.encode(x)[0], net.encode(torch.cat([x[:1], 9 * x[1:]]))[0])


@pytest.mark.parametrize(
    "objective", [Reconstruction(), Variational(), Contractive(), Contractive(exact=True)], ids=str
)
@pytest.mark.parametrize("training", [True, False])
def test_objectives_train_through_batch_normalisation(objective, training):
    spec = PooledConv(channels=(4, 6))
    net = seeded(0, lambda: equipped(spec.build((1, 8, 8), objective.code_width), objective)).train(training)
    x = noise(5, 1, 8, 8)
    loss, _ = objective.loss(net, x, objective.draw(x, net.latent_dim, torch.Generator().manual_seed(0)))
    loss.backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in net.parameters())


def test_mean_and_log_variance_share_all_but_the_last_level():
    net = seeded(0, lambda: PooledConv(channels=(4, 6)).build((1, 8, 8), code_width=2))
    assert net.depth == 2
    kinds = [module for module in net.encoder.modules() if isinstance(module, nn.Conv2d)]
    assert [kind.out_channels for kind in kinds] == [4, 6, 6]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: PooledConv(channels=()),
            "PooledConv: channels is (); allowed is one level or more, each of 1 or more",
        ),
        (
            lambda: PooledConv(channels=(4, 0)),
            "PooledConv: channels is (4, 0); allowed is one level or more, each of 1 or more",
        ),
        (lambda: PooledConv(norm="layer"), "PooledConv: norm is 'layer'; allowed is 'batch', 'group' or None"),
        (
            lambda: PooledConv().build((64,)),
            "PooledConv needs images (channels, height, width), got examples of shape (64,); use Dense",
        ),
        (
            lambda: PooledConv((8, 4), norm="group").build((1, 4, 4)),
            "PooledConv with norm 'group' would normalise 4 channels of 1x1 one number at a time, and every code would "
            "be the same; give more channels, fewer levels, or larger images",
        ),
        (
            lambda: PooledConv((4, 128), norm="group").build((1, 2, 2)),
            "PooledConv with norm 'group' would normalise 4 channels of 1x1 one number at a time, and every code would "
            "be the same; give more channels, fewer levels, or larger images",
        ),
    ],
)
def test_what_does_not_fit_is_refused(make, message):
    with pytest.raises(InputError) as refusal:
        make()
    assert str(refusal.value) == message
