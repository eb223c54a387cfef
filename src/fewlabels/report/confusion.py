"""What is mistaken for what: a confusion matrix as a heat map."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from fewlabels.report.charts import plain, plot_layout, shortened
from fewlabels.report.lines import Line, StudyFigures
from fewlabels.report.sections import Chart, Drawn


def draw(figures: StudyFigures) -> Drawn | None:
    if not figures.methods:
        return None
    drawn = chart(figures.methods, figures.manifest["dataset"]["classes"])
    return Drawn({}, {"confusion": drawn}, figures.words, {"confusion": figures.main_choice()})


def chart(methods: Sequence[Line], classes: Sequence[str]) -> Chart:
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
        "ticktext": [plain(shortened(str(classes[i]))) for i in ticks],
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
        "kind": "heat map",
        "layout": layout,
        "choices": choices,
        "classes": [plain(shortened(str(name), 40)) for name in classes],
    }
