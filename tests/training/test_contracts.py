"""What an objective may ask for: heads, no decoder, a change after every step, whole batches, idle parameters.

Each shown by an objective made up for it, by the loop and as a stack, killed and gone on with, kept and read again.
"""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import pytest
import torch
from toy_checkpoints import JOB, VALIDATION, X, die_after, every_step, told
from toy_training import changed, examples, patterns, state

from fewlabels.core.errors import InputError
from fewlabels.networks import Conv, Dense, parameter_count
from fewlabels.objectives import Denoising
from fewlabels.training import EncoderStore, Job, Layerwise, Recipe, build, mean_loss, train, train_stacked
from fewlabels.training.ensemble import fit as stacked
from stacked_pretraining import RECIPE, SUBSETS, alike, assert_stacked_equals_train
from toy_objectives import TOYS, Contrast, Follow, Idle, Normed

DENSE = Dense(hidden=(6,), latent_dim=3)
NETWORKS = {"dense": (DENSE, (5,)), "conv": (Conv(channels=(3, 4), latent_dim=3), (2, 6, 7))}
every_toy = pytest.mark.parametrize("name", TOYS)


class TestStacked:
    @pytest.mark.slow
    @every_toy
    @pytest.mark.parametrize("network", NETWORKS)
    def test_together_as_alone(self, name, network):
        """With validation, patience and ends of their own: the heads' best state comes back too."""
        spec, shape = NETWORKS[network]
        jobs = alike(Job(spec, TOYS[name]), steps=(9, 6, 8))
        assert_stacked_equals_train(jobs, patterns(shape, n=16), patterns(shape, n=9, seed=1), SUBSETS)

    @pytest.mark.parametrize("setting", ["std", "momentum"])
    def test_each_with_settings_of_its_own(self, setting):
        jobs = [
            replace(job, objective=replace(Follow(), **{setting: value}))
            for job, value in zip(alike(Job(DENSE, Follow())), (0.1, 0.5, 0.8), strict=True)
        ]
        assert_stacked_equals_train(jobs, patterns((5,), n=16), patterns((5,), n=9, seed=1))

    @pytest.mark.slow
    @every_toy
    def test_by_recorded_steps(self, monkeypatch, name):
        monkeypatch.setattr(stacked, "recording_pays", lambda *args: True)
        jobs = alike(Job(DENSE, TOYS[name]), 2, steps=(6, 4), patience=(None, None))
        assert_stacked_equals_train(jobs, patterns((5,), n=16))

    def test_a_head_with_running_statistics_goes_to_the_loop_and_says_so(self):
        jobs = alike(Job(DENSE, Normed()), 2)
        with pytest.warns(UserWarning, match="^Normed keeps running statistics, so models are trained one after the"):
            found = train_stacked(jobs, patterns((5,), n=16))
        for job, (net, _) in zip(jobs, found, strict=True):
            assert not changed(state(net), state(train(job, patterns((5,), n=16))[0]))


class TestAfterStep:
    @pytest.mark.parametrize("together", [False, True], ids=["alone", "stacked"])
    @pytest.mark.parametrize("validation", [None, examples((5,), n=9, seed=1)], ids=["last", "best"])
    def test_without_momentum_the_copy_is_the_encoder_with_full_momentum_its_start(self, together, validation):
        for momentum in (0.0, 1.0):
            job = Job(DENSE, Follow(momentum=momentum), replace(RECIPE, steps=7, lr=0.05))
            jobs = [job, replace(job, seed=1)]
            x = examples((5,), n=16)
            nets = train_stacked(jobs, x, validation) if together else [train(job, x, validation) for job in jobs]
            for job, (net, _) in zip(jobs, nets, strict=True):
                target, encoder = state(net.heads["target"]), state(net.encoder)
                start = state(build(job, (5,)).encoder)
                assert changed(start, encoder) == encoder.keys()
                assert not changed(target, encoder if momentum == 0 else start)

    def test_the_moving_average_by_hand(self):
        """Two steps of gradient descent: t2 = m^2 w0 + m (1 - m) w1 + (1 - m) w2."""
        x = examples((5,), n=8)
        job = Job(DENSE, Follow(momentum=0.75), Recipe(steps=1, batch_size=8, optimiser="sgd", lr=0.1, momentum=0.0))
        w0 = build(job, (5,)).encoder[1].weight
        w1 = train(job, x)[0].encoder[1].weight
        net = train(replace(job, recipe=replace(job.recipe, steps=2)), x)[0]
        expected = 0.5625 * w0 + 0.1875 * w1 + 0.25 * net.encoder[1].weight
        torch.testing.assert_close(net.heads["target"][1].weight, expected, rtol=0, atol=1e-6)

    @pytest.mark.slow
    @every_toy
    @pytest.mark.parametrize("optimiser", ["soap", "adamw", "sgd"])
    def test_killed_again_and_again_it_ends_with_the_same_bits(self, tmp_path, name, optimiser):
        recipe = replace(JOB.recipe, optimiser=optimiser, steps=12)
        job = replace(JOB, objective=TOYS[name], layerwise=None, recipe=recipe)
        draws, kills, saves = random.Random(name), 0, 1
        while die_after(saves, tmp_path / "c", job, X, VALIDATION):
            kills, saves = kills + 1, draws.randint(2, 5)
        resumed = train(job, X, VALIDATION, checkpoints=every_step(tmp_path / "c"))
        assert told(resumed) == told(train(job, X, VALIDATION))
        assert kills >= 3


class TestIdle:
    @pytest.mark.parametrize("optimiser", ["soap", "adamw", "adam", "sgd"])
    def test_parameters_without_a_gradient_stay_to_the_bit_whatever_decays(self, optimiser):
        recipe = replace(RECIPE, optimiser=optimiser, weight_decay=0.5, lr=0.05)
        net = train(Job(DENSE, Idle(), recipe), examples((5,)))[0]
        before, after = state(build(Job(DENSE, Idle()), (5,))), state(net)
        assert changed(before, after) == {name for name in before if not name.startswith("heads.idle")}

    @pytest.mark.parametrize("optimiser", ["adamw", "adam", "sgd"])
    def test_in_a_stack_too(self, optimiser):
        """The second leaves it early, and the first goes on in a smaller one."""
        recipe = replace(RECIPE, optimiser=optimiser, weight_decay=0.5, lr=0.05)
        jobs = [Job(DENSE, Idle(), replace(recipe, steps=steps), seed=steps) for steps in (9, 4)]
        for job, (net, _) in zip(jobs, train_stacked(jobs, examples((5,))), strict=True):
            before, after = state(build(job, (5,))), state(net)
            assert changed(before, after) == {name for name in before if not name.startswith("heads.idle")}
        assert_stacked_equals_train(jobs, examples((5,)), examples((5,), n=9, seed=1))


class TestCoupled:
    def test_validation_is_of_whole_batches_as_large_as_those_of_training(self):
        """Of 9 examples two batches of 4; the ninth, alone, would have nothing to be compared with."""
        net, x, objective = build(Job(DENSE, Contrast()), (5,)), examples((5,), n=9), Contrast(std=0.0)
        with torch.no_grad():
            losses = [objective.loss(net, x.batch(slice(i, i + 4)), draws_of(4))[0].item() for i in (0, 4)]
        assert mean_loss(objective, net, x, batch_size=4) == pytest.approx(np.mean(losses), rel=1e-6)
        everything = objective.loss(net, x.batch(slice(None)), draws_of(9))[0].item()
        assert mean_loss(objective, net, x, batch_size=50) == pytest.approx(everything, rel=1e-6)
        assert abs(everything - np.mean(losses)) > 0.1  # the loss grows with the batch

    def test_a_single_example_is_refused_before_training(self):
        job = Job(DENSE, Contrast(), RECIPE)
        says = "^Contrast compares the examples of a batch with each other: {} has 1; give 2 or more$"
        with pytest.raises(InputError, match=says.format("a batch")):
            train(replace(job, recipe=replace(RECIPE, batch_size=1)), examples((5,)))
        with pytest.raises(InputError, match=says.format("the validation set")):
            train(job, examples((5,)), examples((5,), n=1))
        with pytest.raises(InputError, match=says.format("the validation set")):
            train_stacked(alike(job), examples((5,)), examples((5,), n=1))


def draws_of(n):
    return {name: torch.zeros(n, 5) for name in ("first", "second")}


class TestWithoutDecoder:
    def test_none_is_built_and_nothing_is_shown(self):
        job = Job(Dense(hidden=(6,), latent_dim=3), Contrast(), RECIPE)
        whole = build(replace(job, objective=Denoising()), (1, 4, 4))
        net, history = train(job, examples((1, 4, 4)))
        assert parameter_count(net) == parameter_count(whole.encoder) + 3 * 4 + 4
        assert not list(net.decoder.parameters())
        assert (history.strip, history.strip_step) == (None, [])

    @pytest.mark.parametrize("below", [(), (Denoising(),)], ids=["itself", "another"])
    def test_no_layer_learns_after_another(self, below):
        job = Job(DENSE, Contrast(), RECIPE, layerwise=Layerwise(below))
        with pytest.raises(InputError, match=r"^Contrast cannot train a stage (below another|above others): it has no"):
            train(job, examples((5,)))

    @every_toy
    def test_the_store_keeps_the_encoder_and_no_head(self, tmp_path, name):
        job = Job(DENSE, TOYS[name], RECIPE)
        given = examples((5,)), examples((5,), n=9, seed=1), {"data": "these"}
        first, again = (EncoderStore(tmp_path).get_or_train(job, *given) for _ in range(2))
        assert (first.from_store, again.from_store) == (False, True)
        trained = train(job, *given[:2])[0]
        for found in (first, again):
            kept = state(found.net)
            assert kept.keys() == {name for name in state(trained) if not name.startswith("heads")}
            assert not changed(kept, {name: state(trained)[name] for name in kept})
