"""Delimited text, CSV above all: encoding, delimiter, header, rows that do not fit; and files of labels."""

from __future__ import annotations

import csv
import io
import os
import posixpath
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from fewlabels.core.errors import InputError
from fewlabels.core.files import require_file
from fewlabels.core.text import closest, one_line
from fewlabels.data.dataset import UNLABELLED
from fewlabels.data.labels import label_array

DELIMITERS = (",", ";", "\t")
_LONGEST_LINE = 2**24
_RESAVE = "save it again as CSV in UTF-8"


@dataclass(frozen=True)
class Header:
    """The names of the columns, and what parts them."""

    names: tuple[str, ...]
    delimiter: str


class _Text(io.TextIOWrapper):
    """UTF-8, with or without its mark; refuses the NUL that only binary files hold."""

    def read(self, size: int | None = -1, /) -> str:
        text = super().read(size)
        if "\0" in text:
            raise InputError(f"{self.buffer.name}: holds a NUL byte, as no text does; {_RESAVE}")
        return text


@contextmanager
def open_text(path: Path) -> Iterator[_Text]:
    """The file as UTF-8 text. Raises InputError where it cannot be read, and, as it is read, where it is no such text.

    Line ends stay as they are.
    """
    try:
        with path.open("rb") as file, _Text(file, encoding="utf-8-sig", newline="") as text:
            yield text
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: is not UTF-8 (byte 0x{error.object[error.start]:02x}); {_RESAVE}") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error}); check the path and its rights") from None


def read_header(path: Path) -> Header:
    """The first line that is not blank; of comma, semicolon and tab, the one most frequent in it is the delimiter.

    Names lose spaces around them, and have single ones within. Raises InputError for an empty file.
    """
    with open_text(path) as file:
        line = ""
        while not line.strip():
            line = file.readline(_LONGEST_LINE)
            if not line:
                raise InputError(f"{path}: is empty; its first line must name the columns")
        if len(line) == _LONGEST_LINE:
            raise InputError(
                f"{path}: its first line is longer than {_LONGEST_LINE:,} characters, the most that is read; it names "
                "no columns of a table: check the file"
            )
        bare = "".join(line.split('"')[::2])  # without what stands in quotes
        delimiter = max(DELIMITERS, key=bare.count)
    _, names = next(records(path, delimiter), (0, []))
    return Header(tuple(" ".join(name.split()) for name in names), delimiter)


def records(path: Path, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Every record but blank ones, the header too, with the number of its last line, from 1. Raises InputError."""
    with open_text(path) as file:
        reader = csv.reader(_without_nul(path, file), delimiter=delimiter, skipinitialspace=True)
        try:
            for record in reader:
                if record not in ([], [""]):
                    yield reader.line_num, record
        except csv.Error as error:
            raise InputError(f"{path}, line {reader.line_num}: {error}; {_RESAVE}") from None


def _without_nul(path: Path, lines: Iterator[str]) -> Iterator[str]:
    for line in lines:
        if "\0" in line:
            raise InputError(f"{path}: holds a NUL byte, as no text does; {_RESAVE}")
        yield line


def require_whole_rows(path: Path, header: Header) -> None:
    """Raise InputError for the first row with fewer or more fields than the header."""
    for line, record in records(path, header.delimiter):
        if len(record) != len(header.names):
            raise InputError(
                f"{path}, line {line}: has {len(record)} fields, the header {len(header.names)}; mend the line (a text "
                "with a delimiter in it stands in quotes)"
            )


def image_labels(path: Path, images: list[str]) -> list[str]:
    """The label of each image, "" where it has none, from a CSV with the columns file and label.

    path: of the CSV; a file in it is named by its path relative to the folder of images, with / or \\.
    images: their paths relative to the folder, with /. One that is not listed has no label.

    Raises InputError for another header, a file that is listed but not there, one outside the folder, and one listed
    with two labels.
    """
    known, labels = set(images), dict[str, str]()
    for line, name, label in _pairs(path, "file"):
        image = _relative(f"{path}, line {line}", name, known)
        if image not in known:
            close = _close(image, images)
            hint = f"did you mean {close!r}?" if close else "check the path, relative to the folder of images"
            raise InputError(f"{path}, line {line}: {one_line(name)}: no such image; {hint}")
        if labels.setdefault(image, label) != label:
            raise InputError(
                f"{path}, line {line}: {one_line(name)} has the label {label!r} here, {labels[image]!r} above; "
                "leave one line out"
            )
    return [labels.get(image, "") for image in images]


def row_labels(path: str | os.PathLike[str] | None, n: int) -> np.ndarray:
    """[n] labels, as `label_array` gives them: from a `.npy` vector, or a CSV with the columns row and label.

    Rows count from 0; one that is not listed has no label. Without a path, none has.

    Raises InputError for other files, other lengths, rows that are none, and rows listed with two labels.
    """
    if path is None:
        return np.full(n, UNLABELLED, dtype=np.int64)
    path = Path(path).expanduser()
    if path.suffix.lower() == ".npy":
        labels = label_array(str(path), _load_vector(path))
        if len(labels) != n:
            raise InputError(f"{path}: holds {len(labels)} labels, but there are {n} examples; give one label each")
        return labels
    texts = dict[int, str]()
    for line, row, label in _pairs(path, "row"):
        if not re.fullmatch("[0-9]{1,18}", row) or int(row) >= n:
            raise InputError(
                f"{path}, line {line}: there is no row {row!r}; allowed are 0 to {n - 1}, as rows count from 0"
            )
        if texts.setdefault(int(row), label) != label:
            raise InputError(
                f"{path}, line {line}: row {row} has the label {label!r} here, {texts[int(row)]!r} above; leave one "
                "line out"
            )
    return np.array([texts.get(row, "") for row in range(n)], dtype=np.str_)


def _load_vector(path: Path) -> np.ndarray:
    try:
        vector: np.ndarray = np.load(path, mmap_mode="r", allow_pickle=False)
        return vector
    except Exception as error:  # a header may claim anything
        raise InputError(
            f"{path}: cannot be read ({one_line(error)}); write the labels with numpy.save(path, y)"
        ) from None


def _pairs(path: Path, key: str) -> Iterator[tuple[int, str, str]]:
    """Line, `key` and label of each record, stripped of spaces."""
    require_file(path, "file of labels")
    header = read_header(path)
    names = [name.lower() for name in header.names]
    for name in (key, "label"):
        if names.count(name) != 1:
            found = "is missing" if name not in names else "stands there twice"
            raise InputError(
                f"{path}: column {name!r} {found}, its first line is {', '.join(header.names)}; needed are {key} and "
                "label"
            )
    at, at_label = names.index(key), names.index("label")
    empty = True
    for line, record in islice(records(path, header.delimiter), 1, None):
        if len(record) != len(names):
            raise InputError(
                f"{path}, line {line}: has {len(record)} fields, the header {len(names)}; mend the line (a name with a "
                "delimiter in it stands in quotes)"
            )
        empty = False
        yield line, record[at].strip(), record[at_label].strip()
    if empty:
        raise InputError(f"{path}: lists nothing; give a line for each labelled example, or remove the file")


def _relative(where: str, name: str, known: set[str]) -> str:
    """The image's path as the folder knows it."""
    if name in known:
        return name
    path = name.replace("\\", "/")
    if not path or path.startswith("/") or re.match("[A-Za-z]:", path):
        raise InputError(
            f"{where}: {one_line(name) or 'an empty name'}: give the path relative to the folder of images"
        )
    path = posixpath.normpath(path)
    if path.split("/")[0] == "..":
        raise InputError(f"{where}: {one_line(name)}: lies outside the folder of images; copy the image into it")
    return path


def _close(image: str, images: list[str]) -> str | None:
    """The image most like a name that is none: first among those of the same name in other folders."""
    same_name = [path for path in images if path.rsplit("/", 1)[-1].lower() == image.rsplit("/", 1)[-1].lower()]
    return closest(image, same_name or images, cutoff=0.0 if same_name else 0.6)
