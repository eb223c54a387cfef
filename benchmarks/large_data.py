"""Pretraining from a memory-mapped pool larger than memory should be: speed against memory, and the memory it takes.

python benchmarks/large_data.py            # 1,000,000 images of 64x64, 4.1 GB on disk, deleted afterwards
python benchmarks/large_data.py --quick    # 100,000
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np

SIDE = 64
IN_MEMORY = 100_000
"""Images of the array that is held in memory for comparison."""


def large_data(n: int = 1_000_000, steps: int = 300, pairs: int = 2) -> dict[str, Any]:
    """Pretrain the default network from the mapped and from the in-memory array, in turn, each in a process of its own.

    Gives images a second of every run, and a second of processor time, which other work on the machine disturbs less;
    the ratio of the medians of each; and the peaks of resident memory in MB: anonymous, and of the mapped file, which
    the system may take back at any time.
    """
    with tempfile.TemporaryDirectory(prefix="large-data-") as folder:
        path = Path(folder) / "x.npy"
        generate(path, n)
        runs = [measured(path, kind, steps) for _ in range(pairs) for kind in ("mapped", "memory")]
    mapped = [run for run in runs if run["kind"] == "mapped"]
    return {
        "images": n,
        "steps": steps,
        **compared("images_per_second", runs),
        **compared("images_per_cpu_second", runs),
        "peak_anonymous_mb": max(run["anonymous_mb"] for run in mapped),
        "peak_file_mb": max(run["file_mb"] for run in mapped),
        "peak_anonymous_mb_in_memory": max(run["anonymous_mb"] for run in runs if run["kind"] == "memory"),
    }


def compared(figure: str, runs: list[dict[str, Any]]) -> dict[str, Any]:
    """A figure of all runs of either kind, and the ratio of its medians, mapped to in memory."""
    of = {kind: [run[figure] for run in runs if run["kind"] == kind] for kind in ("mapped", "memory")}
    return {figure: of, f"{figure}_ratio": statistics.median(of["mapped"]) / statistics.median(of["memory"])}


def generate(path: Path, n: int, block: int = 10_000) -> None:
    """Write [n, 1, 64, 64] uint8: gratings of any direction, width and phase under noise, in blocks."""
    rng = np.random.default_rng(0)
    rows, columns = np.indices((SIDE, SIDE), dtype=np.float32) / SIDE
    x = np.lib.format.open_memmap(path, "w+", np.uint8, (n, 1, SIDE, SIDE))
    noise = rng.integers(0, 64, (block, SIDE, SIDE), dtype=np.uint8)
    for start in range(0, n, block):
        size = min(block, n - start)
        turn, width, phase = (
            rng.uniform((0, 4, 0), (np.pi, 30, 2 * np.pi), (size, 3)).astype(np.float32).T[..., None, None]
        )
        waves = np.sin(width * (np.cos(turn) * rows + np.sin(turn) * columns) + phase)  # [B, 64, 64]
        x[start : start + size, 0] = (96 * (waves + 1)).astype(np.uint8) + noise[rng.permutation(size)]
    x.flush()


def measured(path: Path, kind: str, steps: int) -> dict[str, Any]:
    """One run in a process of its own."""
    command = [sys.executable, __file__, "--run", str(path), kind, str(steps)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def run(path: Path, kind: str, steps: int) -> dict[str, Any]:
    """Pretrain, and watch this process's memory meanwhile."""
    import torch

    from fewlabels.data import fit_scaling
    from fewlabels.networks import default_network
    from fewlabels.objectives import OBJECTIVES
    from fewlabels.training import Examples, Job, Recipe, train

    torch.set_num_threads(1)
    mapped = np.load(path, mmap_mode="r")
    x = mapped if kind == "mapped" else np.array(mapped[:IN_MEMORY])
    peaks = {"anonymous_mb": 0.0, "file_mb": 0.0}
    ended = threading.Event()
    watcher = threading.Thread(target=watch, args=(peaks, ended))
    watcher.start()
    examples = Examples(x, fit_scaling(x))
    job = Job(default_network(examples.shape), OBJECTIVES["denoising"], Recipe(steps=steps))
    before = time.process_time()
    history = train(job, examples)[1]
    busy = time.process_time() - before
    ended.set()
    watcher.join()
    seen = steps * job.recipe.batch_size
    speeds = {"images_per_second": seen / history.seconds, "images_per_cpu_second": seen / busy}
    return {"kind": kind, **speeds, **peaks}


def watch(peaks: dict[str, float], ended: threading.Event) -> None:
    """Keep the greatest memory of this process, anonymous and of files, twenty times a second (Linux)."""
    while not ended.wait(0.05):
        status = dict(line.split(":", 1) for line in Path(f"/proc/{os.getpid()}/status").read_text().splitlines())
        for name, field in (("anonymous_mb", "RssAnon"), ("file_mb", "RssFile")):
            peaks[name] = max(peaks[name], int(status[field].split()[0]) * 1024 / 1e6)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="100,000 images")
    parser.add_argument("--run", nargs=3, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.run:
        path, kind, steps = asked.run
        print(json.dumps(run(Path(path), kind, int(steps))))
    else:
        print(json.dumps(large_data(100_000, steps=100) if asked.quick else large_data(), indent=2))


if __name__ == "__main__":
    main()
