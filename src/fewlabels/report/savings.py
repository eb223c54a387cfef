"""What the labels of each budget were worth without pretraining."""

from __future__ import annotations

import math
from typing import Any

from fewlabels.metrics.verdict import Verdict
from fewlabels.report.formats import SYMBOLS, percent, worth
from fewlabels.report.lines import StudyFigures
from fewlabels.report.sections import Drawn


def draw(figures: StudyFigures) -> Drawn | None:
    if not figures.verdict.budgets:
        return None
    return Drawn({"rows": saving_rows(figures.verdict), "budgets": figures.budgets})


def saving_rows(verdict: Verdict) -> list[dict[str, Any]]:
    """The label savings, placed in percent along a logarithmic track from the first budget to the last."""
    budgets = [v.comparison.budget for v in verdict.budgets]

    def place(labels: float) -> float:
        if budgets[0] == budgets[-1] or labels <= 0:
            return 0.0
        share = math.log(labels / budgets[0]) / math.log(budgets[-1] / budgets[0])
        return 6 + 84 * share  # room on both sides for "fewer than" and "more than"

    rows = []
    for v in verdict.budgets:
        start = place(v.comparison.budget)
        end = 100.0 if math.isinf(v.equivalent_labels) else place(v.equivalent_labels)
        rows.append(
            {
                "budget": f"{v.comparison.budget:,}",
                "accuracy": percent(v.comparison.first),
                "worth": worth(v, budgets),
                "call": v.comparison.call,
                "symbol": SYMBOLS[v.comparison.call],
                "start": round(start, 1),
                "left": round(min(start, end), 1),
                "width": round(abs(end - start), 1),
                "end": round(end, 1),
                "open": math.isinf(v.equivalent_labels) or v.equivalent_labels == 0,
            }
        )
    return rows
