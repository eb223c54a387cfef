"""Classifiers trained in steps: the recipe, and many at once where networks can be stacked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fewlabels.core.settings import to_json
from fewlabels.networks import parameter_count, seeded
from fewlabels.objectives.views import MILD, View
from fewlabels.training import (
    Examples,
    Group,
    History,
    Losses,
    Numerics,
    Recipe,
    can_stack,
    fit,
    fit_stacked,
    stacking_pays,
)
from fewlabels.transfer.base import Classifier, Inputs, Setting, Task

RATES: tuple[Setting, ...] = ({"lr": 3e-3}, {"lr": 1e-2}, {"lr": 3e-2})
DEFAULT_RATE: Setting = {"lr": 1e-2}
AUGMENTED_RATES: tuple[Setting, ...] = (
    {"lr": 1e-2, "augment": 1.0},
    {"lr": 3e-3, "augment": 1.0},
    {"lr": 1e-2, "augment": 0.0},
)
"""With `augment` 1, every batch is seen through mild views of its examples, drawn anew."""
DEFAULT_AUGMENTED_RATE: Setting = {"lr": 1e-2, "augment": 1.0}
BATCH = 32
EPOCHS = 15
FEWEST_STEPS, MOST_STEPS = 80, 500
LONGER = 2.5
"""Steps of augmented training, as a multiple: views are new at every step, so there is more to learn."""
EPSILON = 1e-5
"""Adam's, well above rounding: where a gradient is exactly zero, its rounding error must not become a step."""
CLIP_NORM, WARM_UP = 1.0, 0.3
"""Small first steps: at full rate these killed the ReLUs of whole layers."""
AGAIN = 1 / 3
"""The learning rate of an attempt as a share of that of the one before."""


def recipe_for(n: int, lr: float, augmented: bool = False) -> Recipe:
    """The recipe of every classifier trained in steps: 15 epochs of 32 examples, though 80 to 500 steps; augmented, 2.5
    times as many, though no more than 500.
    """
    steps = max(FEWEST_STEPS, EPOCHS * n // BATCH)
    steps = min(MOST_STEPS, int(LONGER * steps) if augmented else steps)
    return Recipe(
        steps=steps,
        batch_size=BATCH,
        lr=lr,
        epsilon=EPSILON,
        clip_norm=CLIP_NORM,
        schedule="one-cycle",
        warm_up=WARM_UP,
    )


def described() -> dict[str, Any]:
    """The recipe as JSON values, its steps in words."""
    steps = f"{EPOCHS} epochs, {FEWEST_STEPS} to {MOST_STEPS} steps, {LONGER:g} times as many with augment"
    return {**to_json(recipe_for(BATCH, DEFAULT_RATE["lr"])), "steps": steps}


def is_augmented(task: Task) -> bool:
    return bool(task.setting.get("augment", 0.0))


def seed_of(task: Task) -> int:
    """Of all chance in one attempt at a task: the task's own at the first."""
    return int(np.random.SeedSequence((task.seed, task.attempt)).generate_state(1)[0]) if task.attempt else task.seed


class CrossEntropy(nn.Module):
    """A classifier's loss: (x [B, ...], y [B] int64) -> the mean of -log softmax(model(x))[y]."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return F.cross_entropy(self.model(x), y)


def train_classifiers(
    build: Callable[[Task], nn.Module],
    rate: Callable[[str], float],
    x: Inputs,
    y: np.ndarray,
    tasks: Sequence[Task],
    view: View = MILD,
    numerics: Callable[[], Numerics] | None = None,
) -> list[Classifier]:
    """Minimise cross-entropy once a task, those of equal batches together where the network can be stacked.

    build: makes a task's model, its weights drawn from the task's seed. rate: a parameter's name -> its learning rate
    as a share of the setting's. view: through which augmented ones see their examples. numerics: of those trained one
    by one; None: those of x, as of those trained together. The number of steps is that for
    all labels of the task's case, whatever its share of them. A task's views are drawn from its seed; dropout draws
    from that of the first of those trained together.
    """
    here = x.numerics if isinstance(x, Examples) else Numerics()
    inputs, targets = _tensor(x), torch.from_numpy(y).to(here.device)
    alone = numerics or (lambda: here)
    recipes = _recipes(tasks)
    by_batch: dict[int, list[int]] = {}
    for number, recipe in enumerate(recipes):
        by_batch.setdefault(recipe.batch_size, []).append(number)
    classifiers: dict[int, Classifier] = {}
    for numbers in by_batch.values():
        planned = [(tasks[number], recipes[number]) for number in numbers]
        trained = _train(build, rate, inputs, targets, planned, here, alone, view)
        classifiers.update(zip(numbers, trained, strict=True))
    return [classifiers[number] for number in range(len(tasks))]


def _recipes(tasks: Sequence[Task]) -> list[Recipe]:
    """Each task's; its batch is no larger than the smallest of its case's tasks."""
    smallest: dict[tuple[int, int], int] = {}
    for task in tasks:
        case = task.labels, task.seed
        smallest[case] = min(smallest.get(case, BATCH), len(task.index))
    return [
        replace(
            recipe_for(task.labels, task.setting["lr"] * AGAIN**task.attempt, is_augmented(task)),
            batch_size=smallest[task.labels, task.seed],
        )
        for task in tasks
    ]


def _train(
    build: Callable[[Task], nn.Module],
    rate: Callable[[str], float],
    inputs: Tensor,
    targets: Tensor,
    planned: Sequence[tuple[Task, Recipe]],
    here: Numerics,
    alone: Callable[[], Numerics],
    view: View,
) -> list[Classifier]:
    """`train_classifiers` for tasks whose recipes are equal but for rates and steps."""
    tasks, recipes = zip(*planned, strict=True)
    models = [seeded(seed_of(task), partial(build, task)) for task in tasks]
    together = can_stack(models[0]) and stacking_pays(parameter_count(models[0]), len(models), here.device)
    here = here if together else alone()
    indices = [torch.from_numpy(np.asarray(task.index)).to(here.device) for task in tasks]
    generators = [here.generator(seed_of(task)) for task in tasks]
    models = [here.to(model) for model in models]
    rates = {name: rate(name) for name, _ in models[0].named_parameters()}
    augmented = [is_augmented(task) for task in tasks]

    def train_together() -> list[History]:
        def inputs_of(alive: Sequence[int], positions: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
            chosen = torch.stack([indices[model][own] for model, own in zip(alive, positions, strict=True)])  # [m, B]
            batch, viewed = inputs[chosen], [place for place, model in enumerate(alive) if augmented[model]]
            if viewed:
                noises = [view.draw(batch[place], generators[alive[place]]) for place in viewed]
                noise = {name: torch.cat([noise[name] for noise in noises]) for name in noises[0]}
                seen = batch[viewed]  # [v, B, ...]
                batch[viewed] = view.apply(seen.flatten(0, 1), noise).view_as(seen)
            return batch, targets[chosen]

        sizes = [len(index) for index in indices]
        losses = [CrossEntropy(model) for model in models]
        return fit_stacked(
            losses, {f"model.{name}": share for name, share in rates.items()}, inputs_of, sizes, recipes, generators
        )

    def train_one(
        model: nn.Module, index: Tensor, recipe: Recipe, generator: torch.Generator, through_views: bool
    ) -> History:
        def loss_of(positions: Tensor) -> Losses:
            batch = inputs[index[positions]]
            if through_views:
                batch = here.to_memory_format(view.of(batch, generator))
            with here.autocast():
                logits = model(batch)
            return F.cross_entropy(logits.float(), targets[index[positions]]), {}

        return fit(model, _by_rate(model, rates), loss_of, len(index), recipe, generator)

    def train_all() -> list[History]:
        if together:
            return train_together()
        return [train_one(*parts) for parts in zip(models, indices, recipes, generators, augmented, strict=True)]

    histories = seeded(seed_of(tasks[0]), train_all)
    return [classifier_of(model, history.loss) for model, history in zip(models, histories, strict=True)]


def _by_rate(model: nn.Module, rates: Mapping[str, float]) -> list[Group]:
    """The parameters, those of equal rates in one group. rates: by a parameter's name."""
    groups: dict[float, list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        groups.setdefault(rates[name], []).append(parameter)
    return [Group(tuple(parameters), rate) for rate, parameters in groups.items()]


def classifier_of(model: nn.Module, curve: list[float]) -> Classifier:
    """What a trained network of logits is as a classifier."""

    @torch.no_grad()
    def log_proba(x: Inputs) -> np.ndarray:
        batches = x.batches() if isinstance(x, Examples) else torch.from_numpy(x).split(1000)
        return torch.cat([F.log_softmax(model(batch).cpu().double(), dim=1) for batch in batches]).numpy()

    size = parameter_count(model)
    return Classifier(log_proba, model, trained=size, total=size, curve=curve)


def _tensor(x: Inputs) -> Tensor:
    return x.batch(slice(None)) if isinstance(x, Examples) else torch.from_numpy(x)
