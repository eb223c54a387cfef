"""Reconstruction of the input: of a clean one, a corrupted one, or one with parts hidden."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, final

import torch
from torch import Tensor

from fewlabels.core.settings import require
from fewlabels.networks import Autoencoder
from fewlabels.objectives.base import Noise, Objective, Terms, mean_squared_error
from fewlabels.objectives.views import GaussianNoise, View
from fewlabels.objectives.views.base import uniform


@final
@dataclass(frozen=True)
class Reconstruction(Objective):
    """L = mean (g(f(x)) - x)^2, with encoder f and decoder g (papers 1 to 5)."""

    def loss(self, net: Autoencoder, x: Tensor, noise: Noise) -> tuple[Tensor, Terms]:
        error = mean_squared_error(net.decode(net.encode(x)), x)
        return error, {"reconstruction": error}


@final
@dataclass(frozen=True)
class Denoising(Objective):
    """L = mean (g(f(c(x))) - x)^2 with a corruption c (Vincent et al. 2010; papers 2, 3 and 5).

    What it learns is not the identity, even with as many codes as inputs or more.
    """

    corruption: View = field(default_factory=GaussianNoise)

    def draw(self, x: Tensor, latent_dim: int, generator: torch.Generator, progress: float = 1.0) -> Noise:
        return self.corruption.draw(x, generator)

    def corrupt(self, x: Tensor, noise: Noise) -> Tensor:
        return self.corruption.apply(x, noise)

    def loss(self, net: Autoencoder, x: Tensor, noise: Noise) -> tuple[Tensor, Terms]:
        error = mean_squared_error(net.decode(net.encode(self.corrupt(x, noise))), x)
        return error, {"reconstruction": error}


@final
@dataclass(frozen=True)
class Masked(Objective):
    """L = mean over the hidden numbers of (g(f(x * (1 - m))) - x)^2, with a random mask m (He et al. 2022).

    Images lose whole patches, all channels of them; vectors lose single features. Every example loses the same number
    of them, at least one, and never all where there are two or more. What is hidden reads 0.
    ratio: share of the patches, or features, that are hidden.
    patch: side of a patch in pixels; those at the lower and right edge are cut off where it does not divide.
    target: 'hidden' counts the error on what was hidden, 'all' on everything.
    """

    ratio: float = 0.5
    patch: int = 4
    target: Literal["hidden", "all"] = "hidden"

    def __post_init__(self) -> None:
        require(0 < self.ratio < 1, self, "ratio", "above 0, below 1")
        require(self.patch >= 1, self, "patch", "1 or more")
        require(self.target in ("hidden", "all"), self, "target", "'hidden' or 'all'")

    def draw(self, x: Tensor, latent_dim: int, generator: torch.Generator, progress: float = 1.0) -> Noise:
        grid = tuple(-(-side // self.patch) for side in x.shape[2:]) or x.shape[1:]  # (rows, columns), or (features,)
        places = grid[0] * (grid[1] if len(grid) == 2 else 1)
        hidden = max(1, min(places - 1, round(self.ratio * places)))
        order = uniform((len(x), places), x, generator).argsort(dim=1).argsort(dim=1)
        mask = (order < hidden).to(x.dtype).view(len(x), *grid)
        if len(grid) == 2:  # [B, rows, columns] -> [B, 1, H, W]
            mask = mask.repeat_interleave(self.patch, dim=1).repeat_interleave(self.patch, dim=2)
            mask = mask[:, None, : x.shape[2], : x.shape[3]]
        return {"hidden": mask}

    def corrupt(self, x: Tensor, noise: Noise) -> Tensor:
        return x * (1 - noise["hidden"])

    def loss(self, net: Autoencoder, x: Tensor, noise: Noise) -> tuple[Tensor, Terms]:
        output = net.decode(net.encode(self.corrupt(x, noise)))
        if self.target == "all":
            error = mean_squared_error(output, x)
        else:
            hidden = noise["hidden"].expand_as(x)
            error = (hidden * (output - x).square()).sum() / hidden.sum()
        return error, {"reconstruction": error}
