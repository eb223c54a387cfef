"""The views that suit a kind of data, from the shape of an example alone."""

from __future__ import annotations

from dataclasses import dataclass, fields, is_dataclass, replace
from operator import is_
from typing import Any, Literal, TypeVar, final

import torch
from torch import Tensor

from fewlabels.core.settings import require
from fewlabels.objectives.views.base import View, Views
from fewlabels.objectives.views.geometric import Affine, Crop, Flip
from fewlabels.objectives.views.hiding import Erase, Resample
from fewlabels.objectives.views.photometric import ColourJitter, Intensity

T = TypeVar("T")

Strength = Literal["strong", "mild"]

SMALLEST = 4
"""Pixels a side: smaller images are treated as vectors, since turned or shifted they would leave the picture."""


def seen_as_images(shape: tuple[int, ...]) -> bool:
    """Whether examples of this shape have views of images by default, and not of vectors."""
    return len(shape) > 1 and min(shape[1:]) >= SMALLEST


def default_view(shape: tuple[int, ...], strength: Strength = "strong", flip: bool | None = None) -> View:
    """The view for examples of this shape, channels first.

    Grey images are turned, resized, sheared and shifted, their intensity changed and a box of them hidden; images of
    several channels are cropped, flipped and their colours changed; of vectors some features come from other examples.

    Parameters
    ----------
    shape
        Of one example: (C, H, W) or (D,).
    strength
        'strong', to pretrain on; 'mild', where labels train a network: nothing is hidden, and shifts, sizes, boxes,
        intensities and colours change about half as much or less. Grey images are turned and sheared a little more than
        by 'strong' (12 degrees against 10, 0.15 against 0.1): each was settled on its own, see docs/views.md.
    flip
        Whether left and right may be exchanged; None: in colour images alone, since a letter is not its mirror image.
    """
    mild = strength == "mild"
    if not seen_as_images(shape):
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


STRONG, MILD = AutomaticView(), AutomaticView("mild")


def with_flips(settings: T, flips: bool | None) -> T:
    """Settings, of an objective or a learner, in which every AutomaticView that leaves flips open is told of them.

    None leaves them open.
    """
    told: T = settings if flips is None else _told(settings, flips)
    return told


def _told(settings: Any, flips: bool) -> Any:
    if isinstance(settings, AutomaticView):
        return replace(settings, flip=flips) if settings.flip is None else settings
    if isinstance(settings, tuple):
        told = tuple(_told(part, flips) for part in settings)
        return settings if all(map(is_, told, settings)) else told
    if not is_dataclass(settings) or isinstance(settings, type):
        return settings
    parts = {field.name: getattr(settings, field.name) for field in fields(settings)}
    changed = {name: told for name, part in parts.items() if (told := _told(part, flips)) is not part}
    return replace(settings, **changed) if changed else settings
