"""Accuracy against labels: every method and both arms, with intervals and every seed's point."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from fewlabels.metrics.intervals import bootstrap_interval
from fewlabels.report.charts import BLUE, VERMILLION, Trace, dodge, error_bars, labels_axis, plain, plot_layout
from fewlabels.report.formats import NONE, percent
from fewlabels.report.lines import Line, StudyFigures, most_chosen, untrained
from fewlabels.report.sections import Chart, Drawn

PRETRAINED_COLOURS = ("#56B4E9", "#009E73", "#CC79A7", "#0072B2")
CONTROL_COLOURS = ("#E69F00", "#5F5F5F", "#D55E00", "#000000")
MARKERS = ("diamond", "triangle-up", "cross", "x", "triangle-down", "star", "pentagon")
PRETRAINED_DASHES, CONTROL_DASHES = ("solid", "longdash", "longdashdot"), ("dot", "dashdot")


def draw(figures: StudyFigures) -> Drawn | None:
    if not figures.every:
        return None
    shown = _shown(figures)
    values = {
        "budgets": figures.budgets,
        "seeds": len(figures.manifest["seeds"]),
        "classes": figures.classes,
        "rows": accuracy_rows(figures.every, figures.budgets),
        "legend": [
            {"line": line, **style(figures.every, line)}
            for line in sorted(figures.every, key=lambda line: line.key not in shown)
        ],
    }
    return Drawn(values, {"accuracy": chart(figures.every, figures.budgets, shown)})


def _shown(figures: StudyFigures) -> list[str]:
    """Visible at first: the arms, and on each side the method chosen most often."""
    budgets = figures.verdict.budgets
    sides = ([v.chosen_pretrained for v in budgets], [v.chosen_control for v in budgets])
    favourites = list(map(most_chosen, sides))
    return [line.key for line in figures.every if line.arm or line.key in favourites]


def style(every: Sequence[Line], line: Line) -> dict[str, Any]:
    """Colour, marker, dash and width of a line: no two alike among 84 pretrained methods and 56 controls.

    Of a few lines side by side none is told apart by colour alone.
    """
    if line.arm:
        colour, symbol, dash = (BLUE, "circle", "solid") if line.pretrained else (VERMILLION, "square", "dash")
        return {"colour": colour, "symbol": symbol, "dash": dash, "width": 3.5}
    side = [other.key for other in every if not other.arm and other.pretrained is line.pretrained]
    place = side.index(line.key)
    colours = PRETRAINED_COLOURS if line.pretrained else CONTROL_COLOURS
    dashes = PRETRAINED_DASHES if line.pretrained else CONTROL_DASHES
    return {
        "colour": colours[place % len(colours)],
        "symbol": MARKERS[place % len(MARKERS)],
        "dash": dashes[place // len(colours) % len(dashes)],
        "width": 1.75,
    }


def chart(every: Sequence[Line], budgets: Sequence[int], shown: Sequence[str]) -> Chart:
    """Test accuracy against labels, all lines; `shown` are the keys visible at first."""
    traces: list[Trace] = []
    places = [line.key for line in sorted(every, key=_leftmost)]
    for line in sorted(every, key=lambda one: one.arm):  # arms last: on top
        look, at, place = style(every, line), line.budgets(), places.index(line.key)
        shift = math.exp(dodge(budgets) * (place / max(1, len(every) - 1) - 0.5))
        means = [100 * float(np.mean(line.accuracies(b))) for b in at]
        spans = [bootstrap_interval(line.accuracies(b)) for b in at]
        common = {
            "type": "scatter",
            "name": plain(line.label),
            "meta": {"line": line.key},
            "visible": line.key in shown,
        }
        mean_trace = {
            **common,
            "x": list(at) if line.arm else [b * shift for b in at],
            "y": means,
            "mode": "lines+markers",
            "line": {"color": look["colour"], "dash": look["dash"], "width": look["width"]},
            "marker": {"color": look["colour"], "symbol": look["symbol"], "size": 11 if line.arm else 8},
            "customdata": [[b, 100 * s.low, 100 * s.high] for b, s in zip(at, spans, strict=True)],
            "hovertemplate": "%{fullData.name}<br>%{customdata[0]} labels: %{y:.1f}%<br>"
            "95% interval %{customdata[1]:.1f} to %{customdata[2]:.1f}<extra></extra>",
        }
        if line.arm:
            traces.append({**common, **_band(at, spans, look["colour"])})
        else:
            mean_trace["error_y"] = error_bars(means, [(100 * s.low, 100 * s.high) for s in spans], look["colour"])
        runs = [(b, seed, 100 * row["accuracy"], untrained(row)) for b in at for seed, row in line.at(b).items()]
        points = {
            **common,
            "x": [b * shift for b, *_ in runs],
            "y": [y for _, _, y, _ in runs],
            "mode": "markers",
            "marker": {
                "color": look["colour"],
                "symbol": ["x-thin-open" if lost else look["symbol"] for *_, lost in runs],
                "size": [9 if lost else 5 for *_, lost in runs],
                "opacity": 0.45,
            },
            "customdata": [[b, seed, ", did not train" if lost else ""] for b, seed, _, lost in runs],
            "hovertemplate": "%{fullData.name}<br>%{customdata[0]} labels, seed %{customdata[1]}: "
            "%{y:.1f}%%{customdata[2]}<extra></extra>",
        }
        traces += [points, mean_trace]
    return {"layout": plot_layout(labels_axis(budgets), "test accuracy, %"), "choices": traces}


def _leftmost(line: Line) -> int:
    """The points of the pretrained arm stand left of everything, those of the control arm right."""
    return 0 if not line.arm else -1 if line.pretrained else 1


def _band(at: Sequence[int], spans: Sequence[tuple[float, float]], colour: str) -> Trace:
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return {
        "x": [*at, *reversed(at)],
        "y": [*(100 * low for low, _ in spans), *(100 * high for _, high in reversed(spans))],
        "mode": "lines",
        "fill": "toself",
        "fillcolor": f"rgba({red},{green},{blue},0.13)",
        "line": {"width": 0},
        "hoverinfo": "skip",
    }


def accuracy_rows(every: Sequence[Line], budgets: Sequence[int]) -> list[dict[str, Any]]:
    """Mean accuracy with its bootstrap interval and number of seeds, a line a row, a budget a cell."""
    return [
        {"label": line.label, "arm": line.arm, "cells": [_accuracy(line, budget) for budget in budgets]}
        for line in every
    ]


def _accuracy(line: Line, budget: int) -> dict[str, str] | None:
    values = line.accuracies(budget)
    if not values:
        return None
    low, high = bootstrap_interval(values)
    return {
        "mean": percent(float(np.mean(values))),
        "span": f"{percent(low)}{NONE}{percent(high)}",
        "balanced": percent(line.balanced(budget)),
        "n": str(len(values)),
    }
