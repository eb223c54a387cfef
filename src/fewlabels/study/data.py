"""What a study works on, laid out on disk by the parent and memory-mapped by every worker."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fewlabels.core.files import writing
from fewlabels.data import Dataset, Pools, Scaling, draw_order, fit_scaling, save_shuffled
from fewlabels.networks import VARIANTS
from fewlabels.objectives import ENTRIES
from fewlabels.pipelines.pretrain import split
from fewlabels.study.plan import Plan
from fewlabels.training import Examples, Numerics
from fewlabels.transfer import CONTROLS, TRANSFERS

TABLES: tuple[dict[str, Any], ...] = (ENTRIES, VARIANTS, TRANSFERS, CONTROLS)
"""In which whoever carries out runs looks up the names of methods."""


@dataclass(frozen=True, eq=False)
class Materials:
    """The plan and all that its runs need besides; the arrays lie in `folder`.

    draws: for each seed, positions in the labelled examples, in the order in which labels are given away.
    drawn: likewise, as positions in the data set.
    data: what identifies the unlabelled pool, for the keys of encoders.
    rows: of each of TABLES, those that methods name; some may have been added in this process alone.
    """

    plan: Plan
    folder: Path
    scaling: Scaling
    classes: int
    draws: Mapping[int, np.ndarray]
    drawn: Mapping[int, np.ndarray]
    data: Mapping[str, str]
    versions: Mapping[str, str]
    rows: tuple[Mapping[str, Any], ...]

    def fill_tables(self) -> None:
        """Let this process know what the methods name."""
        for table, rows in zip(TABLES, self.rows, strict=True):
            table.update(rows)


class StudyData:
    """The arrays of `Materials`, opened: nothing is read before it is used."""

    def __init__(self, materials: Materials) -> None:
        def examples(name: str) -> np.ndarray:
            array: np.ndarray = np.load(materials.folder / f"{name}.npy", mmap_mode="r")
            return array

        pool, scaling, here = examples("unlabelled"), materials.scaling, Numerics(materials.plan.device)
        self.unlabelled, self.validation = split(pool, scaling, here)
        self.labelled = Examples(examples("labelled"), scaling, here)
        self.test = Examples(examples("test"), scaling, here)
        self.labelled_y = np.load(materials.folder / "labelled_y.npy")
        self.test_y = np.load(materials.folder / "test_y.npy")

    @property
    def shape(self) -> tuple[int, ...]:
        return self.labelled.shape


def identity(plan: Plan, dataset: Dataset, pools: Pools) -> dict[str, str]:
    """What identifies the unlabelled pool, for the keys of encoders."""
    hashes = pools.hashes()
    seen = {"test": hashes["test"]} if plan.transductive else {}
    return {"dataset": dataset.fingerprint(), "unlabelled": hashes["unlabelled"], **seen}


def write_arrays(
    plan: Plan,
    dataset: Dataset,
    pools: Pools,
    folder: Path,
    data: Mapping[str, str],
    versions: Mapping[str, str],
) -> Materials:
    """Write the arrays of a study into `folder`: of the labelled pool only what some budget draws.

    The unlabelled pool is shuffled once, so that its first part can serve as validation, and neighbours on the disk are
    no neighbours in the source. It is never in memory as a whole. Raises InputError when the folder cannot be written.
    """
    y = pools.labelled_y(dataset)
    orders = {seed: draw_order(y, seed, plan.stratified)[: max(plan.budgets)] for seed in plan.seeds}
    kept = np.unique(np.concatenate(list(orders.values())))
    scaling = fit_scaling(dataset.x, pools.unlabelled)
    seen = [(dataset.x, pools.unlabelled)]
    if plan.transductive:
        seen.append((pools.test_source(dataset), pools.test))
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        save_shuffled(folder / "unlabelled.npy", seen)
        np.save(folder / "labelled.npy", dataset.x[pools.labelled[kept]])
        np.save(folder / "labelled_y.npy", y[kept])
        np.save(folder / "test.npy", pools.test_x(dataset))
        np.save(folder / "test_y.npy", pools.test_y(dataset))
    draws = {seed: np.searchsorted(kept, order) for seed, order in orders.items()}
    drawn = {seed: pools.labelled[order] for seed, order in orders.items()}
    named = {name for method in plan.methods for name in method.names}
    rows = tuple({name: row for name, row in table.items() if name in named} for table in TABLES)
    return Materials(plan, folder, scaling, len(dataset.classes), draws, drawn, data, versions, rows)


def draw_hash(drawn: np.ndarray) -> str:
    """SHA-256 of a label draw: positions in the data set, in the order drawn."""
    return hashlib.sha256(drawn.astype("<i8").tobytes()).hexdigest()
