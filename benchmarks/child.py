"""Arms in processes of their own: threads are fixed at the start, and nothing of another arm is in memory.

The process imports, makes ready and warms up once; then it measures a repeat whenever it is asked to, and waits.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from benchmarks.side_by_side import Arm, ArmFailed, Figures
from fewlabels.core.errors import FewlabelsError
from fewlabels.core.processes import ONE_THREAD, Worker, WorkerDied

ROOT = Path(__file__).parent.parent
LIMIT_S = 1800.0
"""Seconds that making ready, or a repeat, may take, unless a row says otherwise."""


def in_process(
    name: str,
    target: str,
    settings: Mapping[str, Any],
    threads: int,
    python: Path | str = sys.executable,
    limit_s: float = LIMIT_S,
) -> Arm:
    """An arm that runs in a process of its own.

    target: `module:function`; called with the settings, it makes ready, warms up, and returns what measures a repeat.
    limit_s: seconds that making ready, or a repeat, may take.
    """
    child = Child(target, settings, threads, python, limit_s)
    return Arm(name, child.measure, child.close)


def in_processes(name: str, target: str, settings: Sequence[Mapping[str, Any]]) -> Arm:
    """An arm of several processes of one thread each, one for each of the settings, which share the work of a repeat.

    Its value is the seconds until the last has answered; other figures are added up.
    """
    children = [Child(target, own, 1) for own in settings]

    def measure(repeat: int) -> Figures:
        for child in children:
            child.make_ready()
        started = time.perf_counter()
        for child in children:
            child.ask(repeat)
        answers = [child.answer() for child in children]
        seconds = time.perf_counter() - started
        return {**{key: sum(answer[key] for answer in answers) for key in answers[0]}, "value": seconds}

    def close() -> None:
        for child in children:
            child.close()

    return Arm(name, measure, close)


class Child:
    """A process that makes ready once, and then measures one repeat whenever it is asked to."""

    def __init__(
        self,
        target: str,
        settings: Mapping[str, Any],
        threads: int,
        python: Path | str = sys.executable,
        limit_s: float = LIMIT_S,
    ) -> None:
        self._target, self._settings, self._threads, self._python = target, settings, threads, str(python)
        self._limit_s = limit_s
        self._worker: Worker | None = None
        self._messages = TemporaryFile()  # noqa: SIM115 - closed with the process

    def measure(self, repeat: int) -> Figures:
        """Raises ArmFailed where the process failed, ended, or took too long."""
        self.make_ready()
        self.ask(repeat)
        return self.answer()

    def make_ready(self) -> None:
        """Start the process, if it has not been, and wait until it is ready. Raises ArmFailed."""
        if self._worker is None:
            self._worker = Worker("benchmarks.child:measure_of", self._target, dict(self._settings), start=self._start)
            with self._telling():
                self._worker.make_ready(self._limit_s)

    def ask(self, repeat: int) -> None:
        """Have it begin a repeat. Raises ArmFailed where it has ended."""
        assert self._worker is not None
        with self._telling():
            self._worker.send(repeat)

    def answer(self) -> Figures:
        """What it says next. Raises ArmFailed."""
        assert self._worker is not None
        with self._telling():
            figures: Figures = self._worker.receive(self._limit_s)
        return figures

    def _start(self, *arguments: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [self._python, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._messages,
            env=environment(self._threads),
            cwd=ROOT,
        )

    @contextmanager
    def _telling(self) -> Iterator[None]:
        """Turn what a worker ends in into one line: its own words, or what it printed last."""
        try:
            yield
        except FewlabelsError as error:
            self._messages.seek(0)
            lines = self._messages.read().decode(errors="replace").strip().splitlines()
            last = f"; it printed last: {lines[-1]}" if lines and isinstance(error, WorkerDied) else ""
            raise ArmFailed(f"{error}{last}") from None

    def close(self) -> None:
        if self._worker is not None:
            self._worker.stop()
        self._messages.close()


def measure_of(target: str, settings: Mapping[str, Any]) -> Callable[[int], Figures]:
    """What the process serves: makes ready, and gives the figures of a repeat."""
    module, function = target.split(":")
    measure: Callable[[int], Figures] = getattr(import_module(module), function)(**settings)
    return measure


def environment(threads: int) -> dict[str, str]:
    """The environment of an arm: so many threads, and this checkout before whatever is installed."""
    paths = [str(ROOT / "src"), str(ROOT), os.environ.get("PYTHONPATH", "")]
    return {
        **os.environ,
        **dict.fromkeys(ONE_THREAD, str(threads)),
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
    }
