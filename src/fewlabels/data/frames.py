"""Frames of pandas into data sets: what each column is, its rows as numbers, and the column of labels."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from decimal import Decimal
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np

from fewlabels.data.dataset import UNLABELLED, Dataset
from fewlabels.data.labels import index_labels, label_array
from fewlabels.data.signature import Column, Signature
from fewlabels.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

TARGET = "label"
"""The column of labels, where none is named."""

MOST_CATEGORIES = 1000
"""A column of more different texts is an identifier or free text, no category."""

MOST_NUMBERS = 20
"""A column of as many different numbers, and few other texts, is one of numbers with something wrong in it."""

UNKNOWN = -1.0
"""The number of a category that the signature does not have: all zeros once encoded."""

_WORDS = {"true": 1.0, "false": 0.0}


def frame_dataset(
    frame: pd.DataFrame,
    name: str,
    where: str,
    *,
    target: str | None = None,
    ignore: Sequence[str] = (),
    signature: Signature | None = None,
) -> Dataset:
    """A table as a data set: its rows, and the labels of the column `target`.

    name: of the data set; where: what people call the table, in errors.
    target: by default 'label', if there is such a column (and it is none of the signature's); else none is labelled.
    ignore: names of columns to leave out.
    signature: of a trained model, by which columns are found, in any order; others are ignored.

    Raises InputError for a table without rows or columns, names that are not there, and whatever `fit_columns`,
    `rows_of` and `column_labels` refuse.
    """
    frame = named_frame(frame, where)
    target = default_target(list(frame.columns), ignore, signature) if target is None else target
    features, labels = split_frame(frame, where, target, ignore, signature)
    columns = fit_columns(where, features) if signature is None else table_columns(where, signature)
    classes, (y,) = index_labels(labels)
    return Dataset(name, rows_of(where, features, columns), y, classes, columns=columns)


def default_target(found: list[str], ignore: Sequence[str], signature: Signature | None) -> str | None:
    """The column of labels where none is named: TARGET, if it is there and nothing else."""
    taken = {*ignore, *(column.name for column in (signature.columns or () if signature is not None else ()))}
    return TARGET if TARGET in found and TARGET not in taken else None


def split_frame(
    frame: pd.DataFrame, where: str, target: str | None, ignore: Sequence[str], signature: Signature | None
) -> tuple[pd.DataFrame, np.ndarray]:
    """The columns that are left, and the labels, [N] as `label_array` gives them. Raises InputError."""
    if len(frame) == 0:
        raise InputError(f"{where}: has no rows; give one at least")
    found = list(frame.columns)
    for option, wanted in (("--target", [] if target is None else [target]), ("--ignore", list(ignore))):
        for column in wanted:
            _require_column(where, column, found, option)
    check_left_out(where, signature, ignore, target)
    if target is None:
        labels = np.full(len(frame), UNLABELLED, dtype=np.int64)
    else:
        labels = column_labels(f"{where}: column {target!r}", frame[target])
    return frame.drop(columns=list({*ignore, *([] if target is None else [target])})), labels


def named_frame(frame: pd.DataFrame, where: str) -> pd.DataFrame:
    """The frame with texts for names. Raises InputError where two columns have one name."""
    names = [str(name) for name in frame.columns]
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"{where}: has two columns {name!r}; rename or remove one")
    return frame.set_axis(names, axis=1)


def _require_column(where: str, name: str, found: list[str], option: str) -> None:
    if name not in found:
        close = difflib.get_close_matches(name, found, n=1)
        hint = f"did you mean {close[0]!r}?" if close else "check the name"
        raise InputError(f"{where}: {option} {name!r}: no such column; there are {_listed(found)}; {hint}")


def check_left_out(where: str, signature: Signature | None, ignore: Sequence[str], target: str | None) -> None:
    """Raise InputError where a column that the model reads is ignored, or holds the labels."""
    for column in () if signature is None else signature.columns or ():
        if column.name in ignore or column.name == target:
            option = "--ignore" if column.name in ignore else "--target"
            what = "left out" if option == "--ignore" else "the labels"
            raise InputError(
                f"{where}: {option} {column.name!r}: the model was trained with this column among its inputs, so it "
                f"cannot be {what}; pretrain again with the same {option}"
            )


def table_columns(where: str, signature: Signature) -> tuple[Column, ...]:
    """The columns that a model takes. Raises InputError where it takes no table."""
    if signature.columns is None:
        raise InputError(f"{where}: is a table, the model takes {signature}; give it data like those")
    return signature.columns


def fit_columns(where: str, frame: pd.DataFrame) -> tuple[Column, ...]:
    """What each column is: numbers, or categories, sorted. True and false are the numbers 1 and 0.

    A column of missing values only is one of numbers. Raises InputError for dates and other values that are neither,
    for more than `MOST_CATEGORIES` different texts, for numbers with a few texts among them, and where there is no
    column at all.
    """
    if len(frame.columns) == 0:
        raise InputError(f"{where}: has no columns besides the labels and those left out; give one at least")
    return tuple(Column(str(name), _categories(where, str(name), frame[name])) for name in frame.columns)


def rows_of(where: str, frame: pd.DataFrame, columns: tuple[Column, ...], start: int = 0) -> np.ndarray:
    """[N, C] float32: of each column its numbers, or those of its categories; NaN where missing.

    A category that the column does not have is UNKNOWN. start: the number of the first row, in errors.

    Raises InputError for a column that is not there, and values that are no finite float32 numbers where numbers are
    wanted.
    """
    found = [str(name) for name in frame.columns]
    for column in columns:
        if column.name not in found:
            close = difflib.get_close_matches(column.name, found, n=1)
            hint = f"; rename {close[0]!r} if it is meant" if close else ""
            raise InputError(f"{where}: has no column {column.name!r}, which the model reads; add it{hint}")
    rows = np.empty((len(frame), len(columns)), dtype=np.float32)
    for c, column in enumerate(columns):
        if column.categories is None:
            rows[:, c] = _float32(where, column.name, frame[column.name], start)
        else:
            rows[:, c] = _category_numbers(frame[column.name], column.categories)
    return rows


def column_labels(where: str, column: pd.Series) -> np.ndarray:
    """[N] labels, as `label_array` gives them; a missing value is unlabelled.

    where: what people call the column.

    Raises InputError for numbers that are not whole, as no class is, and what else `label_array` refuses.
    """
    codes, values, numbers = _distinct(where, column)
    if numbers is None:
        texts = np.array([*(str(value).strip() for value in values), ""], dtype=np.str_)
        return texts[codes]  # -1, missing, is the last
    wrong = ~np.isfinite(numbers) | (numbers != np.trunc(numbers))
    if wrong.any():
        raise InputError(
            f"{where} has the label {numbers[wrong][0]:g}; labels are whole numbers or texts, and "
            "numbers to predict are no classes: name another column with --target"
        )
    return label_array(where, np.append(numbers, UNLABELLED)[codes])


def _distinct(where: str, column: pd.Series) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Which of its different values each row has, -1 = missing; the values; and those as float64 if none is a text.

    Raises InputError for values that are neither.
    """
    import pandas as pd

    plain = column.to_numpy() if isinstance(column.dtype, np.dtype) else column.astype(object).to_numpy()
    try:
        codes, values = pd.factorize(plain)
    except TypeError:
        raise _neither(where, "lists or the like") from None
    values = np.asarray(values)
    if values.dtype.kind in "buif":
        return codes, values, values.astype(np.float64)
    if values.dtype.kind != "O":
        raise _neither(where, f"values of type {values.dtype}")
    kinds = {type(value) for value in values}
    for kind in kinds:
        if not issubclass(kind, (str, Real, np.bool_, Decimal)):
            raise _neither(where, f"values of type {kind.__name__}")
    return codes, values, None if str in kinds else np.array([_float(value) for value in values])


def _float(value: Any) -> float:
    try:
        return float(value)
    except OverflowError:  # an int of hundreds of digits
        return np.inf


def _neither(where: str, what: str) -> InputError:
    return InputError(
        f"{where} holds {what}; allowed are numbers, texts, true and false: convert it, or leave it out (--ignore NAME)"
    )


def _categories(where: str, name: str, column: pd.Series) -> tuple[str, ...] | None:
    """Of a column of texts, sorted; None for one of numbers."""
    import pandas as pd

    categorical = isinstance(column.dtype, pd.CategoricalDtype)
    if not categorical and _numeric(column):
        return None
    _, values, numbers = _distinct(f"{where}: column {name!r}", column)
    if not categorical:
        texts = np.zeros(0, dtype=bool) if numbers is not None else np.isnan(_parsed(values))
        if not texts.any():
            return None
        if MOST_NUMBERS <= (~texts).sum() >= 0.9 * len(texts):
            raise InputError(
                f"{where}: column {name!r} holds numbers, but also {_short(values[texts.argmax()])!r}; mend it, leave "
                f"it empty where the value is missing, or --ignore {name!r} leaves the column out"
            )
    if len(values) > MOST_CATEGORIES:
        raise InputError(
            f"{where}: column {name!r} has {len(values):,} different texts, more than {MOST_CATEGORIES:,}; it looks "
            f"like an identifier or free text: --ignore {name!r} leaves it out"
        )
    return tuple(sorted({str(value) for value in values}))


def _numeric(column: pd.Series) -> bool:
    import pandas as pd

    dtype = column.dtype
    return pd.api.types.is_numeric_dtype(dtype) and not pd.api.types.is_complex_dtype(dtype)


def _parsed(values: np.ndarray) -> np.ndarray:
    """Different values, numbers and texts, as float64, NaN where they are none. True and false are 1 and 0."""
    import pandas as pd

    texts = [str(value).strip() for value in values]
    numbers = pd.to_numeric(pd.Series(texts, dtype=object), errors="coerce").to_numpy(dtype=np.float64)
    words = np.array([_WORDS.get(text.lower(), np.nan) for text in texts], dtype=np.float64)
    return np.where(np.isnan(numbers), words, numbers)


def _float32(where: str, name: str, column: pd.Series, start: int) -> np.ndarray:
    """[N] float32, NaN where missing."""
    if _numeric(column):
        numbers = column.to_numpy(dtype=np.float64, na_value=np.nan)
        wrong = np.zeros(len(numbers), dtype=bool)
    else:
        codes, values, found = _distinct(f"{where}: column {name!r}", column)
        found = _parsed(values) if found is None else found
        numbers = np.append(found, np.nan)[codes]
        wrong = np.isnan(numbers) & (codes >= 0)
    with np.errstate(over="ignore"):
        rounded = numbers.astype(np.float32)
    for bad, what in ((wrong, "no number"), (np.isinf(rounded), "no number that float32 can hold, up to 3.4e38")):
        if bad.any():
            row = int(bad.argmax())
            raise InputError(
                f"{where}: column {name!r}, row {start + row}: {_short(column.iloc[row])} is {what}; mend it, or "
                "leave it empty where the value is missing"
            )
    return rounded


def _category_numbers(column: pd.Series, categories: tuple[str, ...]) -> np.ndarray:
    """[N] float32: the number of each category, UNKNOWN for one that is none, NaN where missing."""
    import pandas as pd

    codes, values = pd.factorize(column.astype(object))
    index = {text: float(i) for i, text in enumerate(categories)}
    return np.array([*(index.get(str(value), UNKNOWN) for value in values), np.nan], dtype=np.float32)[codes]


def _short(value: object) -> str:
    text = " ".join(str(value).split())
    return text if len(text) <= 40 else f"{text[:40]}..."


def _listed(names: list[str]) -> str:
    return ", ".join(_short(name) for name in names[:20]) + (f" and {len(names) - 20} more" if len(names) > 20 else "")
