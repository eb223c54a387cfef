"""The contract every objective keeps on every network. A new row in OBJECTIVES is tested here by itself."""

from __future__ import annotations

import json
from dataclasses import FrozenInstanceError, fields, is_dataclass

import pytest
import torch

from fewlabels.errors import InputError
from fewlabels.networks import Autoencoder, Conv, Dense, seeded
from fewlabels.objectives import (
    KINDS,
    OBJECTIVES,
    Denoising,
    GaussianNoise,
    MaskingNoise,
    RandomGaussianNoise,
    SaltAndPepperNoise,
    SparseActivations,
    SparseWeights,
)
from fewlabels.settings import from_json, to_json

NETWORKS = {
    "dense": (Dense(hidden=(8,), latent_dim=4), (12,)),
    "linear": (Dense(hidden=(), latent_dim=3), (12,)),
    "relu": (Dense(hidden=(16,), latent_dim=8, code="relu", output="relu"), (1, 4, 3)),
    "stride": (Conv(channels=(4, 3), latent_dim=5), (2, 7, 8)),
    "pool": (Conv(channels=(4, 2), down="pool", latent_dim=None), (1, 8, 8)),
}
B = 24

pairs = pytest.mark.parametrize("network", NETWORKS)
objectives = pytest.mark.parametrize("name", OBJECTIVES)


def setup(name: str, network: str, seed: int = 0):
    objective = OBJECTIVES[name]
    spec, shape = NETWORKS[network]
    net = seeded(seed, lambda: spec.build(shape, objective.code_width))
    x = torch.rand(B, *shape, generator=torch.Generator().manual_seed(1))
    return objective, net, x


def draw(objective, net: Autoencoder, x: torch.Tensor, seed: int = 2) -> dict[str, torch.Tensor]:
    return objective.draw(x, net.latent_dim, torch.Generator().manual_seed(seed))


@objectives
@pairs
def test_training_lowers_the_loss(name, network):
    objective, net, x = setup(name, network)
    noise = draw(objective, net, x)
    optimiser = torch.optim.Adam(net.parameters(), lr=1e-2)
    losses = []
    for _ in range(12):
        loss, _ = objective.loss(net, x, noise)
        optimiser.zero_grad()
        loss.backward()
        assert all(p.grad is not None and p.grad.isfinite().all() for p in net.parameters())
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.97 * losses[0]


@objectives
@pairs
def test_the_loss_is_a_scalar_and_the_sum_of_its_terms(name, network):
    objective, net, x = setup(name, network)
    loss, terms = objective.loss(net, x, draw(objective, net, x))
    assert loss.shape == ()
    assert terms
    assert all(term.shape == () for term in terms.values())
    torch.testing.assert_close(sum(terms.values()), loss)


@objectives
@pairs
def test_codes_reconstructions_and_corrupted_inputs_keep_their_shapes(name, network):
    objective, net, x = setup(name, network)
    code = objective.embed(net, x)
    assert (code.shape, code.dtype) == ((B, net.latent_dim), torch.float32)
    noise = draw(objective, net, x)
    for image in (objective.reconstruct(net, x), objective.corrupt(x, noise)):
        assert (image.shape, image.dtype) == (x.shape, torch.float32)
    torch.testing.assert_close(objective.reconstruct(net, x), net.decode(code))


@objectives
@pairs
def test_the_loss_does_not_depend_on_the_order_of_the_batch(name, network):
    objective, net, x = setup(name, network)
    noise = draw(objective, net, x)
    order = torch.randperm(B, generator=torch.Generator().manual_seed(3))
    assert all(len(part) == B for part in noise.values())
    shuffled = {key: part[order] for key, part in noise.items()}
    torch.testing.assert_close(
        objective.loss(net, x[order], shuffled)[0], objective.loss(net, x, noise)[0], rtol=1e-5, atol=1e-7
    )


@objectives
@pairs
def test_all_randomness_comes_from_the_generator_given(name, network):
    objective, net, x = setup(name, network)
    before = torch.get_rng_state()
    first, again = draw(objective, net, x), draw(objective, net, x)
    assert all(torch.equal(first[key], again[key]) for key in first)
    losses = {objective.loss(net, x, noise)[0].item() for noise in (first, again, first)}
    assert len(losses) == 1
    assert torch.equal(torch.get_rng_state(), before)
    other = draw(objective, net, x, seed=9)
    assert first.keys() == other.keys()
    assert not any(torch.equal(first[key], other[key]) for key in first)


@objectives
def test_input_and_noise_are_left_as_they_were(name):
    objective, net, x = setup(name, "dense")
    noise = draw(objective, net, x)
    kept_x, kept = x.clone(), {key: part.clone() for key, part in noise.items()}
    objective.loss(net, x, noise)
    assert torch.equal(x, kept_x)
    assert all(torch.equal(noise[key], kept[key]) for key in noise)


@objectives
def test_what_corrupts_draws_noise_and_what_does_not_shows_the_input(name):
    objective, net, x = setup(name, "dense")
    noise = draw(objective, net, x)
    assert torch.equal(objective.corrupt(x, noise), x) == (not name.startswith("denoising"))


@objectives
def test_json_there_and_back(name):
    objective = OBJECTIVES[name]
    back = from_json(json.loads(json.dumps(to_json(objective))), KINDS)
    assert back == objective
    assert hash(back) == hash(objective)


def test_the_table_holds_different_objectives_and_every_kind():
    assert len(set(OBJECTIVES.values())) == len(OBJECTIVES)
    used = {type(objective) for objective in OBJECTIVES.values()}
    parts = {type(getattr(objective, f.name)) for objective in OBJECTIVES.values() for f in fields(objective)}
    assert used | {part for part in parts if is_dataclass(part)} == set(KINDS.values())


def test_settings_travel_through_json():
    objective = Denoising(SaltAndPepperNoise(share=0.25, low=-1.0, high=2.0))
    assert to_json(objective) == {
        "kind": "Denoising",
        "corruption": {"kind": "SaltAndPepperNoise", "share": 0.25, "low": -1.0, "high": 2.0},
    }
    assert from_json(to_json(objective), KINDS) == objective
    with pytest.raises(InputError, match="unknown kind 'Blur' in settings; allowed are Denoising, GaussianNoise,"):
        from_json({"kind": "Denoising", "corruption": {"kind": "Blur"}}, KINDS)
    with pytest.raises(FrozenInstanceError):
        objective.corruption = GaussianNoise()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SparseActivations(penalty=-0.1), r"SparseActivations: penalty is -0\.1; allowed is 0 or more"),
        (lambda: SparseActivations(penalty=float("nan")), "SparseActivations: penalty is nan"),
        (lambda: SparseWeights(penalty=-1), "SparseWeights: penalty is -1; allowed is 0 or more"),
        (lambda: GaussianNoise(std=-1), "GaussianNoise: std is -1; allowed is 0 or more"),
        (lambda: RandomGaussianNoise(mean_std=-1), "RandomGaussianNoise: mean_std is -1; allowed is 0 or more"),
        (lambda: RandomGaussianNoise(std_mean=-1), "RandomGaussianNoise: std_mean is -1; allowed is 0 or more"),
        (lambda: RandomGaussianNoise(std_std=-1), "RandomGaussianNoise: std_std is -1; allowed is 0 or more"),
        (lambda: MaskingNoise(share=1.01), r"MaskingNoise: share is 1\.01; allowed is 0 to 1"),
        (lambda: MaskingNoise(share=-0.01), r"MaskingNoise: share is -0\.01"),
        (lambda: SaltAndPepperNoise(share=2), "SaltAndPepperNoise: share is 2; allowed is 0 to 1"),
    ],
)
def test_settings_out_of_range_are_refused(make, message):
    with pytest.raises(InputError, match=message):
        make()
