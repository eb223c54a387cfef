"""What a report compares: a study's methods and its two arms, each a line of runs by budget and seed."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fewlabels.analysis import collapse
from fewlabels.metrics.advice import advise
from fewlabels.metrics.class_counts import classes_in_words
from fewlabels.metrics.classification import balanced_accuracy
from fewlabels.metrics.verdict import LEVEL, Arm, Comparison, Verdict, choose_arm, compare

Record = Mapping[str, Any]

PRETRAINED_ARM, CONTROL_ARM = "arm:pretrained", "arm:control"
CHANCE = 0.95
"""A training loss that ends above this share of ln K, that of K equally likely classes, has learned nothing."""


@dataclass(frozen=True)
class Line:
    """A method, or an arm (the method each seed chose by validation)."""

    key: str
    label: str
    pretrained: bool
    arm: bool
    rows: Arm

    def budgets(self) -> list[int]:
        return sorted({budget for budget, _ in self.rows})

    def at(self, budget: int) -> dict[int, Record]:
        """The runs at a budget, by seed."""
        return {seed: row for (b, seed), row in sorted(self.rows.items(), key=lambda item: item[0]) if b == budget}

    def accuracies(self, budget: int) -> list[float]:
        """One test accuracy a seed, as fractions."""
        return [row["accuracy"] for row in self.at(budget).values()]

    def balanced(self, budget: int) -> float:
        """Mean over seeds of the balanced accuracy on test, a fraction."""
        return float(np.mean([balanced_accuracy(np.array(row["confusion"])) for row in self.at(budget).values()]))


Pair = tuple[Line, Line, list[Comparison]]


@dataclass(frozen=True)
class StudyFigures:
    """The records of a study, and the lines and pairs that its sections draw."""

    manifest: Record
    runs: Sequence[Record]
    finished: Sequence[Record]
    encoders: Sequence[Record]
    """In the order of the methods that use them, then by seed."""
    verdict: Verdict
    every: Sequence[Line]
    compared: Sequence[Pair]

    @property
    def budgets(self) -> list[int]:
        return sorted(self.manifest["budgets"])

    @property
    def methods(self) -> list[Line]:
        return [line for line in self.every if not line.arm]

    @property
    def classes(self) -> str:
        """The classes with their test examples, as a sentence; empty where no run has finished."""
        counts = counts_in_test(self.finished)
        return classes_in_words(self.manifest["dataset"]["classes"], counts) if counts else ""

    @property
    def words(self) -> dict[str, str]:
        """What lines and budgets are called in select boxes."""
        return {line.key: line.label for line in self.every} | {str(b): f"{b:,} labels" for b in self.budgets}

    def main_choice(self) -> tuple[str | None, str]:
        """The advised method and the budget that the advice is for; without advice the first, and the largest."""
        advice = advise(self.verdict)
        method = advice.method or next((line.key for line in self.methods), None)
        return method, str(advice.budget or self.budgets[-1])


def study_figures(
    manifest: Record, runs: Sequence[Record], encoders: Sequence[Record], verdict: Verdict
) -> StudyFigures:
    """The figures of a study's records, finished or not (see `fewlabels.study.records`)."""
    finished = [run for run in runs if run["status"] == "ok"]
    sources = list(dict.fromkeys(method.get("source") for method in manifest["methods"]))
    place = {source: at for at, source in enumerate(sources)}
    ordered = sorted(encoders, key=lambda e: (place.get(e["source"], len(place)), e["seed"]))
    every = lines(manifest["methods"], finished)
    return StudyFigures(manifest, runs, finished, ordered, verdict, every, pairs(every, verdict.level))


def counts_in_test(runs: Sequence[Record]) -> list[int]:
    """How many test examples there are of each class; none where no run has finished."""
    return next((np.sum(run["confusion"], axis=1).tolist() for run in runs if run["status"] == "ok"), [])


def most_chosen(counts: Sequence[Mapping[str, int]]) -> str | None:
    """The method that most seeds chose."""
    total: dict[str, int] = {}
    for count in counts:
        for method, seeds in count.items():
            total[method] = total.get(method, 0) + seeds
    return max(total, key=lambda method: total[method], default=None)


def lines(methods: Sequence[Record], finished: Sequence[Record]) -> list[Line]:
    """The two arms, then every method in the manifest's order; those without a finished run are left out."""
    names = {side: [m["name"] for m in methods if m["pretrained"] is side] for side in (True, False)}
    arms = [
        Line(PRETRAINED_ARM, "pretrained, chosen by validation", True, True, choose_arm(finished, names[True])),
        Line(CONTROL_ARM, "control, chosen by validation", False, True, choose_arm(finished, names[False])),
    ]
    alone = [Line(m["name"], m["label"], m["pretrained"], False, choose_arm(finished, [m["name"]])) for m in methods]
    return [line for line in (*arms, *alone) if line.rows]


def pairs(every: Sequence[Line], level: float = LEVEL) -> list[Pair]:
    """Every pretrained line against every control line, where they share two seeds at some budget.

    level: of the intervals of a pair together.
    """
    found = [
        (first, second, compare(first.rows, second.rows, level))
        for first in every
        if first.pretrained
        for second in every
        if not second.pretrained
    ]
    return [pair for pair in found if pair[2]]


def untrained(run: Record) -> bool:
    """Whether a finished run failed to train: the last tenth of its training loss is, on average, at chance or lost."""
    losses: list[float | None] = run["curve"]["loss"] if run["curve"] else []
    last = losses[-max(1, len(losses) // 10) :]
    known = [loss for loss in last if loss is not None]
    if len(known) < len(last) or not known:
        return bool(last)
    return sum(known) / len(known) >= CHANCE * math.log(len(run["confusion"]))


def trained_again(finished: Sequence[Record]) -> str | None:
    """Which runs took more than one attempt, in a sentence; None where none did."""
    again = Counter(run["method"] for run in finished if run.get("attempts", 1) > 1)
    if not again:
        return None
    total = f"{again.total():,} run{'' if again.total() == 1 else 's'} of {len(finished):,}"
    methods = ", ".join(f"{method} {runs:,}" for method, runs in again.most_common())
    return (
        f"{total} did not learn at first what the folds of the same labels had learned, and were trained again from "
        f"another start, at a smaller rate: {methods}."
    )


def collapsed(encoders: Sequence[Record]) -> str | None:
    """Which encoders' codes collapsed, in a sentence; None where none did."""
    found = [(encoder, wrong) for encoder in encoders if (wrong := collapse(encoder.get("spread") or {"codes": 0}))]
    if not found:
        return None
    named = "; ".join(f"{encoder['source']}, seed {encoder['seed']}: {wrong}" for encoder, wrong in found)
    return f"Collapsed in pretraining, so that classifiers can tell little by the codes: {named}."


def watched(history: Record) -> str:
    """What an encoder's validation measured: "loss", or the name of a term where the objective watches only that."""
    name = history.get("watched") or "loss"
    return name if name in (history.get("terms") or {}) else "loss"
