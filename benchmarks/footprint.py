"""What it costs to start: help, imports; and the seconds and peak memory of a whole study."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from benchmarks.child import environment
from benchmarks.memory import cost_of
from benchmarks.rows import Row, compact, limit, ratio
from benchmarks.side_by_side import Arm, ArmFailed, Effort, Figures, take_turns
from fewlabels.core.files import cache_folder, data_folder

HELP_SECONDS = 0.3
STUDY_SECONDS = 300
SMALL_STUDY = ("study", "digits", "--methods", "denoising+probe,raw+probe", "--budgets", "10", "--seeds", "2")
DEFAULT_STUDY = ("study", "mnist")


def run(effort: Effort) -> Iterator[Row]:
    yield _starting(effort)
    yield _study(effort)


def _starting(effort: Effort) -> Row:
    commands = {
        "fewlabels --help": ("-m", "fewlabels", "--help"),
        "import fewlabels": ("-c", "import fewlabels"),
        "import fewlabels.training": ("-c", "import fewlabels.training"),
        "import torch": ("-c", "import torch"),
        "python alone": ("-c", "pass"),
    }
    arms = [Arm(name, partial(_seconds_of, command)) for name, command in commands.items()]
    measured = take_turns(arms, 1 + effort.either(2, 10))
    for arm in measured.values():
        del arm.repeats[:1]  # the first reads files from the disk
    comparisons = [
        limit(measured, "fewlabels --help", "seconds for --help", HELP_SECONDS),
        limit(measured, "import fewlabels", "seconds to import fewlabels"),
        ratio(measured, "import fewlabels.training", "import torch", "less", what="times as fast as importing torch"),
    ]
    title = "Seconds from starting the process to its end; the first of each is left out"
    return Row("starting", title, "seconds", None, measured, comparisons)


def _seconds_of(command: Sequence[str], repeat: int) -> Figures:
    started = time.perf_counter()
    subprocess.run([sys.executable, *command], env=environment(1), check=True, capture_output=True)
    return {"value": time.perf_counter() - started}


def _study(effort: Effort) -> Row:
    command = SMALL_STUDY if effort.quick else DEFAULT_STUDY
    measured = take_turns([Arm("fewlabels", partial(_study_cost, command, effort))], 1)
    comparisons = [
        limit(measured, "fewlabels", "mebibytes at the peak"),
        limit(measured, "fewlabels", "seconds", None if effort.quick else STUDY_SECONDS, key="seconds"),
    ]
    notes = [
        "Proportional set size, summed over all processes of the study, looked at five times a second. Encoders were "
        f"not in the cache. {compact(measured['fewlabels'], ['seconds'])}."
    ]
    title = f"Peak memory of `fewlabels {' '.join(command)}`, {effort.threads} workers"
    return Row("study", title, "mebibytes", effort.threads, measured, comparisons, notes)


def _study_cost(command: Sequence[str], effort: Effort, repeat: int) -> Figures:
    """A study in a folder of its own, with an empty cache: only the data come from where they are."""
    data = data_folder() or cache_folder() / "data"
    if "mnist" in command and not (data / "mnist").is_dir():
        raise ArmFailed(f"{data / 'mnist'} is not there; FEWLABELS_DATA names the folder that holds mnist/")
    with tempfile.TemporaryDirectory() as folder:
        own = {
            **environment(1),
            "FEWLABELS_DATA": str(data.resolve()),
            "FEWLABELS_CACHE": str(Path(folder) / "cache"),
        }
        full = [sys.executable, "-m", "fewlabels", *command, "--workers", str(effort.threads)]
        cost = cost_of(full, own, Path(folder), limit_s=1800)
    return {"value": cost.mebibytes, "seconds": cost.seconds}
