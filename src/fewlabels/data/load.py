"""From what a user names or has at hand (a path, an array, a frame) to a `Dataset` or a `Stream`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from fewlabels.core.errors import InputError
from fewlabels.core.files import irregular, require_file
from fewlabels.core.text import did_you_mean
from fewlabels.data.cache import Progress
from fewlabels.data.classes import settle_classes
from fewlabels.data.dataset import Dataset, Signature
from fewlabels.data.readers.arrays import as_dataset
from fewlabels.data.readers.frames import check_left_out
from fewlabels.data.readers.images import Size
from fewlabels.data.readers.named import NAMES
from fewlabels.data.readers.registry import OPTIONS, READERS, Reader, Source, kinds_of_data
from fewlabels.data.streams import Stream


def find_reader(source: Source) -> Reader:
    """What reads the source.

    Raises InputError where there is nothing of that name, it is a file that is not read, or an option does not go with
    it.
    """
    text, suffix = source.text, source.path.suffix
    known = next((reader for reader in READERS.values() if suffix.lower() in reader.suffixes), None)
    found = next((reader for reader in READERS.values() if reader.means is not None and reader.means(source)), None)
    if found is None and irregular(source.path) is not None:
        require_file(source.path)
    if found is None and source.path.is_file():
        if known is None:
            raise InputError(f"{text}: {suffix or 'such'} files are not read; allowed are {kinds_of_data()}")
        found = known
    if found is not None:
        _check_options(source, found)
        return found
    if known is not None:
        raise InputError(f"{text}: no such file; check the path")
    hint = did_you_mean(text, NAMES, "check the spelling or the path")
    raise InputError(f"{text or 'empty name'}: no such data set, file or folder; allowed are {kinds_of_data()}; {hint}")


def _check_options(source: Source, reader: Reader) -> None:
    """Raise InputError for an option that does not go with the source."""
    for option, does in OPTIONS.items():
        value = source.options.get(option)
        if value is not None and option not in reader.options:
            shown = f"`{option}`" if value is True else f"`{option}` {value}"
            raise InputError(f"{shown}: {does}, and {source.text} is none; leave it out")


def load(
    source: str | os.PathLike[str],
    *,
    size: Size = None,
    labels: str | os.PathLike[str] | None = None,
    target: str | None = None,
    ignore: Sequence[str] = (),
    fold_case: bool = False,
    min_per_class: int = 1,
    signature: Signature | None = None,
    progress: Progress | None = None,
    skip_broken: bool = False,
) -> Dataset:
    """Read a data set by name, from a file, or from a folder of images.

    The guide's page on data has all kinds, and what is refused. A name wins over a folder of the same name: write
    "./mnist" for the folder.

    Parameters
    ----------
    source
        One of `fewlabels.data.NAMES`, a path, or `hf:NAME` for a data set of the Hugging Face hub.
    size
        N or (height, width), in pixels, to which images are resized.
    labels
        A file of labels, for a folder of images or an array.
    target
        The column of labels, of a table; by default the signature's, else 'label', if it is there.
    ignore
        Names of columns to leave out, of a table.
    fold_case
        Whether classes that differ in case or white space only are one.
    min_per_class
        Classes with fewer labelled examples are left out, their examples unlabelled.
    signature
        Of a trained model: examples are read in its form. Images are resized if it says so, grey ones are given colour
        and the other way round where nothing is lost; columns are found by name, unknown categories become -1.
    progress
        Called with the number of examples done, and of all, as a source too large for memory is converted.
    skip_broken
        Whether images of a folder that cannot be read are left out, with their labels; a warning names them.

    Returns
    -------
    Dataset
        Its labels are -1 where the source has none.

    Raises
    ------
    InputError
        Where there is nothing of that name, it cannot be used, or an option does not go with it.

    Examples
    --------
    >>> from fewlabels import load
    >>> digits = load("digits")
    >>> digits
    Dataset('digits', 1,797 grey images of 8x8 pixels (uint8), 1,797 labelled)
    >>> digits.x.shape, digits.x.dtype
    ((1797, 1, 8, 8), dtype('uint8'))
    """
    asked = Source(source, size, labels, target, ignore, signature, progress, skip_broken)
    dataset = find_reader(asked).read(asked)
    if signature is not None:
        signature.require_equal(dataset.signature, asked.text)
    dataset = settle_classes(dataset, fold_case, min_per_class)
    given: dict[str, Any] = {**asked.options, "target": dataset.target, "fold_case": fold_case or None}
    given["min_per_class"] = min_per_class if min_per_class > 1 else None
    options = {name: str(value) for name, value in given.items() if value is not None}
    return replace(dataset, options=options) if options else dataset


def open_stream(
    source: str | os.PathLike[str],
    signature: Signature,
    *,
    ignore: Sequence[str] = (),
    target: str | None = None,
    skip_broken: bool = False,
) -> Stream:
    """The examples of a source in the form that a model takes, block by block, without labels.

    Of a folder, all images under it, in sorted order: class folders, train, test and `labels.csv` mean nothing. Of an
    archive, a named set and `hf:NAME`, the array x (of mnist the 60,000), no test set. Of a table, the columns that the
    model reads. Memory is bounded: files are decoded, and rows read, a block at a time; only what `load` keeps in
    memory of an `.npz` archive, and named sets, are held as a whole.

    Parameters
    ----------
    source
        What `load` reads.
    signature
        Of the model.
    ignore, target
        For `hf:NAME`, to find its column of images.
    skip_broken
        As of `load`; `Stream.broken` has the names of those left out.

    Returns
    -------
    Stream
        Its blocks raise InputError for examples of another form, the first file or row of which is named.

    Raises
    ------
    InputError
        For a source that is none.
    """
    asked = Source(source, target=target, ignore=ignore, skip_broken=skip_broken)
    reader = find_reader(asked)
    check_left_out(asked.text, signature, ignore, target)
    return reader.stream(asked, signature)


def to_dataset(data: Any, signature: Signature | None = None) -> Dataset:
    """Convert paths, arrays and frames to a data set: one stays as it is, a name or a path is read by `load`, and all
    else is examples without labels. `signature` is that of a trained model. Raises InputError.
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
