"""Classifiers trained in steps: an MLP head on fixed features, a whole network from any start."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fewlabels.networks import Autoencoder, parameter_count, seeded
from fewlabels.objectives import Objective
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
from fewlabels.transfer.features import Centring, Codes, features_of
from fewlabels.transfer.logistic import Regression, softmax_regressions
from fewlabels.transfer.probe import DEFAULT_PENALTY, linear

RATES: tuple[Setting, ...] = ({"lr": 3e-3}, {"lr": 1e-2}, {"lr": 3e-2})
DEFAULT_RATE: Setting = {"lr": 1e-2}
FINE_TUNING_RATES: tuple[Setting, ...] = ({"lr": 1e-3}, {"lr": 3e-3}, {"lr": 1e-2})
DEFAULT_FINE_TUNING_RATE: Setting = {"lr": 3e-3}
BATCH = 32
EPOCHS = 15
FEWEST_STEPS, MOST_STEPS = 80, 500
EPSILON = 1e-5
"""Adam's, well above rounding: where a gradient is exactly zero, its rounding error must not become a step."""


def recipe_for(n: int, lr: float) -> Recipe:
    """The recipe of every classifier trained in steps: 15 epochs of 32 examples, though 80 to 500 steps."""
    steps = min(MOST_STEPS, max(FEWEST_STEPS, EPOCHS * n // BATCH))
    return Recipe(steps=steps, batch_size=BATCH, lr=lr, epsilon=EPSILON, schedule="one-cycle")


@dataclass(frozen=True)
class MlpHead:
    """One hidden layer of ReLU units on fixed features (paper 2 has 64)."""

    classes: int
    hidden: int = 64
    settings: tuple[Setting, ...] = RATES
    default: Setting = field(default_factory=lambda: DEFAULT_RATE)

    def fit_all(self, x: Inputs, y: np.ndarray, tasks: Sequence[Task]) -> list[Classifier]:
        """x: [n, D] features."""
        assert isinstance(x, np.ndarray)

        def head(task: Task) -> nn.Module:
            return mlp_head(x.shape[1], self.hidden, self.classes)

        return train_classifiers(head, lambda name: 1.0, x, y, tasks)


def mlp_head(width: int, hidden: int, classes: int) -> nn.Sequential:
    """[B, width] -> logits [B, classes], by one hidden layer of ReLU units."""
    return nn.Sequential(nn.Linear(width, hidden), nn.ReLU(), nn.Linear(hidden, classes))


class EncoderClassifier(nn.Module):
    """features -> centre -> head: [B, *input_shape] -> logits [B, K]."""

    def __init__(self, net: Autoencoder, objective: Objective, centring: Centring, head: nn.Linear) -> None:
        super().__init__()
        self.features = Codes(net.without_decoder(), objective)
        self.centre = centring.layer()
        self.head = head

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.centre(self.features(x)))


@dataclass(frozen=True)
class FineTune:
    """Encoder and linear head trained together, the encoder at its own rate. From random weights: from scratch.

    The head begins as the linear probe of the starting codes, so that it does not distort them before it has learned
    anything (Kumar et al. 2022, LP-FT).

    start: makes a fresh copy of the network to begin from. objective: says which codes the head sees.
    centring: of the starting encoder's codes. encoder_rate: the encoder's learning rate as a share of the head's.
    """

    classes: int
    start: Callable[[], Autoencoder]
    objective: Objective
    centring: Centring
    encoder_rate: float = 0.3
    settings: tuple[Setting, ...] = FINE_TUNING_RATES
    default: Setting = field(default_factory=lambda: DEFAULT_FINE_TUNING_RATE)

    def fit_all(self, x: Inputs, y: np.ndarray, tasks: Sequence[Task]) -> list[Classifier]:
        """x: n Examples."""
        assert isinstance(x, Examples)
        starting = self.centring.apply(features_of(Codes(self.start(), self.objective), x))  # [n, latent_dim]

        indices = {id(task.index): task.index for task in tasks}
        probes = [Regression(starting[index], y[index], DEFAULT_PENALTY["C"]) for index in indices.values()]
        heads = dict(zip(indices, softmax_regressions(probes, self.classes), strict=True))

        def model(task: Task) -> nn.Module:
            return EncoderClassifier(self.start(), self.objective, self.centring, linear(*heads[id(task.index)]))

        def rate(name: str) -> float:
            return 1.0 if name.startswith("head.") else self.encoder_rate

        return train_classifiers(model, rate, x, y, tasks)


@dataclass(frozen=True)
class WholeNetwork:
    """Any classifier network trained from fresh random weights."""

    build: Callable[[], nn.Module]
    settings: tuple[Setting, ...] = RATES
    default: Setting = field(default_factory=lambda: DEFAULT_RATE)

    def fit_all(self, x: Inputs, y: np.ndarray, tasks: Sequence[Task]) -> list[Classifier]:
        """x: n Examples."""
        return train_classifiers(lambda task: self.build(), lambda name: 1.0, x, y, tasks)


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
) -> list[Classifier]:
    """Minimise cross-entropy once a task, those of equal batches together where the network can be stacked.

    build: makes a task's model, its weights drawn from the task's seed. rate: a parameter's name -> its learning rate
    as a share of the setting's. The number of steps is that for all labels of the task's case, whatever its share of
    them. Dropout draws from the seed of the first of those trained together.
    """
    here = x.numerics if isinstance(x, Examples) else Numerics()
    inputs, targets = _tensor(x), torch.from_numpy(y).to(here.device)
    recipes = _recipes(tasks)
    by_batch: dict[int, list[int]] = {}
    for number, recipe in enumerate(recipes):
        by_batch.setdefault(recipe.batch_size, []).append(number)
    classifiers: dict[int, Classifier] = {}
    for numbers in by_batch.values():
        trained = _train(build, rate, inputs, targets, [(tasks[number], recipes[number]) for number in numbers], here)
        classifiers.update(zip(numbers, trained, strict=True))
    return [classifiers[number] for number in range(len(tasks))]


def _recipes(tasks: Sequence[Task]) -> list[Recipe]:
    """Each task's; its batch is no larger than the smallest of its case's tasks."""
    smallest: dict[tuple[int, int], int] = {}
    for task in tasks:
        case = task.labels, task.seed
        smallest[case] = min(smallest.get(case, BATCH), len(task.index))
    return [
        replace(recipe_for(task.labels, task.setting["lr"]), batch_size=smallest[task.labels, task.seed])
        for task in tasks
    ]


def _train(
    build: Callable[[Task], nn.Module],
    rate: Callable[[str], float],
    inputs: Tensor,
    targets: Tensor,
    planned: Sequence[tuple[Task, Recipe]],
    here: Numerics,
) -> list[Classifier]:
    """`train_classifiers` for tasks whose recipes are equal but for rates and steps."""
    tasks, recipes = zip(*planned, strict=True)
    indices = [torch.from_numpy(np.asarray(task.index)).to(here.device) for task in tasks]
    generators = [here.generator(task.seed) for task in tasks]
    models = [here.place(seeded(task.seed, partial(build, task))) for task in tasks]
    rates = {name: rate(name) for name, _ in models[0].named_parameters()}

    def train_together() -> list[History]:
        def inputs_of(alive: Sequence[int], positions: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
            chosen = torch.stack([indices[model][own] for model, own in zip(alive, positions, strict=True)])  # [m, B]
            return inputs[chosen], targets[chosen]

        sizes = [len(index) for index in indices]
        losses = [CrossEntropy(model) for model in models]
        return fit_stacked(
            losses, {f"model.{name}": share for name, share in rates.items()}, inputs_of, sizes, recipes, generators
        )

    def train_one(model: nn.Module, index: Tensor, recipe: Recipe, generator: torch.Generator) -> History:
        def loss_of(positions: Tensor) -> Losses:
            return F.cross_entropy(model(inputs[index[positions]]), targets[index[positions]]), {}

        groups = [Group((parameter,), rates[name]) for name, parameter in model.named_parameters()]
        return fit(model, groups, loss_of, len(index), recipe, generator)

    def train_all() -> list[History]:
        if can_stack(models[0]) and stacking_pays(parameter_count(models[0]), len(models), here.device):
            return train_together()
        return [train_one(*parts) for parts in zip(models, indices, recipes, generators, strict=True)]

    histories = seeded(tasks[0].seed, train_all)
    return [_classifier(model, history) for model, history in zip(models, histories, strict=True)]


def _classifier(model: nn.Module, history: History) -> Classifier:
    @torch.no_grad()
    def log_proba(x: Inputs) -> np.ndarray:
        batches = x.batches() if isinstance(x, Examples) else torch.from_numpy(x).split(1000)
        return torch.cat([F.log_softmax(model(batch).cpu().double(), dim=1) for batch in batches]).numpy()

    size = parameter_count(model)
    return Classifier(log_proba, model, trained=size, total=size, curve=history.loss)


def _tensor(x: Inputs) -> Tensor:
    return x.batch(slice(None)) if isinstance(x, Examples) else torch.from_numpy(x)
