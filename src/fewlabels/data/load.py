"""From what a user names or has at hand (a path, an array, a frame) to a `Dataset`."""

from __future__ import annotations

import difflib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from fewlabels.core.errors import InputError
from fewlabels.data.cache import Progress
from fewlabels.data.dataset import Dataset, Signature
from fewlabels.data.readers.arrays import as_dataset
from fewlabels.data.readers.hub import PREFIX, read_hub
from fewlabels.data.readers.images import SUFFIXES, Size, read_image_file, read_image_folder
from fewlabels.data.readers.named import NAMES, load_named
from fewlabels.data.readers.numpy_files import read_npy, read_npz
from fewlabels.data.readers.tables import TABLES, read_table

SourceKind = Literal["name", "folder", "image", "npz", "npy", "table", "hub"]

ALLOWED = (
    f"allowed are {', '.join(NAMES)}, a folder of images, an image, an .npz or .npy file, a table "
    f"({', '.join(TABLES)}), and hf:NAME"
)


@dataclass(frozen=True)
class Found:
    """kind: of the source. text: as the user wrote it. path: of a file or folder."""

    kind: SourceKind
    text: str
    path: Path


def find_source(source: str | os.PathLike[str]) -> Found:
    """What is meant. A name wins over a folder of the same name: write "./mnist" for the folder.

    Raises InputError where there is nothing of that name, or it is a file that is not read.
    """
    text = os.fspath(source)
    path = Path(text).expanduser()
    if isinstance(source, str) and text in NAMES:
        return Found("name", text, path)
    if isinstance(source, str) and text.startswith(PREFIX):
        return Found("hub", text, path)
    if text and path.is_dir():
        return Found("folder", text, path)
    kind = _kind(path.suffix.lower())
    if path.is_file():
        if kind is None:
            raise InputError(f"{text}: {path.suffix or 'such'} files are not read; {ALLOWED}")
        return Found(kind, text, path)
    if kind is not None:
        raise InputError(f"{text}: no such file; check the path")
    close = difflib.get_close_matches(text.lower(), NAMES, n=1)
    hint = f"did you mean {close[0]}?" if close else "check the spelling or the path"
    raise InputError(f"{text or 'empty name'}: no such data set, file or folder; {ALLOWED}; {hint}")


def _kind(suffix: str) -> SourceKind | None:
    if suffix in TABLES:
        return "table"
    if suffix in SUFFIXES:
        return "image"
    return {".npz": "npz", ".npy": "npy"}.get(suffix)  # type: ignore[return-value]


def load(
    source: str | os.PathLike[str],
    *,
    size: Size = None,
    labels: str | os.PathLike[str] | None = None,
    target: str | None = None,
    ignore: Sequence[str] = (),
    signature: Signature | None = None,
    progress: Progress | None = None,
) -> Dataset:
    """A data set by name (see NAMES), from a file, a folder of images, or `hf:NAME`; docs/data.md has all kinds.

    A name wins over a folder of the same name: write "./mnist" for the folder.
    size: N or (height, width) to which images are resized.
    labels: a file of labels, for a folder of images (`image_labels`) or an array (`row_labels`).
    target: the column of labels, of a table; by default 'label', if there is one.
    ignore: names of columns to leave out, of a table.
    signature: of a trained model: examples are read in its form. Images are resized if it says so, grey ones are given
    colour and the other way round where nothing is lost; columns are found by name, unknown categories become -1.
    progress: called with the number of examples done, and of all, as a source too large for memory is converted.

    Raises InputError when there is nothing of that name, it cannot be used, or an option does not go with it.
    """
    found = find_source(source)
    _check_options(found, size, labels, target, ignore)
    dataset = _read(found, size, labels, target, ignore, signature, progress)
    if signature is not None:
        signature.require_equal(dataset.signature, found.text)
    return dataset


def _read(
    found: Found,
    size: Size,
    labels: str | os.PathLike[str] | None,
    target: str | None,
    ignore: Sequence[str],
    signature: Signature | None,
    progress: Progress | None,
) -> Dataset:
    match found.kind:
        case "name":
            dataset = load_named(found.text)
        case "folder":
            dataset = read_image_folder(found.path, size, progress, labels, signature)
        case "image":
            dataset = read_image_file(found.path, size, signature)
        case "npz":
            dataset = read_npz(found.path, progress, labels)
        case "npy":
            dataset = read_npy(found.path, labels)
        case "table":
            dataset = read_table(found.path, target=target, ignore=ignore, signature=signature)
        case "hub":
            dataset = read_hub(found.text, size=size, target=target, ignore=ignore, signature=signature)
    return dataset


def _check_options(
    found: Found,
    size: Size,
    labels: str | os.PathLike[str] | None,
    target: str | None,
    ignore: Sequence[str],
) -> None:
    """Raise InputError for an option that does not go with the source."""
    images: tuple[SourceKind, ...] = ("folder", "image", "hub")
    columns: tuple[SourceKind, ...] = ("table", "hub")
    for option, value, kinds, what in (
        ("--size", size, images, "resizes image files only"),
        ("--labels", labels, ("folder", "npz", "npy"), "labels a folder of images or an array only"),
        ("--target", target, columns, "names a column of a table only"),
        ("--ignore", ", ".join(ignore) or None, columns, "names columns of a table only"),
    ):
        if value is not None and found.kind not in kinds:
            raise InputError(f"{option} {value}: {what}, and {found.text} is none; leave it out")


def to_dataset(data: Any, signature: Signature | None = None) -> Dataset:
    """A data set of what people have at hand: itself, what `load` reads by name or path, or an array or frame of
    examples without labels. signature: of a trained model. Raises InputError.
    """
    if isinstance(data, Dataset):
        return data
    if isinstance(data, str | os.PathLike):
        return load(data, signature=signature)
    return as_dataset(data, signature=signature)


def examples_like(x: Any, signature: Signature) -> np.ndarray:
    """Examples [n, *signature.shape] as a model takes them: x itself where it has that form already (in float64, too),
    else an array or frame read in that form. Raises InputError where it cannot be.
    """
    kinds = (np.uint8,) if signature.dtype == "uint8" else (np.float32, np.float64)
    if isinstance(x, np.ndarray) and len(x) and x.shape[1:] == signature.shape and x.dtype in kinds:
        return x
    return as_dataset(x, signature=signature).x
