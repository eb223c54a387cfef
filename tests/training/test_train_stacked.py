"""Pretraining many jobs together: which are one stack, in what order they come back, and what cannot be stacked.

That every objective on every network ends as alone is in the tests of objectives.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from torch import nn
from toy_training import examples, patterns

from fewlabels.core.errors import InputError, TrainingDiverged
from fewlabels.networks import Conv, Dense
from fewlabels.objectives import (
    Denoising,
    MaskingNoise,
    Objective,
    Reconstruction,
    Resample,
    SparseActivations,
    Variational,
)
from fewlabels.training import Job, Layerwise, Numerics, train, train_stacked
from fewlabels.training.ensemble import pretrain as pretrain_stacked
from fewlabels.training.ensemble.pretrain import groups
from stacked_pretraining import RECIPE, SUBSETS, alike, assert_stacked_equals_train

DENSE = Dense(hidden=(6,), latent_dim=3)
JOB = Job(DENSE, Reconstruction(), RECIPE)
X, VALIDATION = patterns((5,), n=16), patterns((5,), n=9, seed=1)
IMAGES = patterns((1, 4, 4), n=16)


def numbers_of(*jobs: Job, size: int = 16) -> list[list[int]]:
    return groups(jobs, [size] * len(jobs))


@pytest.mark.parametrize(
    "changes",
    [
        {"lr": 0.5},
        {"weight_decay": 0.1},
        {"clip_norm": 3.0},
        {"patience": 4},
        {"steps": 9},
    ],
    ids=str,
)
def test_jobs_that_differ_in_numbers_are_one_stack(changes):
    assert numbers_of(JOB, replace(JOB, seed=4, recipe=replace(RECIPE, **changes))) == [[0, 1]]


def test_shares_of_features_may_differ_in_a_stack():
    jobs = alike(JOB)
    shares = (0.0, 0.1, 0.6)
    jobs = [replace(job, objective=Denoising(Resample(share))) for job, share in zip(jobs, shares, strict=True)]
    assert numbers_of(*jobs) == [[0, 1, 2]]
    assert_stacked_equals_train(jobs, X)


def test_float_settings_of_objectives_do_not_part_jobs():
    def layerwise(share: float, penalty: float) -> Job:
        below = (Denoising(MaskingNoise(share)),)
        return replace(JOB, objective=SparseActivations(penalty), layerwise=Layerwise(below))

    assert numbers_of(layerwise(0.5, 0.1), layerwise(0.2, 0.1), layerwise(0.5, 0.3)) == [[0, 1, 2]]


@pytest.mark.parametrize(
    "other",
    [
        replace(JOB, network=Dense(hidden=(6,), latent_dim=2)),
        replace(JOB, objective=Denoising()),
        replace(JOB, layerwise=Layerwise()),
        replace(JOB, numerics=Numerics(precision="bfloat16")),
        *(
            replace(JOB, recipe=replace(RECIPE, **{name: value}))
            for name, value in {
                "batch_size": 4,
                "optimiser": "sgd",
                "momentum": 0.5,
                "epsilon": 1e-4,
                "clip_norm": None,
                "schedule": "cosine",
                "validate_every": 3,
            }.items()
        ),
    ],
)
def test_what_is_no_number_parts_jobs(other):
    assert numbers_of(JOB, other, JOB) == [[0, 2], [1]]


def test_corruptions_and_schedules_part_jobs_too():
    plain = replace(JOB, layerwise=Layerwise())
    below = [replace(JOB, layerwise=Layerwise((objective,))) for objective in (Reconstruction(), Denoising())]
    masked = replace(JOB, layerwise=Layerwise((Denoising(MaskingNoise()),)))
    longer = replace(plain, recipe=replace(RECIPE, steps=12))
    kinds = [plain, *below, masked, longer, replace(JOB, layerwise=Layerwise(joint=True))]
    assert numbers_of(*kinds, plain) == [[0, 6], [1], [2], [3], [4], [5]]


def test_sizes_part_jobs_only_where_a_batch_is_smaller():
    assert groups([JOB] * 4, [16, 9, 4, 5]) == [[0, 1, 3], [2]]


def test_results_come_in_the_order_of_the_jobs_whatever_their_kinds():
    plain, sparse = alike(JOB, 3), alike(replace(JOB, objective=SparseActivations()), 3)
    wide = replace(JOB, network=Dense(hidden=(7,), latent_dim=3), seed=9)
    jobs = [plain[0], sparse[0], wide, plain[1], sparse[1], plain[2]]
    assert numbers_of(*jobs) == [[0, 3, 5], [1, 4], [2]]
    subsets = [*SUBSETS, *(subset[:9] for subset in SUBSETS)]
    assert_stacked_equals_train(jobs, X, VALIDATION, subsets)
    assert train_stacked([], X) == []


def test_each_is_given_its_own_subset_alone():
    """Whatever the other examples are: they are poison here."""
    raw = patterns((5,), n=16).batch(slice(None)).numpy()
    jobs, subsets = alike(JOB, 2), [np.arange(0, 8), np.arange(8, 16)]
    nets = [net for net, _ in train_stacked(jobs, X, subsets=subsets)]
    for model, subset in enumerate(subsets):
        spoilt = np.full_like(raw, 7)
        spoilt[subset] = raw[subset]
        again = train_stacked(jobs, type(X)(spoilt, X.scaling), subsets=subsets)[model][0]
        torch.testing.assert_close(again.state_dict(), nets[model].state_dict(), rtol=0, atol=0)


@pytest.mark.parametrize("given", [1, 3])
def test_another_number_of_subsets_is_refused(given):
    message = f"train_stacked: {given} subsets for 2 jobs; give one a job, or none"
    with pytest.raises(InputError) as error:
        train_stacked(alike(JOB, 2), X, subsets=[np.arange(5)] * given)
    assert str(error.value) == message


def test_early_stopping_of_one_leaves_the_others_and_its_strip_as_alone():
    """The rate of the first is far too high; it stops, and strips show where each ended."""
    jobs = alike(JOB, lr=(1.0, 0.01, 0.5), clip_norm=(None,) * 3, patience=(1, None, 2), steps=(40, 12, 40))
    histories = assert_stacked_equals_train(jobs, IMAGES, patterns((1, 4, 4), n=9, seed=1))
    steps = [len(history.loss) for history in histories]
    assert steps[1] == 12
    assert min(steps) < 12
    assert [history.strip_step[-1] for history in histories] == steps


def test_without_validation_each_strip_is_of_its_own_examples():
    histories = assert_stacked_equals_train(alike(JOB), IMAGES, None, SUBSETS)
    assert not torch.equal(histories[0].strip, histories[1].strip)


def test_an_integer_setting_is_as_good_as_a_float():
    jobs = [
        replace(job, objective=SparseActivations(penalty)) for job, penalty in zip(alike(JOB), (1, 0.5, 2), strict=True)
    ]
    assert_stacked_equals_train(jobs, X, VALIDATION)


@dataclass(frozen=True)
class Powered(Objective):
    """Made up here: nested in nothing, it knows of a float, an integer and of noise."""

    share: float = 0.5
    power: int = 2

    def draw(self, x, latent_dim, generator, progress=1.0):
        return {"kept": torch.rand(x.shape, generator=generator) + progress}

    def loss(self, net, x, noise):
        error = (net.decode(net.encode(self.share * x * noise["kept"])) - x).abs().pow(self.power).mean()
        return error, {"error": error}


def test_an_objective_made_up_elsewhere_stacks():
    jobs = [replace(job, objective=Powered(share)) for job, share in zip(alike(JOB), (0.5, 0.2, 0.9), strict=True)]
    assert numbers_of(*jobs) == [[0, 1, 2]]
    assert_stacked_equals_train(jobs, X, VALIDATION, SUBSETS)


@dataclass(frozen=True)
class Normalised:
    """A made-up network with running statistics."""

    def build(self, input_shape, code_width=1):
        net = DENSE.build(input_shape, code_width)
        net.encoder.append(nn.BatchNorm1d(3))
        return net


def test_running_statistics_are_trained_one_by_one_with_one_warning():
    jobs = alike(replace(JOB, network=Normalised()))
    message = "^Normalised keeps running statistics, so models are trained one after the other$"
    with pytest.warns(UserWarning, match=message) as heard:
        found = train_stacked(jobs, X, VALIDATION, SUBSETS)
    assert len(heard) == 1
    assert heard[0].filename == __file__
    for job, subset, (net, history) in zip(jobs, SUBSETS, found, strict=True):
        oracle, told = train(job, X.take(subset), VALIDATION)
        assert history.loss == told.loss
        torch.testing.assert_close(net.state_dict(), oracle.state_dict(), rtol=0, atol=0)


def test_one_job_alone_is_trained_by_the_loop():
    job = replace(JOB, network=Normalised())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ((net, _),) = train_stacked([job], X)
    torch.testing.assert_close(net.state_dict(), train(job, X)[0].state_dict(), rtol=0, atol=0)


def test_divergence_names_the_job_that_diverged():
    jobs = [replace(job, recipe=replace(job.recipe, steps=60)) for job in alike(JOB, clip_norm=(None,) * 3)]
    recipe = replace(jobs[1].recipe, optimiser="sgd", lr=1e6)
    jobs = [replace(job, recipe=replace(recipe, lr=lr)) for job, lr in zip(jobs, (1e-3, 1e6, 1e-3), strict=True)]
    with pytest.raises(TrainingDiverged, match=r"at step \d+ of 60 with learning rate 1e\+06; try .* 100000"):
        train_stacked(jobs, X)


@pytest.mark.parametrize("layerwise", [None, Layerwise()], ids=["one", "greedy"])
def test_losses_alone_are_computed_in_the_jobs_precision(monkeypatch, layerwise):
    """Autocast is on where gradients are recorded; not for codes of stages below, validation, and strips."""
    computed = set()
    forward = nn.Linear.forward

    def noted(self, batch):
        computed.add((torch.is_grad_enabled(), torch.is_autocast_enabled("cpu")))
        return forward(self, batch)

    monkeypatch.setattr(nn.Linear, "forward", noted)
    jobs = alike(replace(JOB, numerics=Numerics(precision="bfloat16"), layerwise=layerwise))
    found = train_stacked(jobs, IMAGES, IMAGES)
    assert computed == {(True, True), (False, False)}
    assert {parameter.dtype for net, _ in found for parameter in net.parameters()} == {torch.float32}


@pytest.mark.slow
@pytest.mark.parametrize("network", [DENSE, Conv(channels=(3, 4), latent_dim=3)], ids=["dense", "conv"])
@pytest.mark.parametrize("layerwise", [None, Layerwise(joint=True)], ids=["one", "greedy"])
def test_bfloat16_together_is_near_bfloat16_alone(network, layerwise):
    base = Job(network, Variational(), numerics=Numerics(precision="bfloat16"), layerwise=layerwise)
    jobs = alike(base, patience=(None,) * 3)
    assert_stacked_equals_train(jobs, IMAGES, patterns((1, 4, 4), n=9, seed=1), SUBSETS, tolerance=0.02)


def test_contiguous_memory_trains_together_too():
    base = Job(Conv(channels=(3, 4), latent_dim=3), Denoising(), numerics=Numerics(memory_format="contiguous"))
    assert_stacked_equals_train(alike(base), examples((2, 6, 7), n=16))


def test_jobs_that_are_alike_are_trained_by_one_call(monkeypatch):
    """Or nothing above would tell stacked training from a loop."""
    calls = []
    fit_stacked = pretrain_stacked.fit_stacked

    def counted(modules, *arguments):
        calls.append(len(modules))
        return fit_stacked(modules, *arguments)

    monkeypatch.setattr(pretrain_stacked, "fit_stacked", counted)
    train_stacked(alike(JOB), X)
    train_stacked(alike(replace(JOB, layerwise=Layerwise(joint=True)), 2), X)
    assert calls == [3, 2, 2, 2]
