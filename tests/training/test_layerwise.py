"""Greedy layer-wise training: the same as training each stage by hand on the codes of those below it."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn
from toy_training import changed, examples, names_of_stages, patterns, state

from fewlabels.core.errors import InputError
from fewlabels.networks import Conv, Dense, state_hash
from fewlabels.objectives import Denoising, MaskingNoise, Reconstruction
from fewlabels.training import Group, Job, Layerwise, Recipe, build, fit, mean_loss, train
from fewlabels.training.layerwise import greedy
from fewlabels.training.pretrain import phases_of

RECIPE = Recipe(steps=11, batch_size=8, lr=1e-2)
DENSE = Dense(hidden=(6,), latent_dim=3)

CASES = {
    # name: network, shape of an example, and the layers of each stage, (encoder, decoder)
    "dense": (DENSE, (5,), [((0, 3), (2, 5)), ((3, 4), (0, 2))]),
    "dense-tied": (replace(DENSE, tied=True), (5,), [((0, 3), (2, 5)), ((3, 4), (0, 2))]),
    "conv": (
        Conv(channels=(3, 4), latent_dim=2),
        (2, 8, 9),
        [((0, 2), (5, 6)), ((2, 4), (3, 5)), ((4, 6), (0, 3))],
    ),
    "conv-feature-map": (
        Conv(channels=(3, 4), latent_dim=None),
        (2, 8, 9),
        [((0, 2), (3, 4)), ((2, 5), (0, 3))],
    ),
    "conv-tied": (
        Conv(channels=(3, 4), latent_dim=2, tied=True),
        (2, 8, 9),
        [((0, 2), (5, 6)), ((2, 4), (3, 5)), ((4, 6), (0, 3))],
    ),
}
every_case = pytest.mark.parametrize("case", CASES)


def job_of(case: str, **options) -> Job:
    return Job(CASES[case][0], options.pop("objective", Reconstruction()), options.pop("recipe", RECIPE), **options)


class Slice(nn.Module):
    """Some layers of a network, as an autoencoder of their own."""

    def __init__(self, down: nn.Sequential, up: nn.Sequential, latent_dim: int) -> None:
        super().__init__()
        self.encode, self.decode, self.latent_dim = down, up, latent_dim


def by_hand(case: str, job: Job, x: torch.Tensor, joint: bool) -> nn.Module:
    """Each stage trained on the codes, computed once, of the stages below it."""
    net = build(job, CASES[case][1])
    layers = CASES[case][2]
    phases = len(layers) + joint
    ends = [job.recipe.steps * i // phases for i in range(phases + 1)]
    generator = torch.Generator().manual_seed(job.seed)

    def learn(part, inputs, steps):
        def loss_of(index):
            return job.objective.loss(part, inputs[index], job.objective.draw(inputs[index], 1, generator))

        recipe = replace(job.recipe, steps=steps)
        fit(part, [Group(tuple(part.parameters()))], loss_of, len(inputs), recipe, generator)

    inputs = x
    for stage, (down, up) in enumerate(layers):
        part = Slice(net.encoder[slice(*down)], net.decoder[slice(*up)], 1)
        learn(part, inputs, ends[stage + 1] - ends[stage])
        inputs = part.encode(inputs).detach()
    if joint:
        learn(net, x, ends[-1] - ends[-2])
    return net


@pytest.mark.parametrize("joint", [False, True], ids=["greedy", "joint"])
@every_case
def test_greedy_is_training_a_stage_at_a_time_by_hand(case, joint):
    job = job_of(case, objective=Denoising(MaskingNoise(0.3)), seed=3, layerwise=Layerwise(joint=joint))
    x = examples(CASES[case][1])
    net, history = train(job, x)
    expected = by_hand(case, job, x.batch(slice(None)), joint)
    assert net.depth == len(CASES[case][2])
    assert len(history.loss) == 11
    for name, tensor in state(expected).items():
        torch.testing.assert_close(net.state_dict()[name], tensor, rtol=0, atol=1e-6, msg=name)
    start = state(build(job, x.shape))
    assert all(not torch.equal(start[name], tensor) for name, tensor in net.state_dict().items())


@every_case
def test_a_phase_trains_its_own_stage_alone_and_the_joint_one_all(case, built_nets):
    told = {}
    job = job_of(case, layerwise=Layerwise(joint=True))
    train(job, examples(CASES[case][1]), progress=lambda done, loss, speed: told.update({done: state(built_nets[0])}))
    net, start = built_nets[0], build(job, CASES[case][1])
    ends = [phase.first + phase.steps for phase in phases_of(job, start)]
    states = [state(start), *(told[end] for end in ends)]
    assert len(states) == net.depth + 2
    stages = names_of_stages(net)
    for phase, names in enumerate([*stages, set().union(*stages)]):
        assert changed(states[phase], states[phase + 1]) == names, phase
    assert set().union(*stages) == set(net.state_dict())


@pytest.mark.slow
@every_case
def test_a_trained_stack_reconstructs_better_than_an_untrained_one(case):
    shape = CASES[case][1]
    x, unseen = patterns(shape), patterns(shape, n=20, seed=1)
    recipe = Recipe(steps=180, batch_size=32, lr=2e-2, schedule="one-cycle")
    for schedule in (Layerwise(), Layerwise(joint=True)):
        job = job_of(case, recipe=recipe, layerwise=schedule)
        net, history = train(job, x)
        untrained = mean_loss(Reconstruction(), build(job, shape), unseen)
        assert mean_loss(Reconstruction(), net, unseen) < 0.5 * untrained
        assert history.loss[-1] < history.loss[list(history.phases.values())[-1]]


@pytest.mark.parametrize(
    ("steps", "joint", "firsts"),
    [
        (12, False, [0, 4, 8]),
        (11, False, [0, 3, 7]),
        (10, True, [0, 2, 5, 7]),
        (3, False, [0, 1, 2]),
        (4, True, [0, 1, 2, 3]),
        (1001, True, [0, 250, 500, 750]),
    ],
)
def test_steps_are_shared_equally_and_none_is_lost(steps, joint, firsts):
    job = job_of("conv", recipe=replace(RECIPE, steps=steps))
    net = build(job, (2, 8, 9))
    phases = greedy(net, job.objective, steps, Layerwise(joint=joint))
    assert [phase.first for phase in phases] == firsts
    assert [phase.first + phase.steps for phase in phases] == [*firsts[1:], steps]
    assert {steps // len(phases), -(-steps // len(phases))} >= {phase.steps for phase in phases}
    assert [phase.name for phase in phases] == ["layer 1", "layer 2", "layer 3", *["joint"] * joint]
    assert (phases[-1].part is net) == joint
    assert [phase.below and phase.below.latent_dim for phase in phases][:3] == [None, 3 * 4 * 5, 4 * 2 * 3]


def test_a_phase_is_given_the_codes_of_the_stages_below_and_knows_the_whole_so_far():
    net = build(job_of("conv"), (2, 8, 9))
    x = examples((2, 8, 9)).batch(slice(0, 4))
    phases = greedy(net, Reconstruction(), 9, Layerwise())
    assert [phase.inputs(x).shape for phase in phases] == [(4, 2, 8, 9), (4, 3, 4, 5), (4, 4, 2, 3)]
    with torch.no_grad():
        torch.testing.assert_close(phases[2].inputs(x), net.encoder[:4](x))
        for stage, phase in enumerate(phases, start=1):
            so_far = net.part(0, stage)
            torch.testing.assert_close(phase.whole.decode(phase.whole.encode(x)), so_far.decode(so_far.encode(x)))
    assert not any(phase.inputs(x).requires_grad for phase in phases)


@pytest.mark.parametrize("count", [1, 3])
def test_a_wrong_number_of_objectives_is_refused(count):
    job = job_of("conv", layerwise=Layerwise((Reconstruction(),) * count))
    with pytest.raises(InputError) as caught:
        train(job, examples((2, 8, 9)))
    assert str(caught.value) == (
        f"Layerwise: objectives are {count}; allowed is one for each of the 2 stages below the network's last, or "
        "none, for the job's objective everywhere"
    )


@pytest.mark.parametrize(("steps", "joint", "phases"), [(2, False, 3), (3, True, 4), (1, True, 4)])
def test_fewer_steps_than_phases_are_refused(steps, joint, phases):
    job = job_of("conv", recipe=replace(RECIPE, steps=steps), layerwise=Layerwise(joint=joint))
    with pytest.raises(InputError) as caught:
        train(job, examples((2, 8, 9)))
    assert str(caught.value) == (
        f"Recipe: steps is {steps}; allowed is {phases} or more, one for each layer-wise phase"
    )


def test_a_single_stage_is_trained_as_a_whole_is():
    x = examples((5,))
    job = Job(Dense(hidden=(), latent_dim=3), Denoising(), RECIPE, seed=2)
    whole, told = train(job, x, x)
    greedily, history = train(replace(job, layerwise=Layerwise()), x, x)
    assert state_hash(greedily) == state_hash(whole)
    assert (history.loss, history.validation_loss) == (told.loss, told.validation_loss)
    assert (history.phases, told.phases) == ({"layer 1": 0}, {})
    assert train(replace(job, layerwise=Layerwise(joint=True)), x)[1].phases == {"layer 1": 0, "joint": 5}
    with pytest.raises(InputError, match="objectives are 1; allowed is one for each of the 0 stages below"):
        train(replace(job, layerwise=Layerwise((Denoising(),))), x)


def test_the_history_tells_its_phases_and_counts_steps_through():
    recipe = replace(RECIPE, steps=10, validate_every=2)
    x, validation = patterns((5,)), patterns((5,), seed=1)
    job = job_of("dense", recipe=recipe, layerwise=Layerwise())
    net, history = train(job, x, validation)
    assert history.phases == {"layer 1": 0, "layer 2": 5}
    assert history.validation_step == [2, 4, 5, 7, 9, 10]
    assert len(history.loss) == len(history.terms["reconstruction"]) == 10
    last = dict(zip(history.validation_step[3:], history.validation_loss[3:], strict=True))
    assert history.best_step == min(last, key=last.__getitem__)
    assert history.validation_loss[0] > history.validation_loss[2]
    codes = greedy(net, job.objective, 10, Layerwise())[1]
    assert mean_loss(Reconstruction(), codes.part, validation, codes.inputs) == min(last.values())


def test_the_same_seed_gives_the_same_bits_and_another_others():
    x = examples((2, 8, 9))
    job = job_of("conv", seed=1, layerwise=Layerwise(joint=True))
    first, again = train(job, x, x), train(job, x, x)
    assert state_hash(first[0]) == state_hash(again[0])
    assert first[1].loss == again[1].loss
    assert state_hash(train(replace(job, seed=2), x, x)[0]) != state_hash(first[0])
