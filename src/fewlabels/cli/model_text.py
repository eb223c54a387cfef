"""Models and their predictions on the terminal."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from fewlabels.cli.evaluation_text import LISTED, shown
from fewlabels.metrics.class_counts import classes_in_words
from fewlabels.models import ClassifierModel, Prediction
from fewlabels.models.predict import COLUMNS


def print_lines(found: Iterable[Prediction], key: str, classes: Sequence[str] = ()) -> tuple[int, int]:
    """As `write_predictions`, on stdout, a JSON object a line."""
    n = blank = 0
    for prediction in found:
        name, *values, probabilities = prediction
        answer = {key: name, **dict(zip(COLUMNS, values, strict=True))}
        if classes:
            answer["probabilities"] = dict(zip(classes, probabilities.tolist(), strict=True))
        print(json.dumps(answer, ensure_ascii=False))
        n += 1
        blank += not prediction.label
    return n, blank


def accuracy_lines(model: ClassifierModel) -> list[str]:
    """How good a classifier is, as far as it is known."""
    accuracy, labels, lines = model.facts["accuracy"], model.facts["labels"]["examples"], []
    counts = model.facts["labels"].get("per_class", ())
    told = [classes_in_words([shown(name) for name in model.classes], counts)] if len(counts) else []
    folds = "one part" if accuracy["held_out"].get("folds", 1) == 1 else f"{accuracy['held_out']['folds']} folds"
    for where, words in (("held_out", f"of the {labels:,} labels, held out in {folds}"), ("test", "test examples")):
        figures = accuracy.get(where, {"examples": 0})
        if figures["examples"]:
            low, high = figures["accuracy_interval"]
            share = f"{figures['accuracy']:.1%} [{100 * low:.1f}, {100 * high:.1f}]"
            if "balanced_accuracy" in figures:  # of folders of before it is not known
                share += f", balanced {figures['balanced_accuracy']:.1%},"
            lines.append(f"Accuracy {share} on {figures['examples']:,} {words}.")
        if left_out := figures.get("classes_left_out"):
            more = f" and {len(left_out) - LISTED:,} more" if len(left_out) > LISTED else ""
            names = ", ".join(map(shown, left_out[:LISTED]))
            lines.append(f"Not in these figures, with too few labels to hold any out: {names}{more}.")
    if "raw_probe" in accuracy:
        share = f"{accuracy['raw_probe']['accuracy']:.1%}"
        lines.append(f"A linear probe of the raw inputs has {share} on the same held-out labels.")
    if tried := accuracy.get("tried"):
        shares = ", ".join(f"{way} {share:.1%}" for way, share in tried.items())
        told.append(f"Kept {model.facts['settings']['transfer']}; on held-out labels that all share: {shares}.")
    if (attempts := model.facts.get("settings", {}).get("attempts", 1)) > 1:
        told.append(f"The fit on all labels did not learn at first; {attempts} were tried, at ever smaller rates.")
    few = f"{labels:,} labels are too few to estimate its accuracy; measure it with `fewlabels evaluate`."
    return told + (lines or [few])
