"""What a study works on, laid out on disk by the parent and memory-mapped by every worker."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fewlabels.data import Dataset, Pools, Scaling, draw_order, fit_scaling
from fewlabels.study.plan import Plan
from fewlabels.study.records import writing
from fewlabels.training import Examples, Numerics

VALIDATION_SHARE, MOST_VALIDATION = 0.1, 1000
"""The part of the unlabelled pool that pretraining is validated on."""


@dataclass(frozen=True, eq=False)
class Materials:
    """The plan and all that its runs need besides; the arrays lie in `folder`.

    draws: for each seed, positions in the labelled examples, in the order in which labels are given away.
    drawn: likewise, as positions in the data set.
    data: what identifies the unlabelled pool, for the keys of encoders.
    """

    plan: Plan
    folder: Path
    scaling: Scaling
    classes: int
    draws: Mapping[int, np.ndarray]
    drawn: Mapping[int, np.ndarray]
    data: Mapping[str, str]
    versions: Mapping[str, str]


class StudyData:
    """The arrays of `Materials`, opened: nothing is read before it is used."""

    def __init__(self, materials: Materials) -> None:
        def examples(name: str) -> np.ndarray:
            return np.load(materials.folder / f"{name}.npy", mmap_mode="r")

        pool, scaling, here = examples("unlabelled"), materials.scaling, Numerics(materials.plan.device)
        held_out = max(1, min(MOST_VALIDATION, int(VALIDATION_SHARE * len(pool))))
        self.validation = Examples(pool[:held_out], scaling, here)
        self.unlabelled = Examples(pool[held_out:], scaling, here)
        self.labelled = Examples(examples("labelled"), scaling, here)
        self.test = Examples(examples("test"), scaling, here)
        self.labelled_y = np.load(materials.folder / "labelled_y.npy")
        self.test_y = np.load(materials.folder / "test_y.npy")

    @property
    def shape(self) -> tuple[int, ...]:
        return self.labelled.shape


def lay_out(
    plan: Plan,
    dataset: Dataset,
    pools: Pools,
    folder: Path,
    data: Mapping[str, str],
    versions: Mapping[str, str],
) -> Materials:
    """Write the arrays of a study into `folder`: of the labelled pool only what some budget draws.

    The unlabelled pool is shuffled once, so that its first part can serve as validation. Raises InputError when the
    folder cannot be written.
    """
    y = pools.labelled_y(dataset)
    orders = {seed: draw_order(y, seed, plan.stratified)[: max(plan.budgets)] for seed in plan.seeds}
    kept = np.unique(np.concatenate(list(orders.values())))
    unlabelled, test = pools.unlabelled_x(dataset), pools.test_x(dataset)
    scaling = fit_scaling(unlabelled)
    seen = np.concatenate([unlabelled, test]) if plan.transductive else unlabelled
    arrays = {
        "unlabelled": seen[np.random.default_rng(0).permutation(len(seen))],
        "labelled": dataset.x[pools.labelled[kept]],
        "labelled_y": y[kept],
        "test": test,
        "test_y": pools.test_y(dataset),
    }
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        for name, array in arrays.items():
            np.save(folder / f"{name}.npy", array)
    draws = {seed: np.searchsorted(kept, order) for seed, order in orders.items()}
    drawn = {seed: pools.labelled[order] for seed, order in orders.items()}
    return Materials(plan, folder, scaling, len(dataset.classes), draws, drawn, data, versions)


def draw_hash(drawn: np.ndarray) -> str:
    """SHA-256 of a label draw: positions in the data set, in the order drawn."""
    return hashlib.sha256(drawn.astype("<i8").tobytes()).hexdigest()
