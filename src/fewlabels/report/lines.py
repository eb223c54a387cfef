"""What a report compares: a study's methods and its two arms, each a line of runs by budget and seed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fewlabels.metrics.verdict import Arm, Comparison, choose_arm, compare

Record = Mapping[str, Any]

PRETRAINED_ARM, CONTROL_ARM = "arm:pretrained", "arm:control"


@dataclass(frozen=True)
class Line:
    """A method, or an arm (the method each seed chose by validation)."""

    key: str
    label: str
    pretrained: bool
    arm: bool
    rows: Arm

    def budgets(self) -> list[int]:
        return sorted({budget for budget, _ in self.rows})

    def at(self, budget: int) -> dict[int, Record]:
        """The runs at a budget, by seed."""
        return {seed: row for (b, seed), row in sorted(self.rows.items(), key=lambda item: item[0]) if b == budget}

    def accuracies(self, budget: int) -> list[float]:
        """One test accuracy a seed, as fractions."""
        return [row["accuracy"] for row in self.at(budget).values()]


def lines(methods: Sequence[Record], finished: Sequence[Record]) -> list[Line]:
    """The two arms, then every method in the manifest's order; those without a finished run are left out."""
    names = {side: [m["name"] for m in methods if m["pretrained"] is side] for side in (True, False)}
    arms = [
        Line(PRETRAINED_ARM, "pretrained, chosen by validation", True, True, choose_arm(finished, names[True])),
        Line(CONTROL_ARM, "control, chosen by validation", False, True, choose_arm(finished, names[False])),
    ]
    alone = [Line(m["name"], m["label"], m["pretrained"], False, choose_arm(finished, [m["name"]])) for m in methods]
    return [line for line in (*arms, *alone) if line.rows]


Pair = tuple[Line, Line, list[Comparison]]


def pairs(every: Sequence[Line]) -> list[Pair]:
    """Every pretrained line against every control line, where they share two seeds at some budget."""
    found = [
        (first, second, compare(first.rows, second.rows))
        for first in every
        if first.pretrained
        for second in every
        if not second.pretrained
    ]
    return [pair for pair in found if pair[2]]


def watched(history: Record) -> str:
    """What an encoder's validation measured: "loss", or the name of a term where the objective watches only that."""
    name = history.get("watched") or "loss"
    return name if name in (history.get("terms") or {}) else "loss"
