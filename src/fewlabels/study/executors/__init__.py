"""Who carries out the batches of a study, and where."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from typing import Protocol

from fewlabels.study.data import Materials
from fewlabels.study.plan import Run, SourceKey
from fewlabels.study.records import Rows
from fewlabels.study.schedule import Batch


class Executor(Protocol):
    """Carries out the runs of a study: on worker processes here (`local.LocalProcesses`), or on other machines."""

    @property
    def workers(self) -> int:
        """How many runs are under way at a time, at most."""
        ...

    def run(
        self, materials: Materials, groups: Mapping[SourceKey, Sequence[Batch]]
    ) -> Generator[tuple[Run, Rows | Exception]]:
        """Give each run with its records, or with the exception that it ended in, in any order.

        Parameters
        ----------
        materials
            What runs need; `Runner(materials).carry_out(run)` carries one out. Another process calls
            `materials.fill_tables` first.
        groups
            Batches of runs that are fitted together, by the source of their features. The first run of a source that is
            pretrained trains its encoder and keeps it in the store; those of another key that
            `materials.plan.trained_as_one` maps to the same wait for it (see `Schedule`).

        Raises
        ------
        IntegrityError
            At once, where a run broke a promise.
        """
        ...
