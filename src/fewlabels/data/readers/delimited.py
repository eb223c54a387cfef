"""Delimited text, CSV above all: its encoding, its delimiter, its header, and the rows that do not fit it."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from fewlabels.core.errors import InputError

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
        bare = "".join(line.split('"')[::2])  # without what stands in quotes
        delimiter = max(DELIMITERS, key=bare.count)
    _, names = next(records(path, delimiter), (0, []))
    return Header(tuple(one_line(name) for name in names), delimiter)


def one_line(text: str) -> str:
    """With single spaces for every stretch of white space."""
    return " ".join(text.split())


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
