"""Classes as people write them: two spellings of one name, too few examples of one, numbers that are no classes."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from fewlabels.core.errors import InputError
from fewlabels.data.dataset import UNLABELLED, Dataset
from fewlabels.data.labels import sort_names

MANY = 20
"""More classes than this are perhaps none: whole numbers may be measured ones, and texts identifiers."""


class ClassWarning(UserWarning):
    """What is odd about classes; nothing to those who look at no label."""


def settle_classes(dataset: Dataset, fold_case: bool = False, min_per_class: int = 1) -> Dataset:
    """The data set with its classes as people want them.

    What was done, and what is odd about its classes, is added to its notices, and told in warnings that say what to do.

    Parameters
    ----------
    dataset
        Any data set.
    fold_case
        Whether classes whose names differ by case or blanks only become one, under their most frequent spelling.
    min_per_class
        Classes with fewer labelled examples than this, or, where it is above 1, with none in the test set, are left
        out: their examples count as unlabelled, and those in the test set are not used.

    Raises
    ------
    InputError
        For a `min_per_class` below 1.
    """
    if min_per_class < 1:
        raise InputError(f"`min_per_class` is {min_per_class}; allowed is 1 or more")
    spellings, found = _spellings(dataset.classes), {}
    if spellings and fold_case:
        dataset, words = _folded(dataset, spellings)
        found[words] = ""
    elif spellings:
        words = "; ".join(_names(dataset, group, "and") for group in spellings[:3])
        more = f", and {len(spellings) - 3:,} more" if len(spellings) > 3 else ""
        found[f"classes {words} differ by case or blanks only{more}"] = ": `fold_case=True` makes them one"
    if min_per_class > 1 and (rare := _rare(dataset, min_per_class)):
        dataset, words = _without(dataset, rare, min_per_class)
        found[words] = ""
    if dataset.target is not None and (words := _measured(dataset)):
        found[f"the labels of column {dataset.target!r} {words}"] = f": {_other_labels(dataset)}"
    for words, remedy in found.items():
        warnings.warn(f"{dataset.name}: {words}{remedy}", ClassWarning, stacklevel=2)
    return replace(dataset, notices=(*dataset.notices, *found)) if found else dataset


def check_class_counts(dataset: Dataset) -> None:
    """Raise InputError for a class of which not every pool can have an example, with what may be behind it."""
    needed = 3 if dataset.y_test is None else 2
    counts = _counts(dataset, dataset.y)
    if rare := np.flatnonzero(counts < needed).tolist():
        first, several = dataset.classes[rare[0]], f"{len(rare):,} of {len(counts):,} classes have fewer; "
        raise InputError(
            f"{dataset.name}: class {_shown(first)} has {counted(counts[rare[0]], 'labelled example')}, "
            f"{needed} are needed to give each pool one; {several if len(rare) > 1 else ''}"
            f"{_remedy(dataset, rare, needed)}"
        )
    if dataset.y_test is not None and (counts := _counts(dataset, dataset.y_test)).min() == 0:
        raise InputError(
            f"{dataset.name}: class {_shown(dataset.classes[counts.argmin()])} has no example in the test set, so it "
            f"could not be measured; add some, `min_per_class` {needed} leaves the class out, or leave out the "
            "test set to have one drawn"
        )


def _remedy(dataset: Dataset, rare: Sequence[int], needed: int) -> str:
    usual = f"label more of it, or `min_per_class` {needed} counts examples of such classes as unlabelled"
    if words := _measured(dataset):
        return f"its labels {words}: {_other_labels(dataset)}"
    if len(dataset.classes) > MANY and 2 * len(rare) > len(dataset.classes):
        return f"its labels are perhaps identifiers or free text, which are no classes: {_other_labels(dataset)}"
    for group in _spellings(dataset.classes):
        if rare[0] in group:
            return f"{_names(dataset, group, 'and')} differ by case or blanks only: `fold_case=True` makes them one"
    return usual


def _measured(dataset: Dataset) -> str:
    """What to say of many classes that are whole numbers, but do not simply count them from 0 or 1; else ""."""
    names, n = dataset.classes, len(dataset.classes)
    if n <= MANY or not all(re.fullmatch("[0-9]{1,18}", name) for name in names):
        return ""
    first, last = min(map(int, names)), max(map(int, names))
    if first in (0, 1) and last == first + n - 1:
        return ""
    return f"are {n:,} different whole numbers, {first} to {last}, which are no classes where they were measured"


def _other_labels(dataset: Dataset) -> str:
    other = "give other labels" if dataset.columns is None else "name another column as `target`"
    return f"{other}, or put them into a few groups first"


def _spellings(classes: Sequence[str]) -> list[list[int]]:
    """Groups of classes, by number, whose names differ by case or blanks only."""
    groups: dict[str, list[int]] = {}
    for k, name in enumerate(classes):
        groups.setdefault(folded(name), []).append(k)
    return [group for group in groups.values() if len(group) > 1]


def folded(name: str) -> str:
    """The same for names that differ by case or blanks only."""
    return " ".join(name.split()).casefold()


def _folded(dataset: Dataset, groups: list[list[int]]) -> tuple[Dataset, str]:
    counts, names = _counts(dataset, dataset.y), list(dataset.classes)
    for group in groups:
        usual = names[max(group, key=lambda k: counts[k])]
        for k in group:
            names[k] = usual
    words = "; ".join(f"{_names(dataset, group, 'and')} are one class, {names[group[0]]!r}" for group in groups[:3])
    return _renamed(dataset, names), words + (f"; so are {len(groups) - 3:,} more" if len(groups) > 3 else "")


def _rare(dataset: Dataset, least: int) -> list[int]:
    rare = _counts(dataset, dataset.y) < least
    if dataset.y_test is not None:
        rare |= _counts(dataset, dataset.y_test) == 0
    return np.flatnonzero(rare).tolist()


def _without(dataset: Dataset, rare: list[int], least: int) -> tuple[Dataset, str]:
    counts, n = _counts(dataset, dataset.y), len(rare)
    names = [None if k in set(rare) else name for k, name in enumerate(dataset.classes)]
    words = f"{counted(n, 'class', 'classes')} with fewer than {least} labelled examples"
    if dataset.y_test is not None:
        words += " or none in the test set"
    words += f" left out ({_names(dataset, rare[:10])}{', ...' if n > 10 else ''}): "
    words += f"{counted(counts[rare].sum(), 'example')} counted as unlabelled"
    if dataset.y_test is not None:
        words += f", and {_counts(dataset, dataset.y_test)[rare].sum():,} of the test set not used"
    return _renamed(dataset, names), words


def _renamed(dataset: Dataset, names: Sequence[str | None]) -> Dataset:
    """The data set with these names for its classes, in their order; what is in a class without one is unlabelled."""
    classes = sort_names({name for name in names if name is not None})
    number = {name: k for k, name in enumerate(classes)}
    index = np.array([*(UNLABELLED if name is None else number[name] for name in names), UNLABELLED], dtype=np.int64)
    x_test, y_test = dataset.x_test, dataset.y_test
    if x_test is not None and y_test is not None:
        y_test = index[y_test]
        kept = y_test != UNLABELLED
        x_test, y_test = (x_test, y_test) if kept.all() else (x_test[kept], y_test[kept])
    return replace(dataset, y=index[dataset.y], classes=classes, x_test=x_test, y_test=y_test)  # -1 is the last


def _counts(dataset: Dataset, y: np.ndarray) -> np.ndarray:
    """[K] labelled examples of each class."""
    return np.bincount(y[y != UNLABELLED], minlength=len(dataset.classes))


def _names(dataset: Dataset, classes: Iterable[int], link: str = "") -> str:
    *some, last = [_shown(dataset.classes[k]) for k in classes]
    return f"{', '.join(some)} {link} {last}" if some and link else ", ".join([*some, last])


def _shown(name: str) -> str:
    """With its blanks, by which it may differ from others."""
    return repr(name if len(name) <= 40 else f"{name[:37]}...")


def counted(n: int, one: str, several: str = "") -> str:
    """'1 class', '1,200 classes'."""
    return f"{n:,} {one if n == 1 else several or one + 's'}"
