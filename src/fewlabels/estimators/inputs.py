"""X and y as scikit-learn's users have them, into examples and labels."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from sklearn.utils import assert_all_finite, column_or_1d
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from fewlabels.core.errors import InputError
from fewlabels.data import UNLABELLED
from fewlabels.data.labels import class_name
from fewlabels.data.readers.arrays import as_examples, channels_first, has_channels_last
from fewlabels.models.config import check_class_names

KEPT = (np.float64, np.float32, np.uint8)
"""Types of numbers that X keeps; all others become the first of them."""


@dataclass(frozen=True)
class Layout:
    """How an example stands in X.

    shape: (D,) of a vector; (H, W), (H, W, C) or (C, H, W) of an image.
    rows: whether images stood in X as rows of H * W * C numbers.
    dtype: what was trained on; 'uint8' only where X held uint8 images.
    """

    shape: tuple[int, ...]
    rows: bool
    dtype: Literal["uint8", "float32"]

    def examples(self, rows: np.ndarray, precise: bool = False) -> np.ndarray:
        """[n, D] of a type of KEPT -> [n, *signature shape] uint8 where images are, else float32.

        precise: float64 stays float64.

        Raises InputError where uint8 images were fitted and others are given, and for what float32 cannot hold.
        """
        if self.dtype == "uint8" and rows.dtype != np.uint8:
            raise InputError(
                f"X is {rows.dtype}, but was fitted as uint8 images, 0 to 255; give it as such: X.astype(numpy.uint8)"
            )
        shaped = rows.reshape(len(rows), *self.shape)
        return channels_first("X", shaped) if precise and rows.dtype == np.float64 else as_examples("X", shaped)

    def back(self, found: np.ndarray) -> np.ndarray:
        """[n, *signature shape] -> what X was like: [n, *shape], or [n, D] where images stood as rows."""
        if has_channels_last(self.shape):
            found = found.transpose(0, 2, 3, 1)
        return found.reshape(len(found), -1) if self.rows else found.reshape(len(found), *self.shape)


def as_rows(x: Any) -> tuple[Any, tuple[int, ...] | None]:
    """X as a matrix, and the shape of one image where X has three or four dimensions, else None."""
    ndim = getattr(x, "ndim", None)  # of arrays, frames and sparse matrices; lists have none
    images = x if ndim in (1, 2) else np.asarray(x)
    if images.ndim not in (3, 4):
        return x, None
    shape = images.shape[1:]
    return images.reshape(len(images), math.prod(shape)), shape


def fit_layout(rows: np.ndarray, shape: tuple[int, ...] | None, image_shape: Any) -> Layout:
    """The layout of X.

    rows: [n, D]; shape: of one image in X, as `as_rows` gives them. image_shape: as people named it, or None.

    Raises InputError where they do not fit together.
    """
    if image_shape is not None:
        named = _image_shape(image_shape)
        if shape not in (None, named):
            raise InputError(f"image_shape is {named}, but X holds images of shape {shape}; leave image_shape out")
        if math.prod(named) != rows.shape[1]:
            raise InputError(
                f"image_shape is {named}, which is {math.prod(named)} numbers an image, but X has {rows.shape[1]} "
                "columns; give the height and width of the images, and the channels where there are several"
            )
    elif shape is not None:
        named = shape
    else:
        return Layout((rows.shape[1],), False, "float32")
    channels_first("X", np.broadcast_to(rows[0, 0], (1, *named)))  # refuses what cannot be an image
    return Layout(named, shape is None, "uint8" if rows.dtype == np.uint8 else "float32")


def _image_shape(given: Any) -> tuple[int, ...]:
    sides = tuple(given) if isinstance(given, tuple | list) else ()
    if len(sides) not in (2, 3) or not all(isinstance(side, int | np.integer) and side >= 1 for side in sides):
        raise InputError(f"image_shape is {given!r}; allowed are (height, width) and (height, width, channels)")
    return tuple(int(side) for side in sides)


def labels_of(y: Any, unlabelled: Any) -> tuple[np.ndarray, np.ndarray]:
    """Which examples are labelled, [n] bool, and the labels of those, [m] numbers or texts.

    y: [n] numbers or texts. Missing are None, NaN, "", and whatever equals `unlabelled` or is its text: NumPy makes
    texts of the numbers in ['cat', -1]. unlabelled None: nothing else is missing.

    Raises InputError where y is None, or holds both numbers and texts; ValueError where it is no column.
    """
    if y is None:
        raise InputError("a classifier requires y to be passed, but the target y is None; give labels, -1 for none")
    column = column_or_1d(y, warn=True)
    missing = pd.isna(column)
    if column.dtype.kind in "OU":
        marks = {""} if unlabelled is None else {"", unlabelled, str(unlabelled)}
        missing |= np.array([not absent and value in marks for value, absent in zip(column, missing, strict=True)])
    elif unlabelled is not None:
        missing |= column == unlabelled
    return ~missing, _plain(column[~missing])


def _plain(labels: np.ndarray) -> np.ndarray:
    """Labels of any type as an array of texts, or of numbers."""
    if labels.dtype != object:
        return labels
    texts = sum(isinstance(label, str) for label in labels)
    if texts == len(labels):
        return labels
    if texts:
        raise InputError("y holds both texts and numbers; give labels of one kind, and -1, None or '' for none")
    return np.array(labels.tolist())


def classes_of(labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The sorted classes [K], and each label as an index into them, [m] int64.

    Raises InputError for fewer than two classes; ValueError for what are no classes, such as 0.5.
    """
    if labels.dtype.kind == "f":
        assert_all_finite(labels, input_name="y")
    if len(labels):
        check_classification_targets(labels)
    classes, indices = np.unique(labels, return_inverse=True)
    if len(classes) < 2:
        found = f"one class only, {classes.tolist()[0]!r}" if len(classes) else "no label at all"
        raise InputError(
            f"y holds {found}; a classifier needs labelled examples of two classes or more (where a class of yours is "
            "-1, which means unlabelled, give unlabelled=None)"
        )
    return classes, indices.astype(np.int64)


def class_names(classes: np.ndarray) -> tuple[str, ...]:
    """What the model calls the classes [K], numbers or texts: what `fewlabels.data` calls them.

    Raises InputError for names with control characters.
    """
    names = tuple(class_name(label) for label in classes.tolist())
    check_class_names(names)
    return names


def spread(labelled: np.ndarray, indices: np.ndarray) -> np.ndarray:
    """[n] int64, the indices where there is a label, -1 elsewhere. labelled: [n] bool."""
    y = np.full(len(labelled), UNLABELLED, dtype=np.int64)
    y[labelled] = indices
    return y


def fit_inputs(estimator: Any, X: Any) -> tuple[np.ndarray, Layout]:
    """X of `fit` as examples [n, *signature shape] uint8 or float32, and its layout."""
    rows, shape = as_rows(X)
    rows = validate_data(estimator, rows, dtype=KEPT, ensure_min_samples=2)
    layout = fit_layout(rows, shape, estimator.image_shape)
    return layout.examples(rows), layout


def inputs_of(estimator: Any, X: Any) -> np.ndarray:
    """X as examples [n, *signature shape]: float64, float32 or uint8."""
    check_is_fitted(estimator)
    layout: Layout = estimator._layout
    rows, shape = as_rows(X)
    rows = validate_data(estimator, rows, dtype=KEPT, reset=False)
    if shape not in (None, layout.shape):
        raise InputError(f"X holds images of shape {shape}, fitted were examples of shape {layout.shape}; give such")
    return layout.examples(rows, precise=True)
