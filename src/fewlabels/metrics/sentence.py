"""A verdict in words: where pretraining helps or hurts, what labels were worth, and how many seeds would decide."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from fewlabels.metrics.looks import MOST_SEEDS

if TYPE_CHECKING:
    from fewlabels.metrics.verdict import BudgetVerdict

VERBS = {"helps": "helps", "hurts": "hurts", "undecided": "is undecided"}
NO_SAVING = " No label saving can be claimed."
UNFINISHED = " The study is not finished: until then nothing is decided."
MATTERS = 0.01
"""An interval that lies within a point of zero tells that the difference is too small to matter."""


def sentence(name: str, verdicts: Sequence[BudgetVerdict], least_seeds: int, shared: bool) -> str:
    """The verdict on the data of that name, by a rule that asks for `least_seeds`.

    shared: whether one pretrained encoder served all seeds.
    """
    if not verdicts:
        return f"On {name} there is nothing to compare: it takes a pretrained method, a control and two seeds or more."
    calls: dict[str, list[int]] = {}
    for verdict in verdicts:
        calls.setdefault(verdict.comparison.call, []).append(verdict.comparison.budget)
    parts = [f"{VERBS[call]} at {in_words(calls[call])}" for call in VERBS if call in calls]
    words = f"On {name}, pretraining {_join(parts)} labels."
    if not verdicts[0].comparison.finished:
        return words + UNFINISHED
    if all(verdict.comparison.seeds < least_seeds for verdict in verdicts):
        return f"{words} Fewer than {least_seeds} seeds decide nothing.{_deciding(verdicts)}"
    return words + _saving(verdicts) + _deciding(verdicts) + (f" {OF_THIS_ENCODER}" if shared else "")


OF_THIS_ENCODER = (
    "It is a verdict about the encoders trained here, one for all seeds: a verdict about the method takes pretraining "
    "per seed."
)


def deciding(verdict: BudgetVerdict) -> str:
    """What an undecided budget would take, as a clause."""
    low, high = verdict.comparison.interval
    if not verdict.comparison.finished:
        return "the study must be finished first"
    if verdict.decided_by is not None:
        return f"about {verdict.decided_by} seeds would probably decide"
    if max(-low, high) <= MATTERS:
        return "the difference is too small to matter"
    return f"more than {MOST_SEEDS} seeds would be needed"


def _deciding(verdicts: Sequence[BudgetVerdict]) -> str:
    """The same of all undecided budgets."""
    clauses: dict[str, list[int]] = {}
    for verdict in verdicts:
        if verdict.comparison.call == "undecided":
            clauses.setdefault(deciding(verdict), []).append(verdict.comparison.budget)
    words = "; ".join(f"at {in_words(budgets)} labels, {clause}" for clause, budgets in clauses.items())
    return f" {words[0].upper()}{words[1:]}." if words else ""


def _saving(verdicts: Sequence[BudgetVerdict]) -> str:
    helped = [v for v in verdicts if v.comparison.call == "helps"]
    if not helped:
        return NO_SAVING
    saved = [v for v in helped if v.comparison.budget < v.equivalent_labels < math.inf]
    if saved:
        best = max(saved, key=lambda v: v.comparison.budget)
        worth = f"about {best.equivalent_labels:,.0f}"
    elif any(math.isinf(v.equivalent_labels) for v in helped):
        best = next(v for v in reversed(helped) if math.isinf(v.equivalent_labels))
        worth = f"more than {verdicts[-1].comparison.budget:,}"
    else:
        return NO_SAVING
    return f" With it, {best.comparison.budget:,} labels are worth {worth} without."


def in_words(numbers: Sequence[int]) -> str:
    """Such as 10, 30 and 100."""
    return _join([f"{number:,}" for number in numbers])


def _join(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
