"""Paired differences: any pretrained line against any control line."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from fewlabels.metrics.verdict import Comparison
from fewlabels.report.charts import BLUE, INK, VERMILLION, Trace, dodge, error_bars, labels_axis, plot_layout
from fewlabels.report.formats import comparison_cells
from fewlabels.report.lines import CONTROL_ARM, PRETRAINED_ARM, Line, Pair, StudyFigures
from fewlabels.report.sections import Chart, Drawn


def draw(figures: StudyFigures) -> Drawn | None:
    if not figures.compared:
        return None
    return Drawn(
        {"rows": pair_rows(figures.compared)},
        {"differences": chart(figures.compared, figures.budgets)},
        figures.words,
        {"differences": (PRETRAINED_ARM, CONTROL_ARM)},
    )


def chart(compared: Sequence[Pair], budgets: Sequence[int]) -> Chart:
    """Paired difference in accuracy, first minus second, by first and second line."""
    choices: dict[str, dict[str, list[Trace]]] = {}
    for first, second, comparisons in compared:
        choices.setdefault(first.key, {})[second.key] = _pair(first, second, comparisons, dodge(budgets))
    layout = plot_layout(labels_axis(budgets), "difference, percentage points")
    layout["yaxis"] |= {"zeroline": True, "zerolinecolor": INK, "zerolinewidth": 1.5}
    return {"layout": layout, "choices": choices}


def _pair(first: Line, second: Line, comparisons: Sequence[Comparison], dodge: float) -> list[Trace]:
    points = [
        (c.budget, seed, 100 * (row["accuracy"] - second.rows[c.budget, seed]["accuracy"]))
        for c in comparisons
        for seed, row in first.at(c.budget).items()
        if (c.budget, seed) in second.rows
    ]
    means = [100 * c.difference for c in comparisons]
    bars = error_bars(means, [(100 * c.interval.low, 100 * c.interval.high) for c in comparisons], INK)
    colours = [INK if not c.interval.excludes_zero() else BLUE if c.difference > 0 else VERMILLION for c in comparisons]
    return [
        {
            "type": "scatter",
            "mode": "markers",
            "x": [budget * math.exp(0.35 * dodge) for budget, _, _ in points],
            "y": [y for _, _, y in points],
            "marker": {"color": INK, "symbol": "circle-open", "size": 7, "opacity": 0.7},
            "customdata": [seed for _, seed, _ in points],
            "hovertemplate": "seed %{customdata}: %{y:+.1f} points<extra></extra>",
        },
        {
            "type": "scatter",
            "mode": "markers",
            "x": [c.budget for c in comparisons],
            "y": means,
            "error_y": {**bars, "thickness": 2, "width": 6},
            "marker": {"color": colours, "symbol": "diamond", "size": 12},
            "customdata": [
                [c.budget, 100 * c.interval.low, 100 * c.interval.high, c.win_probability, c.seeds] for c in comparisons
            ],
            "hovertemplate": "%{customdata[0]} labels: %{y:+.1f} points<br>"
            "interval %{customdata[1]:+.1f} to %{customdata[2]:+.1f}<br>"
            "P(win) %{customdata[3]:.2f} over %{customdata[4]} seeds<extra></extra>",
        },
    ]


def pair_rows(compared: Sequence[Pair]) -> list[dict[str, Any]]:
    """Everything pretrained against the control arm alone: all pairs may be thousands, and the chart has them."""
    return [
        {"first": first.label, "second": second.label, **comparison_cells(c)}
        for first, second, comparisons in compared
        if second.key == CONTROL_ARM
        for c in comparisons
    ]
