"""The verdict as a forest plot: the paired difference at each budget, with its interval and every seed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fewlabels.metrics.sentence import deciding
from fewlabels.metrics.verdict import MIN_SEEDS, BudgetVerdict, Verdict
from fewlabels.report.formats import NONE, SYMBOLS, comparison_cells, worth
from fewlabels.report.lines import CONTROL_ARM, PRETRAINED_ARM, StudyFigures
from fewlabels.report.sections import Drawn
from fewlabels.report.tracks import Scale

WIDEST = 3.0
"""Intervals may take this much more room than the seeds' own differences before they are cut."""


def draw(figures: StudyFigures) -> Drawn | None:
    verdict = figures.verdict
    if not verdict.budgets:
        return None
    differences = [_seeds(figures, v) for v in verdict.budgets]
    scale = _scale(verdict, differences)
    rows = []
    for row, v, dots in zip(verdict_rows(verdict), verdict.budgets, differences, strict=True):
        low, high = v.comparison.interval
        rows.append(row | {"track": scale.track(100 * low, 100 * high, 100 * v.comparison.difference, dots)})
    return Drawn(
        {
            "rows": rows,
            "axis": scale.axis("{:+g}"),
            "zero": scale.place(0),
            "rule": verdict.rule,
            "looks": verdict.looks,
            "seeds": min(v.comparison.seeds for v in verdict.budgets),
            "least_seeds": MIN_SEEDS,
            "unvalidated": [v.comparison.budget for v in verdict.budgets if not v.validated],
        }
    )


def _seeds(figures: StudyFigures, verdict: BudgetVerdict) -> list[float]:
    """Each seed's difference at a budget, in points."""
    first, second = (
        next(line for line in figures.every if line.key == arm).at(verdict.comparison.budget)
        for arm in (PRETRAINED_ARM, CONTROL_ARM)
    )
    return [100 * (first[seed]["accuracy"] - second[seed]["accuracy"]) for seed in first if seed in second]


def _scale(verdict: Verdict, differences: list[list[float]]) -> Scale:
    """Zero, all seeds and all intervals, unless these are much wider than what the seeds show."""
    seen = [0.0, *(dot for dots in differences for dot in dots)]
    ends = [100 * end for v in verdict.budgets for end in v.comparison.interval]
    most = WIDEST * max(1.0, *map(abs, seen))
    return Scale(max(-most, min(-0.5, *seen, *ends)), min(most, max(0.5, *seen, *ends)))


def verdict_rows(verdict: Verdict) -> list[dict[str, Any]]:
    budgets = [v.comparison.budget for v in verdict.budgets]
    return [
        {
            **comparison_cells(v.comparison),
            "call": v.comparison.call,
            "symbol": SYMBOLS[v.comparison.call],
            "test_error": f"± {196 * v.comparison.test_error:.1f}",
            "worth": NONE if v.comparison.call == "undecided" else worth(v, budgets),
            "decides": deciding(v) if v.comparison.call == "undecided" else NONE,
            "validated": v.validated,
            "chosen_pretrained": _chosen(v.chosen_pretrained),
            "chosen_control": _chosen(v.chosen_control),
        }
        for v in verdict.budgets
    ]


def _chosen(counts: Mapping[str, int]) -> list[dict[str, str]]:
    seeds = sum(counts.values())
    return [
        {"method": method, "count": f"{count} of {seeds} seeds" if place == 0 else str(count)}
        for place, (method, count) in enumerate(counts.items())
    ]
