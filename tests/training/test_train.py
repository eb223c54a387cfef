"""What `train` tells the objective, and what it makes of validation."""

from __future__ import annotations

import pytest
import torch
from toy_training import Blind, Contrary, Spy, changed, examples, patterns, state

from fewlabels.networks import Dense, state_hash
from fewlabels.objectives import OBJECTIVES, Reconstruction
from fewlabels.training import Job, Layerwise, Recipe, build, mean_loss, train

NETWORK = Dense(hidden=(6,), latent_dim=3)
RECIPE = Recipe(steps=10, batch_size=8, lr=1e-2, validate_every=2)
X, VALIDATION = patterns((5,)), patterns((5,), n=9, seed=1)


def job(objective=None, **options) -> Job:
    return Job(NETWORK, objective or Reconstruction(), RECIPE, **options)


def test_an_objective_hears_how_far_training_is():
    spy = Spy()
    train(job(spy), X)
    assert spy.heard == [step / 10 for step in range(10)]


def test_in_every_phase_of_a_schedule_it_begins_anew():
    below, above = Spy(), Spy()
    train(job(above, layerwise=Layerwise((below,), joint=True)), X)
    assert below.heard == [0, 1 / 3, 2 / 3]
    assert above.heard == pytest.approx([0, 1 / 3, 2 / 3, 0, 1 / 4, 2 / 4, 3 / 4])
    assert set(below.shapes) == {(8, 5)}
    assert above.shapes == [(8, 6)] * 3 + [(8, 5)] * 4


def test_validation_counts_as_the_end_of_training_and_so_does_a_strip():
    spy = Spy()
    train(job(spy), X, VALIDATION)
    validated = [shape[0] == len(VALIDATION) for shape in spy.shapes]
    assert sum(validated) == 5
    assert {told for told, there in zip(spy.heard, validated, strict=True) if there} == {1.0}
    seen = Spy()
    train(job(seen), examples((1, 4, 4), n=8))
    assert sorted(seen.heard) == sorted([step / 10 for step in range(10)] + [1.0] * 5)  # after 0, 1, 2, 5 and 10 steps


def test_a_schedule_tells_its_steps_as_those_of_the_whole():
    heard = []
    train(job(layerwise=Layerwise(joint=True)), X, progress=lambda done, loss, speed: heard.append(done))
    assert heard == [1, 2, 3, 4, 5, 6, 7, 8, 10]


def test_validation_watches_the_loss_or_the_term_it_is_told():
    net = build(job(), X.shape)
    error = mean_loss(Reconstruction(), net, VALIDATION)
    assert error > 0
    assert mean_loss(Spy(), net, VALIDATION) == pytest.approx(error)
    assert mean_loss(Contrary(), net, VALIDATION) == pytest.approx(-error)
    assert mean_loss(Spy(), net, VALIDATION, lambda batch: batch / 2) != pytest.approx(error)


def test_what_is_watched_decides_whose_weights_are_kept():
    falling, rising = train(job(Spy()), X, VALIDATION), train(job(Contrary()), X, VALIDATION)
    assert falling[1].best_step == 10
    assert rising[1].best_step == 2
    assert rising[1].validation_loss == [-loss for loss in falling[1].validation_loss]
    assert falling[1].loss == rising[1].loss
    kept = mean_loss(Reconstruction(), rising[0], VALIDATION)
    assert kept == pytest.approx(falling[1].validation_loss[0])
    assert kept > mean_loss(Reconstruction(), falling[0], VALIDATION)


def test_where_nothing_is_watched_nothing_is_validated_and_the_last_weights_stay():
    blind = Blind()
    net, history = train(job(blind), X, VALIDATION)
    assert (history.validation_step, history.validation_loss, history.best_step) == ([], [], None)
    assert {shape[0] for shape in blind.shapes} == {8}
    assert state_hash(net) == state_hash(train(job(Blind()), X)[0])


@pytest.mark.parametrize("name", OBJECTIVES)
def test_every_objective_watches_what_it_has(name):
    """Nothing, the loss, or one of its terms; and training with it changes the weights, the critic's too."""
    objective = OBJECTIVES[name]
    net, history = train(job(objective), X, VALIDATION)
    assert objective.monitor in {None, "loss", *history.terms}
    assert bool(history.validation_loss) == (objective.monitor is not None)
    assert all(torch.tensor(history.loss).isfinite())
    start = state(build(job(objective), X.shape))
    assert changed(start, state(net)) >= {name for name in start if name.endswith("weight")}
