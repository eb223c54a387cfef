"""An objective of its own for every layer: what it brings along, a critic or log-variances, stays in its phase."""

from __future__ import annotations

import pytest
import torch
from toy_training import changed, names_of_stages, patterns, state

from fewlabels.core.errors import InputError
from fewlabels.networks import Conv, Dense, state_hash
from fewlabels.objectives import (
    OBJECTIVES,
    AdversarialAutoencoder,
    Denoising,
    GenerativeAdversarial,
    Reconstruction,
    Variational,
)
from fewlabels.training import Job, Layerwise, Recipe, build, train
from fewlabels.training.layerwise import greedy

NETWORKS = {
    "dense": (Dense(hidden=(6,), latent_dim=3), (5,)),
    "conv": (Conv(channels=(3, 4), latent_dim=None), (1, 8, 8)),
    "tied": (Dense(hidden=(6,), latent_dim=3, tied=True), (1, 4, 4)),
}
every_network = pytest.mark.parametrize("network", NETWORKS)
BELOW = [name for name, objective in OBJECTIVES.items() if objective.why_not_greedy is None]
ON_TOP = [name for name, objective in OBJECTIVES.items() if objective.decodes and name != "variational-bernoulli"]


def job_of(network: str, below, last, joint=False, steps=10) -> Job:
    recipe = Recipe(steps=steps, batch_size=8, lr=1e-2, validate_every=2)
    return Job(NETWORKS[network][0], last, recipe, seed=4, layerwise=Layerwise((below,), joint))


def x_of(network: str):
    return patterns(NETWORKS[network][1])


def phases_of(job: Job, network: str, steps=10):
    net = build(job, NETWORKS[network][1])
    return net, greedy(net, job.objective, steps, job.layerwise)


@pytest.mark.slow
@pytest.mark.parametrize("name", BELOW)
@every_network
def test_an_objective_goes_below_another(network, name):
    job = job_of(network, OBJECTIVES[name], Reconstruction(), joint=True)
    net, history = train(job, x_of(network), x_of(network))
    start = build(job, NETWORKS[network][1])
    assert net.state_dict().keys() == start.state_dict().keys()
    assert net.code_width == 1
    assert len(net.heads) == 0
    weights = {key for key in net.state_dict() if key.endswith("weight")}
    assert changed(state(start), state(net)) >= weights
    assert history.phases == {"layer 1": 0, "layer 2": 3, "joint": 6}
    assert all(torch.tensor(values).isfinite().all() for values in (history.loss, *history.terms.values()))


@pytest.mark.slow
@pytest.mark.parametrize("name", ON_TOP)
@every_network
def test_an_objective_goes_on_top_of_another(network, name):
    job = job_of(network, Denoising(), OBJECTIVES[name])
    net, history = train(job, x_of(network), x_of(network))
    start = build(job, NETWORKS[network][1])
    assert net.state_dict().keys() == start.state_dict().keys()
    assert net.code_width == OBJECTIVES[name].code_width
    assert history.phases == {"layer 1": 0, "layer 2": 5}
    for term, values in history.terms.items():
        assert any(values[:5]) == (term == "reconstruction")
    assert any(history.terms[next(reversed(history.terms))][5:])
    stages = names_of_stages(net)
    assert changed(state(start), state(net)) & stages[1]


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("sparse-target", "its decoder is given sigmoids, the stage above the codes themselves"),
        ("variational-bernoulli", "with likelihood 'bernoulli' inputs must lie within 0 and 1"),
    ],
)
def test_an_objective_that_cannot_be_below_is_refused_before_training(name, why):
    objective = OBJECTIVES[name]
    for job in (
        job_of("dense", objective, Reconstruction()),
        Job(NETWORKS["dense"][0], objective, layerwise=Layerwise()),
    ):
        with pytest.raises(InputError) as caught:
            train(job, x_of("dense"), progress=lambda done, loss, speed: pytest.fail("trained"))
        assert str(caught.value) == (
            f"{type(objective).__name__} cannot train a stage below another: {why}; give Layerwise objectives for the "
            "stages below the last, or train without a schedule"
        )
    assert name not in BELOW


@pytest.mark.parametrize("name", [name for name, objective in OBJECTIVES.items() if objective.decodes is None])
def test_an_objective_without_a_decoder_is_neither_below_nor_on_top(name):
    objective = OBJECTIVES[name]
    says = f"^{type(objective).__name__} cannot train a stage {{}}: it has no decoder; "
    with pytest.raises(InputError, match=says.format("below another")):
        train(job_of("dense", objective, Reconstruction()), x_of("dense"))
    with pytest.raises(InputError, match=says.format("above others")):
        train(job_of("dense", Reconstruction(), objective), x_of("dense"))


def test_one_stage_has_none_below_it():
    job = Job(Dense(hidden=(), latent_dim=3), OBJECTIVES["sparse-target"], Recipe(steps=4), layerwise=Layerwise())
    assert train(job, x_of("dense"))[1].phases == {"layer 1": 0}


@torch.no_grad()
def test_a_likelihood_for_pixels_refuses_codes_beyond_them():
    _, (lower, upper) = phases_of(job_of("dense", Denoising(), OBJECTIVES["variational-bernoulli"]), "dense")
    lower.part.encoder[1].bias += 2
    codes = upper.inputs(x_of("dense").batch(slice(None)))
    with pytest.raises(InputError, match="likelihood is 'bernoulli', but inputs reach from"):
        upper.objective.draw(codes, upper.part.latent_dim, torch.Generator())


@every_network
def test_two_numbers_a_code_below_the_top_come_from_a_twin_that_is_left_behind(network):
    job = job_of(network, Variational(), Reconstruction())
    net, (lower, upper) = phases_of(job, network)
    assert (lower.part.code_width, upper.part.code_width, net.code_width) == (2, 1, 1)
    own = {parameter.data_ptr() for parameter in net.parameters()}
    twin = [parameter for parameter in lower.part.parameters() if parameter.data_ptr() not in own]
    encoder = sum(map(torch.numel, net.part(0, 1).encoder.parameters()))
    assert sum(map(torch.numel, twin)) == encoder + 2 * lower.part.latent_dim  # and a stretch and a shift a code
    assert upper.below.code_width == 1
    x = x_of(network).batch(slice(0, 4))
    torch.testing.assert_close(upper.inputs(x).flatten(1), lower.part.encode(x)[:, : lower.part.latent_dim].detach())
    _, history = train(job, x_of(network))
    assert all(history.terms["divergence"][:5])
    assert not any(history.terms["divergence"][5:])


@every_network
def test_two_numbers_a_code_on_top_are_the_networks_own(network):
    net, (lower, upper) = phases_of(job_of(network, Denoising(), Variational()), network)
    assert (lower.part.code_width, upper.part.code_width, net.code_width) == (1, 2, 2)
    assert {p.data_ptr() for p in upper.part.parameters()} < {p.data_ptr() for p in net.parameters()}


@pytest.mark.parametrize("adversary", [AdversarialAutoencoder(), GenerativeAdversarial()], ids=["aae", "gan"])
@every_network
def test_every_stage_has_a_critic_of_its_own_and_the_network_keeps_the_last(network, adversary):
    net, (lower, upper, joint) = phases_of(job_of(network, adversary, adversary, joint=True), network)
    assert upper.part.heads is net.heads is joint.part.heads
    assert lower.part.heads is not net.heads
    assert {p.shape[1] for p in list(lower.part.heads.parameters())[:1]} == {lower.part.latent_dim}
    assert {p.shape[1] for p in list(net.heads.parameters())[:1]} == {net.latent_dim}
    only_below, _ = phases_of(job_of(network, adversary, Reconstruction()), network)
    assert not any(name.startswith("heads") for name in only_below.state_dict())


def test_a_critic_below_the_top_learns_along_with_its_stage():
    job = job_of("dense", AdversarialAutoencoder(weight=0.1), Reconstruction(), steps=200)
    _, history = train(job, patterns((5,)))
    assert all(history.terms["critic"][:100])
    assert not any(history.terms["critic"][100:])
    early, late = (sum(history.terms["critic"][i : i + 10]) / 10 for i in (0, 90))
    assert late < 0.95 * early


@pytest.mark.parametrize(
    "below", [AdversarialAutoencoder(), GenerativeAdversarial(), Variational()], ids=lambda o: type(o).__name__
)
def test_what_a_stage_brings_along_is_drawn_from_the_seed_too(below):
    job = job_of("dense", below, Denoising())
    x = patterns((5,))
    before = torch.get_rng_state()
    first = train(job, x)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(99)
    again = train(job, x)
    torch.set_rng_state(before)
    assert state_hash(first[0]) == state_hash(again[0])
    assert first[1].loss == again[1].loss
