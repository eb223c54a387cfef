"""Python processes of our own: plain ones, spoken to over their standard input and output."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import suppress

ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"), "1"
)


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


def stop(process: subprocess.Popen[bytes]) -> None:
    """Kill the process, wait for its end, and close its pipes."""
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with suppress(OSError):
                pipe.close()


def available_cores() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
