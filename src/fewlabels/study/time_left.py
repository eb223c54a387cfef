"""How long the rest of a study will take, from what runs like those left took."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from statistics import median

from fewlabels.study.plan import Plan, Run, SourceKey
from fewlabels.study.records import Rows

OF_OTHER_BUDGETS = 0.5
"""Cost of a run relative to those of its cost at other budgets: the largest, which takes longest, comes first."""

Kind = tuple[int, int]
"""What a run costs, as its way of transfer or its control tells, and its budget."""


class TimeLeft:
    """Learns what each kind of run takes, and each pretraining, as runs end.

    The first runs of each worker, which are fitted together, teach nothing: they take far longer than those to come.
    """

    def __init__(self, plan: Plan, todo: Sequence[Run], workers: int) -> None:
        self._plan, self._workers = plan, workers
        self._todo = set(todo)
        self._untrained = {self._encoder(run) for run in todo if run.method.pretrained}
        self._seconds: dict[Kind, list[float]] = defaultdict(list)
        self._pretraining: list[float] = []
        self._first: set[Run] = set()

    def ended(self, run: Run, answer: Rows | Exception) -> None:
        """A run has ended, with these records."""
        self._todo.discard(run)
        self._untrained.discard(self._encoder(run))
        batch = self._plan.together(run)[0]
        if len(self._first) < self._workers:
            self._first.add(batch)
        for row in [] if isinstance(answer, Exception) else answer:
            if row["kind"] == "encoder":
                self._pretraining.append(0.0 if row["cached"] else row["seconds"])
            elif batch not in self._first:
                self._seconds[(run.method.row.cost, run.budget)].append(
                    row["seconds"]["tuning"] + row["seconds"]["transfer"]
                )

    def seconds(self) -> float | None:
        """Of all workers together at work; None: not known yet."""
        if not self._seconds:
            return None
        fitting = sum(self._of((run.method.row.cost, run.budget)) for run in self._todo)
        pretraining = len(self._untrained) * median(self._pretraining) if self._pretraining else 0.0
        return (fitting + pretraining) / self._workers

    def _of(self, kind: Kind) -> float:
        """Seconds of a run of that kind: the median of those, or a guess."""
        if kind in self._seconds:
            return median(self._seconds[kind])
        seen = {known: median(found) for known, found in self._seconds.items()}
        if alike := [seconds for (cost, _), seconds in seen.items() if cost == kind[0]]:
            return OF_OTHER_BUDGETS * max(alike)
        return kind[0] * max(seconds / cost for (cost, _), seconds in seen.items())

    def _encoder(self, run: Run) -> SourceKey:
        return self._plan.trained_as_one(self._plan.source_key(run))
