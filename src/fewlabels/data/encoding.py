"""Rows of a table into vectors: missing numbers filled in, categories one-hot; fitted on the unlabelled pool alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fewlabels.data.blocks import blocks
from fewlabels.data.signature import Column

NUMBER, CATEGORY, MISSING = 0, 1, 2


@dataclass(frozen=True, eq=False)
class Encoding:
    """From rows [B, C], in which NaN is a missing value and a category is its number, to vectors [B, D].

    Vector entry j looks at column source[j], and is by its role
    NUMBER: the value, or given[j] where it is missing;
    CATEGORY: 1 where the value is category given[j], else 0;
    MISSING: 1 where the value is missing, else 0.

    source: [D] int64; role: [D] int64; given: [D] float32.
    """

    source: np.ndarray
    role: np.ndarray
    given: np.ndarray

    @property
    def width(self) -> int:
        """D"""
        return len(self.source)

    def apply(self, rows: np.ndarray) -> np.ndarray:
        """[B, C] float32 -> [B, D] float32, without NaN."""
        values = rows[:, self.source]
        missing = np.isnan(values)
        numbers = np.where(missing, self.given, values)
        flags = np.where(self.role == CATEGORY, values == self.given, missing)
        return np.where(self.role == NUMBER, numbers, flags).astype(np.float32)


def fit_encoding(columns: tuple[Column, ...], rows: np.ndarray, index: np.ndarray | None = None) -> Encoding:
    """The encoding for a table's columns, from the unlabelled pool: rows [N, C] float32, or those at `index`.

    Missing numbers become the mean. Of categories, those that the pool holds have an entry; another is all zeros.
    A column some of whose values are missing has an entry that says so. A column of which all are is left out.
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
