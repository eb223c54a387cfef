"""One column of a table: numbers, true and false among them, or categories."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np

from fewlabels.core.errors import InputError
from fewlabels.core.text import one_line

if TYPE_CHECKING:
    import pandas as pd

MOST_CATEGORIES = 1000
"""A column of more different texts is an identifier or free text, no category."""

NEARLY_ALL = 0.9
"""Nor is one in which so large a share of the rows, of `MOST_NUMBERS` or more, have a text of their own."""

MOST_NUMBERS = 20
"""A column of as many different numbers, and few other texts, is one of numbers with something wrong in it."""

UNKNOWN = -1.0
"""The number of a category that the signature does not have: all zeros once encoded."""

_EMPTY = {"", "NA", "<NA>", "N/A", "n/a", "#N/A", "#N/A N/A", "#NA", "None", "NULL", "null"}
_NO_NUMBER = {"NaN", "nan", "-NaN", "-nan", "1.#IND", "-1.#IND", "1.#QNAN", "-1.#QNAN"}
MISSING_WORDS = frozenset(_EMPTY | _NO_NUMBER)
"""Texts that stand for a missing number, those of pandas; among categories and labels they are texts like others."""

_WORDS = {"true": 1.0, "false": 0.0}
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}(?:[T ].*)?")
"""ISO 8601, perhaps with a time."""


def row_number(row: int) -> str:
    """What a row, counted from 0, is called where it has no better name."""
    return f"row {row}"


def check_names(where: str, names: Iterable[str]) -> None:
    """Raise InputError where two columns have one name."""
    seen = set[str]()
    for name in names:
        if name in seen:
            raise InputError(f"{where}: has two columns {name!r}; rename or remove one")
        seen.add(name)


def distinct(where: str, column: pd.Series) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
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
        f"{where} holds {what}; allowed are numbers, texts, true and false: convert it, or leave it out (`ignore`)"
    )


def categories_of(where: str, name: str, column: pd.Series) -> tuple[str, ...] | None:
    """Of a column of texts, sorted; None for one of numbers."""
    import pandas as pd

    categorical = isinstance(column.dtype, pd.CategoricalDtype)
    if not categorical and holds_numbers(column.dtype):
        return None
    _, values, numbers = distinct(f"{where}: column {name!r}", column)
    if not categorical:
        if numbers is not None:
            return None
        numbers = parsed(values)
        texts = np.isnan(numbers) & ~is_missing_word(values)
        if not texts.any():
            return None
        if MOST_NUMBERS <= (~np.isnan(numbers)).sum() >= 0.9 * len(texts):
            raise InputError(
                f"{where}: column {name!r} holds numbers, but also {one_line(values[texts.argmax()], 40)!r}; mend it, "
                f"leave it empty where the value is missing, or `ignore` {name!r} leaves the column out"
            )
    return tuple(sorted({_written(value) for value in values}))


def hold_dates(texts: Sequence[str]) -> bool:
    """Whether most of some texts are dates."""
    return 2 * sum(_DATE.fullmatch(text.strip()) is not None for text in texts) > len(texts)


def holds_numbers(dtype: Any) -> bool:
    """Whether a column of that type of pandas needs no look at its values: they are real numbers, or true and false."""
    import pandas as pd

    return pd.api.types.is_numeric_dtype(dtype) and not pd.api.types.is_complex_dtype(dtype)


def is_missing_word(values: np.ndarray) -> np.ndarray:
    """Which of some values, texts among them, stand for a missing number: [V] bool."""
    return np.array([str(value).strip() in MISSING_WORDS for value in values], dtype=bool)


def parsed(values: np.ndarray) -> np.ndarray:
    """Different values, numbers and texts, as float64, NaN where they are none. True and false are 1 and 0."""
    import pandas as pd

    texts = [str(value).strip() for value in values]
    numbers = pd.to_numeric(pd.Series(texts, dtype=object), errors="coerce").to_numpy(dtype=np.float64)
    words = np.array([_WORDS.get(text.lower(), np.nan) for text in texts], dtype=np.float64)
    return np.where(np.isnan(numbers), words, numbers)


def float32(where: str, name: str, column: pd.Series, start: int, place: Callable[[int], str]) -> np.ndarray:
    """[N] float32, NaN where missing, or where a text says so.

    start: the number of the first row; place: what people call a row of that number.

    Raises InputError for a value that is no finite number, with its place.
    """
    if holds_numbers(column.dtype):
        numbers = column.to_numpy(dtype=np.float64, na_value=np.nan)
        wrong = np.zeros(len(numbers), dtype=bool)
    else:
        codes, values, found = distinct(f"{where}: column {name!r}", column)
        missing = is_missing_word(values)
        found = np.where(missing, np.nan, parsed(values)) if found is None else found
        numbers = np.append(found, np.nan)[codes]
        wrong = np.isnan(numbers) & ~np.append(missing, True)[codes]
    with np.errstate(over="ignore"):
        rounded = numbers.astype(np.float32)
    for bad, what in ((wrong, "no number"), (np.isinf(rounded), "no number that float32 can hold, up to 3.4e38")):
        if bad.any():
            row = int(bad.argmax())
            raise InputError(
                f"{where}: column {name!r}, {place(start + row)}: {one_line(column.iloc[row], 40)} is {what}; mend it, "
                "or leave it empty where the value is missing"
            )
    return rounded


def category_numbers(column: pd.Series, categories: tuple[str, ...]) -> np.ndarray:
    """[N] float32: the number of each category, UNKNOWN for one that is none, NaN where missing.

    Whole floats are the categories that whole numbers are: gaps make floats of a column of integers.
    """
    import pandas as pd

    codes, values = pd.factorize(column.astype(object))
    index = {text: float(i) for i, text in enumerate(categories)}
    numbers = [index.get(str(value), index.get(_written(value), UNKNOWN)) for value in values]
    return np.array([*numbers, np.nan], dtype=np.float32)[codes]


def _written(value: Any) -> str:
    """A value as the name of a category: 1 for 1.0."""
    return str(int(value)) if isinstance(value, (float, np.floating)) and value.is_integer() else str(value)
