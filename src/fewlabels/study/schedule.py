"""Who does which runs next: a worker stays with one source, and no two train the same encoder."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence

from fewlabels.study.plan import Run, SourceKey

Batch = Sequence[Run]
"""Runs of one source that are fitted together: one worker carries them out, one after the other."""


class Schedule:
    """Hands out batches of runs so that a worker stays with one source, and no two workers train the same encoder."""

    def __init__(
        self,
        groups: Mapping[SourceKey, Sequence[Batch]],
        trained_as_one: Callable[[SourceKey], SourceKey] = lambda key: key,
    ) -> None:
        """trained_as_one: the same for sources that one worker trains in one go, while others wait."""
        self._as_one = trained_as_one
        self._waiting = {key: list(batches) for key, batches in groups.items()}
        self._begun: set[SourceKey] = set()
        self._ready: set[SourceKey] = set()
        self._news = threading.Condition()

    def next(self, current: SourceKey | None) -> tuple[SourceKey, Batch] | None:
        """A batch: of the current source, else of one not begun, else of one whose encoder is ready; None: all done."""
        with self._news:
            while any(self._waiting.values()):
                key = self._choose(current)
                if key is not None:
                    self._begun.add(self._as_one(key))
                    return key, self._waiting[key].pop(0)
                self._news.wait()
            return None

    def done(self, key: SourceKey) -> None:
        """The first run of a batch of this source has ended, well or badly: others may take up the rest."""
        with self._news:
            self._ready.add(self._as_one(key))
            self._news.notify_all()

    def clear(self) -> None:
        with self._news:
            self._waiting.clear()
            self._news.notify_all()

    def _choose(self, current: SourceKey | None) -> SourceKey | None:
        waiting = [key for key, batches in self._waiting.items() if batches]
        if current in waiting:
            return current
        fresh = [key for key in waiting if self._as_one(key) not in self._begun]
        if fresh:
            return fresh[0]
        ready = [key for key in waiting if self._as_one(key) in self._ready]
        return max(ready, key=lambda key: len(self._waiting[key])) if ready else None
