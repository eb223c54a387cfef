"""How far something is, on stderr: a line that changes on a terminal, and a line every tenth elsewhere."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table


def duration(seconds: float) -> str:
    """Such as '12 s' or '3 min 05 s'."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


class Display:
    """Tells what is under way and how far it is, within a `with`, at whose end the changing line is gone."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.live import Live

        self._console = Console(stderr=True, highlight=False)
        self._began = self._ends = time.monotonic()
        self._what, self._words = "", ""
        self._done, self._total = 0, 0
        self._tenth = 0
        self._live = Live(get_renderable=self._line, console=self._console, transient=True, refresh_per_second=5)

    def __enter__(self) -> Display:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._live.stop()

    def stage(self, what: str, line: bool = False) -> None:
        """Something is under way that is not counted. line: it is told elsewhere than on a terminal, too."""
        self._what, self._words, self._total = what, "", 0
        self._began = time.monotonic()
        if line and not self._console.is_terminal:
            self.print(what)

    def count(self, done: int, total: int, what: str, words: str = "", left: float | None = None) -> None:
        """So many of so many are done.

        what: as in '5 of 40 runs done'. words: what else is to be told. left: seconds still to go, where that is known.
        """
        if what != self._what:
            self.stage(what)
            self._tenth = 0
        self._done, self._total, self._words = done, total, words
        self._ends = time.monotonic() + left if left is not None else 0.0
        if not self._console.is_terminal and done * 10 // total > self._tenth:
            self._tenth = done * 10 // total
            self.print(", ".join(filter(None, (f"{done:,} of {total:,} {what}", self._left(), words))))

    def print(self, line: str) -> None:
        """A line that stays."""
        self._console.print(line, markup=False, soft_wrap=True)

    def _left(self) -> str:
        """The time left, which runs down until the next estimate."""
        left = self._ends - time.monotonic()
        return f"about {duration(left)} left" if left >= 1 and self._done < self._total else ""

    def _line(self) -> Table:
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        counted = f"{self._done:,}/{self._total:,} {self._what}" if self._total else f"{self._what} ..."
        parts = (counted, self._left(), self._words, duration(time.monotonic() - self._began))
        grid = Table.grid(padding=(0, 1))
        width = max(8, self._console.width // 6)
        grid.add_column(min_width=width)
        grid.add_column(no_wrap=True, overflow="ellipsis")
        bar = ProgressBar(total=self._total or None, completed=self._done, width=width, pulse=not self._total)
        grid.add_row(bar, Text("  ".join(filter(None, parts)), no_wrap=True, overflow="ellipsis"))
        return grid
