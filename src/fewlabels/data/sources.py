"""What a user names: a data set, a file or a folder, and which kind it is."""

from __future__ import annotations

import difflib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from fewlabels.core.errors import InputError
from fewlabels.data.image_folders import SUFFIXES
from fewlabels.data.readers.hub import PREFIX
from fewlabels.data.readers.named import NAMES
from fewlabels.data.readers.tables import TABLES

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
