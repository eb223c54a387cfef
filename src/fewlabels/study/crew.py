"""Worker processes of one thread each. One that dies costs its run, not the study."""

from __future__ import annotations

import os
import pickle
import queue
import subprocess
import sys
import threading
from collections.abc import Generator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from fewlabels.errors import FewlabelsError, IntegrityError
from fewlabels.study.plan import Run, SourceKey

ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
MOST_FAILED_STARTS = 3

Rows = list[dict[str, Any]]


class WorkerDied(Exception):
    """The process ended without an answer."""


class Worker:
    """One process, `python -m fewlabels.study.worker`, spoken to in pickles over its standard input and output.

    A plain subprocess, so that it works from scripts, notebooks and the shell alike; it ends by itself when its
    standard input closes, so none outlives its parent, however the parent ends.
    """

    def __init__(self, materials: object) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "fewlabels.study.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, **ONE_THREAD},
            start_new_session=True,  # Ctrl-C is the parent's to handle
        )
        self._send(materials)
        self._receive()

    def carry_out(self, run: Run) -> Rows | Exception:
        """The run's records, or the exception that it ended in. Raises WorkerDied."""
        self._send(run)
        return self._receive()

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()

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
    """Hands out runs so that a worker stays with one source, and no two workers train the same encoder."""

    def __init__(self, groups: Mapping[SourceKey, Sequence[Run]]) -> None:
        self._waiting = {key: list(runs) for key, runs in groups.items()}
        self._begun: set[SourceKey] = set()
        self._ready: set[SourceKey] = set()
        self._lock = threading.Lock()
        self._news = threading.Condition(self._lock)
        self._busy = 0

    def next(self, current: SourceKey | None) -> tuple[SourceKey, Run] | None:
        """A run: of the current source, else of one not begun, else of one whose encoder is ready; None: all done."""
        with self._news:
            while any(self._waiting.values()):
                key = self._choose(current)
                if key is not None:
                    self._begun.add(key)
                    return key, self._waiting[key].pop(0)
                self._news.wait()
            return None

    def done(self, key: SourceKey) -> None:
        """A run of this source has ended, well or badly: others may take up the rest."""
        with self._news:
            self._ready.add(key)
            self._news.notify_all()

    def clear(self) -> None:
        with self._news:
            self._waiting.clear()
            self._news.notify_all()

    def _choose(self, current: SourceKey | None) -> SourceKey | None:
        waiting = [key for key, runs in self._waiting.items() if runs]
        if current in waiting:
            return current
        fresh = [key for key in waiting if key not in self._begun]
        if fresh:
            return fresh[0]
        ready = [key for key in waiting if key in self._ready]
        return max(ready, key=lambda key: len(self._waiting[key])) if ready else None


def carry_out_all(
    groups: Mapping[SourceKey, Sequence[Run]], materials: object, workers: int
) -> Generator[tuple[Run, Rows | Exception]]:
    """Carry out all runs on `workers` processes; yield each with its records, or the exception it ended in.

    Raises IntegrityError at once where a run broke a promise, FewlabelsError where workers cannot even start.
    """
    schedule = Schedule(groups)
    results: queue.Queue[tuple[Run, Rows | Exception] | Exception | None] = queue.Queue()
    crew: set[Worker] = set()
    stopping = threading.Event()

    def serve() -> None:
        worker, current, failed_starts = None, None, 0
        try:
            while (task := schedule.next(current)) is not None and not stopping.is_set():
                current, run = task
                while worker is None:
                    worker, failed_starts = _start(materials, crew, failed_starts)
                try:
                    answer = worker.carry_out(run)
                except WorkerDied as death:
                    answer = death
                    crew.discard(worker)
                    worker, current = None, None
                schedule.done(task[0])
                results.put((run, answer))
            results.put(None)
        except Exception as error:
            results.put(error)

    threads = [threading.Thread(target=serve, daemon=True) for _ in range(workers)]
    for thread in threads:
        thread.start()
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
        stopping.set()
        schedule.clear()
        for worker in list(crew):
            worker.stop()


def _start(materials: object, crew: set[Worker], failed: int) -> tuple[Worker | None, int]:
    try:
        worker = Worker(materials)
    except WorkerDied as death:
        if failed + 1 == MOST_FAILED_STARTS:
            raise FewlabelsError(
                f"no worker could start ({MOST_FAILED_STARTS} tries): {death}; what it printed stands above"
            ) from None
        return None, failed + 1
    crew.add(worker)
    return worker, 0
