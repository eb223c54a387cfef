"""From examples as they come to what networks read: tables encoded, numbers scaled, as the unlabelled pool taught."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from fewlabels.core.errors import InputError
from fewlabels.data.blocks import blocks
from fewlabels.data.dataset import Column, Dataset

NUMBER, CATEGORY, MISSING = 0, 1, 2


@dataclass(frozen=True, eq=False)
class Encoding:
    """From rows [B, C], in which NaN is a missing value and a category is its number, to vectors [B, D].

    Vector entry j looks at column source[j], and is by its role `NUMBER`: the value, or given[j] where it is missing;
    `CATEGORY`: 1 where the value is category given[j], else 0; `MISSING`: 1 where the value is missing, else 0.

    Parameters
    ----------
    source
        [D] int64, columns.
    role
        [D] int64, as above.
    given
        [D] float32, means and categories.
    """

    source: np.ndarray
    role: np.ndarray
    given: np.ndarray

    @property
    def width(self) -> int:
        """How many numbers a vector holds, D."""
        return len(self.source)

    def apply(self, rows: np.ndarray) -> np.ndarray:
        """[B, C] float32 -> [B, D] float32, without NaN."""
        values = rows[:, self.source]
        missing = np.isnan(values)
        numbers = np.where(missing, self.given, values)
        flags = np.where(self.role == CATEGORY, values == self.given, missing)
        return np.where(self.role == NUMBER, numbers, flags).astype(np.float32)

    def unknown(self, rows: np.ndarray) -> dict[int, int]:
        """By column of categories: how many of the rows [B, C] have one there that the encoding has no entry for."""
        known: dict[int, list[float]] = {}
        for c, number in zip(
            self.source[self.role == CATEGORY].tolist(), self.given[self.role == CATEGORY], strict=True
        ):
            known.setdefault(c, []).append(number)
        counts = {c: int((~np.isnan(rows[:, c]) & ~np.isin(rows[:, c], these)).sum()) for c, these in known.items()}
        return {c: n for c, n in counts.items() if n}


def fit_encoding(columns: tuple[Column, ...], rows: np.ndarray, index: np.ndarray | None = None) -> Encoding:
    """The encoding for a table's columns, from the unlabelled pool.

    Missing numbers become the mean. Of categories, those that the pool holds have an entry; another is all zeros.
    A column some of whose values are missing has an entry that says so. A column of which all are is left out.

    Parameters
    ----------
    columns
        Of the table, in order.
    rows
        [N, C] float32.
    index
        Those of the rows that are the pool; None: all.

    Returns
    -------
    Encoding
        Of width 0 where no column has a value.
    """
    totals, counts, n = np.zeros(len(columns)), np.zeros(len(columns), dtype=np.int64), 0
    seen: list[set[float]] = [set() for _ in columns]
    for block in blocks(rows, index):
        present = ~np.isnan(block)
        totals += np.where(present, block, 0).sum(axis=0, dtype=np.float64)
        counts += present.sum(axis=0)
        n += len(block)
        for c, column in enumerate(columns):
            if column.categories is not None:
                seen[c].update(np.unique(block[present[:, c], c]).tolist())
    entries: list[tuple[int, int, float]] = []
    for c, column in enumerate(columns):
        if counts[c] == 0:
            continue
        if column.categories is None:
            entries.append((c, NUMBER, totals[c] / counts[c]))
        else:
            entries.extend((c, CATEGORY, number) for number in sorted(seen[c]))
        if counts[c] < n:
            entries.append((c, MISSING, 0.0))
    source, role, given = zip(*entries, strict=True) if entries else ((), (), ())
    return Encoding(np.array(source, dtype=np.int64), np.array(role, dtype=np.int64), np.array(given, dtype=np.float32))


@dataclass(frozen=True, eq=False)
class Scaling:
    """x -> (x - shift) / scale.

    Parameters
    ----------
    shift, scale
        float32, broadcastable over one example.
    """

    shift: np.ndarray
    scale: np.ndarray

    def apply(self, x: np.ndarray) -> np.ndarray:
        """[B, *example_shape] of any real type -> a new float32 array of that shape."""
        scaled = x.astype(np.float32)
        scaled -= self.shift
        scaled /= self.scale
        return scaled


def fit_scaling(x: np.ndarray, unlabelled: np.ndarray | None = None) -> Scaling:
    """The scaling for images or vectors, from the unlabelled pool.

    uint8: 0..255 to 0..1, nothing is fitted. float32: zero mean and unit standard deviation, per channel of images, per
    feature of vectors; what is constant is only centred. A feature of vectors that is 0 or 1 throughout, such as a
    category's, is left alone: divided by its deviation, what is rare would count most.

    Parameters
    ----------
    x
        [N, C, H, W] or [N, D].
    unlabelled
        Those of the examples that are the pool; None: all.

    Returns
    -------
    Scaling
        In float32.

    Examples
    --------
    >>> import numpy as np
    >>> from fewlabels.data import fit_scaling
    >>> scaling = fit_scaling(np.array([[1.0, 5.0, 0.0], [3.0, 5.0, 1.0]], dtype=np.float32))
    >>> scaling.apply(np.array([[3.0, 7.0, 1.0]]))
    array([[1., 2., 1.]], dtype=float32)
    """
    if x.dtype == np.uint8:
        ones = np.ones((1,) * (x.ndim - 1), dtype=np.float32)
        return Scaling(shift=0 * ones, scale=255 * ones)
    axes = (0, *range(2, x.ndim))
    sums = [block.sum(axis=axes, dtype=np.float64, keepdims=True) for block in blocks(x, unlabelled)]
    total = np.sum(sums, axis=0)  # [1, C, 1, 1] or [1, D]
    n = len(x) if unlabelled is None else len(unlabelled)
    count = n * x[0].size / total.size  # of numbers in a channel or feature
    mean = total / count
    squares, low, high = np.zeros_like(mean), np.inf, -np.inf
    indicators = np.full(mean.shape, x.ndim == 2)
    for block in blocks(x, unlabelled):
        squares += ((block - mean) ** 2).sum(axis=axes, keepdims=True)
        low = np.minimum(low, block.min(axis=axes, keepdims=True))
        high = np.maximum(high, block.max(axis=axes, keepdims=True))
        indicators &= ((block == 0) | (block == 1)).all(axis=axes, keepdims=True)
    indicators &= low < high
    std = np.sqrt(squares / count).astype(np.float32)
    std[indicators | (low == high) | (std < np.finfo(np.float32).tiny)] = 1
    mean[indicators] = 0
    return Scaling(shift=mean[0].astype(np.float32), scale=std[0])


@dataclass(frozen=True, eq=False)
class Preparation:
    """How examples are made ready for a network: encoded, then scaled.

    Parameters
    ----------
    encoding
        Of a table's rows, else None.
    scaling
        Of what the encoding gives, or of the examples themselves.
    """

    encoding: Encoding | None
    scaling: Scaling

    def encode(self, x: np.ndarray) -> np.ndarray:
        """[B, *signature shape] -> [B, *shape], not scaled yet: what `Examples` are made of."""
        return x if self.encoding is None else self.encoding.apply(x)


def encoded(dataset: Dataset, unlabelled: np.ndarray | None = None) -> tuple[Dataset, Encoding | None]:
    """The data set with the rows of its table as vectors; any other data set as it is.

    Parameters
    ----------
    dataset
        Of any kind.
    unlabelled
        [U] the pool that the encoding is fitted on; None: all examples.

    Returns
    -------
    tuple
        The data set, and the encoding of a table, else None.

    Raises
    ------
    InputError
        Where no column has a value in the pool.
    """
    if dataset.columns is None:
        return dataset, None
    encoding = fit_encoding(dataset.columns, dataset.x, unlabelled)
    if encoding.width == 0:
        raise InputError(f"{dataset.name}: every value of the unlabelled rows is missing; give rows with values")
    x_test = None if dataset.x_test is None else encoding.apply(dataset.x_test)
    return replace(dataset, x=encoding.apply(dataset.x), x_test=x_test, columns=None), encoding


def fit_preparation(dataset: Dataset, unlabelled: np.ndarray | None = None) -> tuple[Dataset, Preparation]:
    """Encode a data set, and fit encoding and scaling to its unlabelled pool.

    Parameters
    ----------
    dataset
        Of any kind.
    unlabelled
        [U] the pool; None: all examples.

    Returns
    -------
    tuple
        The data set, encoded but not scaled, and how it was prepared.

    Raises
    ------
    InputError
        Where no column of a table has a value in the pool.
    """
    vectors, encoding = encoded(dataset, unlabelled)
    return vectors, Preparation(encoding, fit_scaling(vectors.x, unlabelled))
