"""The one table of readers: a row here, and `load`, `open_stream`, the command line's help and the refusals know it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from fewlabels.data.cache import Progress
from fewlabels.data.dataset import Dataset, Signature
from fewlabels.data.readers.hub import PREFIX, read_hub
from fewlabels.data.readers.image_layouts import SUFFIXES, images_under
from fewlabels.data.readers.images import Size, read_image_file, read_image_folder
from fewlabels.data.readers.named import NAMES, load_named
from fewlabels.data.readers.numpy_files import open_npy, read_npy, read_npz, read_npz_x
from fewlabels.data.readers.tables import TABLES, read_table
from fewlabels.data.streams import Stream, array_stream, hub_stream, image_stream, table_stream


@dataclass(frozen=True)
class Source:
    """What a user gave, and how it is to be read; `load` tells what each option means."""

    given: str | os.PathLike[str]
    size: Size = None
    labels: str | os.PathLike[str] | None = None
    target: str | None = None
    ignore: Sequence[str] = ()
    signature: Signature | None = None
    progress: Progress | None = None
    skip_broken: bool = False

    @property
    def text(self) -> str:
        return os.fspath(self.given)

    @property
    def path(self) -> Path:
        return Path(self.text).expanduser()

    @property
    def options(self) -> dict[str, object]:
        """Those of OPTIONS that were given, as they are written."""
        given = {"size": self.size, "labels": self.labels, "target": self.target, "ignore": ", ".join(self.ignore)}
        given["skip_broken"] = self.skip_broken or None
        return {name: value for name, value in given.items() if value not in (None, "")}


OPTIONS: Mapping[str, str] = {
    "size": "resizes image files only",
    "labels": "labels a folder of images or an array only",
    "target": "names a column of a table only",
    "ignore": "names columns of a table only",
    "skip_broken": "leaves out images of a folder only",
}
"""What each option of a `Source` does, as a refusal says it."""


@dataclass(frozen=True)
class Reader:
    """A kind of source.

    words: what it is, in refusals and in help. labels: where they come from, in docs/data.md.
    read: all of it. stream: its examples in the form of a signature, without labels, a block at a time.
    suffixes: of files of this kind. means: where suffixes do not tell, whether a source is of this kind.
    options: those of OPTIONS that go with it.
    """

    kind: str
    words: str
    labels: str
    read: Callable[[Source], Dataset]
    stream: Callable[[Source, Signature], Stream]
    suffixes: tuple[str, ...] = ()
    means: Callable[[Source], bool] | None = None
    options: tuple[str, ...] = ()


READERS: Mapping[str, Reader] = {
    reader.kind: reader
    for reader in (
        Reader(
            "name",
            ", ".join(NAMES),
            "come with it",
            read=lambda s: load_named(s.text),
            stream=lambda s, form: array_stream(s.text, s.text, load_named(s.text).x, form),
            means=lambda s: s.given in NAMES,
        ),
        Reader(
            "hub",
            "hf:NAME of the Hugging Face hub",
            "the column `label`, the only `ClassLabel`, or `--target NAME`",
            read=lambda s: read_hub(s.text, size=s.size, target=s.target, ignore=s.ignore, signature=s.signature),
            stream=lambda s, form: hub_stream(s.text, s.target, s.ignore, form),
            means=lambda s: isinstance(s.given, str) and s.text.startswith(PREFIX),
            options=("size", "target", "ignore"),
        ),
        Reader(
            "folder",
            "a folder of images",
            "names of its subfolders, but for `unlabelled/` and `-1/`; or `labels.csv` in it; or `--labels FILE`",
            read=lambda s: read_image_folder(s.path, s.size, s.progress, s.labels, s.signature, s.skip_broken),
            stream=lambda s, form: image_stream(
                s.path.resolve().name, s.path, images_under(s.path), form, s.skip_broken
            ),
            means=lambda s: bool(s.text) and s.path.is_dir(),
            options=("size", "labels", "skip_broken"),
        ),
        Reader(
            "image",
            f"an image ({', '.join(SUFFIXES)})",
            "none",
            read=lambda s: read_image_file(s.path, s.size, s.signature),
            stream=lambda s, form: image_stream(s.path.stem, s.path.parent, [s.path.name], form),
            suffixes=SUFFIXES,
            options=("size",),
        ),
        Reader(
            "table",
            f"a table ({', '.join(TABLES)})",
            "the column `label`, or `--target NAME`",
            read=lambda s: read_table(s.path, target=s.target, ignore=s.ignore, signature=s.signature),
            stream=lambda s, form: table_stream(s.path, form),
            suffixes=TABLES,
            options=("target", "ignore"),
        ),
        Reader(
            "npz",
            "an archive of arrays (.npz)",
            "`y`, or `--labels FILE`",
            read=lambda s: read_npz(s.path, s.progress, s.labels),
            stream=lambda s, form: array_stream(s.path.stem, s.text, read_npz_x(s.path), form),
            suffixes=(".npz",),
            options=("labels",),
        ),
        Reader(
            "npy",
            "an array (.npy)",
            "`--labels FILE`",
            read=lambda s: read_npy(s.path, s.labels),
            stream=lambda s, form: array_stream(s.path.stem, s.text, open_npy(s.path), form),
            suffixes=(".npy",),
            options=("labels",),
        ),
    )
}
"""By kind. The first that knows a source reads it: a name wins over a folder of that name."""


def kinds_of_data() -> str:
    """All kinds of sources in words, as a refusal and the command line's help list them."""
    return ", ".join(reader.words for reader in READERS.values())
