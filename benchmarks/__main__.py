"""`python -m benchmarks`: measure every row, write results.json and results.md, print the table."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from benchmarks.machine import describe_machine
from benchmarks.rows import Row, failed_row
from benchmarks.side_by_side import Effort, one_line
from benchmarks.table import render
from fewlabels.core.processes import available_cores

ROWS = (
    "pretraining",
    "paper1_probes",
    "probes",
    "stacking",
    "throughput",
    "footprint",
    "time_to_loss",
    "precision",
    "floor",
    "large_data",
)
"""The files of this folder that hold rows, in the order they are measured and shown."""


TOO_LONG = ("time_to_loss", "precision")
"""Rows that a quick run leaves out unless they are asked for: what they say takes a real training."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns 1 where a file of rows could not be run."""
    options = parser().parse_args(arguments)
    effort = Effort(options.quick, options.threads)
    machine = describe_machine(effort.threads)
    rows: list[Row] = []
    chosen = options.only or [name for name in ROWS if not (options.quick and name in TOO_LONG)]
    for name in chosen:
        rows += _measured(name, effort)
        write(options.out, machine, rows, effort.quick)  # after every file: what is measured is kept
    print(render(machine, rows, effort.quick))
    return int(any(not row.arms for row in rows))


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m benchmarks", description="Measure fewlabels beside what else is run.")
    parser.add_argument("--quick", action="store_true", help="smaller problems, fewer repeats: under 3 minutes")
    parser.add_argument("--only", action="append", choices=ROWS, metavar="ROW", help=f"one of {', '.join(ROWS)}")
    parser.add_argument("--threads", type=int, default=available_cores(), help="of each arm; by default all cores")
    out = Path(__file__).parent / "results.json"
    parser.add_argument("--out", type=Path, default=out, help="results.json; the table goes beside it, as .md")
    return parser


def _measured(name: str, effort: Effort) -> list[Row]:
    """The rows of a file, or one that says why there are none."""
    started = time.perf_counter()
    print(f"{name} ...", end=" ", file=sys.stderr, flush=True)
    try:
        rows = list(import_module(f"benchmarks.{name}").run(effort))
    except Exception as error:  # a row must not take the others along
        rows = [failed_row(name, effort, one_line(error))]
    print(f"{time.perf_counter() - started:.0f} s", file=sys.stderr)
    return rows


def write(out: Path, machine: dict[str, object], rows: Sequence[Row], quick: bool) -> None:
    results = {"machine": machine, "quick": quick, "rows": [row.to_json() for row in rows]}
    out.write_text(json.dumps(results, indent=1) + "\n")
    out.with_suffix(".md").write_text(render(machine, rows, quick))


if __name__ == "__main__":
    sys.exit(main())
