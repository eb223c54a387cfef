"""Models and their predictions on the terminal."""

from __future__ import annotations

import json
from collections.abc import Iterable

from fewlabels.models import ClassifierModel, Prediction
from fewlabels.models.streaming import COLUMNS


def print_lines(found: Iterable[Prediction], key: str) -> tuple[int, int]:
    """Predictions on stdout, a JSON object a line; how many there were, and how many without a label."""
    n = blank = 0
    for prediction in found:
        name, *values = prediction
        print(json.dumps({key: name, **dict(zip(COLUMNS, values, strict=True))}))
        n += 1
        blank += not prediction.label
    return n, blank


def accuracy_lines(model: ClassifierModel) -> list[str]:
    """How good a classifier is, as far as it is known."""
    accuracy, labels, lines = model.facts["accuracy"], model.facts["labels"]["examples"], []
    for where, words in (("held-out", f"labels held out of the {labels:,} in turn"), ("test", "test examples")):
        if n := accuracy.get(f"{where} examples"):
            low, high = accuracy[f"{where} accuracy, 95% interval"]
            share = f"{accuracy[f'{where} accuracy']:.1%} [{100 * low:.1f}, {100 * high:.1f}]"
            lines.append(f"Accuracy {share} on {n:,} {words}.")
    return lines or [f"{labels:,} labels are too few to estimate its accuracy; measure it with `fewlabels evaluate`."]
