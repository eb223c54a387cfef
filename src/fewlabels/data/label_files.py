"""Files of labels: which image, or which row, has which label."""

from __future__ import annotations

import difflib
import os
import posixpath
import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np

from fewlabels.core.errors import InputError
from fewlabels.data.dataset import UNLABELLED
from fewlabels.data.labels import label_array
from fewlabels.data.readers.delimited import one_line, read_header, records


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
            hint = f"did you mean {close}?" if close else "check the path, relative to the folder of images"
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
        return np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{path}: cannot be read ({reason}); write the labels with numpy.save(path, y)") from None


def _pairs(path: Path, key: str) -> Iterator[tuple[int, str, str]]:
    """Line, `key` and label of each record, stripped of spaces."""
    if not path.is_file():
        raise InputError(f"{path}: no such file of labels; check the path")
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
    """The image most like a name that is none; looked for among the first few thousand."""
    same_name = [path for path in images if path.rsplit("/", 1)[-1].lower() == image.rsplit("/", 1)[-1].lower()]
    close = difflib.get_close_matches(image, same_name or images[:5000], n=1, cutoff=0.0 if same_name else 0.6)
    return close[0] if close else None
