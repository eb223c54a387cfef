"""Three disjoint pools: unlabelled examples to pretrain on, labelled ones to draw budgets from, test ones."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass
from itertools import chain
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from fewlabels.core.errors import InputError, IntegrityError
from fewlabels.data.blocks import digests
from fewlabels.data.budgets import generator
from fewlabels.data.classes import check_class_counts
from fewlabels.data.dataset import UNLABELLED, Dataset

MAX_POOL = 10_000  # of the test pool and of the labelled pool, where they are drawn


@dataclass(frozen=True, eq=False)
class Pools:
    """Sorted int64 indices: `unlabelled` and `labelled` into a data set's x, `test` into its `test_from`. The labels of
    the unlabelled pool count as unknown, whether or not the data set has them. Raises IntegrityError where an index
    is in two pools or twice in one, InputError for arrays that are no indices.
    """

    unlabelled: NDArray[np.int64]
    labelled: NDArray[np.int64]
    test: NDArray[np.int64]
    test_from: Literal["x", "x_test"]

    def __post_init__(self) -> None:
        if self.test_from not in ("x", "x_test"):
            raise InputError(f"test_from is {self.test_from!r}; allowed are 'x' and 'x_test'")
        pools = {"unlabelled": self.unlabelled, "labelled": self.labelled, "test": self.test}
        for name, index in pools.items():
            if index.ndim != 1 or index.dtype != np.int64 or len(index) == 0 or index.min() < 0:
                raise InputError(
                    f"the {name} pool is {index.dtype} of shape {index.shape}; it must be a filled vector of "
                    f"int64 indices from 0 up"
                )
        if self.test_from == "x_test":
            _check_distinct("test", self.test)
            del pools["test"]
        _check_distinct(" + ".join(pools), np.concatenate(list(pools.values())))

    def unlabelled_x(self, dataset: Dataset) -> np.ndarray:
        """[U, *example_shape], what encoders are pretrained on; a copy, so not for pools larger than memory."""
        return dataset.x[self.unlabelled]

    def labelled_x(self, dataset: Dataset) -> np.ndarray:
        """[L, *example_shape], what budgets are drawn from."""
        return dataset.x[self.labelled]

    def labelled_y(self, dataset: Dataset) -> np.ndarray:
        """[L] int64 class indices."""
        return dataset.y[self.labelled]

    def test_x(self, dataset: Dataset) -> np.ndarray:
        """[T, *example_shape], what classifiers are measured on."""
        return self.test_source(dataset)[self.test]

    def test_source(self, dataset: Dataset) -> np.ndarray:
        """The array that `test` indexes."""
        return self._tested(dataset.x, dataset.x_test)

    def test_y(self, dataset: Dataset) -> np.ndarray:
        """[T] int64 class indices."""
        return self._tested(dataset.y, dataset.y_test)[self.test]

    def hashes(self) -> dict[str, str]:
        """SHA-256 of each pool, over the name of the array it indexes and its indices."""
        sources = {"unlabelled": "x", "labelled": "x", "test": self.test_from}
        indices = {"unlabelled": self.unlabelled, "labelled": self.labelled, "test": self.test}
        return {
            name: hashlib.sha256(sources[name].encode() + b":" + index.astype("<i8").tobytes()).hexdigest()
            for name, index in indices.items()
        }

    def _tested(self, own: np.ndarray, separate: np.ndarray | None) -> np.ndarray:
        if self.test_from == "x":
            return own
        if separate is None:
            raise InputError("the pools take their test examples from x_test, which this data set lacks")
        return separate


def make_pools(dataset: Dataset, seed: int = 0) -> Pools:
    """Split a data set into unlabelled, labelled and test pool; the split depends on the data set and the seed alone.

    Test: all of x_test, else a stratified quarter of the labelled examples, at most 10,000. Labelled: all other
    labelled examples where at least as many are unlabelled, else a stratified third of them, at most 10,000.
    Unlabelled: everything else, labels hidden. Every class gets a test and a labelled example at least.

    Parameters
    ----------
    dataset
        With labelled examples of two classes or more.
    seed
        Of the draws.

    Returns
    -------
    Pools
        Disjoint.

    Raises
    ------
    InputError
        Where a class, which is named, has fewer than three labelled examples (for the test, the labelled and the
        unlabelled pool), or, with a test set of its own, fewer than two in x or none in x_test; and where fewer than
        two classes have a label.

    Examples
    --------
    >>> from fewlabels.data import load, make_pools
    >>> pools = make_pools(load("digits"))
    >>> len(pools.unlabelled), len(pools.labelled), len(pools.test)
    (899, 449, 449)
    """
    dataset.require_classes()
    rng = generator(seed, "pools")
    labelled = np.flatnonzero(dataset.y != UNLABELLED)
    unlabelled = np.flatnonzero(dataset.y == UNLABELLED)
    check_class_counts(dataset)
    if dataset.x_test is None:
        test = _draw(dataset.y, labelled, len(labelled) // 4, spare=2, rng=rng)
        labelled = np.setdiff1d(labelled, test)
    else:
        test = np.arange(len(dataset.x_test))
    if len(unlabelled) < len(labelled):
        kept = _draw(dataset.y, labelled, len(labelled) // 3, spare=1, rng=rng)
        unlabelled = np.union1d(unlabelled, np.setdiff1d(labelled, kept))
        labelled = kept
    return Pools(unlabelled, labelled, test, "x" if dataset.x_test is None else "x_test")


def count_test_duplicates(dataset: Dataset, pools: Pools) -> int:
    """How many test examples equal an unlabelled or a labelled one byte for byte: a leak to warn of."""
    copies = Counter(digests(pools.test_source(dataset), pools.test))
    others = (digests(dataset.x, index) for index in (pools.unlabelled, pools.labelled))
    return sum(copies.pop(digest, 0) for digest in chain(*others))


def _draw(y: np.ndarray, pool: np.ndarray, count: int, spare: int, rng: np.random.Generator) -> np.ndarray:
    """About `count`, at most MAX_POOL, sorted members of `pool`: each class in proportion, one at least, and
    `spare` of it left over."""
    classes, sizes = np.unique(y[pool], return_counts=True)
    takes = _shares(sizes, max(min(count, MAX_POOL), len(classes)), sizes - spare)
    drawn = [rng.permutation(pool[y[pool] == c])[:take] for c, take in zip(classes, takes, strict=True)]
    return np.sort(np.concatenate(drawn))


def _shares(sizes: np.ndarray, total: int, limits: np.ndarray) -> np.ndarray:
    """Whole numbers from 1 to `limits` that sum to `total`, as near to proportional to `sizes` as can be."""
    ideal = sizes * (total / sizes.sum())
    takes: np.ndarray = np.clip(np.floor(ideal).astype(np.int64), 1, limits)
    while takes.sum() < min(total, limits.sum()):
        takes[np.argmax(np.where(takes < limits, ideal - takes, -np.inf))] += 1
    while takes.sum() > total:
        takes[np.argmin(np.where(takes > 1, ideal - takes, np.inf))] -= 1
    return takes


def _check_distinct(name: str, index: np.ndarray) -> None:
    repeated = len(index) - len(np.unique(index))
    if repeated:
        raise IntegrityError(f"pools must be disjoint, but {name} hold {repeated} indices more than once")
