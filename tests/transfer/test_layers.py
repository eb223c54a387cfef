"""Other layers of an encoder than its code: what they are, and that everything made of them reads the same."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from toy_task import K

from fewlabels.core.errors import InputError
from fewlabels.data import fit_scaling
from fewlabels.networks import Conv, Dense, Residual, outline, parameter_count, seeded
from fewlabels.networks.layers import MeanAndMax
from fewlabels.objectives import OBJECTIVES, Reconstruction
from fewlabels.training import Examples
from fewlabels.transfer import (
    LAYERS,
    FineTune,
    Probe,
    Task,
    features_at,
    features_of,
    fit_centring,
    fit_one,
    width_at,
)

IMAGE, VECTOR = (1, 12, 12), (6,)
NETS = {
    "conv": (Conv((4, 8), latent_dim=3), IMAGE, (8, 3, 3)),
    "paper 2": (Conv((4, 8), hidden=(5,), latent_dim=3), IMAGE, (5,)),
    "no bottleneck": (Conv((4, 8), latent_dim=None), IMAGE, (4, 6, 6)),
    "residual": (Residual((4, 8), latent_dim=3), IMAGE, (8, 3, 3)),
    "dense": (Dense(hidden=(9, 7), latent_dim=3), VECTOR, (7,)),
    "dense of images": (Dense(hidden=(9,), latent_dim=3), IMAGE, (9,)),
}


@pytest.mark.parametrize("objective", ["denoising", "sparse-target", "variational"])
@pytest.mark.parametrize("name", NETS)
def test_below_is_what_the_last_stage_is_given(name, objective):
    network, shape, below = NETS[name]
    trained_for = OBJECTIVES[objective]
    net = seeded(0, lambda: network.build(shape, trained_for.code_width)).eval()
    x = torch.rand(5, *shape)
    found = features_at(net, trained_for, "below")(x)
    assert net.shape_below == below
    assert found.shape == (5, width_at(net, "below"))
    last = net.part(net.depth - 1, net.depth)
    torch.testing.assert_close(last.encoder(found.unflatten(1, below)), net.encode(x))
    torch.testing.assert_close(features_at(net, trained_for)(x), trained_for.embed(net, x))
    assert width_at(net) == net.latent_dim == features_at(net, trained_for)(x).shape[1]


@pytest.mark.parametrize("name", ["conv", "residual", "no bottleneck"])
def test_pooled_is_the_map_pooled(name):
    network, shape, below = NETS[name]
    net = seeded(0, lambda: network.build(shape)).eval()
    x = torch.rand(5, *shape)
    features = features_at(net.without_decoder(), Reconstruction(), "below-pooled")
    maps = features_at(net, Reconstruction(), "below")(x).unflatten(1, below)
    torch.testing.assert_close(features(x), MeanAndMax()(maps))
    assert features(x).shape == (5, width_at(net, "below-pooled"))


@pytest.mark.parametrize(
    ("network", "shape", "layer", "message"),
    [
        (
            Dense(hidden=(), latent_dim=3),
            VECTOR,
            "below",
            "the network has no layer below its code; leave out '@below'",
        ),
        (Dense(), VECTOR, "below-pooled", "the network has no feature map below its code; leave out '@below-pooled'"),
        (Conv((4,), latent_dim=None), IMAGE, "below", "no layer below its code"),
    ],
)
def test_layers_that_are_not_there_are_refused(network, shape, layer, message):
    with pytest.raises(InputError, match=message):
        width_at(outline(network, shape), layer)


@pytest.mark.parametrize("layer", LAYERS)
def test_fine_tuning_begins_at_the_probe_of_the_layer_and_trains_what_leads_to_it(short, layer):
    rng = np.random.default_rng(0)
    y = np.arange(30) % K
    x = (rng.integers(0, 60, (30, *IMAGE)) + 80 * y[:, None, None, None]).astype(np.uint8)
    images, net = Examples(x, fit_scaling(x)), seeded(0, lambda: Conv((4, 8), latent_dim=3).build(IMAGE)).eval()
    features = features_at(net, Reconstruction(), layer)
    centring = fit_centring(features_of(features, images))
    codes = centring.apply(features_of(features, images))
    probe = fit_one(Probe(K), codes, y, Probe(K).default, seed=0)
    learner = FineTune(K, lambda: copy.deepcopy(net), Reconstruction(), centring, 1.0, layer)
    still, moved = learner.fit_all(images, y, [Task(np.arange(30), {"lr": lr}, 30, 0) for lr in (1e-12, 1e-2)])
    np.testing.assert_allclose(still.log_proba(images), probe.log_proba(codes), rtol=1e-3, atol=1e-3)
    assert (moved.log_proba(images).argmax(axis=1) == y).mean() > 0.9
    assert moved.trained == parameter_count(features) + probe.trained
    assert parameter_count(features) < parameter_count(net.encoder)
