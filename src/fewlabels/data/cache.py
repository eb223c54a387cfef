"""Sources larger than memory, converted once to a memory-mapped array in the cache; what is interrupted goes on."""

from __future__ import annotations

import hashlib
import math
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from fewlabels.core.errors import InputError, StorageError
from fewlabels.core.files import cache_folder, locked
from fewlabels.data.blocks import block_length, blocks, spans, write_npy_header

IN_MEMORY_BYTES = 256 * 2**20
"""Sources of more are converted. Others are read within seconds and may be copied a few times, so they stay in memory,
and leave nothing on the disk."""

LOCK, WIDE = "lock", ".wide"

Progress = Callable[[int, int], None]
"""Called with the number of examples converted so far, and of all."""


@dataclass(frozen=True, eq=False)
class Source:
    """Something to convert: N examples of uint8.

    name: what people call it.
    place: what identifies it, whatever state it is in: of each place, the latest conversion is kept.
    state: computes what identifies its present state, such as a hash of sizes and times; asked before and after.
    shape: [N, ...] of the array; once a block has three channels instead of one, so has all of the array.
    read: gives the examples of consecutive slices, in order.
    """

    name: str
    place: str
    state: Callable[[], str]
    shape: tuple[int, ...]
    read: Callable[[list[slice]], Iterator[np.ndarray]]


def folder_of(place: str) -> Path:
    """Where what is at that place is converted to."""
    return cache_folder() / "arrays" / hashlib.sha256(place.encode()).hexdigest()[:16]


def converted(source: Source, progress: Progress | None = None) -> np.memmap:
    """The source as a read-only memory-mapped array, [N, ...] uint8, from the cache if it is there.

    A conversion that was interrupted goes on where it stopped; one that another process has begun is waited for, and
    taken over should that process end. The array appears in its place whole, or not at all.

    Raises InputError where the cache cannot be written, and where the source changes meanwhile.
    """
    state = source.state()
    folder = folder_of(source.place)
    finished, part = folder / f"{state}.npy", folder / f"{state}.part"
    if (array := _open(finished, source)) is not None:
        return array
    with _writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    with locked(folder / LOCK, lambda: _tell(progress, part, source)):
        if (array := _open(finished, source)) is None:
            _remove_other_states(folder, state)
            _fill(part, source, progress)
            if source.state() != state:
                raise InputError(f"{source.name}: changed while it was read; do the same again once it is at rest")
            with _writing(folder):
                part.replace(finished)
            array = _open(finished, source)
    assert array is not None
    return array


def _open(path: Path, source: Source) -> np.memmap | None:
    """A finished conversion; None where there is none, or a damaged one."""
    try:
        array = np.load(path, mmap_mode="r")
    except (OSError, ValueError, EOFError):
        return None
    return array if len(array) == source.shape[0] and array.dtype == np.uint8 else None


def _fill(part: Path, source: Source, progress: Progress | None) -> None:
    """Append to the array in the making what it lacks."""
    n = source.shape[0]
    shape, done = _how_far(part, source)
    length = block_length(shape[1:])
    _check_space(part.parent, source, (n - done) * math.prod(shape[1:]))
    if progress is not None:
        progress(done, n)
    for block in source.read(list(spans(n, length, done))):
        if block.shape[1] > shape[1]:
            shape = _widen(part, shape, block.shape[1])
        with _writing(part), part.open("ab") as file:
            file.write(np.ascontiguousarray(np.broadcast_to(block, (len(block), *shape[1:]))).data)
        done += len(block)
        if progress is not None:
            progress(done, n)
    with _writing(part), part.open("ab") as file:
        os.fsync(file.fileno())


def _how_far(part: Path, source: Source) -> tuple[tuple[int, ...], int]:
    """The shape of the array in the making, and how many examples it has; it is begun where there is none.

    Its header tells the shape, its length the rest; a torn last example is cut off.
    """
    with suppress(OSError, ValueError), part.open("r+b") as file:
        shape, begin = _read_header(file)
        if len(shape) == len(source.shape) and shape[0] == source.shape[0]:
            size = math.prod(shape[1:])
            done = (file.seek(0, os.SEEK_END) - begin) // size
            file.truncate(begin + done * size)
            return shape, done
    with _writing(part), part.open("wb") as file:
        write_npy_header(file, source.shape, np.dtype(np.uint8))
    return source.shape, 0


def _read_header(file: BinaryIO) -> tuple[tuple[int, ...], int]:
    """The shape of the array in a `.npy` file, and the byte it begins at."""
    np.lib.format.read_magic(file)
    return np.lib.format.read_array_header_1_0(file)[0], file.tell()


def _widen(part: Path, shape: tuple[int, ...], channels: int) -> tuple[int, ...]:
    """Give what has been converted of [N, 1, H, W] so many equal channels; the new shape."""
    wide, to = part.with_suffix(WIDE), (shape[0], channels, *shape[2:])
    with part.open("rb") as file:
        begin = _read_header(file)[1]
    done = (part.stat().st_size - begin) // math.prod(shape[1:])
    grey = np.memmap(part, np.uint8, "r", begin, (done, *shape[1:])) if done else np.empty((0, *shape[1:]), np.uint8)
    try:
        with _writing(wide), wide.open("wb") as file:
            write_npy_header(file, to, np.dtype(np.uint8))
            for block in blocks(grey):
                file.write(np.repeat(block, channels, axis=1).data)
        with _writing(part):
            wide.replace(part)
    finally:
        wide.unlink(missing_ok=True)  # it would hold the very space that is lacking
    return to


def _remove_other_states(folder: Path, state: str) -> None:
    """Remove what was converted before the source changed, and what a full disk or a kill left of widening."""
    for path in folder.iterdir():
        if path.name != LOCK and (path.stem != state or path.suffix == WIDE):
            with suppress(OSError):
                path.unlink()


def _tell(progress: Progress | None, part: Path, source: Source) -> None:
    """Tell how far another process is."""
    if progress is None:
        return
    with suppress(OSError, ValueError), part.open("rb") as file:
        shape, begin = _read_header(file)
        progress((file.seek(0, os.SEEK_END) - begin) // math.prod(shape[1:]), source.shape[0])


def _check_space(folder: Path, source: Source, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise InputError(
            f"{source.name}: needs {needed / 2**20:,.1f} MiB in {folder}, where {free / 2**20:,.1f} MiB are free; free "
            "some, or name another folder in FEWLABELS_CACHE"
        )


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    """Turn what the system says of a failed write into one clear line."""
    try:
        yield
    except OSError as error:
        raise StorageError(
            f"{path}: cannot be written ({error.strerror or error}); free space, or name another folder in "
            "FEWLABELS_CACHE, then do the same again: what is converted is kept"
        ) from None
