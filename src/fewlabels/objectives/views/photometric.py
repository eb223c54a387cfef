"""Views that change values, for images [B, C, H, W]: intensity, colour, blur. Between each image's own extremes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor
from torch.nn import functional as F

from fewlabels.core.settings import require
from fewlabels.objectives.views.base import View, one_each, own_range, require_images, uniform


@final
@dataclass(frozen=True)
class Intensity(View):
    """v -> clamp(v^e^(gamma u1) (1 + contrast u2) + brightness u3, 0, 1), u ~ U(-1, 1).

    v is 0 at an image's least value and 1 at its greatest.
    """

    contrast: float = 0.4
    gamma: float = 0.4
    brightness: float = 0.0

    def __post_init__(self) -> None:
        for setting in ("contrast", "gamma", "brightness"):
            require(0 <= getattr(self, setting) < math.inf, self, setting, "0 or more")

    def draw(self, x: Tensor, generator: torch.Generator) -> dict[str, Tensor]:
        require_images(x, self)
        return {"intensity": 2 * uniform((len(x), 3), x, generator) - 1}

    def apply(self, x: Tensor, noise: dict[str, Tensor]) -> Tensor:
        gamma, contrast, brightness = (one_each(u, x) for u in noise["intensity"].unbind(dim=1))
        low, reach = own_range(x)
        bent = (((x - low) / reach).clamp(min=1e-8).log() * torch.exp(self.gamma * gamma)).exp()
        return low + reach * (bent * (1 + self.contrast * contrast) + self.brightness * brightness).clamp(0, 1)


@final
@dataclass(frozen=True)
class ColourJitter(View):
    """Brightness, contrast, saturation and hue changed, and some images made grey (Chen et al. 2020).

    Each of the first three moves an image to or away from its own least value, its mean, and its grey image, by a
    factor 1 + setting u, u ~ U(-1, 1), one after the other. What then lies outside the values that the image had, from
    its least to its greatest, is cut off, so that what is brightest in an image cannot become brighter.

    Parameters
    ----------
    brightness, contrast, saturation
        Greatest changes.
    hue
        Greatest turn about the grey axis, as a share of the circle, of images with three channels.
    grey
        Share of the images that lose their colour.
    """

    brightness: float = 0.4
    contrast: float = 0.4
    saturation: float = 0.4
    hue: float = 0.1
    grey: float = 0.2

    def __post_init__(self) -> None:
        for setting in ("brightness", "contrast", "saturation", "hue", "grey"):
            require(0 <= getattr(self, setting) <= 1, self, setting, "0 to 1")

    def draw(self, x: Tensor, generator: torch.Generator) -> dict[str, Tensor]:
        require_images(x, self)
        return {"colour": 2 * uniform((len(x), 4), x, generator) - 1, "grey": uniform((len(x),), x, generator)}

    def apply(self, x: Tensor, noise: dict[str, Tensor]) -> Tensor:
        brightness, contrast, saturation, hue = noise["colour"].unbind(dim=1)
        low, reach = own_range(x)
        v = (x - low) / reach * one_each(1 + self.brightness * brightness, x)
        mean = v.mean((1, 2, 3), keepdim=True)
        v = mean + (v - mean) * one_each(1 + self.contrast * contrast, x)
        grey = v.mean(1, keepdim=True)
        kept = torch.where(noise["grey"] < self.grey, 0, 1 + self.saturation * saturation)
        v = grey + (v - grey) * one_each(kept, x)
        if x.shape[1] == 3:
            v = torch.einsum("bij,bjhw->bihw", turned_about_grey(2 * math.pi * self.hue * hue), v)
        return low + reach * v.clamp(0, 1)


def turned_about_grey(angle: Tensor) -> Tensor:
    """Rotations of colours about (1, 1, 1) by angles [B], in radians: [B, 3, 3] (Rodrigues)."""
    third, root = 1 / 3, math.sqrt(1 / 3)
    along = torch.full((3, 3), third, dtype=angle.dtype, device=angle.device)
    across = root * torch.tensor([[0, -1, 1], [1, 0, -1], [-1, 1, 0]], dtype=angle.dtype, device=angle.device)
    cos, sin = torch.cos(angle)[:, None, None], torch.sin(angle)[:, None, None]
    return cos * torch.eye(3, dtype=angle.dtype, device=angle.device) + (1 - cos) * along + sin * across


@final
@dataclass(frozen=True)
class Blur(View):
    """Gaussian blur whose deviation is uniform from 0 to `std`, a share of the image's longer side."""

    std: float = 0.03

    def __post_init__(self) -> None:
        require(0 <= self.std <= 1, self, "std", "0 to 1")

    def draw(self, x: Tensor, generator: torch.Generator) -> dict[str, Tensor]:
        require_images(x, self)
        return {"blur": uniform((len(x),), x, generator)}

    def apply(self, x: Tensor, noise: dict[str, Tensor]) -> Tensor:
        greatest = self.std * max(x.shape[2:])
        reach = math.ceil(2 * greatest)
        away = torch.arange(-reach, reach + 1, dtype=x.dtype, device=x.device)
        std = (greatest * noise["blur"]).clamp(min=1e-3)
        weights = torch.softmax(-0.5 * (away / std[:, None]).square(), dim=1)  # [B, 2 reach + 1]
        for axis in (2, 3):
            padded = F.pad(x, (reach, reach, 0, 0) if axis == 3 else (0, 0, reach, reach), mode="replicate")
            shifts = (padded.narrow(axis, start, x.shape[axis]) for start in range(len(away)))
            x = sum((one_each(w, x) * part for w, part in zip(weights.T, shifts, strict=True)), torch.zeros_like(x))
        return x
