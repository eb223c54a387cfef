"""NumPy arrays of people's own: examples in a `.npy` file, memory-mapped where they are many."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from fewlabels.core.errors import InputError
from fewlabels.data import cache
from fewlabels.data.dataset import Dataset
from fewlabels.data.examples import as_examples
from fewlabels.data.label_files import row_labels
from fewlabels.data.labels import index_labels


def read_npy(path: Path, labels: str | os.PathLike[str] | None = None) -> Dataset:
    """The data set in a `.npy` file: x, in the layouts of `as_examples`, and labels from a file of labels, if given.

    uint8 images and float32 of more bytes than `cache.IN_MEMORY_BYTES` stay in the file, and are read from there;
    other numbers become float32 in memory. Raises InputError; nothing pickled is ever loaded.
    """
    raw = open_npy(path)
    if raw.nbytes <= cache.IN_MEMORY_BYTES:
        raw = np.array(raw)
    x = as_examples(f"{path}: its array", raw)
    classes, (y,) = index_labels(row_labels(labels, len(x)))
    return Dataset(path.stem, x, y, classes)


def open_npy(path: Path) -> np.ndarray:
    """The array in the file, memory-mapped, read-only. Raises InputError."""
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        reason = " ".join(str(error).split())
        if "object" in reason:
            reason = "an object array, which is never unpickled"
        raise InputError(f"{path}: cannot be read ({reason}); write it with numpy.save(path, x)") from None
