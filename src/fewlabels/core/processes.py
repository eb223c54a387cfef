"""Python processes of our own: plain ones, spoken to over their standard input and output."""

from __future__ import annotations

import os
import pickle
import queue
import select
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from typing import Any, BinaryIO

from fewlabels.core.errors import FewlabelsError
from fewlabels.core.text import one_line

ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"), "1"
)

LAST_SECONDS = 10
"""That a process whose answers have ended is given to end, too."""


def start_python(*arguments: str) -> subprocess.Popen[bytes]:
    """A Python process of one thread that imports what this one can.

    Plain, so that it works from scripts, notebooks and the shell alike; one that ends when its input closes does not
    outlive its parent, however the parent ends.
    """
    return subprocess.Popen(
        [sys.executable, "-P", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, **ONE_THREAD, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        start_new_session=True,  # Ctrl-C is the parent's to handle
    )


class WorkerDied(FewlabelsError):
    """A worker ended without an answer; the message says how."""


class Worker:
    """A process that serves a function, spoken to in pickles. It ends when its input closes, whatever it is doing.

    target: `module:function`; called with what is `given`, it makes ready and returns the function that is served.
    start: starts Python with the arguments it is given, and pipes for its input and output.
    """

    def __init__(
        self, target: str, *given: object, start: Callable[..., subprocess.Popen[bytes]] = start_python
    ) -> None:
        self._given: tuple[object, ...] | None = given
        self._process = start("-m", "fewlabels.core.processes", target)

    def make_ready(self, limit_s: float | None = None) -> None:
        """Wait until it is ready, if it has not been. Raises as `receive`."""
        if self._given is not None:
            self.send(*self._given)
            self.receive(limit_s)
            self._given = None

    def __call__(self, *task: object) -> Any:
        """What the function returns. Raises as `receive`."""
        self.make_ready()
        self.send(*task)
        return self.receive()

    def send(self, *task: object) -> None:
        """Have it begin a task. Raises WorkerDied."""
        assert self._process.stdin is not None
        try:
            pickle.dump(task, self._process.stdin, protocol=pickle.HIGHEST_PROTOCOL)
            self._process.stdin.flush()
        except (OSError, ValueError):  # its pipe is broken, or closed
            raise WorkerDied(self._how_it_ended()) from None

    def receive(self, limit_s: float | None = None) -> Any:
        """What it answers next. Raises the error that the function ended in, as FewlabelsError where it is none, and
        WorkerDied where the process ended, or took longer than `limit_s`.
        """
        assert self._process.stdout is not None
        if limit_s is not None and not select.select([self._process.stdout], [], [], limit_s)[0]:
            raise WorkerDied(f"stopped after {limit_s:g} s")
        try:
            answer = pickle.load(self._process.stdout)
        except (EOFError, OSError, ValueError, pickle.UnpicklingError):
            raise WorkerDied(self._how_it_ended()) from None
        if isinstance(answer, Exception):
            raise answer
        return answer

    def stop(self) -> None:
        """Kill the process, wait for its end, and close its pipes."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()

    def _how_it_ended(self) -> str:
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(LAST_SECONDS)
        self._process.kill()  # what has answered nonsense
        code = self._process.wait()
        return f"worker died (signal {-code}; out of memory?)" if code < 0 else f"worker died (exit code {code})"


def main(target: str) -> None:
    """What a worker runs: the first task makes ready, all others are answered."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what libraries print must not mix with the answers
    tasks: queue.SimpleQueue[tuple[Any, ...]] = queue.SimpleQueue()
    threading.Thread(target=_read, args=(sys.stdin.buffer, tasks), daemon=True).start()
    module, name = target.split(":")
    function: Callable[..., Any] | None = None
    while True:
        answer = None
        try:
            if function is None:
                function = getattr(import_module(module), name)(*tasks.get())
            else:
                answer = function(*tasks.get())
        except FewlabelsError as error:
            answer = error
        except Exception as error:  # a task may fail in any way, and must not take the others along
            answer = FewlabelsError(f"{type(error).__name__}: {one_line(error, 300)} ({_where(error)})")
        try:
            pickle.dump(answer, answers, protocol=pickle.HIGHEST_PROTOCOL)
            answers.flush()
        except BrokenPipeError:
            os._exit(0)  # nobody is left to tell


def _read(pipe: BinaryIO, tasks: queue.SimpleQueue[tuple[Any, ...]]) -> None:
    """Hand on what the parent sends. When it is gone, so is the worker."""
    while True:
        try:
            tasks.put(pickle.load(pipe))
        except EOFError:
            os._exit(0)
        except Exception as error:
            print(f"worker: cannot read its task ({error})", file=sys.stderr, flush=True)
            os._exit(1)


def _where(error: Exception) -> str:
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{os.path.basename(frame.filename)}, line {frame.lineno}"


def available_cores() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


if __name__ == "__main__":
    main(sys.argv[1])
