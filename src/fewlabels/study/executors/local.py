"""Worker processes of one thread each. One that dies costs its run, not the study."""

from __future__ import annotations

import pickle
import queue
import threading
from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any

from fewlabels.core.errors import FewlabelsError, IntegrityError
from fewlabels.core.processes import start_python, stop
from fewlabels.study.plan import Run, SourceKey

MOST_FAILED_STARTS = 3

Rows = list[dict[str, Any]]

Batch = Sequence[Run]
"""Runs of one source that are fitted together: one worker carries them out, one after the other."""


class WorkerDied(Exception):
    """The process ended without an answer."""


class Worker:
    """One process, spoken to in pickles over its standard input and output.

    It ends by itself when its standard input closes.
    """

    def __init__(self) -> None:
        self._process = start_python("-m", "fewlabels.study.executors.worker")

    def take_up(self, materials: object) -> None:
        """Make ready to carry out the runs of a study. Raises WorkerDied."""
        self._send(materials)
        self._receive()

    def carry_out(self, run: Run) -> Rows | Exception:
        """The run's records, or the exception that it ended in. Raises WorkerDied."""
        self._send(run)
        return self._receive()

    def stop(self) -> None:
        stop(self._process)

    def _send(self, message: object) -> None:
        assert self._process.stdin is not None
        try:
            pickle.dump(message, self._process.stdin)
            self._process.stdin.flush()
        except OSError:
            raise WorkerDied(self._how_it_ended()) from None

    def _receive(self) -> Any:
        assert self._process.stdout is not None
        try:
            return pickle.load(self._process.stdout)
        except (EOFError, OSError, pickle.UnpicklingError):
            raise WorkerDied(self._how_it_ended()) from None

    def _how_it_ended(self) -> str:
        code = self._process.wait()
        return f"worker died (signal {-code}; out of memory?)" if code < 0 else f"worker died (exit code {code})"


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


class Crew:
    """The workers of a study: hired as needed, dismissed all at once."""

    def __init__(self, materials: object) -> None:
        self._materials = materials
        self._workers: set[Worker] = set()
        self._lock = threading.Lock()
        self._dismissed = False

    def hire(self) -> Worker:
        """A worker ready for runs. Raises WorkerDied once dismissed, FewlabelsError where none can start."""
        for attempt in range(MOST_FAILED_STARTS):
            with self._lock:
                if self._dismissed:
                    raise WorkerDied("the study has ended")
                worker = Worker()
                self._workers.add(worker)
            try:
                worker.take_up(self._materials)
            except WorkerDied as death:
                self.forget(worker)
                if attempt + 1 == MOST_FAILED_STARTS and not self._dismissed:
                    raise FewlabelsError(
                        f"no worker could start ({MOST_FAILED_STARTS} tries): {death}; what it printed stands above"
                    ) from None
            else:
                return worker
        raise WorkerDied("the study has ended")

    def forget(self, worker: Worker) -> None:
        """Let go of a worker that died."""
        with self._lock:
            self._workers.discard(worker)
        worker.stop()

    def dismiss(self) -> None:
        """Stop every worker, and hire no more."""
        with self._lock:
            self._dismissed = True
            for worker in self._workers:
                worker.stop()


def carry_out_all(
    groups: Mapping[SourceKey, Sequence[Batch]],
    materials: object,
    workers: int,
    trained_as_one: Callable[[SourceKey], SourceKey] = lambda key: key,
) -> Generator[tuple[Run, Rows | Exception]]:
    """Carry out all runs on `workers` processes; yield each with its records, or the exception it ended in.

    Raises IntegrityError at once where a run broke a promise, FewlabelsError where workers cannot even start.
    """
    schedule, crew = Schedule(groups, trained_as_one), Crew(materials)
    results: queue.Queue[tuple[Run, Rows | Exception] | Exception | None] = queue.Queue()

    def serve() -> None:
        worker, key = None, None
        try:
            while (task := schedule.next(key)) is not None:
                key, batch = task
                for run in batch:
                    worker = worker or crew.hire()
                    try:
                        answer = worker.carry_out(run)
                    except WorkerDied as death:
                        answer = death
                        crew.forget(worker)
                        worker = None
                    schedule.done(key)
                    results.put((run, answer))
            results.put(None)
        except Exception as error:
            results.put(error)

    for _ in range(workers):
        threading.Thread(target=serve, daemon=True).start()
    try:
        serving = workers
        while serving:
            result = results.get()
            if result is None:
                serving -= 1
            elif isinstance(result, Exception):
                raise result
            elif isinstance(result[1], IntegrityError):
                raise result[1]
            else:
                yield result
    finally:
        schedule.clear()
        crew.dismiss()
