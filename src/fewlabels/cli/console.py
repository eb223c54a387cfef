"""What all commands share: reading options, telling results and progress."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from fewlabels.core.errors import InputError
from fewlabels.core.progress import Display
from fewlabels.core.text import allowed

INTERRUPTED = 130

Item = TypeVar("Item")


def numbers(option: str, text: str) -> list[int]:
    """Whole numbers from '10,30,100'. Raises InputError."""
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise InputError(
            f"{option} is {text!r}; allowed are whole numbers with commas between, such as 10,30,100"
        ) from None


def one_of(option: str, value: str, known: Sequence[str]) -> str:
    if value not in known:
        raise InputError(f"{option} is {value!r}; {allowed(value, known)}")
    return value


def say(message: str) -> None:
    """One line on stderr."""
    print(f"fewlabels: {message}", file=sys.stderr)


def say_unknown(counts: Mapping[str, int], n: int) -> None:
    """On stderr, a line a column, how many values of n examples are categories that a model has never seen."""
    for column, unknown in counts.items():
        say(f"column {column!r}: {unknown:,} of {n:,} examples have a category that the model has never seen")


def command_line(argv: Sequence[str]) -> str:
    """The command as it could be typed again."""
    return shlex.join([Path(argv[0]).name.replace("__main__.py", "python -m fewlabels"), *argv[1:]])


def tell(as_json: bool, values: Mapping[str, Any], lines: Sequence[str]) -> None:
    """The result of a command on stdout: its values as JSON, or lines for people."""
    if as_json:
        print(json.dumps(values, indent=2, ensure_ascii=False, allow_nan=False))
        return
    console = Console(highlight=False)
    for line in lines:
        console.print(line, markup=False, soft_wrap=True)


@contextmanager
def busy(what: str) -> Iterator[None]:
    """Tells a terminal what takes so long; silent elsewhere."""
    with Display() as display:
        display.stage(what)
        yield


@contextmanager
def fitting() -> Iterator[Callable[[int, int, str], None]]:
    """Tells which way of transfer is fitted, and how many there are: elsewhere than on a terminal a line a way."""
    with Display() as display:

        def begin(number: int, ways: int, way: str) -> None:
            which = f"{way}, {number} of {ways}" if ways > 1 else way
            display.stage(f"{which}: fitting, and validating inside the labels", line=True)

        yield begin


@contextmanager
def counting(title: str, n: int | None) -> Iterator[Callable[[Iterable[Item]], Iterator[Item]]]:
    """A bar on stderr over so many items, or over an unknown number; silent off a terminal."""
    console = Console(stderr=True)
    columns = (TextColumn(title), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        yield lambda items: iter(bar.track(items, total=n))


@contextmanager
def reading(data: object) -> Iterator[Callable[[int, int], None]]:
    """Tells that data are read, and how far their conversion is where they are too large for memory."""
    with Display() as display:
        display.stage(f"reading {data}")
        yield lambda done, n: display.count(done, n, "examples converted")
