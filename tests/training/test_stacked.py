"""Models trained together end where each ends alone: `fit` is the oracle."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest
import torch
from torch import nn

from fewlabels.errors import TrainingDiverged
from fewlabels.networks import seeded
from fewlabels.training import Group, Recipe, can_stack, fit, fit_stacked

LRS = (0.003, 0.02, 0.1)
SIZES = (9, 10, 12)


def network() -> nn.Module:
    return nn.Sequential(nn.Linear(3, 6), nn.Tanh(), nn.LayerNorm(6), nn.Linear(6, 2)).double()


def data() -> tuple[torch.Tensor, torch.Tensor]:
    x = torch.randn(12, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return x, torch.stack([x.sum(dim=1), x[:, 0] * x[:, 1]], dim=1)


def together(models, recipes, rates, scale=1.0):
    x, y = data()
    return fit_stacked(
        models,
        rates,
        lambda model, index: scale * (model(x[index]) - y[index]).square().mean(dim=(1, 2)),
        SIZES,
        recipes,
        [torch.Generator().manual_seed(seed) for seed in range(len(models))],
    )


def alone(models, recipes, rates):
    x, y = data()
    histories = []
    for seed, (model, recipe, n) in enumerate(zip(models, recipes, SIZES, strict=True)):
        groups = [Group((p,), rates[name]) for name, p in model.named_parameters() if name in rates]

        def loss_of(index, model=model):
            return (model(x[index]) - y[index]).square().mean(), {}

        histories.append(fit(model, groups, loss_of, n, recipe, torch.Generator().manual_seed(seed)))
    return histories


@pytest.mark.parametrize("schedule", ["constant", "one-cycle"])
@pytest.mark.parametrize("clip_norm", [None, 0.5, 1e3])
@pytest.mark.parametrize("weight_decay", [0.0, 0.1])
@pytest.mark.parametrize("optimiser", ["adam", "adamw", "sgd"])
def test_together_as_alone(optimiser, weight_decay, clip_norm, schedule):
    base = Recipe(
        steps=7,
        batch_size=4,
        optimiser=optimiser,
        momentum=0.8,
        weight_decay=weight_decay,
        clip_norm=clip_norm,
        schedule=schedule,
    )
    recipes = [replace(base, lr=lr) for lr in LRS]
    starts = [seeded(seed, network) for seed in range(3)]
    rates = {name: 0.1 if name.startswith("0.") else 1.0 for name, _ in starts[0].named_parameters()}
    del rates["2.weight"]  # this one is not trained
    one, other = copy.deepcopy(starts), copy.deepcopy(starts)
    histories, expected = together(one, recipes, rates), alone(other, recipes, rates)
    for start, model, oracle, history, told in zip(starts, one, other, histories, expected, strict=True):
        assert not model.training
        assert history.loss == pytest.approx(told.loss, rel=1e-6)
        for name, parameter in model.named_parameters():
            torch.testing.assert_close(parameter.detach(), oracle.get_parameter(name).detach(), rtol=0, atol=1e-6)
            moved = not torch.equal(parameter, start.get_parameter(name))
            assert moved == (name in rates)


def test_a_diverging_model_is_named_by_its_own_rate():
    recipes = [Recipe(steps=60, batch_size=4, optimiser="sgd", lr=lr) for lr in (1e-3, 1e6, 1e-3)]
    models = [seeded(seed, network) for seed in range(3)]
    rates = {name: 1.0 for name, _ in models[0].named_parameters()}
    with pytest.raises(TrainingDiverged, match=r"at step \d+ of 60 with learning rate 1e\+06; try .* 100000"):
        together(models, recipes, rates)


def test_the_step_that_diverged_is_the_one_named():
    x, _ = data()
    models = [nn.Linear(3, 1).double() for _ in range(2)]
    calls = []

    def losses_of(model, index):
        calls.append(index)
        return model(x[index] * (float("nan") if len(calls) == 5 else 1)).square().mean(dim=(1, 2))

    recipes = [Recipe(steps=8, batch_size=4, lr=0.02)] * 2
    generators = [torch.Generator().manual_seed(0) for _ in models]
    with pytest.raises(TrainingDiverged, match="the loss is nan at step 5 of 8"):
        fit_stacked(
            models,
            {"weight": 1.0},
            losses_of,
            (12, 12),
            recipes,
            generators,
        )


@pytest.mark.parametrize(
    ("layer", "expected"),
    [(nn.BatchNorm1d(3), False), (nn.BatchNorm2d(3), False), (nn.GroupNorm(1, 3), True), (nn.Dropout(), True)],
    ids=str,
)
def test_running_statistics_do_not_stack(layer, expected):
    assert can_stack(nn.Sequential(nn.Linear(3, 3), nn.Sequential(layer))) == expected
