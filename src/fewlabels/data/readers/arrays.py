"""Arrays and frames in memory, in the layouts people keep them in, into a `Dataset`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from fewlabels.core.errors import InputError
from fewlabels.data.blocks import block_length, spans
from fewlabels.data.dataset import UNLABELLED, Dataset, Signature
from fewlabels.data.labels import index_labels, label_array, one_kind
from fewlabels.data.readers.frames import (
    column_labels,
    default_target,
    fit_columns,
    named_frame,
    odd_columns,
    rows_of,
    split_frame,
    table_columns,
)

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
    """Make a data set of arrays, or of frames of pandas.

    Parameters
    ----------
    x
        [N, D] vectors, [N, H, W] grey images, or [N, C, H, W] or [N, H, W, C] images; or a DataFrame, whose columns are
        understood as those of a table on disk. uint8 images stay uint8, all other numbers become float32.
    y
        [N] whole numbers, -1 where unlabelled, or texts, "" or "-1" where unlabelled; None and NaN mean it too. The
        index of a Series has no meaning. None: nothing is labelled, or the frame's column `target` holds the labels.
    name
        What it is called in messages, records and pages.
    target
        The column of labels, of a frame; by default 'label', if there is one and no y.
    ignore
        Names of columns to leave out, of a frame.
    x_test, y_test
        Likewise, every example labelled.
    signature
        Of a trained model, which the examples must have; a frame's columns are found by name.

    Returns
    -------
    Dataset
        Its classes are the labels found, sorted: numbers by value, else as texts.

    Raises
    ------
    InputError
        For what cannot be used.

    Examples
    --------
    >>> import pandas as pd
    >>> from fewlabels import as_dataset
    >>> people = as_dataset(pd.DataFrame({"height": [1.78, None, 1.62], "label": ["row", None, "run"]}), name="people")
    >>> people
    Dataset('people', 3 rows of a table of 1 columns, 2 labelled)
    >>> people.classes, people.y
    (('row', 'run'), array([ 0, -1,  1]))
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
    rows = rows_of(name, features, columns)
    return Dataset(
        name,
        rows,
        indices[0],
        classes,
        rows_test,
        None if rows_test is None else indices[1],
        columns,
        target=target,
        options={"ignore": ", ".join(ignore)} if ignore else {},
        notices=odd_columns(name, columns, rows) if signature is None else (),
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


def as_examples(where: str, x: np.ndarray) -> np.ndarray:
    """[N, D] float32 vectors, or [N, C, H, W] uint8 or float32 images, channels first.

    where: what people call the array, such as 'mine.npz: x'.
    x: [N, D] vectors; [N, H, W] grey images; [N, C, H, W] with C of 1 or 3; [N, H, W, C] with C of 1, 3 or 4. Where
    four axes fit both ways, such as [N, 3, 8, 3], they are channels first. uint8 images stay uint8, and memory-mapped
    where they are; all other numbers, and all vectors, become float32.

    Raises InputError for other shapes and types, and for numbers that float32 cannot hold.
    """
    x = channels_first(where, x)
    if x.dtype == np.uint8 and x.ndim == 4:
        return x if isinstance(x, np.memmap) else np.ascontiguousarray(x)
    if x.dtype == np.float32 and x.dtype.isnative:
        return x if isinstance(x, np.memmap) else np.ascontiguousarray(x)
    with np.errstate(over="ignore"):
        converted = np.ascontiguousarray(x, dtype=np.float32)
    for span in spans(len(x), block_length(x.shape[1:], x.itemsize)):
        overflow = np.isinf(converted[span]) & np.isfinite(x[span])
        if overflow.any():
            raise InputError(
                f"{where} has values float32 cannot hold, such as {x[span][overflow][0]:g}; allowed are magnitudes up "
                "to 3.4e38: rescale them"
            )
    return converted


def has_channels_last(shape: tuple[int, ...]) -> bool:
    """Whether an image of that shape has its channels last: [H, W, C], and not [C, H, W] with C of 1 or 3."""
    return len(shape) == 3 and shape[0] not in (1, 3)


def channels_first(where: str, x: np.ndarray) -> np.ndarray:
    """A view of an array in one of the layouts of `as_examples`, [N, D] or [N, C, H, W]. Raises InputError."""
    if x.dtype.kind not in "buif":
        raise InputError(f"{where} is {x.dtype}; allowed are real numbers: float, integer, bool")
    if x.ndim == 3:
        return x[:, None]  # [N, H, W] -> [N, 1, H, W]
    if x.ndim == 4:
        if not has_channels_last(x.shape[1:]):
            return x
        if x.shape[3] not in (1, 3, 4):
            raise InputError(
                f"{where} has shape {x.shape}, in which no axis can be the channels; allowed are [N, H, W], "
                "[N, H, W, C] with C of 1, 3 or 4, and [N, C, H, W] with C of 1 or 3"
            )
        return x.transpose(0, 3, 1, 2)  # [N, H, W, C] -> [N, C, H, W]
    if x.ndim != 2:
        raise InputError(
            f"{where} has shape {x.shape}; allowed are vectors [N, D] and images [N, H, W], [N, H, W, C] or "
            "[N, C, H, W]"
        )
    return x
