"""What all charts share: looks, colours and axes, as plain plotly dictionaries that page.js draws.

Importing plotly's graph objects is slow. Plotly reads a little HTML in its texts, so every text from the data goes
through `plain`.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

Trace = dict[str, Any]

BLUE, VERMILLION = "#0072B2", "#D55E00"
"""Okabe and Ito's blue stands for pretraining and their vermillion for controls, all over the page."""
FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif'
GRID, INK = "#e6e4df", "#3b3a37"


def plain(text: object) -> str:
    """Text that plotly shows as it is."""
    return str(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


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


def labels_axis(budgets: Sequence[int]) -> dict[str, Any]:
    room = 0.12 * math.log10(budgets[-1] / budgets[0]) + 0.04
    return {
        "type": "log",
        "title": {"text": "labels"},
        "tickvals": list(budgets),
        "ticktext": [f"{budget:,}" for budget in budgets],
        "range": [math.log10(budgets[0]) - room, math.log10(budgets[-1]) + room],
    }


def dodge(budgets: Sequence[int]) -> float:
    """A sideways shift, in log(labels), that keeps neighbouring budgets apart."""
    steps = [math.log(b / a) for a, b in itertools.pairwise(budgets)]
    return 0.25 * min([*steps, 1.0])


def error_bars(means: Sequence[float], spans: Sequence[tuple[float, float]], colour: str) -> dict[str, Any]:
    """Error bars from the means to the ends of the spans."""
    return {
        "type": "data",
        "symmetric": False,
        "array": [high - mean for mean, (_, high) in zip(means, spans, strict=True)],
        "arrayminus": [mean - low for mean, (low, _) in zip(means, spans, strict=True)],
        "color": colour,
        "thickness": 1.25,
        "width": 3,
    }


def shortened(text: str, most: int = 14) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
