"""The one `Dataset` type every reader returns, and the `Signature` of its examples, which a model asks for."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from fewlabels.core.errors import InputError
from fewlabels.data.blocks import blocks

Kind = Literal["images", "vectors", "table"]


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Parameters
    ----------
    name
        As the table has it.
    categories
        The texts that its numbers 0, 1, ... stand for; None for a column of numbers.
    """

    name: str
    categories: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Signature:
    """The form of one example.

    Parameters
    ----------
    shape
        (C, H, W) of an image, (D,) of a vector or of a table's row.
    dtype
        Of its numbers as they come.
    columns
        Of a table, in order; None for vectors and images.
    resized
        Whether images were resized to this shape, and so are others.
    target
        Of a table, the column that held the labels; where another table has it, it holds them there, too. It is no part
        of the form: signatures that differ in it are equal.
    """

    shape: tuple[int, ...]
    dtype: Literal["uint8", "float32"]
    columns: tuple[Column, ...] | None = None
    resized: bool = False
    target: str | None = field(default=None, compare=False)

    @property
    def kind(self) -> Kind:
        """What an example is: one of an image, a vector, or a row of a table."""
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


UNLABELLED = -1


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """Examples, none, some or all of them labelled, and perhaps a test set of their own.

    Parameters
    ----------
    name
        What it is called in messages, records and pages.
    x
        [N, C, H, W] uint8 or float32 images, channels first, or [N, D] float32 vectors or rows of a table; it may be
        memory-mapped, and larger than memory.
    y
        [N] int64, an index into `classes`, or -1 where unlabelled.
    classes
        The name of each class, in the order of the label indices.
    x_test, y_test
        Likewise, every example labelled; None when the data come without a test set.
    columns
        Of a table, else None. In its rows, and nowhere else, NaN may stand: a missing value.
    resized
        Whether images were resized to the shape they have.
    target
        Of a table, the column that held the labels.
    options
        With which the data were read, by name.
    notices
        What is probably not as it was meant, or was left out, a line each; like the options, no part of the data.

    Raises
    ------
    InputError
        Where the parts do not fit together, or a value is NaN or infinite.

    See Also
    --------
    load : reads one from a file, a folder or by name.
    as_dataset : makes one of arrays and frames.

    Examples
    --------
    >>> import numpy as np
    >>> from fewlabels import Dataset
    >>> Dataset("points", np.eye(3, dtype=np.float32), np.array([0, 1, -1]), ("left", "right"))
    Dataset('points', 3 vectors of 3 numbers, 2 labelled)
    """

    name: str
    x: np.ndarray
    y: np.ndarray
    classes: tuple[str, ...]
    x_test: np.ndarray | None = None
    y_test: np.ndarray | None = None
    columns: tuple[Column, ...] | None = None
    resized: bool = False
    target: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    notices: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self._check(self.x, self.y, "x")
        if (self.x_test is None) != (self.y_test is None):
            raise InputError(f"{self.name}: x_test and y_test come together; give both or neither")
        if self.x_test is not None and self.y_test is not None:
            self._check(self.x_test, self.y_test, "x_test")
            if self.x_test.shape[1:] != self.x.shape[1:]:
                raise InputError(
                    f"{self.name}: x holds examples of shape {self.example_shape}, x_test of shape "
                    f"{self.x_test.shape[1:]}; they must be equal"
                )
            if self.x_test.dtype != self.x.dtype:
                raise InputError(f"{self.name}: x is {self.x.dtype}, x_test {self.x_test.dtype}; they must be equal")
            if (self.y_test == UNLABELLED).any():
                raise InputError(f"{self.name}: y_test has unlabelled examples (-1); label or remove them")

    def __repr__(self) -> str:
        labelled = int((self.y != UNLABELLED).sum())
        return f"Dataset({self.name!r}, {len(self.x):,} {self.signature}, {labelled:,} labelled)"

    def require_classes(self) -> None:
        """Raise InputError unless two classes or more have a labelled example in x."""
        labelled = np.unique(self.y[self.y != UNLABELLED])
        if len(labelled) < 2:
            found = "no label at all" if len(labelled) == 0 else f"one class only ({self.classes[labelled[0]]!r})"
            raise InputError(
                f"{self.name}: {found}; a classifier needs labelled examples of two classes or more (-1 always means "
                "unlabelled): `labels` names a file of labels, `target` a table's column of them"
            )

    @property
    def example_shape(self) -> tuple[int, ...]:
        """Shape of one example, channels first: (1, 28, 28) or (64,)."""
        return tuple(self.x.shape[1:])

    @property
    def signature(self) -> Signature:
        """The form of one example."""
        target = None if self.columns is None else self.target
        return Signature(self.example_shape, dtype_name(self.x), self.columns, self.resized, target)

    def fingerprint(self) -> str:
        """SHA-256 over every array and class name: equal exactly when the data are equal."""
        digest = hashlib.sha256(repr(self.classes).encode())
        if self.columns is not None:
            digest.update(repr(self.columns).encode())
        for array in (self.x, self.y, self.x_test, self.y_test):
            if array is None:
                digest.update(b"none")
                continue
            digest.update(f"{array.dtype}{array.shape}".encode())
            for block in blocks(array):
                digest.update(np.ascontiguousarray(block).data)
        return digest.hexdigest()

    def _check(self, x: np.ndarray, y: np.ndarray, field: str) -> None:
        name, classes = self.name, len(self.classes)
        if x.ndim not in (2, 4):
            raise InputError(
                f"{name}: {field} has shape {x.shape}; allowed are [N, D] vectors and [N, C, H, W] images, channels "
                "first"
            )
        if x.size == 0:
            raise InputError(f"{name}: {field} holds no examples, its shape is {x.shape}; give one example at least")
        if y.ndim != 1 or y.dtype != np.int64:
            raise InputError(
                f"{name}: the labels of {field} are {y.dtype} of shape {y.shape}; give int64 of shape ({len(x)},)"
            )
        if self.columns is not None and x.shape[1:] != (len(self.columns),):
            raise InputError(f"{name}: {field} has shape {x.shape}, but there are {len(self.columns)} columns")
        if len(x) != len(y):
            raise InputError(
                f"{name}: {field} holds {len(x)} examples but there are {len(y)} labels; give one label an "
                f"example, -1 where unlabelled"
            )
        if x.dtype == np.float32:
            bad = np.concatenate([self._bad(block).any(axis=1) for block in blocks(x)])
            if bad.any():
                kind = "NaN or infinite" if self.columns is None else "infinite"
                raise InputError(
                    f"{name}: {field} has {kind} values in {bad.sum()} of {len(x)} examples, first in "
                    f"example {bad.argmax()}; remove or impute them"
                )
        elif x.dtype != np.uint8:
            raise InputError(f"{name}: {field} is {x.dtype}; allowed are uint8 and float32")
        if y.min() < UNLABELLED or y.max() >= classes:
            raise InputError(
                f"{name}: labels of {field} range from {y.min()} to {y.max()}; allowed are 0 to {classes - 1}, and -1"
            )

    def _bad(self, block: np.ndarray) -> np.ndarray:
        """[B, numbers of an example]: which cannot be used."""
        numbers = block.reshape(len(block), -1)
        bad: np.ndarray = ~np.isfinite(numbers) if self.columns is None else np.isinf(numbers)
        return bad
