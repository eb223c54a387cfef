"""Noise: views that corrupt an input, number by number."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from fewlabels.core.settings import require
from fewlabels.objectives.views.base import View, normal, uniform


@final
@dataclass(frozen=True)
class GaussianNoise(View):
    """x + mean + std * e with e ~ N(0, I), in units of the scaled input (images: black 0, white 1)."""

    std: float = 1.0
    mean: float = 0.0

    def __post_init__(self) -> None:
        require(self.std >= 0, self, "std", "0 or more")
        require(math.isfinite(self.mean), self, "mean", "a finite number")

    def draw(self, x: Tensor, generator: torch.Generator) -> dict[str, Tensor]:
        return {"gaussian": normal(x.shape, x, generator)}

    def apply(self, x: Tensor, noise: dict[str, Tensor]) -> Tensor:
        return x + self.mean + self.std * noise["gaussian"]


@final
@dataclass(frozen=True)
class RandomGaussianNoise(View):
    """Gaussian noise whose mean and deviation are drawn anew for each example (paper 2).

    x_i + m_i + s_i e_i with m_i ~ N(0, mean_std^2), s_i ~ N(std_mean, std_std^2) and e_i ~ N(0, I).
    """

    mean_std: float = 1.0
    std_mean: float = 0.5
    std_std: float = 0.5

    def __post_init__(self) -> None:
        require(self.mean_std >= 0, self, "mean_std", "0 or more")
        require(self.std_mean >= 0, self, "std_mean", "0 or more")
        require(self.std_std >= 0, self, "std_std", "0 or more")

    def draw(self, x: Tensor, generator: torch.Generator) -> dict[str, Tensor]:
        one_each = (len(x), *(1,) * (x.dim() - 1))  # [B, 1, 1, 1]
        return {
            "mean": normal(one_each, x, generator),
            "std": normal(one_each, x, generator),
            "gaussian": normal(x.shape, x, generator),
        }

    def apply(self, x: Tensor, noise: dict[str, Tensor]) -> Tensor:
        std = self.std_mean + self.std_std * noise["std"]
        return x + self.mean_std * noise["mean"] + std * noise["gaussian"]


@final
@dataclass(frozen=True)
class MaskingNoise(View):
    """Each number is set to 0 with probability `share` (Vincent et al. 2010)."""

    share: float = 0.5

    def __post_init__(self) -> None:
        require(0 <= self.share <= 1, self, "share", "0 to 1")

    def draw(self, x: Tensor, generator: torch.Generator) -> dict[str, Tensor]:
        return {"uniform": uniform(x.shape, x, generator)}

    def apply(self, x: Tensor, noise: dict[str, Tensor]) -> Tensor:
        return x * (noise["uniform"] >= self.share)


@final
@dataclass(frozen=True)
class SaltAndPepperNoise(View):
    """Each number is set to `low` or `high`, a coin toss, with probability `share` (Vincent et al. 2010)."""

    share: float = 0.3
    low: float = 0.0
    high: float = 1.0

    def __post_init__(self) -> None:
        require(0 <= self.share <= 1, self, "share", "0 to 1")
        require(math.isfinite(self.low), self, "low", "a finite number")
        require(math.isfinite(self.high), self, "high", "a finite number")

    def draw(self, x: Tensor, generator: torch.Generator) -> dict[str, Tensor]:
        return {"uniform": uniform(x.shape, x, generator)}

    def apply(self, x: Tensor, noise: dict[str, Tensor]) -> Tensor:
        uniform = noise["uniform"]
        peppered = torch.where(uniform < self.share / 2, self.low, x)
        return torch.where(uniform >= 1 - self.share / 2, self.high, peppered)
