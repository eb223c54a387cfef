"""A classifier in use: classes and their probabilities, on which device, and on which examples it may be measured."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, TypeVar

import numpy as np
from torch import nn
from torch.nn import functional as F

from fewlabels.core.errors import InputError
from fewlabels.data import UNLABELLED, Dataset, Signature, digests, examples_like
from fewlabels.data.classes import folded
from fewlabels.models.config import Features, Head
from fewlabels.models.encoder import EncoderModel, answers, facts_table
from fewlabels.models.modules import ClassifierNet, ready


@dataclass(frozen=True, eq=False, repr=False)
class ClassifierModel:
    """A classifier in use, as `finetune` and `load_classifier` give it.

    Attributes
    ----------
    module
        Examples as they come -> logits [n, K].
    signature
        Of the examples it takes.
    classes
        The K names, in the order of the probabilities.
    features, head
        What its module is made of, for its folder.
    seen
        [n, 16] uint8, a digest of every labelled example it was trained on, so that none is taken to test it.
    facts
        What its card tells: accuracy, data, labels, pretraining, settings, versions.

    Examples
    --------
    >>> import numpy as np
    >>> from fewlabels import as_dataset, finetune, pretrain
    >>> x = np.repeat(np.eye(4, dtype=np.float32), 10, axis=0)
    >>> data = as_dataset(x, np.repeat(["a", "b"], 20))
    >>> classifier = finetune(pretrain(data, steps=5), data, "probe")
    >>> classifier.predict(x[[0, 30]]).tolist()
    ['a', 'b']
    >>> np.exp(classifier.log_proba(x[:3])).sum(axis=1).round(6).tolist()
    [1.0, 1.0, 1.0]
    """

    module: ClassifierNet
    signature: Signature
    classes: tuple[str, ...]
    features: Features
    head: Head | None
    seen: np.ndarray
    facts: Mapping[str, Any]

    def __repr__(self) -> str:
        return f"ClassifierModel({len(self.classes)} classes of {self.signature})"

    def _repr_html_(self) -> str:
        return facts_table(repr(self), self.facts).html()

    @property
    def temperature(self) -> float:
        return self.module.temperature.item()

    def log_proba(self, x: np.ndarray) -> np.ndarray:
        """Log-probabilities [n, K] float64, calibrated by the temperature.

        Parameters
        ----------
        x
            Examples [n, *signature.shape], or what `examples_like` makes such.

        Raises
        ------
        InputError
            For other examples.

        References
        ----------
        Guo et al. 2017, On calibration of modern neural networks, section 4.2.
        """
        x = examples_like(x, self.signature)
        found = [F.log_softmax(logits.double(), dim=1).numpy(force=True) for logits in answers(self.module, x)]
        return np.concatenate(found)

    def predict(self, x: np.ndarray) -> np.ndarray:
        """Examples [n, *signature.shape] -> the names of their most probable classes, [n] str."""
        names: np.ndarray = np.array(self.classes)[self.log_proba(x).argmax(axis=1)]
        return names

    def embed(self, x: np.ndarray) -> np.ndarray:
        """The features [n, D] float32 that its head looks at, not centred: its encoder's codes, where it has one.

        Raises
        ------
        InputError
            Where it has no features, and for examples that `log_proba` refuses.
        """
        if self.head is None:
            raise InputError("this classifier is a network without features of its own; name a folder of another kind")
        features = nn.Sequential(self.module.prepare, self.module.features)
        x = examples_like(x, self.signature)
        return np.concatenate([found.numpy(force=True) for found in answers(features, x)])


class Unseen(NamedTuple):
    """x: [n, *signature shape]. y: [n] indices into the classifier's classes. words: which they are.

    left_out: how many labelled examples there are besides, which the classifier was trained on.
    """

    x: np.ndarray
    y: np.ndarray
    words: str
    left_out: int


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
        if not left_out and model.signature.target is not None and dataset.target is None:
            found = f"no label at all, and no column {model.signature.target!r}, which held those it was trained on"
        raise InputError(f"{dataset.name}: {found}; give labelled examples that the classifier has not seen")
    words = [f"{len(kept):,} {'labelled' if dataset.x_test is None else 'test'} examples of {dataset.name}"]
    if left_out:
        words.append(f"without {left_out:,} that the classifier was trained on")
    return Unseen(x[kept], _known(model, dataset, y[kept]), ", ".join(words) + ".", left_out)


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
    known = {name: k for k, name in enumerate(model.classes)}
    alike = {folded(name): k for name, k in known.items()}
    if "fold_case" in dataset.options:
        known = {name: alike[folded(name)] for name in dataset.classes if folded(name) in alike} | known
    names = [dataset.classes[k] for k in np.unique(y)]
    if strangers := [name for name in names if name not in known]:
        remedy = "rename or remove it"
        if (twin := alike.get(folded(strangers[0]))) is not None:
            remedy = (
                f"`fold_case=True` takes it for {model.classes[twin]!r}, from which it differs by case or blanks only"
            )
        raise InputError(
            f"{dataset.name}: has the class {strangers[0]!r}, which the classifier does not know; its classes are "
            f"{', '.join(model.classes[:10])}{', ...' if len(model.classes) > 10 else ''}: {remedy}"
        )
    numbers: np.ndarray = np.array([known.get(name, UNLABELLED) for name in dataset.classes])[y]
    return numbers


ModelT = TypeVar("ModelT", bound=EncoderModel | ClassifierModel)


def on_device(model: ModelT, device: str) -> ModelT:
    """The same model on the device; the given one stays where it is."""
    module: Any = ready(copy.deepcopy(model.module), device)
    return replace(model, module=module)
