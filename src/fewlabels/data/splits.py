"""Three disjoint pools (unlabelled, labelled, test); label budgets drawn from them, nested; folds within a budget."""

from __future__ import annotations

import hashlib
import heapq
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from fewlabels.core.errors import InputError, IntegrityError
from fewlabels.data.blocks import digests
from fewlabels.data.classes import check_class_counts
from fewlabels.data.dataset import UNLABELLED, Dataset


def generator(seed: int, purpose: str) -> np.random.Generator:
    """A generator for one purpose ("pools", "budgets", ...): equal seeds do not correlate across purposes.

    Raises InputError for a negative seed.
    """
    if seed < 0:
        raise InputError(f"seed {seed}: seeds are whole numbers from 0 up; choose one")
    return np.random.default_rng((seed, zlib.crc32(purpose.encode())))


SMALLEST_DEFAULT = 10
LARGEST_DEFAULT = 1000


def draw_order(y: np.ndarray, seed: int, stratified: bool = True) -> np.ndarray:
    """The order in which the labelled pool is given away: its first n are the budget of n labels.

    Budgets nest by construction, and every method at a seed shares them. Raises InputError for unlabelled examples and
    a negative seed.

    Parameters
    ----------
    y
        [L] int64 class indices of the pool.
    seed
        Of the draw.
    stratified
        One example of each of the K classes comes first, then the class counts of every budget follow the pool's class
        shares to within one example, save where the first round put rare classes ahead of theirs. By Tijdeman's rule
        (1980, The chairman assignment problem): of the classes behind their share by 1 / (2K - 2) or more, take the one
        that would be the first to fall a whole example behind. Otherwise ("as collected"): a random permutation.

    Returns
    -------
    ndarray
        [L] int64 positions in y.

    Examples
    --------
    >>> import numpy as np
    >>> from fewlabels.data import draw_order
    >>> y = np.repeat([0, 1], [75, 25])
    >>> [int(y[draw_order(y, seed=0)[:n]].sum()) for n in (4, 20, 40)]
    [1, 5, 10]
    """
    _check_labelled(y)
    rng = generator(seed, "budgets")
    order = rng.permutation(len(y)).astype(np.int64)
    if not stratified:
        return order
    classes, sizes = np.unique(y, return_counts=True)  # [K]
    pool, slack = len(y), max(1, 2 * len(classes) - 2)
    first_round, later = [], []
    for c, size in zip(classes, sizes.tolist(), strict=True):
        members = order[y[order] == c].tolist()
        first_round.append(members[0])
        for j in range(1, size):
            release = -(-pool * (j * slack + 1) // (slack * size))  # the first n at which it may be taken
            later.append((release, pool * (j + 1) / size, rng.random(), members[j]))
    later.sort(reverse=True)
    picks = [first_round[i] for i in rng.permutation(len(first_round))]
    waiting: list[tuple[float, float, int]] = []  # (deadline, tie-break, example)
    for n in range(len(picks) + 1, pool + 1):
        while later and later[-1][0] <= n:
            heapq.heappush(waiting, later.pop()[1:])
        picks.append(heapq.heappop(waiting)[-1])
    return np.array(picks, dtype=np.int64)


def check_budgets(budgets: Sequence[int], y: np.ndarray, stratified: bool = True) -> None:
    """Raise InputError unless every budget can be drawn from a labelled pool with the labels y, [L] int64."""
    if len(budgets) == 0:
        raise InputError("no budget given; name one number of labels at least, such as 100")
    pool, classes = len(y), len(np.unique(y))
    smallest = classes if stratified else 1
    for budget in budgets:
        if not isinstance(budget, int | np.integer) or isinstance(budget, bool) or budget < 1:
            raise InputError(f"budget {budget}: a budget is a number of labels; choose from {smallest} to {pool}")
        if list(budgets).count(budget) > 1:
            raise InputError(f"budget {budget} is given {list(budgets).count(budget)} times; name each budget once")
        if budget < smallest:
            raise InputError(
                f"budget {budget} is less than one label for each of the {classes} classes; choose {classes} "
                f"or more, or draw labels as collected (`stratified=False`)"
            )
        if budget > pool:
            raise InputError(
                f"budget {budget} is more than the {pool} examples of the labelled pool (the test and unlabelled pools "
                f"take the others); choose {pool} or less"
            )


def default_budgets(pool_size: int, n_classes: int) -> tuple[int, ...]:
    """Of 10, 30, 100, ...: from the first with a label a class up to 1000 (or ten times the first, if more). Never more
    than the pool holds: the whole pool where the first would be more; () where the pool has fewer examples than
    classes.
    """
    series = [step * 10**power for power in range(1, 10) for step in (1, 3)]
    first = next(budget for budget in series if budget >= max(SMALLEST_DEFAULT, n_classes))
    last = min(pool_size, max(LARGEST_DEFAULT, 10 * first))
    budgets = tuple(budget for budget in series if first <= budget <= last)
    return budgets or ((pool_size,) if pool_size >= n_classes else ())


def folds(y: np.ndarray, k: int, seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Stratified k-fold cross-validation within a budget, whose labels are y, [n] int64: k pairs of sorted int64
    positions in y, to train on and to validate on. A class with one example is trained on in every fold and never
    validated on; every other class is trained on in every fold. An empty list means that no validation is possible:
    more than half of the examples are the only ones of their class. Raises InputError for k below 2, no labels,
    unlabelled examples and a negative seed.
    """
    if k < 2:
        raise InputError(f"{k} folds: cross-validation needs 2 or more")
    _check_labelled(y)
    rng = generator(seed, "folds")
    classes, sizes = np.unique(y, return_counts=True)
    if 2 * (sizes == 1).sum() > len(y):
        return []
    k = min(k, int(sizes[sizes > 1].sum()))
    by_class = np.concatenate([rng.permutation(np.flatnonzero(y == c)) for c in classes[sizes > 1]])
    fold = np.full(len(y), -1)
    fold[by_class] = np.arange(len(by_class)) % k  # dealt out like cards, class after class: equal sizes
    return [(np.flatnonzero(fold != i), np.flatnonzero(fold == i)) for i in range(k)]


def _check_labelled(y: np.ndarray) -> None:
    if len(y) == 0 or (y == UNLABELLED).any():
        found = "no examples" if len(y) == 0 else f"{(y == UNLABELLED).sum()} unlabelled examples (-1)"
        raise InputError(f"the labelled pool has {found}; give labelled ones only")


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
