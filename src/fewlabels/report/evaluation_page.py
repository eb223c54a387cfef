"""An evaluation of a classifier -> one self-contained HTML page (see `fewlabels.report.document`)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fewlabels.metrics.advice import believed
from fewlabels.metrics.classification import BINS, ClassFigures, Evaluation, Reliability, frequent_confusions
from fewlabels.report.charts import BLUE, INK, VERMILLION, error_bars, plot_layout
from fewlabels.report.confusion import heat_map
from fewlabels.report.document import document
from fewlabels.report.formats import NONE, percent
from fewlabels.report.sections import Chart, Drawn, ReportSection

LARGEST_MAP = 200
"""Classes of a heat map that can still be read, and drawn at once."""
FEW = 2
"""So many classes have no confusions worth a list beside the matrix."""
LISTED = 20
"""Confusions in the list."""


@dataclass(frozen=True)
class Evaluated:
    """What the sections of the page draw."""

    evaluation: Evaluation
    facts: Mapping[str, str]


def render_evaluation(evaluation: Evaluation, title: str, facts: Mapping[str, str]) -> str:
    """The evaluation as one HTML document. The same arguments give the same page, byte for byte.

    title: what was evaluated on what, a few words. facts: what else a reader should know, name by name, such as the
    data, the classifier's folder and the command; shown as a table at the end.
    """
    low, high = evaluation.accuracy_interval
    values = {
        "title": _writable(title),
        "n": evaluation.n,
        "many": len(evaluation.classes),
        "accuracy": percent(evaluation.accuracy),
        "low": percent(low),
        "high": percent(high),
        "impossible": evaluation.impossible,
    }
    written = {_writable(name): _writable(value) for name, value in facts.items()}
    return document(_writable(title), "evaluation_opening.html", values, SECTIONS, Evaluated(evaluation, written))


def _draw_figures(evaluated: Evaluated) -> Drawn:
    return Drawn({"rows": _figures(evaluated.evaluation)})


def _draw_reliability(evaluated: Evaluated) -> Drawn:
    bins = evaluated.evaluation.reliability
    values = {"answer": believed(evaluated.evaluation), "bins": BINS, "rows": [_bin_row(one) for one in bins]}
    return Drawn(values, {"reliability": _diagram(bins)})


def _draw_classes(evaluated: Evaluated) -> Drawn:
    return Drawn({"rows": [_class_row(one) for one in evaluated.evaluation.per_class]})


def _draw_confusion(evaluated: Evaluated) -> Drawn:
    evaluation, many = evaluated.evaluation, len(evaluated.evaluation.classes)
    charts = {}
    if many <= LARGEST_MAP:
        charts["confusion"] = heat_map(evaluation.confusion.tolist(), evaluation.classes)
    return Drawn({"many": many, "rows": _confusion_rows(evaluation) if many > FEW else []}, charts)


def _draw_facts(evaluated: Evaluated) -> Drawn | None:
    return Drawn({"facts": evaluated.facts}) if evaluated.facts else None


SECTIONS: list[ReportSection[Evaluated]] = [
    ReportSection(
        "reliability",
        "Can its confidence be believed?",
        "Accuracy at each confidence.",
        _draw_reliability,
        "reliability.html",
    ),
    ReportSection(
        "figures",
        "The figures",
        "Balanced accuracy, log-loss, Brier score, calibration error.",
        _draw_figures,
        "evaluation_figures.html",
    ),
    ReportSection("classes", "Class by class", "Precision, recall and F1.", _draw_classes, "classes.html"),
    ReportSection(
        "confusion",
        "What is mistaken for what",
        "The confusion matrix, and the most frequent confusions.",
        _draw_confusion,
        "evaluation_confusion.html",
    ),
    ReportSection("facts", "What was evaluated", "Data, classifier and command.", _draw_facts, "facts.html"),
]
"""In the order of the page."""


def _figures(evaluation: Evaluation) -> list[tuple[str, str, str]]:
    """Name, figure and meaning."""
    e = evaluation
    loss = f"{e.log_loss:.4g} nats" if math.isfinite(e.log_loss) else "infinite"
    guess = f"{math.log(len(e.classes)):.4g}"
    return [
        ("balanced accuracy", f"{percent(e.balanced_accuracy)}%", "the mean recall, every class counting the same"),
        ("majority share", f"{percent(e.majority_share)}%", "what always naming the most frequent class gets right"),
        ("log-loss", loss, f"mean surprise at the true class; {guess} if all classes were always equally likely"),
        ("Brier score", f"{e.brier:.4g}", "squared distance of the probabilities from the truth, 0 to 2"),
        (
            "calibration error",
            f"{percent(e.calibration_error)} points",
            f"mean distance between confidence and accuracy over {BINS} bins",
        ),
    ]


def _bin_row(one: Reliability) -> dict[str, str]:
    low, high = one.interval
    return {
        "range": f"{percent(one.low)}{NONE}{percent(one.high)}",
        "count": f"{one.count:,}",
        "confidence": percent(one.confidence),
        "accuracy": percent(one.accuracy),
        "interval": f"{percent(low)}{NONE}{percent(high)}",
    }


def _class_row(one: ClassFigures) -> dict[str, str]:
    shares = {"precision": one.precision, "recall": one.recall, "f1": one.f1}
    figures = {name: NONE if share is None else percent(share) for name, share in shares.items()}
    return {"name": _named(one.name), "support": f"{one.support:,}", **figures}


def _confusion_rows(evaluation: Evaluation) -> list[dict[str, str]]:
    return [
        {
            "true": _named(evaluation.classes[true]),
            "predicted": _named(evaluation.classes[predicted]),
            "count": f"{count:,}",
            "share": percent(count / evaluation.per_class[true].support),
        }
        for true, predicted, count in frequent_confusions(evaluation.confusion, LISTED)
    ]


def _named(name: str) -> str:
    return _writable(name) if name.strip() else "(no name)"


def _writable(text: str) -> str:
    """Names of files may hold bytes that are no UTF-8, which no page can."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _diagram(bins: Sequence[Reliability]) -> Chart:
    """Accuracy against confidence with Wilson intervals, the diagonal of perfect calibration, and examples below."""
    layout = plot_layout({"title": {"text": "confidence, %"}, "range": [0, 102], "anchor": "y2"}, "accuracy, %")
    layout["yaxis"] |= {"domain": [0.34, 1], "range": [-2, 104]}
    counts = {"title": {"text": "examples"}, "domain": [0, 0.22], "rangemode": "tozero", "nticks": 4}
    layout["yaxis2"] = layout["yaxis"] | counts
    del layout["yaxis2"]["range"]
    layout["bargap"] = 0.08
    accuracy = [100 * one.accuracy for one in bins]
    bars = error_bars(accuracy, [(100 * one.interval[0], 100 * one.interval[1]) for one in bins], BLUE)
    figures: list[list[Any]] = [
        [f"{one.count:,}", *(100 * end for end in one.interval), 100 * one.low, 100 * one.high] for one in bins
    ]
    diagonal = {
        "type": "scatter",
        "mode": "lines",
        "x": [0, 100],
        "y": [0, 100],
        "line": {"color": VERMILLION, "dash": "dash", "width": 1.5},
        "hoverinfo": "skip",
    }
    points = {
        "type": "scatter",
        "mode": "lines+markers",
        "x": [100 * one.confidence for one in bins],
        "y": accuracy,
        "error_y": {**bars, "thickness": 1.5, "width": 4},
        "line": {"color": BLUE, "width": 1.75},
        "marker": {"color": BLUE, "size": 8},
        "customdata": figures,
        "hovertemplate": "confidence %{x:.1f}%: %{y:.1f}% right<br>95% interval %{customdata[1]:.1f} to "
        "%{customdata[2]:.1f}<br>%{customdata[0]} examples<extra></extra>",
    }
    heights = {
        "type": "bar",
        "x": [50 * (one.low + one.high) for one in bins],
        "y": [one.count for one in bins],
        "width": [100 * (one.high - one.low) - 0.6 for one in bins],
        "yaxis": "y2",
        "marker": {"color": INK},
        "customdata": figures,
        "hovertemplate": "confidence %{customdata[3]:.1f} to %{customdata[4]:.1f}%: %{customdata[0]} examples"
        "<extra></extra>",
    }
    return {"layout": layout, "choices": [diagonal, points, heights]}
