"""What a worker process runs: `python -m fewlabels.study.executors.worker`; see `local.py`."""

from __future__ import annotations

import os
import pickle
import queue
import sys
import threading
import traceback
import warnings
from typing import Any, BinaryIO

from fewlabels.core.errors import FewlabelsError


def main() -> None:
    """Take materials, then runs, from standard input; answer each on standard output; end when the input closes."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what libraries print must not mix with the answers
    tasks: queue.Queue[Any] = queue.Queue()
    threading.Thread(target=_read, args=(sys.stdin.buffer, tasks), daemon=True).start()
    materials = tasks.get()

    import torch

    from fewlabels.study.runner import Runner

    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    bench = Runner(materials)
    _answer(answers, "ready")
    while True:
        run = tasks.get()
        try:
            _answer(answers, bench.carry_out(run))
        except FewlabelsError as error:
            _answer(answers, error)
        except Exception as error:  # a run may fail in any way, and must not take the others along
            _answer(answers, FewlabelsError(f"{type(error).__name__}: {error} ({_where(error)})"))


def _read(pipe: BinaryIO, tasks: queue.Queue[Any]) -> None:
    """Hand on what the parent sends. When it is gone, so is the worker, whatever it is doing."""
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


def _answer(pipe: BinaryIO, message: object) -> None:
    pickle.dump(message, pipe)
    pipe.flush()


if __name__ == "__main__":
    main()
