"""Texts in messages: anything in one short line, and the name that was perhaps meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from itertools import islice

MOST_NAMES = 5000
"""That a name is compared with: of a hundred thousand columns, all would take seconds."""


def one_line(found: object, most: int = 160) -> str:
    """What an error or another value says, in one line of so many characters, none of which moves a terminal's cursor.

    Of an error that says nothing, the name of its kind.
    """
    text = " ".join(str(found).split())
    if not text and isinstance(found, Exception):
        return type(found).__name__
    text = "".join(mark if mark.isprintable() else ascii(mark)[1:-1] for mark in text[: most + 1])
    return text if len(text) <= most else f"{text[: most - 3]}..."


def closest(name: str, known: Iterable[str], cutoff: float = 0.6) -> str | None:
    """The known name most like this one, whatever its case; None where none is like it.

    cutoff: how alike they must be, from 0 to 1 for equal ones.
    """
    lower = {other.lower(): other for other in islice(known, MOST_NAMES)}
    found = difflib.get_close_matches(name.lower(), lower, n=1, cutoff=cutoff)
    return lower[found[0]] if found else None


def did_you_mean(name: str, known: Iterable[str], otherwise: str = "") -> str:
    """The question, where a known name is like this one; else the other words."""
    near = closest(name, known)
    return otherwise if near is None else f"did you mean {near!r}?"


def allowed(name: str, known: Sequence[str]) -> str:
    """What may stand where `name` does, and the question, where one of them is like it."""
    return "; ".join(filter(None, (f"allowed are {', '.join(known)}", did_you_mean(name, known))))
