"""Examples to go through once, a block at a time, however many: what a trained model is asked about."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Literal

import numpy as np

from fewlabels.core.errors import InputError
from fewlabels.data.blocks import block_length, spans
from fewlabels.data.dataset import Column, Signature, dtype_name
from fewlabels.data.readers.arrays import as_examples
from fewlabels.data.readers.frames import named_frame, rows_of, table_columns
from fewlabels.data.readers.hub import hub_blocks, open_hub
from fewlabels.data.readers.image_decoding import decode_all, decoded, model_form, read_image, warn_of_broken
from fewlabels.data.readers.tables import count_rows, row_place, table_frames, texts_of

IN_PROCESS = 64
"""So many image files or fewer are decoded here: starting processes takes longer."""

IMAGES_A_BLOCK = 256
ROWS_A_BLOCK = 16_384

Blocks = Iterator[tuple[list[str], np.ndarray]]


@dataclass(frozen=True, eq=False)
class Stream:
    """Examples of one form, without labels.

    Parameters
    ----------
    name
        Of the source.
    n
        How many; None where only reading tells.
    key
        What names an example: its file, relative to the folder, or its row, counted from 0 over all of them.
    blocks
        Begins anew at each call; gives names and raw arrays [B, *signature.shape] of the signature's type.
    broken
        Names of images that cannot be read and were left out, once all blocks have been read.
    """

    name: str
    n: int | None
    key: Literal["file", "row"]
    blocks: Callable[[], Blocks]
    broken: list[str] = field(default_factory=list)


def hub_stream(text: str, target: str | None, ignore: Sequence[str], signature: Signature) -> Stream:
    """target, ignore: to find its column of images."""
    hub = open_hub(text, target, ignore, signature)
    rows = min(IMAGES_A_BLOCK if hub.image else ROWS_A_BLOCK, block_length(signature.shape, 64))
    return Stream(hub.name, hub.n, "row", lambda: _numbered(hub_blocks(hub, signature, rows)))


def _rows(signature: Signature) -> int:
    """Of a block."""
    return min(ROWS_A_BLOCK, block_length(signature.shape, 4))


def image_stream(name: str, folder: Path, names: list[str], signature: Signature, skip_broken: bool = False) -> Stream:
    """skip_broken: whether images that cannot be read are left out; else they are all named once the last was seen."""
    paths = [os.path.join(folder, *part.split("/")) for part in names]
    form = model_form(signature, str(folder), lambda: read_image(paths[0], None))
    parts = list(spans(len(paths), min(IMAGES_A_BLOCK, block_length(form.shape))))
    left_out: list[str] = []

    def blocks() -> Blocks:
        lists = (paths[span] for span in parts)
        images = (decode_all(part, form) for part in lists) if len(paths) <= IN_PROCESS else decoded(lists, form)
        broken: dict[int, str] = {}
        for span, (block, found) in zip(parts, images, strict=True):
            broken |= {span.start + at: text for at, text in found.items()}
            if len(block) and (skip_broken or not broken):
                yield [names[i] for i in range(span.start, span.stop) if i not in broken], block
        left_out[:] = [names[i] for i in broken]
        warn_of_broken(str(folder), broken, len(paths), skip_broken)

    return Stream(name, len(names), "file", blocks, left_out)


def array_stream(name: str, where: str, x: np.ndarray, signature: Signature) -> Stream:
    """x in the layouts of `as_examples`."""
    first = as_examples(where, x[:1] if x.ndim else x)
    if len(x) == 0:
        raise InputError(f"{where}: holds no examples, its shape is {x.shape}; give one example at least")
    signature.require_equal(Signature(tuple(first.shape[1:]), dtype_name(first)), where)

    def blocks() -> Iterator[np.ndarray]:
        for span in spans(len(x), _rows(signature)):
            block = as_examples(where, np.array(x[span]))
            if block.dtype == np.float32 and not np.isfinite(block).all():
                bad = ~np.isfinite(block).reshape(len(block), -1).all(axis=1)
                raise InputError(
                    f"{where}: has NaN or infinite values, first in row {span.start + bad.argmax()}; remove or impute "
                    "them"
                )
            yield block

    return Stream(name, len(x), "row", lambda: _numbered(blocks()))


def table_stream(path: Path, signature: Signature) -> Stream:
    columns: tuple[Column, ...] = table_columns(str(path), signature)
    wanted = [column.name for column in columns]
    length = min(ROWS_A_BLOCK, block_length(signature.shape, 64))

    def blocks() -> Iterator[np.ndarray]:
        start = 0
        for frame in table_frames(path, length, texts_of(signature), wanted):
            if len(frame):
                yield rows_of(str(path), named_frame(frame, str(path)), columns, start, row_place(path))
                start += len(frame)
        if start == 0:
            raise InputError(f"{path}: has no rows; give one at least")

    return Stream(path.stem, count_rows(path), "row", lambda: _numbered(blocks()))


def _numbered(blocks: Iterator[np.ndarray]) -> Blocks:
    """With the number of each row as its name."""
    rows = count()
    for block in blocks:
        yield [str(next(rows)) for _ in range(len(block))], block
