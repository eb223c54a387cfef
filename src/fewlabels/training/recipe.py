"""How to optimise: a frozen recipe, and the small functions that carry it out."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn

from fewlabels.core.settings import require
from fewlabels.training.soap import Soap


@dataclass(frozen=True)
class Recipe:
    """Settings of one training run.

    Parameters
    ----------
    steps
        Optimiser steps.
    batch_size
        Examples a step (all of them where there are fewer).
    optimiser
        'soap' is Adam in the eigenbasis of the gradients' covariance: fewer steps for small networks.
    lr
        Peak learning rate.
    momentum
        Of sgd.
    epsilon
        Of the others.
    weight_decay
        L2 for adam and sgd, decoupled for adamw and soap.
    clip_norm
        Greatest norm of the whole gradient, or None.
    schedule
        'constant'; 'cosine' from lr to 0; 'one-cycle' rises at first, then falls as a cosine to 0.
    warm_up
        Share of the steps over which one-cycle rises.
    validate_every
        Steps between validations, where there is validation data; the best weights are kept.
    patience
        Validations without improvement before training stops; None never stops early.

    Raises
    ------
    InputError
        For a setting out of range.
    """

    steps: int = 1000
    batch_size: int = 128
    optimiser: Literal["adam", "adamw", "sgd", "soap"] = "adamw"
    lr: float = 1e-3
    momentum: float = 0.9
    epsilon: float = 1e-8
    weight_decay: float = 0.0
    clip_norm: float | None = None
    schedule: Literal["constant", "cosine", "one-cycle"] = "constant"
    warm_up: float = 0.1
    validate_every: int = 100
    patience: int | None = None

    def __post_init__(self) -> None:
        require(self.steps >= 1, self, "steps", "1 or more")
        require(self.batch_size >= 1, self, "batch_size", "1 or more")
        require(
            self.optimiser in ("adam", "adamw", "sgd", "soap"), self, "optimiser", "'adam', 'adamw', 'sgd' or 'soap'"
        )
        require(0 < self.lr < math.inf, self, "lr", "above 0")
        require(0 <= self.momentum < 1, self, "momentum", "0 or more, below 1")
        require(self.epsilon > 0, self, "epsilon", "above 0")
        require(self.weight_decay >= 0, self, "weight_decay", "0 or more")
        require(self.clip_norm is None or self.clip_norm > 0, self, "clip_norm", "above 0, or None")
        require(
            self.schedule in ("constant", "cosine", "one-cycle"),
            self,
            "schedule",
            "'constant', 'cosine' or 'one-cycle'",
        )
        require(0 <= self.warm_up < 1, self, "warm_up", "0 or more, below 1")
        require(self.validate_every >= 1, self, "validate_every", "1 or more")
        require(self.patience is None or self.patience >= 1, self, "patience", "1 or more, or None")


@dataclass(frozen=True)
class Group:
    """Parameters that share a learning rate: `rate` times the recipe's."""

    parameters: tuple[nn.Parameter, ...]
    rate: float = 1.0


def make_optimiser(groups: Iterable[Group], recipe: Recipe) -> torch.optim.Optimizer:
    settings = [
        {"params": list(group.parameters), "lr": recipe.lr * group.rate, "rate": group.rate} for group in groups
    ]
    if recipe.optimiser == "sgd":
        return torch.optim.SGD(settings, momentum=recipe.momentum, weight_decay=recipe.weight_decay, fused=True)
    if recipe.optimiser == "soap":
        return Soap(settings, epsilon=recipe.epsilon, weight_decay=recipe.weight_decay)
    kind = torch.optim.Adam if recipe.optimiser == "adam" else torch.optim.AdamW
    return kind(settings, eps=recipe.epsilon, weight_decay=recipe.weight_decay, fused=True)


def set_rate(optimiser: torch.optim.Optimizer, recipe: Recipe, step: int) -> None:
    """Give every group its learning rate for this step, counted from 0."""
    for group in optimiser.param_groups:
        group["lr"] = recipe.lr * group["rate"] * schedule(recipe, step)


def schedule(recipe: Recipe, step: int) -> float:
    """The share of the peak learning rate at `step`, counted from 0."""
    if recipe.schedule == "constant":
        return 1.0
    warm = max(1, int(recipe.warm_up * recipe.steps + 1e-9)) if recipe.schedule == "one-cycle" else 0
    if step < warm:
        return (step + 1) / (warm + 1)
    return 0.5 * (1 + math.cos(math.pi * (step - warm) / (recipe.steps - warm)))
