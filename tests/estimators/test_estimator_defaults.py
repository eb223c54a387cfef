"""What the estimators pretrain for where nothing is named, and flips."""

from __future__ import annotations

import numpy as np
import pytest

from fewlabels.core.errors import InputError
from fewlabels.estimators import base
from fewlabels.networks import PooledConv
from fewlabels.objectives import AutomaticView, Contrastive, Denoising
from toy_estimators import classifier, clusters, pictures, transformer

LARGE = PooledConv(channels=(2, 3))


def fitted(x: np.ndarray, **settings):
    return transformer(**{"steps": 2, **settings}).fit(x).encoder_


@pytest.mark.parametrize(
    ("x", "objective"),
    [
        (clusters()[0], Denoising()),
        (pictures((16, 16)), Denoising()),
        (pictures((4, 17)), Contrastive()),
        (pictures((20, 18, 3), n=4), Contrastive()),
    ],
)
def test_auto_is_what_suits_the_examples(x, objective):
    assert fitted(x).objective == fitted(x, objective="auto").objective == objective
    assert fitted(x, objective="denoising").objective == Denoising()


def test_the_default_network_suits_the_objective():
    x = pictures((20, 20))
    assert isinstance(fitted(x, network="default").network, PooledConv)
    network = fitted(x, network="default", latent_dim=5)
    assert (network.latent_dim, network.objective) == (5, Denoising())


@pytest.mark.parametrize("settings", [{"network": "pooled"}, {"network": "default", "objective": "contrastive"}])
def test_codes_of_a_network_whose_channels_make_them_are_not_counted_out(settings):
    with pytest.raises(InputError) as caught:
        fitted(pictures((20, 20)), latent_dim=5, **settings)
    assert str(caught.value) == (
        "network PooledConv takes no `latent_dim`, its codes follow from its channels; allowed are Dense, Conv, "
        "Residual"
    )


def test_what_decodes_nothing_gives_nothing_back():
    x = pictures((20, 20))
    one = transformer(network=LARGE, steps=2).fit(x)
    with pytest.raises(InputError, match=r"^Contrastive trains no decoder, so codes cannot be turned into examples"):
        one.inverse_transform(one.transform(x))


@pytest.mark.parametrize("flips", [None, True, False])
def test_flips_reach_the_views_of_pretraining_and_fine_tuning(flips):
    x = pictures((20, 20))
    y = (x[:, -1, -1] > 160).astype(int)
    one = transformer(network=LARGE, steps=2, flips=flips).fit(x)
    assert one.encoder_.objective == Contrastive(view=AutomaticView(flip=flips))
    alone = classifier(network=LARGE, steps=2, flips=flips).fit(x, y)
    assert alone.encoder_.objective == one.encoder_.objective
    given = classifier(encoder=fitted(x, network=LARGE), flips=flips).fit(x, y)
    assert given.encoder_.objective == Contrastive()
    assert [made.model_.facts["settings"].get("flips") for made in (alone, given)] == [flips, flips]


@pytest.mark.parametrize("make", [transformer, classifier])
def test_flips_of_vectors_are_refused_before_any_training(make, monkeypatch):
    monkeypatch.setattr(base, "progress_bar", lambda *_: pytest.fail("trained"))
    with pytest.raises(InputError) as caught:
        make(flips=True, verbose=1).fit(*clusters())
    assert str(caught.value) == (
        "`flips` is True, and only images can be flipped: these examples are of shape 6; leave it out"
    )
