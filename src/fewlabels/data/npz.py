"""NumPy archives of people's own: `x`, `y` and perhaps `x_test`, `y_test` in one `.npz` file."""

from __future__ import annotations

import difflib
import hashlib
import math
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import numpy as np
from numpy.lib.npyio import NpzFile

from fewlabels.data import conversion
from fewlabels.data.blocks import block_length
from fewlabels.data.blocks import spans as slices
from fewlabels.data.conversion import Progress, Source, converted
from fewlabels.data.dataset import UNLABELLED, Dataset
from fewlabels.errors import InputError

KEYS = ("x", "y", "x_test", "y_test")
_UNLABELLED_TEXT = ("", "-1")


def read_npz(path: str | os.PathLike[str], progress: Progress | None = None) -> Dataset:
    """The data set in an `.npz` file.

    x: [N, D] vectors; [N, H, W] grey images; [N, C, H, W] with C of 1 or 3; [N, H, W, C] with C of 1, 3 or 4.
    Where four axes fit both ways, such as [N, 3, 8, 3], they are channels first. uint8 images stay uint8; all
    other numbers, and all vectors, become float32. y: [N] whole numbers, -1 where unlabelled, or strings, ""
    or "-1" where unlabelled. The classes are the sorted unique labels of y and y_test. x_test, y_test:
    likewise, every example labelled. Other keys are ignored.

    uint8 images of more bytes than `conversion.IN_MEMORY_BYTES` are converted once to a memory-mapped array in the
    cache, found again while size and time of the file are the same; progress is told meanwhile.

    Raises InputError for whatever else is found; nothing pickled is ever loaded.
    """
    path = Path(path)
    arrays = _arrays(path, progress)
    x, y = arrays["x"], arrays["y"]
    x_test, y_test = arrays.get("x_test"), arrays.get("y_test")
    if x_test is not None and x_test.shape[1:] != x.shape[1:]:
        raise InputError(
            f"{path}: an example of x has shape {x.shape[1:]}, one of x_test {x_test.shape[1:]}; make them equal"
        )
    labels = _labels(path, "y", y)
    labels_test = None if y_test is None else _labels(path, "y_test", y_test)
    if labels_test is not None and labels_test.dtype.kind != labels.dtype.kind:
        raise InputError(f"{path}: one of y and y_test holds strings, the other numbers; use the same for both")
    known = labels if labels_test is None else np.concatenate([labels, labels_test])
    classes = np.unique(known[~_is_unlabelled(known)])
    return Dataset(
        name=path.stem,
        x=_examples(path, "x", x),
        y=_indices(labels, classes),
        classes=tuple(str(label) for label in classes),
        x_test=None if x_test is None else _examples(path, "x_test", x_test),
        y_test=None if labels_test is None else _indices(labels_test, classes),
    )


def _arrays(path: Path, progress: Progress | None) -> dict[str, np.ndarray]:
    """Those of KEYS that the archive holds, checked for presence only."""
    if not path.is_file():
        raise InputError(f"{path}: no such file; check the path")
    if not zipfile.is_zipfile(path):
        raise InputError(f"{path}: not an .npz archive or damaged; write it with numpy.savez(path, x=x, y=y)")
    key = ""
    try:
        with np.load(path, allow_pickle=False) as archive:
            _check_keys(path, archive.files)
            arrays = {}
            for key in KEYS:
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
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InputError(f"{place} cannot be read ({reason}); the archive is damaged, write it again") from error


def _array(path: Path, archive: NpzFile, key: str, progress: Progress | None) -> np.ndarray:
    """The array as it is, in memory, or memory-mapped where it holds images too many for that."""
    with zipfile.ZipFile(path) as file, file.open(f"{key}.npy") as member:
        shape, fortran_order, dtype = _header(member)
    large = math.prod(shape) > conversion.IN_MEMORY_BYTES
    if not large or dtype != np.uint8 or fortran_order or len(shape) not in (3, 4):
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


def _check_keys(path: Path, found: list[str]) -> None:
    missing = [key for key in ("x", "y") if key not in found]
    if missing:
        raise InputError(
            f"{path}: no array {' and '.join(missing)}, found {', '.join(found) or 'none'}; needed are x and "
            f"y, x_test and y_test are optional: rename the arrays"
        )
    for key in sorted(set(found) - set(KEYS)):
        if close := difflib.get_close_matches(key.lower(), KEYS, n=1, cutoff=0.8):
            raise InputError(f"{path}: unknown array {key!r}, did you mean {close[0]!r}? Rename or remove it")
    if ("x_test" in found) != ("y_test" in found):
        given, lacking = ("x_test", "y_test") if "x_test" in found else ("y_test", "x_test")
        raise InputError(f"{path}: {given} without {lacking}; give both or neither")


def _examples(path: Path, key: str, x: np.ndarray) -> np.ndarray:
    if x.dtype.kind not in "buif":
        raise InputError(f"{path}: {key} is {x.dtype}; allowed are real numbers: float, integer, bool")
    if x.ndim == 3:
        x = x[:, None]  # [N, H, W] -> [N, 1, H, W]
    elif x.ndim == 4:
        if x.shape[1] not in (1, 3):
            if x.shape[3] not in (1, 3, 4):
                raise InputError(
                    f"{path}: {key} has shape {x.shape}, in which no axis can be the channels; allowed are "
                    f"[N, H, W], [N, H, W, C] with C of 1, 3 or 4, and [N, C, H, W] with C of 1 or 3"
                )
            x = x.transpose(0, 3, 1, 2)  # [N, H, W, C] -> [N, C, H, W]
    elif x.ndim != 2:
        raise InputError(
            f"{path}: {key} has shape {x.shape}; allowed are vectors [N, D] and images [N, H, W], [N, H, W, "
            f"C] or [N, C, H, W]"
        )
    if x.dtype == np.uint8 and x.ndim == 4:
        return x if isinstance(x, np.memmap) else np.ascontiguousarray(x)
    with np.errstate(over="ignore"):
        converted = np.ascontiguousarray(x, dtype=np.float32)
    overflow = np.isinf(converted) & np.isfinite(x)
    if overflow.any():
        raise InputError(
            f"{path}: {key} has values float32 cannot hold, such as {x[overflow][0]:g}; allowed are "
            f"magnitudes up to 3.4e38: rescale them"
        )
    return converted


def _labels(path: Path, key: str, y: np.ndarray) -> np.ndarray:
    """[N] int64, or [N] strings."""
    if y.ndim != 1:
        raise InputError(f"{path}: {key} has shape {y.shape}; give one label an example, shape (n,): {key}.ravel()")
    if y.dtype.kind == "U":
        return y
    if y.dtype.kind == "S":
        try:
            return np.char.decode(y, "utf-8")
        except UnicodeDecodeError as error:
            raise InputError(f"{path}: {key} holds bytes that are not UTF-8; save it with .astype(str)") from error
    if y.dtype.kind not in "buif":
        raise InputError(f"{path}: {key} is {y.dtype}; allowed are whole numbers and strings")
    if y.dtype.kind == "f":
        wrong = ~np.isfinite(y) | (y != np.trunc(y))
        if wrong.any():
            raise InputError(
                f"{path}: {key} has the label {y[wrong][0]} in example {wrong.argmax()}; labels are whole "
                f"numbers or strings, and -1 means unlabelled"
            )
    too_far = (y < UNLABELLED) | (y > 2**53)
    if too_far.any():
        raise InputError(
            f"{path}: {key} has the label {y[too_far][0]} in example {too_far.argmax()}; allowed are whole "
            f"numbers from 0 up, and -1 for unlabelled"
        )
    return y.astype(np.int64)


def _is_unlabelled(labels: np.ndarray) -> np.ndarray:
    return np.isin(labels, _UNLABELLED_TEXT) if labels.dtype.kind == "U" else labels == UNLABELLED


def _indices(labels: np.ndarray, classes: np.ndarray) -> np.ndarray:
    return np.where(_is_unlabelled(labels), UNLABELLED, np.searchsorted(classes, labels)).astype(np.int64)
