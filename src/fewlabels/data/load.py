"""One function from what a user names to a data set."""

from __future__ import annotations

import os
from collections.abc import Sequence

from fewlabels.core.errors import InputError
from fewlabels.data.cache import Progress
from fewlabels.data.dataset import Dataset
from fewlabels.data.npy import read_npy
from fewlabels.data.readers.hub import read_hub
from fewlabels.data.readers.images import Size, read_image_file, read_image_folder
from fewlabels.data.readers.named import load_named
from fewlabels.data.readers.numpy_files import read_npz
from fewlabels.data.readers.tables import read_table
from fewlabels.data.signature import Signature
from fewlabels.data.sources import Found, SourceKind, find_source


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
