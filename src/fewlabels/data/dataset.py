"""The one `Dataset` type every reader returns and every study starts from."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from fewlabels.data.blocks import blocks
from fewlabels.errors import InputError

UNLABELLED = -1


@dataclass(frozen=True, eq=False)
class Dataset:
    """Examples, some or all of them labelled, and perhaps a test set of their own.

    x: [N, C, H, W] uint8 or float32 images, channels first, or [N, D] float32 vectors; it may be memory-mapped, and
        larger than memory.
    y: [N] int64, an index into `classes`, or -1 where unlabelled.
    classes: the name of each class, in the order of the label indices.
    x_test, y_test: likewise, every example labelled; None when the data come without a test set.

    Raises InputError when the parts do not fit together, a value is NaN or infinite, or fewer than two
    classes have a label.
    """

    name: str
    x: np.ndarray
    y: np.ndarray
    classes: tuple[str, ...]
    x_test: np.ndarray | None = None
    y_test: np.ndarray | None = None

    def __post_init__(self) -> None:
        _check_examples(self.name, "x", self.x, self.y, len(self.classes))
        if (self.x_test is None) != (self.y_test is None):
            raise InputError(f"{self.name}: x_test and y_test come together; give both or neither")
        if self.x_test is not None and self.y_test is not None:
            _check_examples(self.name, "x_test", self.x_test, self.y_test, len(self.classes))
            if self.x_test.shape[1:] != self.x.shape[1:]:
                raise InputError(
                    f"{self.name}: x holds examples of shape {self.example_shape}, x_test of shape "
                    f"{self.x_test.shape[1:]}; they must be equal"
                )
            if self.x_test.dtype != self.x.dtype:
                raise InputError(f"{self.name}: x is {self.x.dtype}, x_test {self.x_test.dtype}; they must be equal")
            if (self.y_test == UNLABELLED).any():
                raise InputError(f"{self.name}: y_test has unlabelled examples (-1); label or remove them")
        labelled = np.unique(self.y[self.y != UNLABELLED])
        if len(labelled) < 2:
            found = "no label at all" if len(labelled) == 0 else f"one class only ({self.classes[labelled[0]]!r})"
            raise InputError(
                f"{self.name}: {found}; a classifier needs labelled examples of two classes or more "
                f"(-1 always means unlabelled)"
            )

    @property
    def example_shape(self) -> tuple[int, ...]:
        """Shape of one example, channels first: (1, 28, 28) or (64,)."""
        return tuple(self.x.shape[1:])

    def fingerprint(self) -> str:
        """SHA-256 over every array and class name: equal exactly when the data are equal."""
        digest = hashlib.sha256(repr(self.classes).encode())
        for array in (self.x, self.y, self.x_test, self.y_test):
            if array is None:
                digest.update(b"none")
                continue
            digest.update(f"{array.dtype}{array.shape}".encode())
            for block in blocks(array):
                digest.update(np.ascontiguousarray(block).data)
        return digest.hexdigest()


def _check_examples(name: str, field: str, x: np.ndarray, y: np.ndarray, classes: int) -> None:
    if x.ndim not in (2, 4):
        raise InputError(
            f"{name}: {field} has shape {x.shape}; allowed are [N, D] vectors and [N, C, H, W] images, channels first"
        )
    if x.size == 0:
        raise InputError(f"{name}: {field} holds no examples, its shape is {x.shape}; give one example at least")
    if y.ndim != 1 or y.dtype != np.int64:
        raise InputError(
            f"{name}: the labels of {field} are {y.dtype} of shape {y.shape}; give int64 of shape ({len(x)},)"
        )
    if len(x) != len(y):
        raise InputError(
            f"{name}: {field} holds {len(x)} examples but there are {len(y)} labels; give one label an "
            f"example, -1 where unlabelled"
        )
    if x.dtype == np.float32:
        bad = np.concatenate([~np.isfinite(block.reshape(len(block), -1)).all(axis=1) for block in blocks(x)])
        if bad.any():
            raise InputError(
                f"{name}: {field} has NaN or infinite values in {bad.sum()} of {len(x)} examples, first in "
                f"example {bad.argmax()}; remove or impute them"
            )
    elif x.dtype != np.uint8:
        raise InputError(f"{name}: {field} is {x.dtype}; allowed are uint8 and float32")
    if y.min() < UNLABELLED or y.max() >= classes:
        raise InputError(
            f"{name}: labels of {field} range from {y.min()} to {y.max()}; allowed are 0 to {classes - 1}, and -1"
        )
