"""One function from what a user names to a data set."""

from __future__ import annotations

import difflib
import os
from pathlib import Path

from fewlabels.data.conversion import Progress
from fewlabels.data.dataset import Dataset
from fewlabels.data.images import read_image_folder
from fewlabels.data.named import NAMES, load_named
from fewlabels.data.npz import read_npz
from fewlabels.errors import InputError


def load(
    source: str | os.PathLike[str],
    *,
    size: int | tuple[int, int] | None = None,
    progress: Progress | None = None,
) -> Dataset:
    """A data set by name (see NAMES), from an `.npz` file, or from a folder of images, one subfolder a class.

    A name wins over a folder of the same name: write "./mnist" for the folder.
    size: N or (height, width) to which the images of a folder are resized; for nothing else.
    progress: called with the number of examples done, and of all, as a source too large for memory is converted.

    Raises InputError when there is nothing of that name or it cannot be used.
    """
    text = os.fspath(source)
    path = Path(text).expanduser()
    is_name = isinstance(source, str) and text in NAMES
    if not is_name and text and path.is_dir():
        return read_image_folder(path, size, progress)
    if size is not None:
        raise InputError(f"--size {size}: resizes the images of a folder only, and {text} is none; leave it out")
    if is_name:
        return load_named(text)
    if path.suffix.lower() == ".npz":
        return read_npz(path, progress)
    allowed = f"allowed are {', '.join(NAMES)}, an .npz file, or a folder of images with one subfolder a class"
    if path.is_file():
        raise InputError(f"{text}: {path.suffix or 'such'} files are not read; {allowed}")
    close = difflib.get_close_matches(text.lower(), NAMES, n=1)
    hint = f"did you mean {close[0]}?" if close else "check the spelling or the path"
    raise InputError(f"{text or 'empty name'}: no such data set, file or folder; {allowed}; {hint}")
