"""From records to a verdict: does pretraining help, hurt, or is it undecided, at each label budget?

Two arms are compared, one pretrained and one control. At every budget and seed, the pretrained arm is the pretrained
method with the best validation accuracy inside the labels of the budget, and the control is the best control, chosen
the same way: what a user would have ended up with, on either road. Test accuracy chooses nothing. The arms of a seed
share their labels, so their accuracies are compared in pairs.
"""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fewlabels.core.printed_table import PrintedTable
from fewlabels.metrics.intervals import (
    Interval,
    equivalent_labels,
    holm,
    next_draw_interval,
    paired_interval,
    sampling_error,
    wilcoxon_p,
    win_probability,
)
from fewlabels.metrics.looks import SPENT, level_of_look, seeds_to_decide
from fewlabels.metrics.sentence import sentence
from fewlabels.metrics.validation import UNVALIDATED, comparable

Row = Mapping[str, Any]

LEVEL = 0.95
MIN_WIN_PROBABILITY = 0.75
MIN_SEEDS = 5
RULE = (
    f"Pretraining helps (or hurts) at a budget when the {LEVEL:.0%} interval of the paired difference lies wholly "
    f"above (below) zero and it wins (loses) with probability {MIN_WIN_PROBABILITY} or more, over {MIN_SEEDS} seeds or "
    "more; otherwise the budget is undecided. The interval is Student's t, widened so that the intervals of all "
    "budgets hold together (Bonferroni), and all looks at the study: of the chance of a false alarm the first look "
    f"spends {SPENT:.0%}, and each later one, over more seeds, {SPENT:.0%} of what is left. So where it makes no "
    "difference which side is which, the chance of a false alarm at any budget and any look stays under one in twenty."
)


@dataclass(frozen=True)
class Comparison:
    """Two methods, or arms, at one budget, paired by seed. Accuracies are fractions, differences first minus second."""

    budget: int
    seeds: int
    first: float
    second: float
    difference: float
    deviation: float
    """Standard deviation of the difference over seeds."""
    interval: Interval
    win_probability: float
    wilcoxon_p: float
    """Holm-corrected across the budgets compared together."""
    test_error: float
    """Standard error of `difference` from the finite test set alone; it is not in `interval`."""
    finished: bool = True
    """False where runs are still to be done: until then nothing is decided."""

    @property
    def call(self) -> str:
        """`helps`, `hurts` or `undecided`, by RULE."""
        if not self.finished or self.seeds < MIN_SEEDS or not self.interval.excludes_zero():
            return "undecided"
        if self.interval.low > 0 and self.win_probability >= MIN_WIN_PROBABILITY:
            return "helps"
        if self.interval.high < 0 and 1 - self.win_probability >= MIN_WIN_PROBABILITY:
            return "hurts"
        return "undecided"


@dataclass(frozen=True)
class BudgetVerdict:
    """The arms compared at one budget, what each arm chose, and what the labels were worth."""

    comparison: Comparison
    chosen_pretrained: Mapping[str, int]
    """How many seeds chose each pretrained method by validation."""
    chosen_control: Mapping[str, int]
    validated: bool
    """False where the labels allow no validation (about one a class): each arm is its first-named method."""
    equivalent_labels: float
    """Labels the control needs to be as accurate; inf: more than the last budget; 0: fewer than the first."""
    expected: tuple[Interval, Interval]
    """Where another draw of labels puts the accuracy, pretrained and control, at 95%."""
    decided_by: int | None = None
    """How many seeds would probably decide at the next look; None: no number up to 100."""

    def cells(self) -> tuple[str, ...]:
        """In words, under HEADINGS; a budget that could not be validated has an asterisk."""
        c = self.comparison
        return (
            f"{c.budget:,}" if self.validated else f"{c.budget:,}*",
            f"{c.first:.1%}",
            f"{c.second:.1%}",
            f"{100 * c.difference:+.1f} [{100 * c.interval.low:+.1f}, {100 * c.interval.high:+.1f}]",
            f"{c.win_probability:.0%}",
            SYMBOLS[c.call],
        )


SYMBOLS = {"helps": "▲ helps", "hurts": "▼ hurts", "undecided": "◇ undecided"}
HEADINGS = ("labels", "pretrained", "control", "difference", "wins", "verdict")


@dataclass(frozen=True, repr=False)
class Verdict:
    """Whether pretraining helps, hurts or is undecided, budget by budget, in one sentence, and by which rule."""

    budgets: tuple[BudgetVerdict, ...]
    sentence: str
    rule: str = RULE
    level: float = LEVEL
    """Of the intervals of all budgets together at this look."""
    looks: tuple[int, ...] = ()
    """Numbers of seeds at which the study was read, this look last."""

    def printed(self) -> PrintedTable:
        """As it is printed."""
        return PrintedTable("", HEADINGS, [budget.cells() for budget in self.budgets], [self.sentence])

    def __repr__(self) -> str:
        return self.printed().text()

    def _repr_html_(self) -> str:
        return self.printed().html()


def judge(
    rows: Iterable[Row],
    pretrained: Sequence[str],
    controls: Sequence[str],
    name: str,
    *,
    looks: Sequence[int] = (),
    finished: bool = True,
    shared: bool = False,
) -> Verdict:
    """Judge the finished runs of a study.

    rows: run records (see `fewlabels.study.records`). A seed counts at a budget where every method has a good record:
        otherwise the sides would choose among different methods at different seeds.
    pretrained, controls: method names, in order of preference for budgets too small to validate.
    name: of the data, for the sentence.
    looks: numbers of seeds at which the study is read, this look last; none: this is the only one.
    finished: False while runs are still to be done, when nothing is decided.
    shared: one pretrained encoder serves all seeds, so the verdict is about that encoder.
    """
    complete, look = _complete(rows, {*pretrained, *controls}), max(1, len(looks))
    first, second = choose_arm(complete, pretrained), choose_arm(complete, controls)
    level, following = level_of_look(LEVEL, look), level_of_look(LEVEL, look + 1)
    comparisons = compare(first, second, level, finished)
    curve = [c.second for c in comparisons]
    verdicts = tuple(
        BudgetVerdict(
            comparison=c,
            chosen_pretrained=_choices(first, c.budget),
            chosen_control=_choices(second, c.budget),
            validated=all(row["validation"] is not None for arm in (first, second) for row in _at(arm, c.budget)),
            equivalent_labels=equivalent_labels(c.first, [c.budget for c in comparisons], curve),
            expected=(_expected(first, c.budget), _expected(second, c.budget)),
            decided_by=seeds_to_decide(
                c.difference,
                c.deviation,
                1 - (1 - following) / len(comparisons),
                max(MIN_SEEDS, c.seeds + 1),
                MIN_WIN_PROBABILITY,
            ),
        )
        for c in comparisons
    )
    return Verdict(verdicts, sentence(name, verdicts, MIN_SEEDS, shared), level=level, looks=tuple(looks))


Arm = dict[tuple[int, int], Row]
"""One row for each (budget, seed)."""


def choose_arm(rows: Iterable[Row], methods: Sequence[str]) -> Arm:
    """At each budget and seed, the row among `methods` with the best validation accuracy, then log-loss, then order.

    Rows of different numbers of folds are compared by the first (`comparable`). Where the budget allows no validation,
    the first of `methods` that ran.
    """
    rank = {method: place for place, method in enumerate(methods)}
    cells: dict[tuple[int, int], list[Row]] = {}
    for row in rows:
        if row["method"] in rank:
            cells.setdefault((row["budget"], row["seed"]), []).append(row)
    return {cell: _best(sorted(found, key=lambda row: rank[row["method"]])) for cell, found in cells.items()}


def _best(candidates: Sequence[Row]) -> Row:
    scores = comparable([row["validation"] or UNVALIDATED for row in candidates])
    scored = zip(candidates, scores, strict=True)
    return min(scored, key=lambda pair: (-pair[1]["accuracy"], pair[1]["log_loss"]))[0]


def compare(first: Arm, second: Arm, level: float = LEVEL, finished: bool = True) -> list[Comparison]:
    """Compare two arms at every budget where they share two seeds or more, corrected together.

    level: of all intervals together. finished: whether all runs are done.
    """
    shared: dict[int, list[int]] = {}
    for budget, seed in sorted(first.keys() & second.keys()):
        shared.setdefault(budget, []).append(seed)
    shared = {budget: seeds for budget, seeds in shared.items() if len(seeds) >= 2}
    pairs = {b: [(first[b, s], second[b, s]) for s in seeds] for b, seeds in shared.items()}
    differences = {b: [one["accuracy"] - two["accuracy"] for one, two in both] for b, both in pairs.items()}
    p_values = dict(zip(differences, holm([wilcoxon_p(d) for d in differences.values()]), strict=True))
    return [
        Comparison(
            budget=budget,
            seeds=len(both),
            first=float(np.mean([one["accuracy"] for one, _ in both])),
            second=float(np.mean([two["accuracy"] for _, two in both])),
            difference=float(np.mean(differences[budget])),
            deviation=float(np.std(differences[budget], ddof=1)),
            interval=paired_interval(differences[budget], level, comparisons=len(pairs)),
            win_probability=win_probability(differences[budget]),
            wilcoxon_p=p_values[budget],
            test_error=sampling_error(np.mean([unpack_hits(one) - unpack_hits(two) for one, two in both], axis=0)),
            finished=finished,
        )
        for budget, both in pairs.items()
    ]


def _complete(rows: Iterable[Row], methods: set[str]) -> list[Row]:
    """The good rows of the cells (budget, seed) in which every method has one."""
    cells: dict[tuple[int, int], list[Row]] = {}
    for row in rows:
        if row["status"] == "ok" and row["method"] in methods:
            cells.setdefault((row["budget"], row["seed"]), []).append(row)
    return [row for cell in cells.values() if len(cell) == len(methods) for row in cell]


def _at(arm: Arm, budget: int) -> list[Row]:
    return [row for (b, _), row in sorted(arm.items()) if b == budget]


def _expected(arm: Arm, budget: int) -> Interval:
    low, high = next_draw_interval([row["accuracy"] for row in _at(arm, budget)], LEVEL)
    return Interval(max(0.0, low), min(1.0, high))


def _choices(arm: Arm, budget: int) -> dict[str, int]:
    return dict(Counter(row["method"] for row in _at(arm, budget)).most_common())


def pack_hits(hits: np.ndarray) -> str:
    """[n_test] bool as a base64 string of bits."""
    return base64.b64encode(np.packbits(hits).tobytes()).decode()


def unpack_hits(row: Mapping[str, Any]) -> np.ndarray:
    """The hits of a run record, [n_test] float64 of 0 and 1."""
    bits = np.frombuffer(base64.b64decode(row["hits"]), dtype=np.uint8)
    return np.unpackbits(bits, count=row["n_test"]).astype(float)
