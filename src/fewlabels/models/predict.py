"""Models at work on any number of examples, a block at a time."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain, islice
from pathlib import Path
from typing import Any, NamedTuple, TextIO

import numpy as np

from fewlabels.core.errors import InputError
from fewlabels.core.files import replacing
from fewlabels.data import Stream, examples_like, write_npy_header
from fewlabels.metrics.calibration import abstain
from fewlabels.models.classifier import ClassifierModel
from fewlabels.models.encoder import EncoderModel

COLUMNS = ("label", "probability", "margin")


class Prediction(NamedTuple):
    """name: of the example, its file or row. label: the most probable class; "" where the classifier abstains.

    probability: of that class. margin: by how much it is more probable than the next.
    probabilities: of all K classes.
    """

    name: str
    label: str
    probability: float
    margin: float
    probabilities: np.ndarray


def predictions(model: ClassifierModel, stream: Stream, threshold: float | None = None) -> Iterator[Prediction]:
    """A prediction an example, in order.

    threshold: the least probability with which a label is given; None: it always is.

    Raises InputError for a threshold outside 0 to 1, and for what the stream cannot read.
    """
    if threshold is not None and not 0 <= threshold <= 1:
        raise InputError(f"`threshold` is {threshold:g}; allowed is a probability, 0 to 1, such as 0.9")
    return _predictions(model, stream, threshold)


def _predictions(model: ClassifierModel, stream: Stream, threshold: float | None) -> Iterator[Prediction]:
    for names, x in stream.blocks():
        log_proba = model.log_proba(x)  # [B, K]
        unsure = np.zeros(len(x), dtype=bool) if threshold is None else abstain(log_proba, threshold)
        probabilities = np.exp(log_proba)
        best = probabilities.argmax(axis=1)
        second, first = np.partition(probabilities, -2, axis=1)[:, -2:].T
        labels = ["" if blank else model.classes[k] for k, blank in zip(best, unsure, strict=True)]
        yield from map(Prediction, names, labels, first.tolist(), (first - second).tolist(), probabilities)


def unknown_categories(model: ClassifierModel | EncoderModel, x: Any) -> dict[str, int]:
    """How many values of examples are categories that the model saw none of when it was pretrained.

    To the model they are all zeros: none of the categories it knows.

    Parameters
    ----------
    model
        A classifier or an encoder.
    x
        Examples [n, *signature.shape], or an array or frame that can be read in that form.

    Returns
    -------
    The number of such values by the name of their column; only of columns that have some, and none where the model
    takes no table.

    Raises
    ------
    InputError
        For examples that the model does not take.
    """
    encoding, columns = model.module.prepare.preparation().encoding, model.signature.columns
    if encoding is None or columns is None:
        return {}
    return {columns[c].name: n for c, n in encoding.unknown(examples_like(x, model.signature)).items()}


def counting_unknown(model: ClassifierModel | EncoderModel, stream: Stream) -> tuple[Stream, Counter[str]]:
    """The stream, and `unknown_categories` of the blocks that have been read of it, which grows as they are."""
    counts: Counter[str] = Counter()

    def blocks() -> Iterator[tuple[list[str], np.ndarray]]:
        for names, x in stream.blocks():
            counts.update(unknown_categories(model, x))
            yield names, x

    return replace(stream, blocks=blocks), counts


def write_predictions(
    found: Iterable[Prediction], key: str, file: TextIO, classes: Sequence[str] = ()
) -> tuple[int, int]:
    """Write predictions as CSV, a row each, below a header; how many there were, and how many without a label. Nothing
    is written where the first fails.

    key: what the names are, 'file' or 'row'. classes: all K, whose probabilities are to be told, too; () tells none.
    """
    rest = iter(found)
    first = list(islice(rest, 1))
    rows = csv.writer(file, lineterminator="\n")
    rows.writerow((key, *COLUMNS, *classes))
    n = blank = 0
    for prediction in chain(first, rest):
        numbers = (prediction.probability, prediction.margin, *(prediction.probabilities if classes else ()))
        rows.writerow((prediction.name, prediction.label, *(f"{number:.6g}" for number in numbers)))
        n += 1
        blank += not prediction.label
    return n, blank


def save_predictions(found: Iterable[Prediction], key: str, path: Path, classes: Sequence[str] = ()) -> tuple[int, int]:
    """As `write_predictions`, into a file that appears when it is whole. Raises InputError where it cannot."""
    with replacing(path) as file:
        text = io.TextIOWrapper(file, encoding="utf-8", newline="")
        counts = write_predictions(found, key, text, classes)
        text.flush()
        text.detach()
    return counts


def save_codes(model: EncoderModel | ClassifierModel, stream: Stream, path: Path) -> tuple[int, int]:
    """Write the codes of all examples as `.npy`, [n, width] float32; its shape. Raises InputError."""
    n, width, dtype = 0, 0, np.dtype(np.float32)
    with replacing(path) as file:
        for _, x in stream.blocks():
            codes = model.embed(x)
            if n == 0:
                width = codes.shape[1]
                write_npy_header(file, (0, width), dtype)
            file.write(np.ascontiguousarray(codes).data)
            n += len(x)
        file.seek(0)
        write_npy_header(file, (n, width), dtype)  # as long as before: headers leave room for growth
        file.seek(0, io.SEEK_END)
    return n, width
