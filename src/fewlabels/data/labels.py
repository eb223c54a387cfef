"""Labels as people write them, numbers or texts, into class names and indices."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from fewlabels.core.errors import InputError
from fewlabels.data.dataset import UNLABELLED

UNLABELLED_TEXTS = ("", "-1")


def label_array(where: str, y: np.ndarray) -> np.ndarray:
    """Labels [N], numbers or strings, as [N] int64, -1 where unlabelled, or [N] strings, "" or "-1" where unlabelled.

    where: what people call them, such as 'mine.npz: y'.

    Raises InputError for other shapes and types, numbers that are not whole, and numbers below -1.
    """
    if y.ndim != 1:
        raise InputError(f"{where} has shape {y.shape}; give one label an example, shape (n,): use .ravel()")
    if y.dtype.kind == "U":
        return y
    if y.dtype.kind == "S":
        try:
            return np.char.decode(y, "utf-8")
        except UnicodeDecodeError as error:
            raise InputError(f"{where} holds bytes that are not UTF-8; save it with .astype(str)") from error
    if y.dtype.kind not in "buif":
        raise InputError(f"{where} is {y.dtype}; allowed are whole numbers and strings")
    if y.dtype.kind == "f":
        wrong = ~np.isfinite(y) | (y != np.trunc(y))
        if wrong.any():
            raise InputError(
                f"{where} has the label {y[wrong][0]} in example {wrong.argmax()}; labels are whole numbers or "
                "strings, and -1 means unlabelled"
            )
    too_far = (y < UNLABELLED) | (y > 2**53)
    if too_far.any():
        raise InputError(
            f"{where} has the label {y[too_far][0]} in example {too_far.argmax()}; allowed are whole numbers from 0 "
            "up, and -1 for unlabelled"
        )
    return y.astype(np.int64)


def index_labels(*parts: np.ndarray) -> tuple[tuple[str, ...], list[np.ndarray]]:
    """The classes that the labels of all parts name, and each part as [N] int64 indices into them, -1 = unlabelled.

    parts: [N] int64 or strings each, as `label_array` gives them. Numbers name classes as they are written: 7 is "7".
    Classes are sorted: by number where all are whole numbers, else by text.
    """
    found = [np.unique(part, return_inverse=True) for part in parts]
    texts = [[class_name(value) for value in values] for values, _ in found]
    classes = sort_names({text for part in texts for text in part} - set(UNLABELLED_TEXTS))
    index = {name: i for i, name in enumerate(classes)}
    indices = [
        np.array([index.get(text, UNLABELLED) for text in part], dtype=np.int64)[inverse]
        for part, (_, inverse) in zip(texts, found, strict=True)
    ]
    return classes, indices


def class_name(label: object) -> str:
    """What the class of a label is called. Whole numbers are written without a point: 7 and 7.0 are "7"; true is the
    number 1. All else, above all text, is as it is.
    """
    return str(int(label)) if isinstance(label, int | float | np.integer | np.floating | np.bool_) else str(label)


def sort_names(names: set[str]) -> tuple[str, ...]:
    """By number where all are whole numbers, else by text."""
    if all(re.fullmatch("[0-9]{1,18}", name) for name in names):
        return tuple(sorted(names, key=lambda name: (int(name), name)))
    return tuple(sorted(names))


def one_kind(where: str, names: Sequence[str], parts: Sequence[np.ndarray]) -> None:
    """Raise InputError where some parts hold strings, and others numbers."""
    if len({part.dtype.kind for part in parts}) > 1:
        raise InputError(
            f"{where}: one of {' and '.join(names)} holds strings, the other numbers; use the same for both"
        )
