"""What one example looks like: what a data set offers, and what a model asks for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from fewlabels.core.errors import InputError

Kind = Literal["images", "vectors", "table"]


@dataclass(frozen=True)
class Column:
    """A column of a table.

    categories: the texts that its numbers 0, 1, ... stand for; None for a column of numbers.
    """

    name: str
    categories: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Signature:
    """The form of one example.

    shape: (C, H, W) of an image, (D,) of a vector or of a table's row.
    dtype: 'uint8' or 'float32'.
    columns: of a table, in order; None for vectors and images.
    resized: whether images were resized to this shape, and so are others.
    """

    shape: tuple[int, ...]
    dtype: Literal["uint8", "float32"]
    columns: tuple[Column, ...] | None = None
    resized: bool = False

    @property
    def kind(self) -> Kind:
        if self.columns is not None:
            return "table"
        return "images" if len(self.shape) == 3 else "vectors"

    def __str__(self) -> str:
        """As people say it: 'grey images of 28x28 pixels (uint8)'."""
        if self.kind == "images":
            channels, height, width = self.shape
            colour = {1: "grey", 3: "colour"}.get(channels, f"{channels}-channel")
            return f"{colour} images of {width}x{height} pixels ({self.dtype})"
        if self.kind == "vectors":
            return f"vectors of {self.shape[0]} numbers"
        return f"rows of a table of {self.shape[0]} columns"

    def require_equal(self, found: Signature, name: str) -> None:
        """Raise InputError unless examples of the form `found`, in what is called `name`, have this form."""
        for what in ("kind", "shape", "dtype"):
            wanted, got = getattr(self, what), getattr(found, what)
            if wanted != got:
                raise InputError(
                    f"{name}: its examples are {found}, the model takes {self}; give it data like "
                    "those it was trained on"
                )
        if self.columns != found.columns:
            raise InputError(
                f"{name}: its columns differ from those the model was trained on; give it the same columns"
            )


def dtype_name(x: np.ndarray) -> Literal["uint8", "float32"]:
    return "uint8" if x.dtype == np.uint8 else "float32"
