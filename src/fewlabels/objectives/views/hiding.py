"""Views that take something away: a hole in an image, features of a vector replaced by those of other examples."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from fewlabels.core.settings import require
from fewlabels.objectives.views.base import View, require_images, uniform


@final
@dataclass(frozen=True)
class Erase(View):
    """A box of each image [B, C, H, W] set to 0: black, or the mean of standardised images (DeVries & Taylor 2017).

    side: of the box, as a share of the image's sides; its middle lies anywhere in the image. share: of the images.
    """

    side: float = 10 / 28
    share: float = 1.0

    def __post_init__(self) -> None:
        require(0 <= self.side <= 1, self, "side", "0 to 1")
        require(0 <= self.share <= 1, self, "share", "0 to 1")

    def draw(self, x: Tensor, generator: torch.Generator) -> dict[str, Tensor]:
        require_images(x, self)
        return {"hole": uniform((len(x), 3), x, generator)}

    def apply(self, x: Tensor, noise: dict[str, Tensor]) -> Tensor:
        down, across, chance = noise["hole"].unbind(dim=1)
        rows, columns = (
            (((torch.arange(length, device=x.device) + 0.5) / length - middle[:, None]).abs() < self.side / 2)
            for length, middle in zip(x.shape[2:], (down, across), strict=True)
        )  # [B, H], [B, W]
        rows = rows & (chance < self.share)[:, None]
        return x * ~(rows[:, :, None] & columns[:, None, :])[:, None]


@final
@dataclass(frozen=True)
class Resample(View):
    """Some features of each example replaced by the same features of other examples of the batch (Bahri et al. 2022).

    Every example has the same number of them replaced, each by that of an example of its own, chosen at random.
    share: of the features that are replaced, though at least one of them unless it is 0.
    """

    share: float = 0.4

    def __post_init__(self) -> None:
        require(0 <= self.share <= 1, self, "share", "0 to 1")

    def draw(self, x: Tensor, generator: torch.Generator) -> dict[str, Tensor]:
        flat = x.flatten(1)
        order = uniform(tuple(flat.shape), x, generator).argsort(dim=1).argsort(dim=1)
        donors = torch.randint(len(x), tuple(flat.shape), generator=generator, device=x.device)
        count = max(round(self.share * flat.shape[1]), math.ceil(self.share))
        return {"replaced": (order < count).view(x.shape), "other": flat.gather(0, donors).view(x.shape)}

    def apply(self, x: Tensor, noise: dict[str, Tensor]) -> Tensor:
        return torch.where(noise["replaced"], noise["other"], x)
