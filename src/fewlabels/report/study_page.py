"""Records of a study -> one self-contained HTML page: words, tables and charts (see `fewlabels.report.document`)."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

from fewlabels.core.errors import InputError
from fewlabels.metrics.advice import advise
from fewlabels.metrics.verdict import Verdict
from fewlabels.report import (
    accuracy,
    alignment,
    confidence,
    confusion,
    cost,
    curves,
    differences,
    forest,
    images,
    measured,
    ranking,
    savings,
)
from fewlabels.report.document import document
from fewlabels.report.lines import Record, StudyFigures, collapsed, study_figures, trained_again, untrained
from fewlabels.report.sections import ReportSection

FORMAT = 1

SECTIONS: list[ReportSection[StudyFigures]] = [
    ReportSection(
        "verdict",
        "What pretraining changed",
        "The difference at each budget with its interval and every seed; the rule and the tests fold away.",
        forest.draw,
        "forest.html",
    ),
    ReportSection(
        "ranking",
        "All methods, ranked",
        "Test accuracy at the largest budget; runs that failed to train are marked.",
        ranking.draw,
        "ranking.html",
    ),
    ReportSection(
        "accuracy",
        "Accuracy against labels",
        "Every method's learning curve with intervals and every seed.",
        accuracy.draw,
        "accuracy.html",
    ),
    ReportSection(
        "differences",
        "Paired differences",
        "Any pretrained method against any control, paired by seed.",
        differences.draw,
        "differences.html",
        {"differences": ("first, pretrained", "second, control")},
    ),
    ReportSection(
        "savings",
        "What the labels were worth",
        "How many labels without pretraining reach the same accuracy.",
        savings.draw,
        "savings.html",
    ),
    ReportSection(
        "confusion",
        "What is mistaken for what",
        "The confusion matrix of each method and budget.",
        confusion.draw,
        "confusion.html",
        {"confusion": ("method", "budget")},
    ),
    ReportSection(
        "confidence",
        "Can its confidence be believed?",
        "Each method's log-loss beside that of one constant confidence.",
        confidence.draw,
        "confidence.html",
    ),
    ReportSection(
        "images",
        "What the encoders see",
        "Images as they are and as each encoder-decoder gives them back; how it learned folds away.",
        images.draw,
        "images.html",
    ),
    ReportSection(
        "alignment",
        "Linear autoencoder and PCA",
        "How near a linear autoencoder came to the principal components.",
        alignment.draw,
        "alignment.html",
        {"alignment": ("encoder",)},
    ),
    ReportSection(
        "curves",
        "How training went",
        "Losses of pretraining, term by term, and of training with labels.",
        curves.draw,
        "curves.html",
        {"pretraining": ("encoder", "quantity"), "transfer": ("method", "budget")},
        folded=True,
    ),
    ReportSection(
        "cost",
        "What it cost",
        "Seconds and parameters of every method and encoder.",
        cost.draw,
        "cost.html",
        folded=True,
    ),
    ReportSection(
        "measured",
        "How this was measured",
        "What keeps it honest, what varied, hashes, settings, versions, and what is not claimed.",
        measured.draw,
        "measured.html",
        folded=True,
    ),
]
"""In the order of the page. A new section is one file that draws it and one row here."""


def render(
    manifest: dict[str, Any], runs: list[dict[str, Any]], encoders: list[dict[str, Any]], verdict: Verdict
) -> str:
    """The report of a study as one HTML document. The same records give the same page, byte for byte.

    manifest, runs, encoders: the records of a study (see `fewlabels.study.records`), finished or not.
    verdict: from `fewlabels.metrics.verdict.judge` on the same runs.
    Raises InputError for records of another format, and for a NaN or an infinity among the figures.
    """
    if manifest.get("format") != FORMAT:
        raise InputError(
            f"The study's records have format {manifest.get('format')!r}; this fewlabels reads {FORMAT}. "
            "Make the report with the fewlabels version that ran the study."
        )
    figures = study_figures(manifest, runs, encoders, verdict)
    advice = advise(verdict, manifest["methods"])
    failed, missing = failures(manifest, runs)
    values = {
        "manifest": manifest,
        "verdict": verdict,
        "advice": advice,
        "budgets": figures.budgets,
        "failed": failed,
        "missing": missing,
        "untrained": Counter(run["method"] for run in figures.finished if untrained(run)),
        "again": trained_again(figures.finished),
        "collapsed": collapsed(encoders),
        "chance": f"{math.log(len(manifest['dataset']['classes'])):.3g}",
    }
    title = f"{manifest['dataset']['name']}: {advice.headline}"
    return document(title, "study_opening.html", values, SECTIONS, figures)


def failures(manifest: Record, runs: Sequence[Record]) -> tuple[list[Record], int]:
    """Runs that failed and never succeeded later, and how many planned runs are missing without a word."""
    done = {_identity(run) for run in runs if run["status"] == "ok"}
    failed = {_identity(run): run for run in runs if run["status"] != "ok" and _identity(run) not in done}
    planned = {
        (method["name"], budget, seed)
        for method in manifest["methods"]
        for budget in manifest["budgets"]
        for seed in manifest["seeds"]
    }
    return list(failed.values()), len(planned - done - failed.keys())


def _identity(run: Record) -> tuple[str, int, int]:
    return run["method"], run["budget"], run["seed"]
