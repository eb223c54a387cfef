"""Made up for tests of stacked training: small losses in double precision, trained together and one by one."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence

import pytest
import torch
from torch import Tensor, nn

from fewlabels.networks import seeded
from fewlabels.training import Group, History, Recipe, fit, fit_stacked

SIZES = (9, 10, 12)
"""Examples of each model: the first ones."""


def numbers(n: int, seed: int) -> tuple[Tensor, Tensor]:
    """x [n, 3] and y [n, 2], nonlinear in x."""
    x = torch.randn(n, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return x, torch.stack([x.sum(dim=1), x[:, 0] * x[:, 1]], dim=1)


X, Y = numbers(12, seed=0)
VALIDATION = numbers(7, seed=1)


class Regression(nn.Module):
    """(x [B, 3], y [B, 2]) -> the mean squared error of a network from `scale` y, and two terms."""

    def __init__(self) -> None:
        super().__init__()
        self.network = nn.Sequential(nn.Linear(3, 6), nn.Tanh(), nn.LayerNorm(6), nn.Linear(6, 2))
        nn.init.uniform_(self.network[2].weight, 0.5, 1.5)
        self.scale: Tensor
        self.register_buffer("scale", 0.5 + torch.rand(()))
        self.double()

    def forward(self, x: Tensor, y: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        error = (self.network(x) - self.scale * y).square()
        return error.mean(), {"first": error[:, 0].mean(), "second": error[:, 1].mean()}


def regressions(m: int = 3) -> list[Regression]:
    return [seeded(seed, Regression) for seed in range(m)]


def all_rates(module: nn.Module) -> dict[str, float]:
    return {name: 1.0 for name, _ in module.named_parameters()}


def generators(m: int) -> list[torch.Generator]:
    return [torch.Generator().manual_seed(seed) for seed in range(m)]


def batches(alive: Sequence[int], index: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """x [m, B, 3] and y [m, B, 2]."""
    chosen = torch.stack(list(index))
    return X[chosen], Y[chosen]


def together(models: Sequence[nn.Module], recipes: Sequence[Recipe], rates=None, validate=False, **options):
    """Train stacked, in place."""

    def validation_losses(alive, call):
        return call(tuple(part.expand(len(alive), *part.shape) for part in VALIDATION))[0]

    return fit_stacked(
        models,
        rates or all_rates(models[0]),
        options.pop("inputs_of", batches),
        SIZES[: len(models)],
        recipes,
        generators(len(models)),
        validation_losses if validate else None,
        **options,
    )


def alone(models: Sequence[nn.Module], recipes: Sequence[Recipe], rates=None, validate=False) -> list[History]:
    """Train one after the other by `fit`, in place."""
    rates = rates or all_rates(models[0])

    def one(model: nn.Module, recipe: Recipe, n: int, generator: torch.Generator) -> History:
        groups = [Group((p,), rates[name]) for name, p in model.named_parameters() if name in rates]

        def validation_loss() -> float:
            return model(*VALIDATION)[0].item()

        watched = validation_loss if validate else None
        return fit(model, groups, lambda index: model(X[index], Y[index]), n, recipe, generator, watched)

    return [one(*parts) for parts in zip(models, recipes, SIZES[: len(models)], generators(len(models)), strict=True)]


def assert_together_as_alone(
    recipes: Sequence[Recipe], rates: dict[str, float] | None = None, validate: bool = False, m: int = 3
) -> tuple[list[Regression], list[History]]:
    """Stacked training gives the weights and the history that `fit` gives. The models and histories."""
    stacked, single = regressions(m), regressions(m)
    histories, expected = together(stacked, recipes, rates, validate), alone(single, recipes, rates, validate)
    for model, oracle, history, told in zip(stacked, single, histories, expected, strict=True):
        assert_equal_histories(history, told)
        torch.testing.assert_close(model.state_dict(), oracle.state_dict(), rtol=0, atol=1e-9)
        assert not model.training
    return stacked, histories


def assert_equal_histories(history: History, told: History, rel: float = 1e-7) -> None:
    assert history.loss == pytest.approx(told.loss, rel=rel)
    assert history.terms.keys() == told.terms.keys()
    for name, values in told.terms.items():
        assert history.terms[name] == pytest.approx(values, rel=rel, abs=rel)
    assert history.validation_step == told.validation_step
    assert history.validation_loss == pytest.approx(told.validation_loss, rel=rel)
    assert history.best_step == told.best_step


class Counter(nn.Module):
    """Its weight is minus its rate times the steps done, after SGD of the weight itself."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros((), dtype=torch.float64))

    def forward(self, x: Tensor) -> Tensor:
        return self.weight * x


def count(
    recipes: Sequence[Recipe],
    planted: Sequence[Sequence[float]] | None = None,
    seen: Callable[[Sequence[int], list[Counter]], None] = lambda alive, counters: None,
    **options,
) -> tuple[list[Counter], list[History]]:
    """Counters trained together with validation losses planted for each; `seen` is told before every step."""
    counters = [Counter() for _ in recipes]
    coming = [iter(losses) for losses in planted or []]

    def inputs_of(alive, index):
        seen(tuple(alive), copy.deepcopy(counters))
        return torch.ones(len(alive), dtype=torch.float64)

    def validation_losses(alive, call):
        return torch.tensor([next(coming[model]) for model in alive], dtype=torch.float64)

    m = len(recipes)
    validation = validation_losses if planted else None
    histories = fit_stacked(
        counters, {"weight": 1.0}, inputs_of, [4] * m, recipes, generators(m), validation, **options
    )
    return counters, histories


class Dropped(nn.Module):
    """A loss that is nothing but dropout of its weights, whatever it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(64))

    def forward(self, x, y):
        return nn.functional.dropout(self.weight, 0.5, self.training).mean(), {}
