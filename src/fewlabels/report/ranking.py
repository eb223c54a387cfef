"""All methods at the largest budget, the most accurate first; those that failed to train are marked."""

from __future__ import annotations

from typing import Any

import numpy as np

from fewlabels.metrics.intervals import bootstrap_interval
from fewlabels.report.formats import NONE, percent
from fewlabels.report.lines import Line, StudyFigures, untrained
from fewlabels.report.sections import Drawn
from fewlabels.report.tracks import Scale


def draw(figures: StudyFigures) -> Drawn | None:
    if not figures.methods:
        return None
    judged = figures.verdict.budgets
    budget = judged[-1].comparison.budget if judged else figures.methods[0].budgets()[-1]
    rows, axis = ranking(figures, budget)
    values = {"rows": rows, "axis": axis, "budget": budget, "seeds": len(figures.manifest["seeds"])}
    return Drawn({**values, "classes": figures.classes})


def ranking(figures: StudyFigures, budget: int) -> tuple[list[dict[str, Any]], list[tuple[float, str]]]:
    """A row a method, those without a finished run at the budget last; and the axis of their tracks."""
    there = [line for line in figures.methods if line.at(budget)]
    there.sort(key=lambda line: -float(np.mean(line.accuracies(budget))))
    spans = [bootstrap_interval(line.accuracies(budget)) for line in there]
    points = [100 * value for line in there for value in line.accuracies(budget)]
    scale = Scale(min(points) - 0.5, max(points) + 0.5)
    chosen = {
        method: count
        for v in figures.verdict.budgets
        if v.comparison.budget == budget and v.validated
        for method, count in [*v.chosen_pretrained.items(), *v.chosen_control.items()]
    }
    rows = []
    for place, (line, (low, high)) in enumerate(zip(there, spans, strict=True), 1):
        values = line.accuracies(budget)
        mean = float(np.mean(values))
        rows.append(
            {
                **_method(figures, line),
                "place": place,
                "accuracy": percent(mean),
                "balanced": percent(line.balanced(budget)),
                "interval": f"{percent(low)}{NONE}{percent(high)}",
                "validation": _validation(line, budget),
                "seeds": len(values),
                "chosen": chosen.get(line.key, 0),
                "track": scale.track(100 * low, 100 * high, 100 * mean, [100 * value for value in values]),
            }
        )
    absent = [m for m in figures.manifest["methods"] if m["name"] not in {line.key for line in there}]
    return rows + [{"name": m["name"], "label": m["label"], "place": None} for m in absent], scale.axis()


def _method(figures: StudyFigures, line: Line) -> dict[str, Any]:
    """What it is, and how many of its runs failed or did not train, at all budgets together."""
    failed = {(run["budget"], run["seed"]) for run in figures.runs if run["method"] == line.key} - line.rows.keys()
    return {
        "name": line.key,
        "label": line.label,
        "pretrained": line.pretrained,
        "failed": len(failed),
        "untrained": sum(untrained(run) for run in line.rows.values()),
        "runs": len(failed) + len(line.rows),
    }


def _validation(line: Line, budget: int) -> str:
    found = [run["validation"]["accuracy"] for run in line.at(budget).values() if run["validation"]]
    return percent(float(np.mean(found))) if found else NONE
