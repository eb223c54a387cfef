"""Log-probabilities of classes as they are given: what is refused, and how to go over them in blocks."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from fewlabels.core.errors import InputError
from fewlabels.data.blocks import block_length, spans

Array = np.ndarray

TOLERANCE = 1e-3
"""How far from one the probabilities of an example may sum: float32 over many classes, never a forgotten softmax."""


def as_log_proba(log_proba: Array) -> Array:
    """[n, K] floats of two classes or more, as given. Raises InputError for anything else; looks at no value."""
    array = np.asarray(log_proba)
    if array.ndim != 2 or array.shape[1] < 2 or array.dtype.kind != "f":
        raise InputError(
            f"log-probabilities have shape {array.shape} and type {array.dtype}; they must be floats [n, K] of K >= 2 "
            "classes: give one row an example, one column a class"
        )
    return array


def as_labels(y: Array, log_proba: Array) -> Array:
    """[n] int64 labels for log-probabilities [n, K]. Raises InputError for other shapes and types, and out of range."""
    array, (n, k) = np.asarray(y), log_proba.shape
    if array.shape != (n,) or array.dtype.kind not in "iu":
        raise InputError(
            f"labels have shape {array.shape} and type {array.dtype} beside {n} rows of log-probabilities; they must "
            f"be [{n}] whole numbers: give one label a row"
        )
    outside = np.flatnonzero((array < 0) | (array >= k))
    if len(outside):
        raise InputError(
            f"the label of example {outside[0]} is {array[outside[0]]}; allowed are 0 to {k - 1}: leave out examples "
            "without a label, and number the labels as the classes are"
        )
    return array.astype(np.int64, copy=False)


def blocks_of(log_proba: Array) -> Iterator[tuple[slice, Array, Array]]:
    """Rows of [n, K] log-probabilities a few megabytes at a time, so that no copy of all is ever made.

    Yields the slice, its log-probabilities [B, K] float64 and their exponentials, an array that the caller may change.
    Raises InputError on reaching a row that holds a NaN or whose probabilities do not sum to one.
    """
    for span in spans(len(log_proba), block_length(log_proba.shape[1:], itemsize=8)):
        log_p = log_proba[span].astype(np.float64, copy=False)
        with np.errstate(over="ignore"):
            p = np.exp(log_p)
        sums = p.sum(axis=1)
        bad = np.flatnonzero(~(np.abs(sums - 1) <= TOLERANCE))  # NaN is bad, too
        if len(bad):
            found = "hold a NaN" if np.isnan(sums[bad[0]]) else f"have exponentials that sum to {sums[bad[0]]:.6g}"
            raise InputError(
                f"the log-probabilities of example {span.start + bad[0]} {found}; a row must sum to one within "
                f"{TOLERANCE:g}: give natural logarithms of softmax outputs, not raw scores, and look at the training"
            )
        yield span, log_p, p
