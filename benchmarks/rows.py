"""Rows: what the arms gave, the comparisons between them, and whether each meets its target."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any, Literal

from benchmarks.side_by_side import Effort, Measured

Better = Literal["more", "less"]


@dataclass(frozen=True)
class Comparison:
    """One line of the table: a figure, its spread, and what it should be.

    median, lowest, highest: of a ratio, the ratio of the arms' medians and the extremes of the pairwise ratios.
    met: None where there is no target, or no figure to hold against it.
    """

    what: str
    median: float | None = None
    lowest: float | None = None
    highest: float | None = None
    target: str = ""
    met: bool | None = None
    failure: str | None = None


@dataclass(frozen=True)
class Row:
    """name: short, unique. title: what was measured, on what. unit: of the arms' values. threads: of each arm."""

    name: str
    title: str
    unit: str = ""
    threads: int | None = None
    arms: Mapping[str, Measured] = field(default_factory=dict)
    comparisons: Sequence[Comparison] = ()
    notes: Sequence[str] = ()

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def ratio(
    arms: Mapping[str, Measured],
    ours: str,
    theirs: str,
    better: Better,
    at_least: float | None = None,
    key: str = "value",
    what: str | None = None,
) -> Comparison:
    """How many times better our arm is than the other: above 1 is for us, whether more or less is better."""
    what = what or f"times {theirs}"
    target = f"at least {at_least:g}" if at_least is not None else ""
    if failure := _failure(arms, ours, theirs):
        return Comparison(what, target=target, failure=failure)
    above, below = (ours, theirs) if better == "more" else (theirs, ours)
    middle = arms[above].median(key) / arms[below].median(key)
    pairs = [a / b for a, b in zip(arms[above].all(key), arms[below].all(key), strict=False)]
    met = None if at_least is None else middle >= at_least
    return Comparison(what, middle, min(pairs), max(pairs), target, met)


def limit(
    arms: Mapping[str, Measured], arm: str, what: str, at_most: float | None = None, key: str = "value"
) -> Comparison:
    """An arm's own figure, which should not be above `at_most`."""
    target = f"at most {at_most:g}" if at_most is not None else ""
    if failure := _failure(arms, arm):
        return Comparison(what, target=target, failure=failure)
    values = arms[arm].all(key)
    return Comparison(
        what, median(values), min(values), max(values), target, None if at_most is None else median(values) <= at_most
    )


def agreement(arms: Mapping[str, Measured], ours: str, theirs: str, key: str, within: float) -> Comparison:
    """How far our figure lies above the other's, as a share of it: +0.01 is 1% more. Repeats are paired."""
    what, target = f"{key}, relative to {theirs}", f"within {within:g}"
    if failure := _failure(arms, ours, theirs):
        return Comparison(what, target=target, failure=failure)
    apart = [a / b - 1 for a, b in zip(arms[ours].all(key), arms[theirs].all(key), strict=False)]
    return Comparison(what, median(apart), min(apart), max(apart), target, abs(median(apart)) <= within)


def _failure(arms: Mapping[str, Measured], *names: str) -> str | None:
    """Why a comparison of these arms has no figures, if it has none."""
    for name in names:
        if not arms[name].repeats:
            return f"{name}: {arms[name].failure or 'not measured'}"
    return None


def compact(measured: Measured, keys: Sequence[str]) -> str:
    """The medians of some figures, for a note: `loss 0.0712, accuracy 0.913`."""
    return ", ".join(f"{key} {measured.median(key):.4g}" for key in keys if measured.repeats)


def failed_row(name: str, effort: Effort, why: str) -> Row:
    """The row of a file that could not be run."""
    return Row(name, name, threads=effort.threads, comparisons=[Comparison("not measured", failure=why)])
