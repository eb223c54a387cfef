"""Models and their predictions on the terminal."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from fewlabels.models import ClassifierModel, Prediction
from fewlabels.models.predict import COLUMNS


def print_lines(found: Iterable[Prediction], key: str, classes: Sequence[str] = ()) -> tuple[int, int]:
    """As `write_predictions`, on stdout, a JSON object a line."""
    n = blank = 0
    for prediction in found:
        name, *values, probabilities = prediction
        told = {key: name, **dict(zip(COLUMNS, values, strict=True))}
        if classes:
            told["probabilities"] = dict(zip(classes, probabilities.tolist(), strict=True))
        print(json.dumps(told, ensure_ascii=False))
        n += 1
        blank += not prediction.label
    return n, blank


def accuracy_lines(model: ClassifierModel) -> list[str]:
    """How good a classifier is, as far as it is known."""
    accuracy, labels, lines = model.facts["accuracy"], model.facts["labels"]["examples"], []
    held_out = f"{accuracy.get('held-out examples', 0):,} of the {labels:,} labels, held out in {_folds(accuracy)}"
    for where, words in (("held-out", held_out), ("test", f"{accuracy.get('test examples', 0):,} test examples")):
        if accuracy.get(f"{where} examples"):
            low, high = accuracy[f"{where} accuracy, 95% interval"]
            share = f"{accuracy[f'{where} accuracy']:.1%} [{100 * low:.1f}, {100 * high:.1f}]"
            lines.append(f"Accuracy {share} on {words}.")
    if (raw := accuracy.get("held-out accuracy of a linear probe of the raw inputs")) is not None:
        lines.append(f"A linear probe of the raw inputs has {raw:.1%} on the same held-out labels.")
    return lines or [f"{labels:,} labels are too few to estimate its accuracy; measure it with `fewlabels evaluate`."]


def _folds(accuracy: Mapping[str, Any]) -> str:
    folds = accuracy.get("folds", 1)
    return "one part" if folds == 1 else f"{folds} folds"
