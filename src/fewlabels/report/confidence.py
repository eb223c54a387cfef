"""Whether the confidence of a study's methods can be believed, as far as their log-loss tells."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fewlabels.metrics.calibration import constant_confidence_loss
from fewlabels.report.formats import percent
from fewlabels.report.lines import StudyFigures
from fewlabels.report.sections import Drawn


def draw(figures: StudyFigures) -> Drawn | None:
    classes = len(figures.manifest["dataset"]["classes"])
    runs = [run for run in figures.finished if run["log_loss"] is not None]
    if not runs:
        return None
    budget = max(run["budget"] for run in runs)
    rows = [row for line in figures.methods if (row := _row(line.label, list(line.at(budget).values()), classes))]
    return Drawn(
        {
            "rows": sorted(rows, key=lambda row: row["gain"], reverse=True),
            "budget": budget,
            "informative": sum(row["gain"] > 0 for row in rows),
            "classes": classes,
            "chance": f"{math.log(classes):.3g}",
        }
    )


def _row(label: str, runs: list[Any], classes: int) -> dict[str, Any] | None:
    """A method's means over seeds; gain is how much less its log-loss is than that of one constant confidence."""
    known = [run for run in runs if run["log_loss"] is not None]
    if not known:
        return None
    loss = float(np.mean([run["log_loss"] for run in known]))
    constant = float(np.mean([constant_confidence_loss(run["accuracy"], classes) for run in known]))
    return {
        "label": label,
        "accuracy": percent(float(np.mean([run["accuracy"] for run in known]))),
        "loss": f"{loss:.2f}",
        "constant": f"{constant:.2f}",
        "gain": constant - loss,
        "worse_than_guessing": loss >= math.log(classes),
    }
