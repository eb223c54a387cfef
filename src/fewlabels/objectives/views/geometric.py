"""Views that move pixels, for images [B, C, H, W]: affine maps, crops, flips. Every example has its own."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor
from torch.nn import functional as F

from fewlabels.core.settings import require
from fewlabels.objectives.views.base import View, one_each, require_images, uniform


@final
@dataclass(frozen=True)
class Affine(View):
    """Images turned, resized, stretched, sheared and shifted about their middle, each by numbers u ~ U(-1, 1).

    A point p of the result, in pixels from the middle, shows the point A (p - t) of the image,
    A = e^(-scale u1) R(rotation u2) S(shear u3) diag(e^(aspect u4), e^(-aspect u4)), t = shift (u5 W, u6 H), with R(a)
    the rotation by a and S(s) = [[1, s], [0, 1]]; bilinear, and 0 outside.

    Parameters
    ----------
    rotation
        Degrees, counterclockwise.
    scale, aspect
        Logarithms of factors.
    shear
        Pixels to the side a pixel down.
    shift
        Share of the image's sides.
    """

    rotation: float = 10.0
    scale: float = 0.35
    aspect: float = 0.15
    shear: float = 0.1
    shift: float = 0.15

    def __post_init__(self) -> None:
        for setting in ("rotation", "scale", "aspect", "shear", "shift"):
            require(0 <= getattr(self, setting) < math.inf, self, setting, "0 or more")

    def draw(self, x: Tensor, generator: torch.Generator) -> dict[str, Tensor]:
        require_images(x, self)
        return {"affine": 2 * uniform((len(x), 6), x, generator) - 1}

    def apply(self, x: Tensor, noise: dict[str, Tensor]) -> Tensor:
        u = noise["affine"].unbind(dim=1)
        angle, shear, aspect = math.radians(self.rotation) * u[1], self.shear * u[2], torch.exp(self.aspect * u[3])
        cos, sin = (turn(angle) * torch.exp(-self.scale * u[0]) for turn in (torch.cos, torch.sin))
        height_to_width = x.shape[2] / x.shape[3]
        across = cos * aspect, (shear * cos - sin) / aspect * height_to_width
        down = sin * aspect / height_to_width, (shear * sin + cos) / aspect
        shifted = 2 * self.shift * u[4], 2 * self.shift * u[5]
        return sampled(x, across, down, shifted)


@final
@dataclass(frozen=True)
class Crop(View):
    """A box of each image, blown up to the whole (random resized crop, Szegedy et al. 2015); bilinear.

    Parameters
    ----------
    area
        Least share of the image's area; that of a box is uniform from here to 1.
    aspect
        Logarithm of the greatest ratio of its sides' shares.
    """

    area: float = 0.3
    aspect: float = 0.29

    def __post_init__(self) -> None:
        require(0 < self.area <= 1, self, "area", "above 0, up to 1")
        require(0 <= self.aspect < math.inf, self, "aspect", "0 or more")

    def draw(self, x: Tensor, generator: torch.Generator) -> dict[str, Tensor]:
        require_images(x, self)
        return {"crop": uniform((len(x), 4), x, generator)}

    def apply(self, x: Tensor, noise: dict[str, Tensor]) -> Tensor:
        area, aspect, left, top = noise["crop"].unbind(dim=1)
        area = 1 - (1 - self.area) * area
        stretch = torch.exp(self.aspect * (aspect - 0.5))
        width, height = ((area.sqrt() * factor).clamp(max=1) for factor in (stretch, 1 / stretch))
        none = torch.zeros_like(area)
        middle = (2 * left - 1) * (1 - width) / width, (2 * top - 1) * (1 - height) / height
        return sampled(x, (width, none), (none, height), (-middle[0], -middle[1]))


@final
@dataclass(frozen=True)
class Flip(View):
    """Left and right exchanged, with probability `share`."""

    share: float = 0.5

    def __post_init__(self) -> None:
        require(0 <= self.share <= 1, self, "share", "0 to 1")

    def draw(self, x: Tensor, generator: torch.Generator) -> dict[str, Tensor]:
        require_images(x, self)
        return {"flip": uniform((len(x),), x, generator)}

    def apply(self, x: Tensor, noise: dict[str, Tensor]) -> Tensor:
        return torch.where(one_each(noise["flip"] < self.share, x), x.flip(-1), x)


Pair = tuple[Tensor, Tensor]
"""A number [B] for x, to the right, and one for y, down."""


def sampled(x: Tensor, across: Pair, down: Pair, shift: Pair) -> Tensor:
    """The images [B, C, H, W] seen through a linear map: bilinear, 0 outside.

    A point p of the result shows the point (across . (p - shift), down . (p - shift)) of the image, in coordinates that
    reach from -1 to 1, from edge to edge.
    """
    height, width = x.shape[2:]
    right, below = ((torch.arange(side, dtype=x.dtype, device=x.device) * 2 + 1) / side - 1 for side in (width, height))
    moved = right - shift[0][:, None], below - shift[1][:, None]  # [B, W], [B, H]
    grid = x.new_empty(len(x), height, width, 2)
    for axis, (of_x, of_y) in enumerate((across, down)):
        torch.add((of_x[:, None] * moved[0])[:, None], (of_y[:, None] * moved[1])[:, :, None], out=grid[..., axis])
    return F.grid_sample(x, grid, align_corners=False)
