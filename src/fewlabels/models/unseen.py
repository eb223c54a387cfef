"""Which examples a classifier may be measured on."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

import numpy as np

from fewlabels.core.errors import InputError
from fewlabels.data import UNLABELLED, Dataset, digests
from fewlabels.models.classifier import ClassifierModel


class Unseen(NamedTuple):
    """x: [n, *signature shape]. y: [n] indices into the classifier's classes. words: which they are."""

    x: np.ndarray
    y: np.ndarray
    words: str


def unseen_examples(model: ClassifierModel, dataset: Dataset) -> Unseen:
    """The data set's test set, or all its labelled examples where it has none, without those the classifier had labels
    of. Raises InputError where none is left, or one is of a class that the classifier does not know.
    """
    x, y = (dataset.x, dataset.y) if dataset.x_test is None else (dataset.x_test, dataset.y_test)
    assert y is not None
    labelled = np.flatnonzero(y != UNLABELLED)
    kept = labelled[~trained_on(model, x[labelled])]
    left_out = len(labelled) - len(kept)
    if len(kept) == 0:
        found = f"all {left_out:,} labelled examples are those it was trained on" if left_out else "no label at all"
        raise InputError(f"{dataset.name}: {found}; give labelled examples that the classifier has not seen")
    words = [f"{len(kept):,} {'labelled' if dataset.x_test is None else 'test'} examples of {dataset.name}"]
    if left_out:
        words.append(f"without {left_out:,} that the classifier was trained on")
    return Unseen(x[kept], _known(model, dataset, y[kept]), ", ".join(words) + ".")


def trained_on(model: ClassifierModel, x: np.ndarray) -> np.ndarray:
    """[n] bool: which of the examples [n, *signature shape] the classifier had labels of, as equal bytes tell.

    Rows of a table may be equal by chance. So of a table, as many as it was trained on count, and only where all of
    these are there.
    """
    seen, found = Counter(row.tobytes() for row in model.seen), list(digests(x))
    if model.signature.kind != "table":
        return np.array([digest in seen for digest in found], dtype=bool)
    known = np.zeros(len(x), dtype=bool)
    if seen - Counter(found):
        return known
    for i, digest in enumerate(found):
        known[i] = seen[digest] > 0
        seen[digest] -= 1
    return known


def _known(model: ClassifierModel, dataset: Dataset, y: np.ndarray) -> np.ndarray:
    """The labels y [n], numbers of the data set's classes, as numbers of the classifier's."""
    names = [dataset.classes[k] for k in np.unique(y)]
    if strangers := [name for name in names if name not in model.classes]:
        raise InputError(
            f"{dataset.name}: has the class {strangers[0]!r}, which the classifier does not know; its classes are "
            f"{', '.join(model.classes[:10])}{', ...' if len(model.classes) > 10 else ''}: rename or remove it"
        )
    numbers = [model.classes.index(name) if name in model.classes else UNLABELLED for name in dataset.classes]
    return np.array(numbers)[y]
