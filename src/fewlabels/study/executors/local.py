"""Worker processes of one thread each. One that dies costs its run, not the study."""

from __future__ import annotations

import queue
import threading
import warnings
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass

import torch

from fewlabels.core.errors import FewlabelsError, IntegrityError
from fewlabels.core.processes import Worker, WorkerDied
from fewlabels.study.data import Materials
from fewlabels.study.plan import Run, SourceKey
from fewlabels.study.records import Rows
from fewlabels.study.runner import Runner
from fewlabels.study.schedule import Batch, Schedule

MOST_FAILED_STARTS = 3


def runs_of(materials: Materials) -> Callable[[Run], Rows]:
    """What a worker serves: gives the records of a run of the study."""
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    materials.fill_tables()
    return Runner(materials).carry_out


class WorkerPool:
    """The workers of a study: started as needed, stopped all at once."""

    def __init__(self, materials: Materials) -> None:
        self._materials = materials
        self._workers: set[Worker] = set()
        self._lock = threading.Lock()
        self._closed = False

    def start(self) -> Worker:
        """A worker ready for runs. Raises WorkerDied once closed, FewlabelsError where none can start."""
        for attempt in range(MOST_FAILED_STARTS):
            with self._lock:
                if self._closed:
                    raise WorkerDied("the study has ended")
                worker = Worker(f"{__name__}:{runs_of.__name__}", self._materials)
                self._workers.add(worker)
            try:
                worker.make_ready()
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
        """Stop every worker, and start no more."""
        with self._lock:
            self._closed = True
            for worker in self._workers:
                worker.stop()


@dataclass(frozen=True)
class LocalProcesses:
    """An `Executor` of worker processes on this machine."""

    workers: int

    def run(
        self, materials: Materials, groups: Mapping[SourceKey, Sequence[Batch]]
    ) -> Generator[tuple[Run, Rows | Exception]]:
        """As `Executor.run`. Raises FewlabelsError where workers cannot even start."""
        workers = min(self.workers, sum(len(batch) for batches in groups.values() for batch in batches))
        schedule, pool = Schedule(groups, materials.plan.trained_as_one), WorkerPool(materials)
        results: queue.Queue[tuple[Run, Rows | Exception] | Exception | None] = queue.Queue()

        def serve() -> None:
            worker, key = None, None
            try:
                while (task := schedule.next(key)) is not None:
                    key, batch = task
                    for run in batch:
                        worker = worker or pool.start()
                        answer: Rows | Exception
                        try:
                            answer = worker(run)
                        except WorkerDied as death:
                            answer = death
                            pool.discard(worker)
                            worker = None
                        except FewlabelsError as error:
                            answer = error
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
