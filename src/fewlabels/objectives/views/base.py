"""The contract of a view: another look at the same example, drawn at random and applied as a plain function."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from fewlabels.core.errors import InputError
from fewlabels.core.settings import require


@dataclass(frozen=True)
class View(ABC):
    """Abstract; every view is final. With settings of no strength it is the identity.

    What one example becomes depends on no other once the noise is drawn.
    """

    @abstractmethod
    def draw(self, x: Tensor, generator: torch.Generator) -> dict[str, Tensor]:
        """All that is random in a view of the batch x [B, *input_shape]; every part [B, ...], one row an example.

        Raises InputError for examples of a shape that this view is not for.
        """

    @abstractmethod
    def apply(self, x: Tensor, noise: dict[str, Tensor]) -> Tensor:
        """The batch as the noise has it seen, [B, *input_shape]."""

    def of(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """A view of every example, drawn and applied: [B, *input_shape] both, without gradients."""
        with torch.no_grad():
            return self.apply(x, self.draw(x, generator))


@final
@dataclass(frozen=True)
class Views(View):
    """Several views, each of what the one before it made."""

    views: tuple[View, ...] = ()

    def __post_init__(self) -> None:
        require(all(isinstance(view, View) for view in self.views), self, "views", "views")

    def draw(self, x: Tensor, generator: torch.Generator) -> dict[str, Tensor]:
        return {
            f"{number} {name}": part
            for number, view in enumerate(self.views)
            for name, part in view.draw(x, generator).items()
        }

    def apply(self, x: Tensor, noise: dict[str, Tensor]) -> Tensor:
        for number, view in enumerate(self.views):
            own = f"{number} "
            x = view.apply(x, {name.removeprefix(own): part for name, part in noise.items() if name.startswith(own)})
        return x


def require_images(x: Tensor, view: View) -> None:
    """Raise InputError where a view of images is drawn for a batch x of anything else."""
    if x.dim() != 4:
        raise InputError(
            f"{type(view).__name__} needs images (channels, height, width), got examples of shape {tuple(x.shape[1:])}"
            "; give Resample, or AutomaticView, which suits any shape"
        )


def normal(shape: tuple[int, ...], like: Tensor, generator: torch.Generator) -> Tensor:
    """Standard normal numbers of this shape, of the type and on the device of `like`."""
    return torch.randn(shape, generator=generator, device=like.device, dtype=like.dtype)


def uniform(shape: tuple[int, ...], like: Tensor, generator: torch.Generator) -> Tensor:
    """Likewise, uniform between 0 and 1."""
    return torch.rand(shape, generator=generator, device=like.device, dtype=like.dtype)


def one_each(part: Tensor, x: Tensor) -> Tensor:
    """A number an example, [B], so that it multiplies the batch x: [B, 1, ...]."""
    return part.view(-1, *(1,) * (x.dim() - 1))


def own_range(x: Tensor) -> tuple[Tensor, Tensor]:
    """The least value of each example and how far it is to the greatest, above 0: [B, 1, ...] both.

    What changes values does so between these two, whether images lie within 0 and 1 or are standardised.
    """
    inner = tuple(range(1, x.dim()))
    low = x.amin(inner, keepdim=True)
    return low, (x.amax(inner, keepdim=True) - low).clamp(min=1e-8)
