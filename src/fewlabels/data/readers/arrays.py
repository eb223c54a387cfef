"""Arrays and frames that are in memory already, into a data set."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from fewlabels.core.errors import InputError
from fewlabels.data.dataset import UNLABELLED, Dataset
from fewlabels.data.examples import as_examples
from fewlabels.data.labels import index_labels, label_array, one_kind
from fewlabels.data.readers.frames import (
    column_labels,
    default_target,
    fit_columns,
    named_frame,
    rows_of,
    split_frame,
    table_columns,
)
from fewlabels.data.signature import Signature

if TYPE_CHECKING:
    import pandas as pd


def as_dataset(
    x: Any,
    y: Any = None,
    *,
    name: str = "data",
    target: str | None = None,
    ignore: Sequence[str] = (),
    x_test: Any = None,
    y_test: Any = None,
    signature: Signature | None = None,
) -> Dataset:
    """The data set that arrays, or frames of pandas, make.

    x: an array [N, ...] in the layouts of `as_examples`, or a DataFrame, whose columns are understood as those of a
    table on disk.
    y: [N] whole numbers, -1 where unlabelled, or texts, "" or "-1" where unlabelled; None and NaN mean it too. An
    array, a list, or a Series, whose index is of no meaning. None: none is labelled, or a frame's column `target`
    holds the labels ('label', if there is such a column and no y).
    ignore: of a frame, columns to leave out.
    x_test, y_test: likewise, every example labelled.
    signature: of a trained model, which the examples must have; a frame's columns are found by name.

    Raises InputError for what cannot be used.
    """
    import pandas as pd

    if y_test is not None and x_test is None:
        raise InputError(f"{name}: y_test without x_test; give both or neither")
    if isinstance(x, pd.DataFrame):
        dataset = _of_frames(x, y, name, target, ignore, x_test, y_test, signature)
    elif target is not None or ignore:
        raise InputError(f"{name}: target and ignore name columns of a DataFrame, and x is none; leave them out")
    else:
        dataset = _of_arrays(x, y, name, x_test, y_test)
    if signature is not None:
        signature.require_equal(dataset.signature, name)
    return dataset


def _of_arrays(x: Any, y: Any, name: str, x_test: Any, y_test: Any) -> Dataset:
    x = as_examples(f"{name}: x", _array(f"{name}: x", x))
    labels = [np.full(len(x), UNLABELLED, dtype=np.int64) if y is None else _labels(f"{name}: y", y)]
    if x_test is not None:
        x_test = as_examples(f"{name}: x_test", _array(f"{name}: x_test", x_test))
        if y_test is None:
            raise InputError(f"{name}: x_test without y_test; give both or neither")
        labels.append(_labels(f"{name}: y_test", y_test))
        if y is not None:
            one_kind(name, ("y", "y_test"), labels)
    classes, indices = index_labels(*labels)
    return Dataset(name, x, indices[0], classes, x_test, indices[1] if x_test is not None else None)


def _of_frames(
    x: pd.DataFrame,
    y: Any,
    name: str,
    target: str | None,
    ignore: Sequence[str],
    x_test: pd.DataFrame | None,
    y_test: Any,
    signature: Signature | None,
) -> Dataset:
    """The columns are those of x: a category that only the test set has is unknown."""
    import pandas as pd

    if y is not None and target is not None:
        raise InputError(f"{name}: y holds the labels, and target={target!r} too; give one of them")
    frame = named_frame(x, name)
    if y is None and target is None:
        target = default_target(list(frame.columns), ignore, signature)
    features, found = split_frame(frame, name, target, ignore, signature)
    columns = fit_columns(name, features) if signature is None else table_columns(name, signature)
    labels = [found if y is None else _labels(f"{name}: y", y)]
    rows_test = None
    if x_test is not None:
        here = f"{name}: x_test"
        if not isinstance(x_test, pd.DataFrame):
            raise InputError(f"{here} is no DataFrame, and x is one; give the same kind for both")
        features_test, found = split_frame(named_frame(x_test, here), here, target, ignore, signature)
        if y_test is None and target is None:
            raise InputError(f"{name}: x_test without y_test; give both or neither")
        rows_test = rows_of(here, features_test, columns)
        labels.append(found if y_test is None else _labels(f"{name}: y_test", y_test))
    classes, indices = index_labels(*labels)
    return Dataset(
        name,
        rows_of(name, features, columns),
        indices[0],
        classes,
        rows_test,
        None if rows_test is None else indices[1],
        columns,
    )


def _array(where: str, x: Any) -> np.ndarray:
    try:
        return np.asanyarray(x)
    except ValueError as error:
        raise InputError(f"{where} is no array ({error}); give examples of one shape") from None


def _labels(where: str, y: Any) -> np.ndarray:
    """[N] labels, as `label_array` gives them; None and NaN are unlabelled."""
    import pandas as pd

    if not isinstance(y, (pd.Series, pd.Index, pd.api.extensions.ExtensionArray, list, tuple)):
        y = _array(where, y)
        if y.ndim != 1 or y.dtype.kind in "USc":
            return label_array(where, y)
    return column_labels(where, pd.Series(y))
