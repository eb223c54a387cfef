"""Several ways of transfer tried inside the same labels, and the best of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fewlabels.transfer import Outcome, per_example

BEST = "best"
"""In place of a way of transfer: several are tried, and the best is kept."""

WAYS = ("student", "graph", "finetune", "probe")
"""Those tried, what did best on labelled examples of other data first: that is taken where labels cannot validate."""


def best_of(outcomes: Mapping[str, Outcome]) -> str:
    """The way with the best accuracy on the held-out examples that all share, then the first."""
    return max(outcomes, key=accuracies(outcomes).__getitem__)


def accuracies(outcomes: Mapping[str, Outcome]) -> dict[str, float]:
    """By way, on the held-out examples that all share, those of first folds; 0 where nothing could be held out."""
    held_out = {way: outcome.held_out for way, outcome in outcomes.items() if outcome.held_out is not None}
    shared = min((len(found.y) for found in held_out.values()), default=0)
    hits = {way: per_example(*found)[0][:shared] for way, found in held_out.items()}
    return {way: float(hits[way].mean()) if way in hits else 0.0 for way in outcomes}


def tried_facts(outcomes: Mapping[str, Outcome]) -> dict[str, Any]:
    """What was tried, for a model's facts; nothing where there was one way alone."""
    return {"tried": accuracies(outcomes)} if len(outcomes) > 1 else {}
