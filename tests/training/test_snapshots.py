"""A strip of pictures: looked at when it should be, of the right examples, and training does not feel it."""

from __future__ import annotations

import pytest
import torch
from toy_training import Contrary, examples, patterns

from fewlabels.networks import Conv, Dense, state_hash
from fewlabels.objectives import (
    AdversarialAutoencoder,
    Denoising,
    GenerativeAdversarial,
    Masked,
    Reconstruction,
    Variational,
)
from fewlabels.training import Job, Layerwise, Recipe, build, snapshots, train

SHAPE = (1, 4, 4)
NETWORK = Dense(hidden=(6,), latent_dim=3)
X, VALIDATION = patterns(SHAPE, n=20), patterns(SHAPE, n=10, seed=1)

OBJECTIVES = [
    Reconstruction(),
    Denoising(),
    Masked(patch=2),
    Variational(),
    AdversarialAutoencoder(),
    GenerativeAdversarial(),
]
every_objective = pytest.mark.parametrize("objective", OBJECTIVES, ids=lambda objective: type(objective).__name__)


def job(steps=12, objective=None, **options) -> Job:
    recipe = Recipe(steps=steps, batch_size=8, lr=1e-2, validate_every=4)
    return Job(NETWORK, objective or Reconstruction(), recipe, **options)


@torch.no_grad()
def picture(net, objective, x):
    shown = x.batch(slice(0, 8))
    noise = objective.draw(shown, net.latent_dim, torch.Generator().manual_seed(0))
    return objective.picture(net, shown, noise).half()


@pytest.mark.parametrize(
    ("steps", "schedule", "looks"),
    [
        (1, None, [0, 1]),
        (2, None, [0, 1, 2]),
        (12, None, [0, 1, 3, 6, 12]),
        (200, None, [0, 1, 3, 6, 12, 25, 50, 100, 200]),
        (40, Layerwise(), [0, 1, 2, 5, 10, 20, 40]),
        (40, Layerwise(joint=True), [0, 1, 2, 5, 10, 13, 20, 26, 40]),
    ],
    ids=str,
)
def test_it_looks_at_the_start_after_halvings_at_each_phase_and_at_the_end(steps, schedule, looks):
    _, history = train(job(steps, layerwise=schedule), X)
    assert history.strip_step == looks
    assert history.strip.shape == (len(looks), 8, *SHAPE)
    assert history.strip.dtype == torch.float16


def test_steps_left_out_by_early_stopping_are_not_counted():
    """Each phase of 20 stops after two validations; the strip's steps are those of the curves."""
    recipe = Recipe(steps=40, batch_size=8, validate_every=2, patience=1)
    _, history = train(Job(NETWORK, Contrary(), recipe, layerwise=Layerwise()), X, VALIDATION)
    assert len(history.loss) == 8
    assert history.phases == {"layer 1": 0, "layer 2": 4}
    assert history.strip_step == [0, 1, 2, 4, 8]
    assert len(history.strip) == 5


def test_there_are_as_many_examples_as_there_can_be():
    assert train(job(), examples(SHAPE, n=5))[1].strip.shape == (5, 5, *SHAPE)
    assert train(job(), examples((3, 4, 5), n=30))[1].strip.shape == (5, 8, 3, 4, 5)


@pytest.mark.parametrize("shape", [(5,), (3, 4)], ids=str)
def test_what_is_no_image_has_none(shape):
    _, history = train(job(), examples(shape))
    assert (history.strip_step, history.strip) == ([], None)


@every_objective
def test_it_begins_with_the_untrained_and_ends_with_the_trained_network(objective):
    start, shown = job(objective=objective), VALIDATION
    net, history = train(start, X, shown)
    first = picture(build(start, SHAPE), objective, shown)
    assert torch.equal(history.strip[0], first)
    assert torch.equal(history.strip[-1], picture(net, objective, shown))
    assert not torch.equal(history.strip[-1], first)


def test_without_validation_it_shows_the_first_examples():
    net, history = train(job(), X)
    assert torch.equal(history.strip[-1], picture(net, Reconstruction(), X))


def test_while_a_stage_learns_it_shows_what_the_stages_so_far_make_of_the_image(built_nets):
    wanted = {}

    def look(done, loss, speed):
        net, phase = built_nets[0], (done - 1) // 3
        wanted[done] = picture(net.part(0, min(2, phase + 1)), Reconstruction(), X)

    train_job = job(9, layerwise=Layerwise(joint=True))
    _, history = train(train_job, X, progress=look)
    assert history.strip_step == [0, 1, 2, 3, 4, 6, 9]
    start = built_nets[0]
    assert start.depth == 2
    assert torch.equal(history.strip[0], picture(build(train_job, SHAPE).part(0, 1), Reconstruction(), X))
    torch.testing.assert_close(history.strip[-2], wanted[6])  # the joint phase begins as the last stage ends
    torch.testing.assert_close(history.strip[-1], wanted[9])


@pytest.mark.slow
@pytest.mark.parametrize("schedule", [None, Layerwise((AdversarialAutoencoder(),), joint=True)], ids=["one", "greedy"])
@every_objective
def test_looking_changes_nothing(monkeypatch, objective, schedule):
    """It has randomness of its own, and leaves the network as it was."""
    watched = job(objective=objective, layerwise=schedule)
    net, history = train(watched, X, VALIDATION)
    monkeypatch.setattr(snapshots.Snapshots, "record", lambda self, phase, step: None)
    unseen, blind = train(watched, X, VALIDATION)
    assert blind.strip is None
    assert (blind.loss, blind.validation_loss) == (history.loss, history.validation_loss)
    assert state_hash(unseen) == state_hash(net)


def test_pictures_of_convolutional_networks_too():
    conv = Job(Conv(channels=(3, 4), latent_dim=None), Reconstruction(), Recipe(steps=6, batch_size=8))
    for schedule in (None, Layerwise()):
        net, history = train(Job(conv.network, conv.objective, conv.recipe, 0, schedule), examples((2, 8, 9)))
        assert history.strip.shape[1:] == (8, 2, 8, 9)
        torch.testing.assert_close(history.strip[-1], picture(net, Reconstruction(), examples((2, 8, 9))))
