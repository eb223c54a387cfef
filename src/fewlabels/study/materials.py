"""What a study works on, laid out on disk by the parent and memory-mapped by every worker."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fewlabels.data import (
    Dataset,
    Pools,
    Scaling,
    block_length,
    draw_order,
    fit_scaling,
    spans,
    write_npy_header,
)
from fewlabels.study.plan import Plan
from fewlabels.study.records import writing
from fewlabels.training import Examples, Numerics

VALIDATION_SHARE, MOST_VALIDATION = 0.1, 1000
"""The part of the unlabelled pool that pretraining is validated on."""

STRETCH_BYTES = 128 * 2**20
"""Of the unlabelled pool, as much as is gathered at a time when it is shuffled: as few passes over the source as can be
afforded."""


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
        _save_shuffled(folder / "unlabelled.npy", seen)
        np.save(folder / "labelled.npy", dataset.x[pools.labelled[kept]])
        np.save(folder / "labelled_y.npy", y[kept])
        np.save(folder / "test.npy", pools.test_x(dataset))
        np.save(folder / "test_y.npy", pools.test_y(dataset))
    draws = {seed: np.searchsorted(kept, order) for seed, order in orders.items()}
    drawn = {seed: pools.labelled[order] for seed, order in orders.items()}
    return Materials(plan, folder, scaling, len(dataset.classes), draws, drawn, data, versions)


def _save_shuffled(path: Path, parts: Sequence[tuple[np.ndarray, np.ndarray]]) -> None:
    """Write the examples of all (source [N, *shape], index [n] int64) in random order, a stretch at a time."""
    starts = np.cumsum([0, *(len(index) for _, index in parts)])
    order = np.random.default_rng(0).permutation(starts[-1])
    shape, dtype = parts[0][0].shape[1:], parts[0][0].dtype
    with path.open("wb") as file:
        write_npy_header(file, (len(order), *shape), dtype)
        for span in spans(len(order), block_length(shape, dtype.itemsize, STRETCH_BYTES)):
            wanted = np.sort(order[span])  # sources are read in their own order
            found = np.empty((len(wanted), *shape), dtype)
            for part, (source, index) in enumerate(parts):
                first, last = np.searchsorted(wanted, starts[part : part + 2])
                found[first:last] = source[index[wanted[first:last] - starts[part]]]
            file.write(found[np.searchsorted(wanted, order[span])].data)


def draw_hash(drawn: np.ndarray) -> str:
    """SHA-256 of a label draw: positions in the data set, in the order drawn."""
    return hashlib.sha256(drawn.astype("<i8").tobytes()).hexdigest()
