"""Label budgets: nested draws from the labelled pool, and validation folds within a budget."""

from __future__ import annotations

import heapq
import zlib
from collections.abc import Sequence

import numpy as np

from fewlabels.core.errors import InputError
from fewlabels.data.dataset import UNLABELLED


def generator(seed: int, purpose: str) -> np.random.Generator:
    """A generator for one purpose ("pools", "budgets", ...): equal seeds do not correlate across purposes.

    Raises InputError for a negative seed.
    """
    if seed < 0:
        raise InputError(f"seed {seed}: seeds are whole numbers from 0 up; choose one")
    return np.random.default_rng((seed, zlib.crc32(purpose.encode())))


SMALLEST_DEFAULT, LARGEST_DEFAULT = 10, 1000


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
