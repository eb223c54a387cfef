"""Peak memory of a command and everything it starts."""

from __future__ import annotations

import re
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.side_by_side import ArmFailed

PROCESSES = Path("/proc")
EVERY_S = 0.2


@dataclass(frozen=True)
class Cost:
    """seconds: from start to end. mebibytes: the most at any moment, summed over processes, shared pages shared out."""

    seconds: float
    mebibytes: float


def cost_of(command: Sequence[str], environment: Mapping[str, str], folder: Path, limit_s: float) -> Cost:
    """Run a command in a folder, looking at its memory five times a second.

    Raises ArmFailed where the command fails, takes longer than limit_s seconds, or the system has no /proc.
    """
    if not PROCESSES.is_dir():
        raise ArmFailed("peak memory is read from /proc, which this system does not have")
    with tempfile.TemporaryFile() as messages:
        started = time.perf_counter()
        process = subprocess.Popen(
            command, env=dict(environment), cwd=folder, stdout=subprocess.DEVNULL, stderr=messages
        )
        peak = 0
        while process.poll() is None:
            peak = max(peak, sum(proportional_kibibytes(number) for number in family(process.pid)))
            if time.perf_counter() - started > limit_s:
                process.kill()
                process.wait()
                raise ArmFailed(f"stopped after {limit_s:g} s")
            time.sleep(EVERY_S)
        seconds = time.perf_counter() - started
        if process.returncode != 0:
            messages.seek(0)
            words = messages.read().decode(errors="replace").strip().splitlines() or ["no message"]
            raise ArmFailed(f"exit code {process.returncode}: {words[-1]}")
    return Cost(seconds, peak / 1024)


def family(process: int) -> list[int]:
    """A process and all that descend from it, by number."""
    children: dict[int, list[int]] = {}
    for status in PROCESSES.glob("[0-9]*/stat"):
        try:
            parent = int(status.read_text().rsplit(")", 1)[1].split()[1])
        except OSError:  # it has ended meanwhile
            continue
        children.setdefault(parent, []).append(int(status.parent.name))
    found = [process]
    for member in found:
        found += children.get(member, [])
    return found


def proportional_kibibytes(process: int) -> int:
    """Resident memory of a process, pages that n processes share counted as a nth; 0 once it has ended."""
    try:
        rollup = (PROCESSES / str(process) / "smaps_rollup").read_text()
    except OSError:
        return 0
    share = re.search(r"^Pss:\s+(\d+) kB", rollup, re.MULTILINE)
    return int(share.group(1)) if share else 0
