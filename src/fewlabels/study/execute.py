"""Carrying out a study: the grid of runs on worker processes, each record kept as it comes."""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from fewlabels.core.processes import available_cores
from fewlabels.core.provenance import installed_versions, processor
from fewlabels.data import Dataset, Pools, count_test_duplicates
from fewlabels.study.data import identity, write_arrays
from fewlabels.study.executors import Executor
from fewlabels.study.plan import Plan, Run, SourceKey
from fewlabels.study.records import WORK, Records, Rows, latest_runs, study_folder
from fewlabels.study.schedule import Batch


class Watch(Protocol):
    """Whom a study tells how far it is."""

    def stage(self, what: str) -> None:
        """Something is under way that is no run."""

    def begin(self, plan: Plan, todo: Sequence[Run], workers: int) -> None:
        """So many workers begin with the runs still to do."""

    def ended(self, run: Run, answer: Rows | Exception) -> None:
        """A run has ended, with its records or badly."""


def run_study(
    plan: Plan, dataset: Dataset, pools: Pools, out: Path, executor: Executor, command: str, watch: Watch
) -> None:
    """Carry out all runs of a plan that `out` does not hold yet; one that fails is recorded as failed.

    Raises InputError when `out` cannot be used (see `study_folder`) and IntegrityError when a promise was broken.
    """
    versions = installed_versions()
    data = identity(plan, dataset, pools)
    settings = {"data": data["dataset"], "pools": pools.hashes(), **plan.settings(), "versions": versions}
    manifest = describe_study(plan, dataset, pools, command, settings)
    with study_folder(out, manifest, settings) as records:
        plan = replace(plan, looks=records.looks)
        todo = unfinished(plan, records.rows)
        work = out / WORK
        try:
            watch.begin(plan, todo, min(executor.workers, len(todo)))
            if not todo:
                return
            materials = write_arrays(plan, dataset, pools, work, data, versions)
            groups = grouped(plan, todo)
            with closing(executor.run(materials, groups)) as results:
                for run, answer in results:
                    record(records, run, answer)
                    watch.ended(run, answer)
        finally:
            shutil.rmtree(work, ignore_errors=True)


def record(records: Records, run: Run, answer: Rows | Exception) -> None:
    """Keep what a run gave: its records, each encoder's once, or that it failed."""
    if isinstance(answer, Exception):
        cell = {"method": run.method.name, "budget": run.budget, "seed": run.seed}
        records.append({"kind": "run", **cell, "status": "failed", "error": str(answer)})
        return
    known = {row["key"] for row in records.rows if row["kind"] == "encoder"}
    for row in answer:
        if row["kind"] != "encoder" or row["key"] not in known:
            records.append(row)


def unfinished(plan: Plan, rows: Rows) -> list[Run]:
    """The runs of the plan without a good record; those that failed are tried again."""
    good = {(row["method"], row["budget"], row["seed"]) for row in latest_runs(rows) if row["status"] == "ok"}
    return [run for run in plan.runs() if (run.method.name, run.budget, run.seed) not in good]


def grouped(plan: Plan, runs: Sequence[Run]) -> dict[SourceKey, list[Batch]]:
    """Runs by the source of their features, in batches that are fitted together; what takes longest comes first.

    Sources to pretrain come first, then networks trained from scratch; within a source training, then large budgets.
    """
    batches: dict[Run, list[Run]] = {}
    for run in runs:
        batches.setdefault(plan.together(run)[0], []).append(run)
    groups: dict[SourceKey, list[Batch]] = {}
    for first in sorted(batches, key=_quickness):
        groups.setdefault(plan.source_key(first), []).append(batches[first])
    return groups


def _quickness(run: Run) -> tuple[bool, int, int]:
    return not run.method.pretrained, -run.method.row.cost, -run.budget


def describe_study(
    plan: Plan, dataset: Dataset, pools: Pools, command: str, settings: Mapping[str, Any]
) -> dict[str, Any]:
    """The manifest: all that a reader of the records needs to know."""
    sizes = {"unlabelled": len(pools.unlabelled), "labelled": len(pools.labelled), "test": len(pools.test)}
    return {
        "format": 1,
        "dataset": {
            "name": dataset.name,
            "fingerprint": settings["data"],
            "shape": list(dataset.example_shape),
            "classes": list(dataset.classes),
            "examples": len(dataset.x) + (0 if dataset.x_test is None else len(dataset.x_test)),
            "test_duplicates": count_test_duplicates(dataset, pools),
            "options": dict(dataset.options),
            "notices": list(dataset.notices),
        },
        "pools": {name: {"size": sizes[name], "sha256": settings["pools"][name]} for name in sizes},
        "methods": [
            {
                "name": method.name,
                "label": method.label,
                "pretrained": method.pretrained,
                "source": method.source,
                "transfer": method.transfer,
            }
            for method in plan.methods
        ],
        "budgets": list(plan.budgets),
        "seeds": list(plan.seeds),
        "looks": [len(plan.seeds)],
        "draw": "stratified" if plan.stratified else "as collected",
        "pretraining": "per seed" if plan.pretraining_per_seed else "shared",
        "transductive": plan.transductive,
        "command": command,
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": settings["versions"],
        "machine": f"{processor()}, {os.cpu_count()} cores, {platform.system()}",
    }


def default_workers(device: str) -> int:
    """One a core; on an accelerator two, one of which prepares while the other computes."""
    return available_cores() if device == "cpu" else min(2, available_cores())
