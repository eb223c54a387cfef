"""Models trained together end where each ends alone: `fit` is the oracle, in double precision."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn
from toy_stacked import (
    Dropped,
    Regression,
    all_rates,
    alone,
    assert_together_as_alone,
    batches,
    count,
    regressions,
    together,
)

from fewlabels.core.errors import TrainingDiverged
from fewlabels.training import Recipe, can_stack

BASE = Recipe(steps=7, batch_size=4, lr=0.02)
LRS = (0.003, 0.02, 0.1)
every_optimiser = pytest.mark.parametrize("optimiser", ["adam", "adamw", "sgd"])


def varied(base: Recipe, **values: tuple) -> list[Recipe]:
    """Recipes that differ in these settings."""
    return [replace(base, **dict(zip(values, own, strict=True))) for own in zip(*values.values(), strict=True)]


@pytest.mark.slow
@pytest.mark.parametrize("schedule", ["constant", "one-cycle", "cosine"])
@pytest.mark.parametrize("clip_norm", [None, 0.5, 1e3])
@pytest.mark.parametrize("weight_decay", [0.0, 0.1])
@every_optimiser
def test_together_as_alone(optimiser, weight_decay, clip_norm, schedule):
    base = replace(
        BASE,
        optimiser=optimiser,
        momentum=0.8,
        weight_decay=weight_decay,
        clip_norm=clip_norm,
        schedule=schedule,
    )
    rates = {name: 0.1 if name.startswith("network.0.") else 1.0 for name in all_rates(Regression())}
    del rates["network.2.weight"]  # this one is not trained
    models, _ = assert_together_as_alone(varied(base, lr=LRS), rates)
    for start, model in zip(regressions(), models, strict=True):
        moved = {name for name, p in model.named_parameters() if not torch.equal(p, start.get_parameter(name))}
        assert moved == rates.keys()
        assert torch.equal(model.scale, start.scale)


@pytest.mark.slow
@pytest.mark.parametrize(
    "values",
    [
        {"weight_decay": (0.1, 0.5, 0.02)},
        {"weight_decay": (0.0, 0.5, 0.0)},
        {"clip_norm": (0.1, 1e3, 0.3)},
        {"steps": (5, 3, 8)},
        {"steps": (4, 8, 6), "lr": LRS, "weight_decay": (0.3, 0.0, 0.1), "clip_norm": (1.0, 0.1, 0.2)},
    ],
    ids=str,
)
@every_optimiser
def test_models_may_differ_in_numbers(optimiser, values):
    """Where steps differ, models leave the stack while others, with their momentum and settings, go on."""
    base = replace(BASE, optimiser=optimiser, momentum=0.8, schedule="one-cycle")
    _, histories = assert_together_as_alone(varied(base, **values))
    assert [len(history.loss) for history in histories] == list(values.get("steps", (7, 7, 7)))


@every_optimiser
def test_validation_and_early_stopping_as_alone(optimiser):
    base = replace(BASE, optimiser=optimiser, validate_every=3)
    rates = {"adam": (0.003, 0.3, 0.1), "adamw": (0.003, 0.3, 0.1), "sgd": (0.001, 0.5, 0.2)}[optimiser]
    recipes = varied(base, lr=rates, steps=(31, 30, 40), patience=(None, 1, 2))
    _, (first, second, third) = assert_together_as_alone(recipes, validate=True)
    assert first.validation_step == [*range(3, 31, 3), 31]
    assert len(second.loss) < len(third.loss) < 40  # both lose patience, one after the other
    assert second.best_step == len(second.loss) - 3
    assert third.best_step == len(third.loss) - 6


def test_one_model_is_a_stack_too():
    assert_together_as_alone([replace(BASE, weight_decay=0.1, validate_every=2)], validate=True, m=1)


def test_losses_and_terms_are_each_models_own():
    """Of all steps, beyond those that are looked at together."""
    _, histories = assert_together_as_alone(varied(replace(BASE, steps=60), lr=LRS))
    for history in histories:
        assert len(history.loss) == len(history.terms["first"]) == 60
        halves = [(a + b) / 2 for a, b in zip(history.terms["first"], history.terms["second"], strict=True)]
        assert halves == pytest.approx(history.loss)
    assert len({history.loss[0] for history in histories}) == 3


def test_before_every_step_who_watches_can_have_the_weights_of_the_moment():
    models, kept = regressions(), {}

    def watch(step, alive, write_back):
        if step in (2, 5):
            assert torch.equal(models[1].network[0].weight, kept.get("untouched", start))
            write_back()
            kept[step] = {model: {n: p.clone() for n, p in models[model].named_parameters()} for model in alive}
            kept["untouched"] = models[1].network[0].weight.clone()

    start = models[1].network[0].weight.clone()
    recipes = varied(BASE, steps=(4, 7, 6))
    together(models, recipes, watch=watch)
    assert kept[5].keys() == {1, 2}  # model 0 has ended
    for step in (2, 5):
        singles = regressions()
        alone(singles, [replace(BASE, steps=step)] * 3)
        for model, weights in kept[step].items():
            torch.testing.assert_close(weights, dict(singles[model].named_parameters()), rtol=0, atol=1e-9)


def test_a_diverging_model_is_named_by_its_own_rate():
    recipes = varied(replace(BASE, optimiser="sgd"), lr=(1e-3, 1e6, 1e-3), steps=(60, 70, 80))
    with pytest.raises(TrainingDiverged, match=r"at step \d+ of 70 with learning rate 1e\+06; try .* 100000"):
        together(regressions(), recipes)


@pytest.mark.parametrize(("bad", "steps", "calls"), [(1, 20, 10), (5, 8, 8), (50, 120, 50), (51, 120, 60)])
@pytest.mark.parametrize("value", ["nan", "inf"])
def test_the_step_that_diverged_is_the_one_named(bad, steps, calls, value):
    """The first model has ended by then or not; losses are looked at together, every 50 steps and when one ends."""
    made = []

    def inputs_of(alive, index):
        made.append(alive)
        x, y = batches(alive, index)
        if len(made) == bad:
            y[-1] *= float(value)
        return x, y

    recipes = varied(BASE, steps=(min(10, steps), 60 if steps > 60 else steps, steps), lr=LRS)
    message = (
        rf"the loss is {value} at step {bad} of {steps} with learning rate 0\.1; "
        r"try a learning rate of 0\.01, or clip_norm=1"
    )
    with pytest.raises(TrainingDiverged, match=message):
        together(regressions(), recipes, inputs_of=inputs_of)
    assert len(made) == calls


def test_a_validation_loss_that_is_not_finite_stops_training_too():
    recipes = varied(replace(BASE, validate_every=2), lr=LRS, steps=(2, 6, 8))
    planted = [[3.0], [3.0, 2.0], [3.0, float("nan")]]
    with pytest.raises(TrainingDiverged, match=r"the validation loss is nan at step 4 of 8 with .* rate 0\.1;"):
        count(recipes, planted)


def test_dropout_differs_from_model_to_model_and_is_off_in_validation():
    models = [Dropped(), Dropped()]
    recipe = replace(BASE, steps=1, lr=1e-9)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        first, second = together(models, [recipe] * 2, validate=True)
    assert first.loss != second.loss
    for history in (first, second):
        assert 0.5 < history.loss[0] < 1.5
        assert history.loss[0] != pytest.approx(1)
        assert history.validation_loss == pytest.approx([1])


def test_losses_alone_are_computed_under_autocast():
    """Neither what the models are given, nor validation."""
    seen = []

    def note(what):
        seen.append((what, torch.is_autocast_enabled("cpu")))

    class Noted(Regression):
        def forward(self, x, y):
            note("training" if self.training else "validation")
            return super().forward(x, y)

    def inputs_of(alive, index):
        note("inputs")
        return batches(alive, index)

    models = [Noted(), Noted()]
    recipe = replace(BASE, steps=2, validate_every=1)
    together(models, [recipe] * 2, None, True, inputs_of=inputs_of, autocast=lambda: torch.autocast("cpu"))
    assert seen == [("inputs", False), ("training", True), ("validation", False)] * 2


@pytest.mark.parametrize(
    ("layer", "expected"),
    [(nn.BatchNorm1d(3), False), (nn.BatchNorm2d(3), False), (nn.GroupNorm(1, 3), True), (nn.Dropout(), True)],
    ids=str,
)
def test_running_statistics_do_not_stack(layer, expected):
    assert can_stack(nn.Sequential(nn.Linear(3, 3), nn.Sequential(layer))) == expected
