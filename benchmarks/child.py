"""Arms in processes of their own: threads are fixed at the start, and nothing of another arm is in memory.

The process imports, makes ready and warms up once; then it measures a repeat whenever it is asked to, and waits.
"""

from __future__ import annotations

import json
import os
import queue
import select
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from benchmarks.side_by_side import Arm, ArmFailed, Figures
from fewlabels.core.processes import ONE_THREAD, stop

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
    """A process that makes ready once, and then measures one repeat for each line it is sent."""

    def __init__(
        self,
        target: str,
        settings: Mapping[str, Any],
        threads: int,
        python: Path | str = sys.executable,
        limit_s: float = LIMIT_S,
    ) -> None:
        self._command = [str(python), "-m", "benchmarks.child", target, json.dumps(settings)]
        self._environment = environment(threads)
        self._limit_s = limit_s
        self._process: subprocess.Popen[bytes] | None = None
        self._messages = TemporaryFile()  # noqa: SIM115 - closed with the process

    def measure(self, repeat: int) -> Figures:
        """Raises ArmFailed where the process failed, ended, or took too long."""
        self.make_ready()
        self.ask(repeat)
        return self.answer()

    def make_ready(self) -> None:
        """Start the process, if it has not been, and wait until it is ready. Raises ArmFailed."""
        if self._process is None:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._messages,
                env=self._environment,
                cwd=ROOT,
            )
            self.answer()

    def ask(self, repeat: int) -> None:
        """Have it begin a repeat. Raises ArmFailed where it has ended."""
        assert self._process is not None
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(f"{repeat}\n".encode())
            self._process.stdin.flush()
        except OSError:
            raise ArmFailed(self._last_words()) from None

    def answer(self) -> Figures:
        """What it says next. Raises ArmFailed."""
        assert self._process is not None
        assert self._process.stdout is not None
        if not select.select([self._process.stdout], [], [], self._limit_s)[0]:
            raise ArmFailed(f"stopped after {self._limit_s:g} s")
        line = self._process.stdout.readline()
        if not line:
            raise ArmFailed(self._last_words())
        answer: Figures = json.loads(line)
        return answer

    def _last_words(self) -> str:
        self._messages.seek(0)
        lines = self._messages.read().decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else "the process ended without a word"

    def close(self) -> None:
        if self._process is not None:
            stop(self._process)
        self._messages.close()


def environment(threads: int) -> dict[str, str]:
    """The environment of an arm: so many threads, and this checkout before whatever is installed."""
    paths = [str(ROOT / "src"), str(ROOT), os.environ.get("PYTHONPATH", "")]
    return {
        **os.environ,
        **dict.fromkeys(ONE_THREAD, str(threads)),
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
    }


def main() -> None:
    """Make ready, say so, then answer every line that holds the number of a repeat. End when the parent has."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what libraries print must not mix with the answers
    repeats: queue.Queue[int] = queue.Queue()
    threading.Thread(target=_listen, args=(repeats,), daemon=True).start()
    module, function = sys.argv[1].split(":")
    measure = getattr(import_module(module), function)(**json.loads(sys.argv[2]))
    print("{}", file=answers, flush=True)
    while True:
        print(json.dumps(measure(repeats.get())), file=answers, flush=True)


def _listen(repeats: queue.Queue[int]) -> None:
    """Hand on what the parent asks for; without it, end at once, whatever is being measured."""
    for line in sys.stdin:
        repeats.put(int(line))
    os._exit(0)


if __name__ == "__main__":
    main()
