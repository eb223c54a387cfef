"""Arms in processes of their own: threads are fixed at the start, and nothing of another arm is in memory.

The process imports, makes ready and warms up once; then it measures a repeat whenever it is asked to, and waits.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from benchmarks.side_by_side import Arm, ArmFailed, Figures

ROOT = Path(__file__).parent.parent
THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


def in_process(
    name: str,
    target: str,
    settings: Mapping[str, Any],
    threads: int,
    python: Path | str = sys.executable,
    limit_s: float = 1800,
) -> Arm:
    """An arm that runs in a process of its own.

    target: `module:function`; called with the settings, it makes ready, warms up, and returns what measures a repeat.
    limit_s: seconds that making ready, or a repeat, may take.
    """
    child = Child(target, settings, threads, python, limit_s)
    return Arm(name, child.measure, child.close)


class Child:
    """A process that is started at the first repeat, and measures one repeat for each line it is sent."""

    def __init__(
        self, target: str, settings: Mapping[str, Any], threads: int, python: Path | str, limit_s: float
    ) -> None:
        self._command = [str(python), "-m", "benchmarks.child", target, json.dumps(settings)]
        self._environment = environment(threads)
        self._limit_s = limit_s
        self._process: subprocess.Popen[bytes] | None = None
        self._messages = tempfile.TemporaryFile()

    def measure(self, repeat: int) -> Figures:
        """Raises ArmFailed where the process failed, ended, or took too long."""
        if self._process is None:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._messages,
                env=self._environment,
                cwd=ROOT,
            )
            self._answer()  # that it is ready
        assert self._process.stdin is not None
        self._process.stdin.write(f"{repeat}\n".encode())
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> Figures:
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
            self._process.kill()
            self._process.communicate()
        self._messages.close()


def environment(threads: int) -> dict[str, str]:
    """The environment of an arm: so many threads, and this checkout before whatever is installed."""
    paths = [str(ROOT / "src"), str(ROOT), os.environ.get("PYTHONPATH", "")]
    return {
        **os.environ,
        **dict.fromkeys(THREAD_VARIABLES, str(threads)),
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
    }


def main() -> None:
    """Make ready, say so, then answer every line that holds the number of a repeat."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what libraries print must not mix with the answers
    module, function = sys.argv[1].split(":")
    measure = getattr(import_module(module), function)(**json.loads(sys.argv[2]))
    print("{}", file=answers, flush=True)
    for line in sys.stdin:
        print(json.dumps(measure(int(line))), file=answers, flush=True)


if __name__ == "__main__":
    main()
