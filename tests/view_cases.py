"""Views that tests are made of: one of each kind, with and without strength, and images to see through them."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from fewlabels.objectives import (
    Affine,
    AutomaticView,
    Blur,
    ColourJitter,
    Crop,
    Erase,
    Flip,
    GaussianNoise,
    Intensity,
    MaskingNoise,
    RandomGaussianNoise,
    Resample,
    SaltAndPepperNoise,
    Views,
)

NO_AFFINE, NO_CROP = Affine(0, 0, 0, 0, 0), Crop(1.0, 0.0)
NONE = [
    NO_AFFINE,
    NO_CROP,
    Flip(0.0),
    Intensity(0, 0, 0),
    ColourJitter(0, 0, 0, 0, 0),
    Blur(0.0),
    Erase(side=0.0),
    Erase(share=0.0),
    Resample(0.0),
    GaussianNoise(std=0.0),
    RandomGaussianNoise(0, 0, 0),
    MaskingNoise(0.0),
    SaltAndPepperNoise(0.0),
    Views(),
    Views((NO_AFFINE, Flip(0.0))),
]
SOME = [
    *(type(view)() for view in NONE if not isinstance(view, Views)),
    Views((Affine(), Intensity(), Erase())),
    AutomaticView(),
    AutomaticView("mild", flip=True),
]
SHAPES = [(1, 8, 8), (3, 9, 12), (1, 1, 7), (2, 5, 1), (1, 28, 28)]
every_view = pytest.mark.parametrize("view", SOME, ids=str)
every_shape = pytest.mark.parametrize("shape", SHAPES, ids=str)


def images(*shape: int, n: int = 6, seed: int = 0, low: float = 0.0, high: float = 1.0) -> Tensor:
    return low + (high - low) * torch.rand(n, *shape, generator=torch.Generator().manual_seed(seed))


def seen(view, x: Tensor, seed: int = 0) -> Tensor:
    return view.of(x, torch.Generator().manual_seed(seed))
