"""The charts as plain plotly dictionaries, drawn by page.js; importing plotly's graph objects is slow.

A chart is {"layout": ..., "choices": ...}: the traces, nested by the values of the select boxes above it.
Plotly reads a little HTML in its texts, so every text from the data goes through `plain`.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from fewlabels.metrics.intervals import bootstrap_interval
from fewlabels.metrics.verdict import Comparison
from fewlabels.report.lines import Line, Pair

Chart = dict[str, Any]
Trace = dict[str, Any]

BLUE, VERMILLION = "#0072B2", "#D55E00"
"""Okabe and Ito's blue stands for pretraining and their vermillion for controls, all over the page."""
PRETRAINED_COLOURS = ("#56B4E9", "#009E73", "#CC79A7", "#0072B2")
CONTROL_COLOURS = ("#E69F00", "#5F5F5F", "#D55E00", "#000000")
MARKERS = ("diamond", "triangle-up", "cross", "x", "triangle-down", "star", "pentagon")
PRETRAINED_DASHES, CONTROL_DASHES = ("solid", "longdash", "longdashdot"), ("dot", "dashdot")
FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif'
GRID, INK = "#e6e4df", "#3b3a37"


def plain(text: object) -> str:
    """Text that plotly shows as it is."""
    return str(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def style(every: Sequence[Line], line: Line) -> dict[str, Any]:
    """Colour, marker, dash and width of a line: no two alike among 84 pretrained methods and 56 controls.

    Of a few lines side by side none is told apart by colour alone.
    """
    if line.arm:
        one, two = (BLUE, "circle"), (VERMILLION, "square")
        colour, symbol = one if line.pretrained else two
        return {
            "colour": colour,
            "symbol": symbol,
            "dash": "solid" if line.pretrained else "dash",
            "width": 3.5,
        }
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


def accuracy(every: Sequence[Line], budgets: Sequence[int], shown: Sequence[str]) -> Chart:
    """Test accuracy against labels, all lines; `shown` are the keys visible at first."""
    traces: list[Trace] = []
    places = [line.key for line in sorted(every, key=_leftmost)]
    for line in sorted(every, key=lambda one: one.arm):  # arms last: on top
        look, at, place = style(every, line), line.budgets(), places.index(line.key)
        shift = math.exp(_dodge(budgets) * (place / max(1, len(every) - 1) - 0.5))
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
            mean_trace["error_y"] = _bars(means, [(100 * s.low, 100 * s.high) for s in spans], look["colour"])
        runs = [(b, seed, 100 * row["accuracy"]) for b in at for seed, row in line.at(b).items()]
        points = {
            **common,
            "x": [b * shift for b, _, _ in runs],
            "y": [y for _, _, y in runs],
            "mode": "markers",
            "marker": {"color": look["colour"], "symbol": look["symbol"], "size": 5, "opacity": 0.45},
            "customdata": [[b, seed] for b, seed, _ in runs],
            "hovertemplate": "%{fullData.name}<br>%{customdata[0]} labels, seed %{customdata[1]}: "
            "%{y:.1f}%<extra></extra>",
        }
        traces += [points, mean_trace]
    return {"layout": plot_layout(_labels_axis(budgets), "test accuracy, %"), "choices": traces}


def differences(compared: Sequence[Pair], budgets: Sequence[int]) -> Chart:
    """Paired difference in accuracy, first minus second, by first and second line."""
    choices: dict[str, dict[str, list[Trace]]] = {}
    for first, second, comparisons in compared:
        choices.setdefault(first.key, {})[second.key] = _pair(first, second, comparisons, _dodge(budgets))
    layout = plot_layout(_labels_axis(budgets), "difference, percentage points")
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
    bars = _bars(means, [(100 * c.interval.low, 100 * c.interval.high) for c in comparisons], INK)
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


def confusion(methods: Sequence[Line], classes: Sequence[str]) -> Chart:
    """Counts summed over seeds, rows true, columns predicted, by method and budget."""
    choices = {
        line.key: {
            str(b): np.sum([np.asarray(row["confusion"]) for row in line.at(b).values()], axis=0).tolist()
            for b in line.budgets()
        }
        for line in methods
    }
    return heat_map(choices, classes)


def heat_map(choices: Any, classes: Sequence[str]) -> Chart:
    """A confusion matrix, shaded by page.js. choices: counts [K][K] of K classes, nested by select boxes if any."""
    many = len(classes)
    ticks = list(range(0, many, 1 if many <= 40 else math.ceil(many / 25)))
    axis = {
        "tickvals": ticks,
        "ticktext": [plain(_short(str(classes[i]))) for i in ticks],
        "tickfont": {"size": 12 if many <= 20 else 9},
        "constrain": "domain",
        "showgrid": False,
        "zeroline": False,
        "automargin": True,
    }
    layout = plot_layout({**axis, "title": {"text": "predicted class"}}, "true class")
    layout["yaxis"] |= {**axis, "autorange": "reversed", "scaleanchor": "x"}
    layout["yaxis"]["title"]["standoff"] = 8  # clear of the names
    return {
        "layout": layout,
        "choices": choices,
        "classes": [plain(_short(str(name), 40)) for name in classes],
    }


def _leftmost(line: Line) -> int:
    """The points of the pretrained arm stand left of everything, those of the control arm right."""
    return 0 if not line.arm else -1 if line.pretrained else 1


def _bars(means: Sequence[float], spans: Sequence[tuple[float, float]], colour: str) -> dict[str, Any]:
    return {
        "type": "data",
        "symmetric": False,
        "array": [high - mean for mean, (_, high) in zip(means, spans, strict=True)],
        "arrayminus": [mean - low for mean, (low, _) in zip(means, spans, strict=True)],
        "color": colour,
        "thickness": 1.25,
        "width": 3,
    }


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


def _dodge(budgets: Sequence[int]) -> float:
    """A sideways shift, in log(labels), that keeps neighbouring budgets apart."""
    steps = [math.log(b / a) for a, b in itertools.pairwise(budgets)]
    return 0.25 * min([*steps, 1.0])


def _labels_axis(budgets: Sequence[int]) -> dict[str, Any]:
    room = 0.12 * math.log10(budgets[-1] / budgets[0]) + 0.04
    return {
        "type": "log",
        "title": {"text": "labels"},
        "tickvals": list(budgets),
        "ticktext": [f"{budget:,}" for budget in budgets],
        "range": [math.log10(budgets[0]) - room, math.log10(budgets[-1]) + room],
    }


def plot_layout(x: dict[str, Any], y_title: str) -> dict[str, Any]:
    """The looks all charts share."""
    line = {"gridcolor": GRID, "linecolor": "#bdbab3", "zeroline": False, "ticks": "", "automargin": True}
    return {
        "font": {"family": FONT, "size": 13, "color": INK},
        "paper_bgcolor": "#ffffff",
        "plot_bgcolor": "#ffffff",
        "margin": {"l": 56, "r": 16, "t": 28, "b": 52},
        "hovermode": "closest",
        "dragmode": False,
        "showlegend": False,
        "xaxis": {**line, "showgrid": False, **x},
        "yaxis": {**line, "title": {"text": y_title}},
    }


def _short(text: str, most: int = 14) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
