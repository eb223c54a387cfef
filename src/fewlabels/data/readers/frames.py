"""Frames of pandas into data sets: what each column is, its rows as numbers, and the column of labels."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from fewlabels.core.errors import InputError
from fewlabels.core.text import closest, did_you_mean, one_line
from fewlabels.data.blocks import block_length, spans
from fewlabels.data.dataset import UNLABELLED, Column, Dataset, Signature
from fewlabels.data.labels import index_labels, label_array
from fewlabels.data.readers.columns import (
    MOST_CATEGORIES,
    MOST_NUMBERS,
    NEARLY_ALL,
    categories_of,
    category_numbers,
    check_names,
    distinct,
    float32,
    hold_dates,
    holds_numbers,
    row_number,
)

if TYPE_CHECKING:
    import pandas as pd

TARGET = "label"
"""The column of labels, where none is named."""


def frame_dataset(
    frame: pd.DataFrame,
    name: str,
    where: str,
    *,
    target: str | None = None,
    ignore: Sequence[str] = (),
    signature: Signature | None = None,
    place: Callable[[int], str] = row_number,
) -> Dataset:
    """A table as a data set: its rows, and the labels of the column `target`.

    name: of the data set; where: what people call the table, in errors.
    target: by default the signature's, else 'label', if there is such a column (and no input of the signature's); else
        none is labelled.
    ignore: names of columns to leave out.
    signature: of a trained model, by which columns are found, in any order; others are ignored.
    place: what people call a row, counted from 0, in errors.

    Raises InputError for a table without rows or columns, names that are not there, and whatever `fit_columns`,
    `rows_of` and `column_labels` refuse.
    """
    frame = named_frame(frame, where)
    target = default_target(list(frame.columns), ignore, signature) if target is None else target
    features, labels = split_frame(frame, where, target, ignore, signature)
    columns = fit_columns(where, features) if signature is None else table_columns(where, signature)
    classes, (y,) = index_labels(labels)
    rows = rows_of(where, features, columns, place=place)
    notices = odd_columns(where, columns, rows) if signature is None else ()
    return Dataset(name, rows, y, classes, columns=columns, target=target, notices=notices)


def default_target(found: Iterable[str], ignore: Sequence[str], signature: Signature | None) -> str | None:
    """The column of labels where none is named: the signature's, or TARGET, if it is there and nothing else."""
    taken = {*ignore, *(column.name for column in (signature.columns or () if signature is not None else ()))}
    usual = [TARGET] if signature is None or signature.target is None else [signature.target, TARGET]
    return next((name for name in usual if name in found and name not in taken), None)


def split_frame(
    frame: pd.DataFrame, where: str, target: str | None, ignore: Sequence[str], signature: Signature | None
) -> tuple[pd.DataFrame, np.ndarray]:
    """The columns that are left, and the labels, [N] as `label_array` gives them. Raises InputError."""
    if len(frame) == 0:
        raise InputError(f"{where}: has no rows; give one at least")
    found = list(frame.columns)
    for option, wanted in (("target", [] if target is None else [target]), ("ignore", list(ignore))):
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
    check_names(where, names)
    return frame if names == list(frame.columns) else frame.set_axis(names, axis=1)


def _require_column(where: str, name: str, found: list[str], option: str) -> None:
    if name not in found:
        hint = did_you_mean(name, found, "check the name")
        raise InputError(f"{where}: `{option}` {name!r}: no such column; there are {_listed(found)}; {hint}")


def check_left_out(where: str, signature: Signature | None, ignore: Sequence[str], target: str | None) -> None:
    """Raise InputError where a column that the model reads is ignored, or holds the labels."""
    for column in () if signature is None else signature.columns or ():
        if column.name in ignore or column.name == target:
            option = "ignore" if column.name in ignore else "target"
            what = "left out" if option == "ignore" else "the labels"
            raise InputError(
                f"{where}: `{option}` {column.name!r}: the model was trained with this column among its inputs, so it "
                f"cannot be {what}; pretrain again with the same `{option}`"
            )


def table_columns(where: str, signature: Signature) -> tuple[Column, ...]:
    """The columns that a model takes. Raises InputError where it takes no table."""
    if signature.columns is None:
        raise InputError(f"{where}: is a table, the model takes {signature}; give it data like those")
    return signature.columns


def fit_columns(where: str, frame: pd.DataFrame) -> tuple[Column, ...]:
    """What each column is: numbers, or categories, sorted. True and false are the numbers 1 and 0.

    A column of missing values only is one of numbers. Raises InputError for dates and other values that are neither,
    for texts that are no categories (`MOST_CATEGORIES`, `NEARLY_ALL`), for numbers with a few texts among them, and
    where there is no column at all.
    """
    if len(frame.columns) == 0:
        raise InputError(f"{where}: has no columns besides the labels and those left out; give one at least")
    plain = {dtype: holds_numbers(dtype) for dtype in set(frame.dtypes)}
    columns = tuple(
        Column(str(name), None if plain[dtype] else categories_of(where, str(name), frame[name]))
        for name, dtype in frame.dtypes.items()
    )
    _check_texts(where, frame, columns)
    return columns


def _check_texts(where: str, frame: pd.DataFrame, columns: tuple[Column, ...]) -> None:
    """Raise InputError, naming all of them, where texts of columns are identifiers, free text or dates."""
    wrong, dates = {}, False
    for column in columns:
        known = column.categories or ()
        present = int(frame[column.name].count()) if len(known) >= MOST_NUMBERS else 0
        if present and (len(known) > MOST_CATEGORIES or len(known) >= NEARLY_ALL * present):
            wrong[column.name] = f"column {column.name!r} has {len(known):,} different texts in {present:,} rows"
            dates = dates or hold_dates(known)
    if wrong:
        names = list(wrong)[:20]
        more = f" and {len(wrong) - 20:,} more such columns" if len(wrong) > 20 else ""
        remedy = "turn dates into numbers, such as days, or " if dates else ""
        raise InputError(
            f"{where}: {', '.join(wrong[name] for name in names)}{more}; identifiers and free "
            f"text are no categories: {remedy}{' '.join(f'`ignore` {name!r}' for name in names)} leaves them out"
        )


def odd_columns(where: str, columns: tuple[Column, ...], rows: np.ndarray) -> tuple[str, ...]:
    """A notice for each column that may be an identifier; a warning of each says what to do.

    columns, rows: as `fit_columns` and `rows_of` give them.
    """
    found = {}
    for c, column in enumerate(columns):
        known, present = len(column.categories or ()), 0
        if known >= MOST_NUMBERS:
            present = int((~np.isnan(rows[:, c])).sum())
        if 2 * known > present > 0:
            found[column.name] = f"has {known:,} different texts in {present:,} rows, an input each"
    if len(rows) >= MOST_NUMBERS:
        for c in np.flatnonzero((np.diff(rows[:3], axis=0) == 1).all(axis=0)).tolist():
            if columns[c].categories is None and (np.diff(rows[:, c]) == 1).all():
                found[columns[c].name] = "numbers the rows"
    for name, words in found.items():
        warnings.warn(
            f"{where}: column {name!r} {words}; if it is an identifier, `ignore` {name!r} leaves it out", stacklevel=2
        )
    return tuple(f"column {name!r} {words}" for name, words in found.items())


def rows_of(
    where: str,
    frame: pd.DataFrame,
    columns: tuple[Column, ...],
    start: int = 0,
    place: Callable[[int], str] = row_number,
) -> np.ndarray:
    """[N, C] float32: of each column its numbers, or those of its categories; NaN where missing.

    A category that the column does not have is UNKNOWN. In a column of numbers the words that pandas takes
    for missing, such as NA, are; in one of categories they are texts.
    start: the number of the first row; place: what people call a row of a number, in errors.

    Raises InputError for a column that is not there, and values that are no finite float32 numbers where numbers are
    wanted.
    """
    found = {str(name): None for name in frame.columns}
    for column in columns:
        if column.name not in found:
            near = closest(column.name, found)
            hint = f"; rename {near!r} if it is meant" if near else ""
            raise InputError(f"{where}: has no column {column.name!r}, which the model reads; add it{hint}")
    rows = np.empty((len(frame), len(columns)), dtype=np.float32)
    for c in _fill_plain(rows, frame, columns):
        name, categories = columns[c].name, columns[c].categories
        if categories is None:
            rows[:, c] = float32(where, name, frame[name], start, place)
        else:
            rows[:, c] = category_numbers(frame[name], categories)
    return rows


def _fill_plain(rows: np.ndarray, frame: pd.DataFrame, columns: tuple[Column, ...]) -> np.ndarray:
    """Fill the columns of rows that hold NumPy's own numbers, many at a time; which are left, or hold the infinite."""
    types = dict(zip(frame.columns, frame.dtypes, strict=True))
    kinds = [types[column.name] if column.categories is None else None for column in columns]
    plain = np.flatnonzero([isinstance(kind, np.dtype) and kind.kind in "buif" for kind in kinds])
    left = np.ones(len(columns), dtype=bool)
    for span in spans(len(plain), block_length((len(frame),), 8)):
        some = plain[span]
        numbers = frame[[columns[c].name for c in some]].to_numpy(dtype=np.float64)
        with np.errstate(over="ignore"):
            rows[:, some] = numbers
        left[some] = np.isinf(rows[:, some]).any(axis=0)
    return np.flatnonzero(left)


def column_labels(where: str, column: pd.Series) -> np.ndarray:
    """[N] labels, as `label_array` gives them; a missing value is unlabelled.

    where: what people call the column.

    Raises InputError for numbers that are not whole, as no class is, and what else `label_array` refuses.
    """
    codes, values, numbers = distinct(where, column)
    if numbers is None:
        texts = np.array([*(str(value).strip() for value in values), ""], dtype=np.str_)
        labels: np.ndarray = texts[codes]  # -1, missing, is the last
        return labels
    wrong = ~np.isfinite(numbers) | (numbers != np.trunc(numbers))
    if wrong.any():
        raise InputError(
            f"{where} has the label {numbers[wrong][0]:g}, and {len(numbers):,} different numbers in all; labels are "
            "whole numbers or texts, and measured numbers are no classes: name another column as `target`, or put them "
            "into a few groups first"
        )
    return label_array(where, np.append(numbers, UNLABELLED)[codes])


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - 20} more" if len(names) > 20 else ""
    return ", ".join(one_line(name, 40) for name in names[:20]) + more
