"""NumPy files of people's own: examples in a `.npy`; `x`, `y` and perhaps `x_test`, `y_test` in a `.npz`."""

from __future__ import annotations

import hashlib
import math
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import numpy as np
from numpy.lib.npyio import NpzFile

from fewlabels.core.errors import InputError
from fewlabels.core.files import require_file
from fewlabels.core.text import closest, one_line
from fewlabels.data import cache
from fewlabels.data.blocks import block_length
from fewlabels.data.blocks import spans as slices
from fewlabels.data.bounds import require_memory
from fewlabels.data.cache import Progress, Source, converted
from fewlabels.data.dataset import UNLABELLED, Dataset
from fewlabels.data.labels import index_labels, label_array, one_kind
from fewlabels.data.readers.arrays import as_examples
from fewlabels.data.readers.delimited import row_labels


def read_npy(path: Path, labels: str | os.PathLike[str] | None = None) -> Dataset:
    """The data set in a `.npy` file: x, in the layouts of `as_examples`, and labels from a file of labels, if given.

    uint8 images and float32 of more bytes than `cache.IN_MEMORY_BYTES` stay in the file, and are read from there;
    other numbers become float32 in memory. Raises InputError; nothing pickled is ever loaded.
    """
    raw = open_npy(path)
    if raw.nbytes <= cache.IN_MEMORY_BYTES:
        raw = np.array(raw)
    stays = raw.dtype == np.float32 or (raw.dtype == np.uint8 and raw.ndim in (3, 4))
    needed = (0 if stays else 4 * raw.size) + 16 * len(raw) if raw.ndim else 0  # a label and a digest each
    remedy = "save it as float32, or as uint8 images, which stay in the file; or give a part of it"
    require_memory(str(path), f"{len(raw) if raw.ndim else 1:,} examples of {raw.dtype}", needed, remedy)
    x = as_examples(f"{path}: its array", raw)
    classes, (y,) = index_labels(row_labels(labels, len(x)))
    return Dataset(path.stem, x, y, classes)


def open_npy(path: Path) -> np.ndarray:
    """The array in the file, memory-mapped, read-only. Raises InputError."""
    try:
        array: np.ndarray = np.load(path, mmap_mode="r", allow_pickle=False)
        return array
    except Exception as error:  # a header may claim anything: 2^70 numbers, the shape (True,)
        reason = "an object array, which is never unpickled" if "object" in str(error) else one_line(error)
        raise InputError(f"{path}: cannot be read ({reason}); write it with numpy.save(path, x)") from None


KEYS = ("x", "y", "x_test", "y_test")


def read_npz(
    path: str | os.PathLike[str], progress: Progress | None = None, labels: str | os.PathLike[str] | None = None
) -> Dataset:
    """The data set in an `.npz` file.

    It holds x in the layouts of `as_dataset`, and perhaps y, [N] whole numbers, -1 where unlabelled, or strings, "" or
    "-1" where unlabelled; x_test and y_test likewise, every example labelled. Other keys are ignored, unless y is
    missing and no file of labels is given. uint8 images of more than 256 MiB are converted once to a memory-mapped
    array in the cache, found again while size and time of the file are the same. Nothing pickled is ever loaded.

    Parameters
    ----------
    path
        Of the file.
    progress
        As `load` has it.
    labels
        A file of labels, where y is missing.

    Returns
    -------
    Dataset
        Its classes are the sorted unique labels of y and y_test.

    Raises
    ------
    InputError
        For whatever else is found.
    """
    path = Path(path)
    arrays = _arrays(path, progress, need_y=labels is None)
    x, x_test = arrays["x"], arrays.get("x_test")
    if x_test is not None and x_test.shape[1:] != x.shape[1:]:
        raise InputError(
            f"{path}: an example of x has shape {x.shape[1:]}, one of x_test {x_test.shape[1:]}; make them equal"
        )
    if "y" in arrays and labels is not None:
        raise InputError(f"{path}: holds labels, y, and `labels` {labels} names others; leave one of them out")
    parts = [label_array(f"{path}: {key}", arrays[key]) for key in ("y", "y_test") if key in arrays]
    one_kind(str(path), ("y", "y_test"), parts)
    if "y" not in arrays:
        parts.insert(0, row_labels(labels, len(x)) if x.ndim else np.full(0, UNLABELLED))
    classes, indices = index_labels(*parts)
    return Dataset(
        name=path.stem,
        x=as_examples(f"{path}: x", x),
        y=indices[0],
        classes=classes,
        x_test=None if x_test is None else as_examples(f"{path}: x_test", x_test),
        y_test=None if x_test is None else indices[1],
    )


def read_npz_x(path: Path) -> np.ndarray:
    """Its array x as it is, in memory, or memory-mapped where it holds images too many for that. Raises InputError."""
    return _arrays(path, None, ("x",))["x"]


def _arrays(
    path: Path, progress: Progress | None, keys: tuple[str, ...] = KEYS, need_y: bool = False
) -> dict[str, np.ndarray]:
    """Those of the keys that the archive holds, checked for presence only."""
    require_file(path)
    if not zipfile.is_zipfile(path):
        raise InputError(f"{path}: not an .npz archive or damaged; write it with numpy.savez(path, x=x, y=y)")
    key = ""
    try:
        with np.load(path, allow_pickle=False) as archive:
            _check_keys(path, archive.files, need_y)
            arrays = {}
            for key in keys:
                if key in archive.files:
                    arrays[key] = _array(path, archive, key, progress)
            return arrays
    except InputError:
        raise
    except Exception as error:  # a damaged archive surfaces as many types, by way of zipfile, zlib, tokenize, ast
        place = f"{path}: {key!r}" if key else str(path)
        if "allow_pickle" in str(error):
            raise InputError(
                f"{place} is an object array, which is never unpickled; save plain numbers, or strings with "
                f".astype(str)"
            ) from error
        raise InputError(
            f"{place} cannot be read ({one_line(error)}); the archive is damaged, write it again"
        ) from error


def _array(path: Path, archive: NpzFile, key: str, progress: Progress | None) -> np.ndarray:
    """The array as it is, in memory, or memory-mapped where it holds images too many for that."""
    with zipfile.ZipFile(path) as file, file.open(f"{key}.npy") as member:
        shape, fortran_order, dtype = _header(member)
    large = math.prod(shape) > cache.IN_MEMORY_BYTES
    if not large or dtype != np.uint8 or fortran_order or len(shape) not in (3, 4):
        require_memory(f"{path}: {key!r}", f"{shape} numbers", math.prod(shape) * dtype.itemsize, "give a part of it")
        return np.asarray(archive[key])

    def read(spans: list[slice]) -> Iterator[np.ndarray]:
        with zipfile.ZipFile(path) as file, file.open(f"{key}.npy") as member:
            _header(member)
            for skipped in slices(spans[0].start if spans else 0, block_length(shape[1:])):
                _read(member, skipped, shape)  # a compressed file has no other way to its middle
            for span in spans:
                yield _read(member, span, shape)

    return converted(Source(str(path), f"{path.resolve()} {key}", lambda: _state(path), shape, read), progress)


def _header(member: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Shape, whether in Fortran's order, and type of a `.npy` file; its numbers are to follow."""
    version = np.lib.format.read_magic(member)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    return read(member)


def _read(member: IO[bytes], span: slice, shape: tuple[int, ...]) -> np.ndarray:
    """The next examples of an array of that shape, uint8."""
    block = (span.stop - span.start, *shape[1:])
    return np.frombuffer(member.read(math.prod(block)), dtype=np.uint8).reshape(block)


def _state(path: Path) -> str:
    """What identifies the file as it is now."""
    known = path.stat()
    return hashlib.sha256(f"1;{known.st_size}:{known.st_mtime_ns}".encode()).hexdigest()


def _check_keys(path: Path, found: list[str], need_y: bool) -> None:
    """Raise InputError where x is missing, and where an array that is none of KEYS might be y, if there is no other."""
    if "x" not in found:
        raise InputError(
            f"{path}: no array x, found {', '.join(found) or 'none'}; needed is x, and y, x_test and y_test are "
            "optional: rename the arrays"
        )
    for key in sorted(set(found) - set(KEYS)):
        if near := closest(key, KEYS, cutoff=0.8):
            raise InputError(f"{path}: unknown array {key!r}, did you mean {near!r}? Rename or remove it")
    if need_y and "y" not in found and (others := sorted(set(found) - set(KEYS))):
        raise InputError(
            f"{path}: no array y, found {', '.join(found)}; rename {others[0]!r} to y if it holds the labels, "
            "else remove it"
        )
    if ("x_test" in found) != ("y_test" in found):
        given, lacking = ("x_test", "y_test") if "x_test" in found else ("y_test", "x_test")
        raise InputError(f"{path}: {given} without {lacking}; give both or neither")
