"""Examples in random order on the disk, for sources that may be larger than memory."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from fewlabels.data.blocks import block_length, spans, write_npy_header

STRETCH_BYTES = 128 * 2**20
"""As much as is gathered at a time: as few passes over the source as can be afforded."""


def save_shuffled(path: Path, parts: Sequence[tuple[np.ndarray, np.ndarray]]) -> None:
    """Write the examples of all (source [N, *shape], index [n] int64) in random order, a stretch at a time."""
    starts = np.cumsum([0, *(len(index) for _, index in parts)])
    order = np.random.default_rng(0).permutation(starts[-1])
    shape, dtype = parts[0][0].shape[1:], parts[0][0].dtype
    with path.open("wb") as file:
        write_npy_header(file, (len(order), *shape), dtype)
        for span in spans(len(order), block_length(shape, dtype.itemsize, STRETCH_BYTES)):
            wanted = np.sort(order[span])  # sources are read in their own order
            found = np.empty((len(wanted), *shape), dtype)
            for part, (source, index) in enumerate(parts):
                first, last = np.searchsorted(wanted, starts[part : part + 2])
                found[first:last] = source[index[wanted[first:last] - starts[part]]]
            file.write(found[np.searchsorted(wanted, order[span])].data)
