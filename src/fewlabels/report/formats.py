"""Figures as words and rounded numbers; the templates only lay them out."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from fewlabels.metrics.intervals import Interval
from fewlabels.metrics.verdict import BudgetVerdict, Comparison

SYMBOLS = {"helps": "▲", "hurts": "▼", "undecided": "◇"}
NONE = "\N{EN DASH}"


def percent(fraction: float) -> str:
    return f"{100 * fraction:.1f}"


def points(fraction: float) -> str:
    """A signed difference in percentage points, with a true minus sign."""
    return f"{100 * fraction:+.1f}".replace("-", "\N{MINUS SIGN}")


def signed(value: float) -> str:
    """A signed figure of three digits, with a true minus sign."""
    return f"{value:+.3g}".replace("-", "\N{MINUS SIGN}")


def interval(span: Interval) -> str:
    return f"{points(span.low)} to {points(span.high)}"


def probability(p: float) -> str:
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def seconds(value: float) -> str:
    return f"{value:,.1f}" if value < 100 else f"{value:,.0f}"


def worth(verdict: BudgetVerdict, budgets: Sequence[int]) -> str:
    """What the labels of a budget were worth without pretraining: "about 230", "more than 1,000"."""
    if math.isinf(verdict.equivalent_labels):
        return f"more than {budgets[-1]:,}"
    if verdict.equivalent_labels == 0:
        return f"fewer than {budgets[0]:,}"
    return f"about {verdict.equivalent_labels:,.0f}"


def comparison_cells(c: Comparison) -> dict[str, Any]:
    return {
        "budget": f"{c.budget:,}",
        "seeds": c.seeds,
        "pretrained": percent(c.first),
        "control": percent(c.second),
        "difference": points(c.difference),
        "interval": interval(c.interval),
        "win": f"{c.win_probability:.2f}",
        "p": probability(c.wilcoxon_p),
    }


def listed(values: Iterable[str]) -> str:
    """The distinct values, in order of appearance."""
    return ", ".join(dict.fromkeys(values))
