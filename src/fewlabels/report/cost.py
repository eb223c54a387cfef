"""What every method and every encoder cost."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from fewlabels.report.formats import NONE, listed, seconds, signed
from fewlabels.report.lines import Line, Record, StudyFigures, watched
from fewlabels.report.sections import Drawn

PARTS = ("pretraining", "tuning", "transfer")


def draw(figures: StudyFigures) -> Drawn | None:
    if not figures.every and not figures.encoders:
        return None
    return Drawn(
        {
            "rows": cost_rows(figures.methods, figures.encoders),
            "shared": figures.manifest["pretraining"] == "shared",
            "encoders": pretraining_rows(figures.encoders),
            "several_seeds": len({encoder["seed"] for encoder in figures.encoders}) > 1,
            "views": any((encoder.get("spread") or {}).get("alignment") is not None for encoder in figures.encoders),
        }
    )


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
                "total": listed(f"{run['parameters']['total']:,}" for run in runs),
                "trained": listed(f"{run['parameters']['trained']:,}" for run in runs),
                "unlabelled": _count(run["parameters"].get("pretraining", 0) for run in runs),
                "device": listed(run["device"] for run in runs),
                "threads": listed(str(run["threads"]) for run in runs),
            }
        )
    return rows


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
                "spread": _spread(encoder.get("spread")),
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


def _spread(spread: Record | None) -> dict[str, str] | None:
    """Effective rank of how many codes, share of dead ones, and, where there are views, alignment and uniformity."""
    if spread is None:
        return None
    known = {
        name: NONE if value is None else f"{value:.2f}".replace("-", "\N{MINUS SIGN}") for name, value in spread.items()
    }
    rank, codes = f"{spread['effective_rank']:.1f}", f"{spread['codes']:,}"
    return {**known, "rank": rank, "codes": codes, "dead": f"{spread['dead']:.0%}"}


def _count(values: Iterable[int]) -> str:
    """Whole numbers, a dash for none."""
    return listed(f"{value:,}" if value else NONE for value in values)
