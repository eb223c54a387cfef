"""Arms that tests run in processes of their own."""

from __future__ import annotations

import os
import time


def counting(factor):
    """Gives factor times the repeat; what it prints must not mix with its answers."""
    print("making ready")
    return lambda repeat: {"value": factor * repeat, "threads": os.environ["OMP_NUM_THREADS"], "process": os.getpid()}


def failing():
    raise RuntimeError("cannot make ready")


def leaving():
    def measure(repeat):
        os._exit(3)

    return measure


def sleeping():
    def measure(repeat):
        time.sleep(60)

    return measure


def shared(share):
    return lambda repeat: {"done": share}
