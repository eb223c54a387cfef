"""Results as markdown: one table of all comparisons, then each row's arms and notes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.rows import Comparison, Row
from benchmarks.side_by_side import Measured

VERDICTS = {True: "yes", False: "no", None: ""}


def render(machine: Mapping[str, Any], rows: Sequence[Row], quick: bool) -> str:
    """The whole page."""
    facts = ", ".join(f"{name} {value}" for name, value in machine.items() if value is not None)
    lines = ["# Benchmarks", "", *(["Quick: smaller problems, fewer repeats.", ""] if quick else []), facts, ""]
    lines += ["| row | compared | median | lowest to highest | target | met |", "|---|---|---|---|---|---|"]
    lines += [_comparison_line(row, comparison) for row in rows for comparison in row.comparisons]
    for row in rows:
        lines += ["", *_section(row)]
    return "\n".join(lines) + "\n"


def _comparison_line(row: Row, comparison: Comparison) -> str:
    if comparison.failure is not None:
        return _cells(row.name, comparison.what, "failed", "", comparison.target, "")
    spread = f"{number(comparison.lowest)} to {number(comparison.highest)}"
    verdict = VERDICTS[comparison.met]
    return _cells(row.name, comparison.what, number(comparison.median), spread, comparison.target, verdict)


def _section(row: Row) -> list[str]:
    threads = f" Threads: {row.threads}." if row.threads is not None else ""
    lines = [f"## {row.name}", "", f"{row.title}.{threads}"]
    if row.arms:
        lines += ["", f"| arm | median, {row.unit} | every repeat |", "|---|---|---|"]
        lines += [_arm_line(name, measured) for name, measured in row.arms.items()]
    failures = dict.fromkeys(f"Failed: {c.failure}" for c in row.comparisons if c.failure is not None)
    notes = [f"- {note}" for note in [*row.notes, *failures]]
    return [*lines, *(["", *notes] if notes else [])]


def _arm_line(name: str, measured: Measured) -> str:
    repeats = ", ".join(number(value) for value in measured.all())
    if measured.failure is not None:
        repeats = f"{repeats}; failed: {measured.failure}".removeprefix("; ")
    return _cells(name, number(measured.median()) if measured.repeats else "", repeats)


def _cells(*cells: str) -> str:
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"


def number(value: float | None) -> str:
    """Four significant digits, thousands apart: 12,340, 3.142, 0.07353."""
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
