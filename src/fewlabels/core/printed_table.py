"""How a result looks where it is printed, and in a notebook: a title, a small table, and sentences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape


@dataclass(frozen=True)
class PrintedTable:
    """rows: cells, as many each as there are headings. Columns of numbers are aligned to the right."""

    title: str
    headings: Sequence[str]
    rows: Sequence[Sequence[str]]
    notes: Sequence[str] = ()

    def text(self) -> str:
        """Lines for a terminal."""
        from rich.cells import cell_len

        lines = []
        if self.rows:
            table = [self.headings, *self.rows]
            widths = [max(map(cell_len, column)) for column in zip(*table, strict=True)]
            for row in table:
                cells = zip(row, widths, self._numbers(), strict=True)
                gaps = ((cell, " " * (width - cell_len(cell)), number) for cell, width, number in cells)
                lines.append("  ".join(gap + cell if number else cell + gap for cell, gap, number in gaps).rstrip())
        parts = (self.title, "\n".join(lines), "\n".join(self.notes))
        return "\n\n".join(filter(None, parts))

    def html(self) -> str:
        """A fragment of HTML; all texts are escaped."""
        sides = ["right" if number else "left" for number in self._numbers()] if self.rows else []
        rows = []
        for tag, row in (("th", self.headings), *(("td", row) for row in self.rows)) if self.rows else ():
            cells = zip(row, sides, strict=True)
            marked = (f'<{tag} style="text-align: {side}">{escape(cell)}</{tag}>' for cell, side in cells)
            rows.append(f"<tr>{''.join(marked)}</tr>")
        title = f"<p><b>{escape(self.title)}</b></p>" if self.title else ""
        table = f"<table>{''.join(rows)}</table>" if rows else ""
        return f"<div>{title}{table}{''.join(f'<p>{escape(note)}</p>' for note in self.notes)}</div>"

    def _numbers(self) -> list[bool]:
        """Of each column, whether its cells are numbers."""
        return [all(cell[:1] in "+-0123456789" for cell in column) for column in zip(*self.rows, strict=True)]
