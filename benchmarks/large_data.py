"""Pretraining from a memory-mapped pool larger than memory should be: speed against memory, and the memory it takes."""

from __future__ import annotations

import os
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.child import in_process
from benchmarks.rows import Row, limit, ratio
from benchmarks.side_by_side import Effort, Measure, take_turns
from fewlabels.data import fit_scaling
from fewlabels.networks import default_network
from fewlabels.objectives import Denoising
from fewlabels.training import Examples, Job, Recipe, train

SIDE = 64
IN_MEMORY = 100_000
"""Images of the array that is held in memory for comparison."""

MAPPED, MEMORY = "mapped", "in memory"
SHARE, MOST_MEGABYTES = 0.8, 2000
CPU_SPEED, ANONYMOUS, OF_FILES = "images a second of processor time", "anonymous MB", "MB of files"


def run(effort: Effort) -> Iterator[Row]:
    n, steps = effort.either(20_000, 1_000_000), effort.either(10, 150)
    with tempfile.TemporaryDirectory(prefix="large-data-") as folder:
        path = Path(folder) / "x.npy"
        generate(path, n)
        arms = [
            in_process(kind, "benchmarks.large_data:pretraining", {"path": str(path), "kind": kind, "steps": steps}, 1)
            for kind in (MAPPED, MEMORY)
        ]
        measured = take_turns(arms, 2)
    comparisons = [
        ratio(measured, MAPPED, MEMORY, "more", SHARE),
        ratio(measured, MAPPED, MEMORY, "more", SHARE, CPU_SPEED, f"times {MEMORY}, by processor time"),
        limit(measured, MAPPED, ANONYMOUS, MOST_MEGABYTES, ANONYMOUS),
        limit(measured, MAPPED, f"{OF_FILES}, which the system may take back", None, OF_FILES),
    ]
    notes = [
        f"{steps} steps of batch 128 of the default network, denoising. In memory: the first {min(n, IN_MEMORY):,} "
        "images. The file was just written, so it lies in the system's cache as far as memory goes."
    ]
    title = (
        f"Pretraining on {n:,} generated images of {SIDE}x{SIDE}, mapped from {n * SIDE * SIDE / 1e9:.1f} GB on disk"
    )
    yield Row("large data", title, "images/s", 1, measured, comparisons, notes)


def pretraining(path: str, kind: str, steps: int) -> Measure:
    mapped = np.load(path, mmap_mode="r")
    x = mapped if kind == MAPPED else np.array(mapped[:IN_MEMORY])
    examples = Examples(x, fit_scaling(x))

    def measure(repeat: int) -> dict[str, Any]:
        peaks, ended = {ANONYMOUS: 0.0, OF_FILES: 0.0}, threading.Event()
        watcher = threading.Thread(target=watch, args=(peaks, ended))
        watcher.start()
        before = time.process_time()
        job = Job(default_network(examples.shape), Denoising(), Recipe(steps=steps), seed=repeat)
        _, history = train(job, examples)
        busy = time.process_time() - before
        ended.set()
        watcher.join()
        seen = steps * job.recipe.batch_size
        return {"value": seen / history.seconds, CPU_SPEED: seen / busy, **peaks}

    train(Job(default_network(examples.shape), Denoising(), Recipe(steps=2)), examples)
    return measure


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


def watch(peaks: dict[str, float], ended: threading.Event) -> None:
    """Keep the greatest memory of this process, anonymous and of files, twenty times a second (Linux)."""
    while not ended.wait(0.05):
        status = dict(line.split(":", 1) for line in Path(f"/proc/{os.getpid()}/status").read_text().splitlines())
        for name, field in ((ANONYMOUS, "RssAnon"), (OF_FILES, "RssFile")):
            peaks[name] = max(peaks[name], int(status[field].split()[0]) * 1024 / 1e6)
