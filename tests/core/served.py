"""Functions that workers serve in tests."""

from __future__ import annotations

import os
import signal
import sys
import time

from fewlabels.core.errors import InputError, StorageError


def adder(first):
    """What it prints must not mix with its answers."""
    print("making ready")
    os.write(1, b"as C libraries print")

    def add(*numbers):
        print("adding", file=sys.stdout, flush=True)
        return {"sum": first + sum(numbers), "process": os.getpid(), "threads": os.environ["OMP_NUM_THREADS"]}

    return add


def failing(how):
    if how == "at the start":
        raise InputError("cannot make ready")

    def fail(then):
        if then == "input":
            raise InputError("what was wrong") from ValueError(lambda: "a cause that cannot travel")
        if then == "storage":
            raise StorageError("no space")
        if then == "bug":
            return {}["missing\nkey"]
        if then == "exit":
            os._exit(3)
        if then == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if then == "nonsense":
            os.write(3, b"\x80\x05nonsense")
        if then == "sleep":
            time.sleep(60)
        return then

    return fail
