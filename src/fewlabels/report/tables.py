"""The rows of the page's tables, as words and rounded figures; the template only lays them out."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from fewlabels.metrics.intervals import Interval, bootstrap_interval
from fewlabels.metrics.verdict import BudgetVerdict, Comparison, Verdict
from fewlabels.report.lines import CONTROL_ARM, Line, Pair, Record, watched

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


def verdict_rows(verdict: Verdict) -> list[dict[str, Any]]:
    budgets = [v.comparison.budget for v in verdict.budgets]
    return [
        {
            **_comparison(v.comparison),
            "call": v.comparison.call,
            "symbol": SYMBOLS[v.comparison.call],
            "test_error": f"± {196 * v.comparison.test_error:.1f}",
            "worth": NONE if v.comparison.call == "undecided" else worth(v, budgets),
            "validated": v.validated,
            "chosen_pretrained": _chosen(v.chosen_pretrained),
            "chosen_control": _chosen(v.chosen_control),
        }
        for v in verdict.budgets
    ]


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
        "n": str(len(values)),
    }


def pair_rows(compared: Sequence[Pair]) -> list[dict[str, Any]]:
    """Everything pretrained against the control arm alone: all pairs may be thousands, and the chart has them."""
    return [
        {"first": first.label, "second": second.label, **_comparison(c)}
        for first, second, comparisons in compared
        if second.key == CONTROL_ARM
        for c in comparisons
    ]


def _comparison(c: Comparison) -> dict[str, Any]:
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


def _chosen(counts: Mapping[str, int]) -> list[dict[str, Any]]:
    seeds = sum(counts.values())
    return [
        {"method": method, "count": f"{count} of {seeds} seeds" if first else str(count)}
        for first, (method, count) in zip([True] + [False] * len(counts), counts.items(), strict=False)
    ]


def cost_rows(methods: Sequence[Line], encoders: Sequence[Record]) -> list[dict[str, Any]]:
    """Mean seconds a run at each method's largest budget, and its parameters."""
    cached = {encoder["key"] for encoder in encoders if encoder["cached"]}
    rows = []
    for line in methods:
        budget = line.budgets()[-1]
        runs = list(line.at(budget).values())
        spent = {part: float(np.mean([run["seconds"][part] for run in runs])) for part in PARTS}
        rows.append(
            {
                "name": line.key,
                "label": line.label,
                "budget": f"{budget:,}",
                **{part: seconds(value) if value else NONE for part, value in spent.items()},
                "together": seconds(sum(spent.values())),
                "cached": any(run["encoder"] in cached for run in runs),
                "total": _listed(f"{run['parameters']['total']:,}" for run in runs),
                "trained": _listed(f"{run['parameters']['trained']:,}" for run in runs),
                "unlabelled": _count(run["parameters"].get("pretraining", 0) for run in runs),
                "device": _listed(run["device"] for run in runs),
                "threads": _listed(str(run["threads"]) for run in runs),
            }
        )
    return rows


PARTS = ("pretraining", "tuning", "transfer")


def pretraining_rows(encoders: Sequence[Record]) -> list[dict[str, Any]]:
    """What pretraining each encoder cost and where its losses ended.

    The best validation loss is that of the last phase, the one whose weights were kept; the gap is that loss minus the
    training loss recorded for the same step, both of the term that validation watched.
    """
    rows = []
    for encoder in encoders:
        history = encoder["history"] or {"step": [], "loss": []}
        best, gap = _validated(history)
        losses = [loss for loss in history["loss"] if loss is not None]
        error = encoder.get("error")
        rows.append(
            {
                "source": encoder["source"],
                "seed": encoder["seed"],
                "parameters": f"{encoder['parameters']:,}",
                "steps": f"{history['step'][-1]:,}" if history["step"] else NONE,
                "seconds": seconds(encoder["seconds"]),
                "cached": encoder["cached"],
                "training": f"{losses[-1]:.4g}" if losses else NONE,
                "validation": NONE if best is None else f"{best:.4g}",
                "watched": watched(history),
                "gap": NONE if gap is None else signed(gap),
                "error": {part: f"{value:.4g}" for part, value in error.items()} if error else None,
            }
        )
    return rows


def _validated(history: Record) -> tuple[float | None, float | None]:
    """The best validation loss of the last phase, and the gap to training there."""
    begun = max((step for step, _ in history.get("phases") or []), default=0)
    at = zip(history.get("validation_step") or [], history.get("validation_loss") or [], strict=True)
    found = [(loss, step) for step, loss in at if loss is not None and (step > begun or not begun)]
    if not found:
        return None, None
    best, step = min(found)
    name = watched(history)
    curve = history["loss"] if name == "loss" else history["terms"][name]
    trained = [(end, loss) for end, loss in zip(history["step"], curve, strict=True) if loss is not None]
    there = next((loss for end, loss in trained if end >= step), trained[-1][1] if trained else None)
    return best, None if there is None else best - there


def _count(values: Iterable[int]) -> str:
    """Whole numbers, a dash for none."""
    return _listed(f"{value:,}" if value else NONE for value in values)


def effort_rows(methods: Sequence[Line]) -> list[dict[str, Any]]:
    """How many settings each method tried, which, and what it chose at its largest budget."""
    rows = []
    for line in methods:
        tried: dict[str, dict[str, None]] = {}
        for run in line.rows.values():
            for trial in run["trials"] or []:
                for name, value in trial["setting"].items():
                    tried.setdefault(name, {})[_value(value)] = None
        numbers = sorted({len(run["trials"] or []) for run in line.rows.values()})
        budget = line.budgets()[-1]
        chosen = Counter(_setting(run["setting"]) for run in line.at(budget).values())
        rows.append(
            {
                "label": line.label,
                "number": " or ".join(str(number) for number in numbers),
                "grid": [f"{name}: {', '.join(values)}" for name, values in tried.items()],
                "chosen": [f"{text} ({count} of {chosen.total()})" for text, count in chosen.most_common(3)],
                "budget": f"{budget:,}",
            }
        )
    return rows


def integrity_rows(finished: Sequence[Record]) -> list[tuple[str, int]]:
    """Each check of the records and how many runs passed it."""
    return sorted(Counter(check for run in finished for check in run["integrity"] or []).items())


def failures(manifest: Record, runs: Sequence[Record]) -> tuple[list[Record], int]:
    """Runs that failed and never succeeded later, and how many planned runs are missing without a word."""
    done = {_identity(run) for run in runs if run["status"] == "ok"}
    failed = {_identity(run): run for run in runs if run["status"] != "ok" and _identity(run) not in done}
    planned = {
        (method["name"], budget, seed)
        for method in manifest["methods"]
        for budget in manifest["budgets"]
        for seed in manifest["seeds"]
    }
    return list(failed.values()), len(planned - done - failed.keys())


def _identity(run: Record) -> tuple[str, int, int]:
    return run["method"], run["budget"], run["seed"]


def _setting(setting: Mapping[str, Any] | None) -> str:
    return ", ".join(f"{name} = {_value(value)}" for name, value in (setting or {}).items()) or NONE


def _value(value: object) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    return value if isinstance(value, str) else json.dumps(value)


def _listed(values: Iterable[str]) -> str:
    """The distinct values, in order of appearance."""
    return ", ".join(dict.fromkeys(values))
