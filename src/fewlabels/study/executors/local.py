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
from fewlabels.study.records import Rows
from fewlabels.study.schedule import Batch, Schedule

MOST_FAILED_STARTS = 3


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
        answer: Rows | Exception = self._receive()
        return answer

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


class WorkerPool:
    """The workers of a study: hired as needed, dismissed all at once."""

    def __init__(self, materials: object) -> None:
        self._materials = materials
        self._workers: set[Worker] = set()
        self._lock = threading.Lock()
        self._closed = False

    def start(self) -> Worker:
        """A worker ready for runs. Raises WorkerDied once dismissed, FewlabelsError where none can start."""
        for attempt in range(MOST_FAILED_STARTS):
            with self._lock:
                if self._closed:
                    raise WorkerDied("the study has ended")
                worker = Worker()
                self._workers.add(worker)
            try:
                worker.take_up(self._materials)
            except WorkerDied as death:
                self.discard(worker)
                if attempt + 1 == MOST_FAILED_STARTS and not self._closed:
                    raise FewlabelsError(
                        f"no worker could start ({MOST_FAILED_STARTS} tries): {death}; what it printed stands above"
                    ) from None
            else:
                return worker
        raise WorkerDied("the study has ended")

    def discard(self, worker: Worker) -> None:
        """Let go of a worker that died."""
        with self._lock:
            self._workers.discard(worker)
        worker.stop()

    def close(self) -> None:
        """Stop every worker, and hire no more."""
        with self._lock:
            self._closed = True
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
    schedule, pool = Schedule(groups, trained_as_one), WorkerPool(materials)
    results: queue.Queue[tuple[Run, Rows | Exception] | Exception | None] = queue.Queue()

    def serve() -> None:
        worker, key = None, None
        try:
            while (task := schedule.next(key)) is not None:
                key, batch = task
                for run in batch:
                    worker = worker or pool.start()
                    try:
                        answer = worker.carry_out(run)
                    except WorkerDied as death:
                        answer = death
                        pool.discard(worker)
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
        pool.close()
