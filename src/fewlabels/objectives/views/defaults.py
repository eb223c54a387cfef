"""The views that suit a kind of data, from the shape of an example alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, final

import torch
from torch import Tensor

from fewlabels.core.settings import require
from fewlabels.objectives.views.base import View, Views
from fewlabels.objectives.views.geometric import Affine, Crop, Flip
from fewlabels.objectives.views.hiding import Erase, Resample
from fewlabels.objectives.views.photometric import ColourJitter, Intensity

Strength = Literal["strong", "mild"]

SMALLEST = 4
"""Pixels a side: smaller images are treated as vectors, since turned or shifted they would leave the picture."""


def default_view(shape: tuple[int, ...], strength: Strength = "strong", flip: bool | None = None) -> View:
    """The view for examples of this shape, channels first.

    Grey images are turned, resized, sheared and shifted, their intensity changed and a box of them hidden; images of
    several channels are cropped, flipped and their colours changed; of vectors some features come from other examples.

    Parameters
    ----------
    shape
        Of one example: (C, H, W) or (D,).
    strength
        'strong', to pretrain on; 'mild', about half of it and without holes, where labels train a network.
    flip
        Whether left and right may be exchanged; None: in colour images alone, since a letter is not its mirror image.
    """
    mild = strength == "mild"
    if len(shape) == 1 or min(shape[1:]) < SMALLEST:
        return Resample(0.1 if mild else 0.3)
    if shape[0] == 1:
        flips = (Flip(),) if flip else ()
        if mild:
            return Views((*flips, Affine(12.0, 0.12, 0.06, 0.15, 0.07), Intensity(0.2, 0.2)))
        return Views((*flips, Affine(), Intensity(), Erase()))
    flips = () if flip is False else (Flip(),)
    if mild:
        return Views((Crop(0.6, 0.15), *flips, ColourJitter(0.2, 0.2, 0.2, 0.05, 0.0)))
    return Views((Crop(), *flips, ColourJitter()))


@final
@dataclass(frozen=True)
class AutomaticView(View):
    """`default_view` for whatever shape the examples have, so that one setting serves images, vectors and tables."""

    strength: Strength = "strong"
    flip: bool | None = None

    def __post_init__(self) -> None:
        require(self.strength in ("strong", "mild"), self, "strength", "'strong' or 'mild'")

    def draw(self, x: Tensor, generator: torch.Generator) -> dict[str, Tensor]:
        return self._suited(x).draw(x, generator)

    def apply(self, x: Tensor, noise: dict[str, Tensor]) -> Tensor:
        return self._suited(x).apply(x, noise)

    def _suited(self, x: Tensor) -> View:
        return default_view(tuple(x.shape[1:]), self.strength, self.flip)
