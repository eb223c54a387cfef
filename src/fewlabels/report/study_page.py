"""Records of a study -> one self-contained HTML page: words, tables and charts (see `fewlabels.report.document`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fewlabels.core.errors import InputError
from fewlabels.metrics.verdict import MIN_SEEDS, Verdict
from fewlabels.report import alignment, charts, curves, tables
from fewlabels.report.document import document
from fewlabels.report.images import galleries
from fewlabels.report.lines import CONTROL_ARM, PRETRAINED_ARM, Line, Record, lines, pairs

FORMAT = 1


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
    finished = [run for run in runs if run["status"] == "ok"]
    every = lines(manifest["methods"], finished)
    methods = [line for line in every if not line.arm]
    compared = pairs(every)
    budgets = sorted(manifest["budgets"])
    encoders = _in_order(encoders, manifest["methods"])
    shown = _shown(every, verdict)
    drawn = {
        "accuracy": charts.accuracy(every, budgets, shown),
        "differences": charts.differences(compared, budgets),
        "confusion": charts.confusion(methods, manifest["dataset"]["classes"]),
        "pretraining": curves.pretraining(encoders),
        "transfer": curves.transfer(methods),
        "alignment": alignment.chart(encoders),
    }
    failed, missing = tables.failures(manifest, runs)
    return document(
        "page.html",
        f"{manifest['dataset']['name']}: is pretraining worth it?",
        drawn,
        {
            "manifest": manifest,
            "verdict": verdict,
            "budgets": budgets,
            "verdict_rows": tables.verdict_rows(verdict),
            "seeds": min((v.comparison.seeds for v in verdict.budgets), default=0),
            "min_seeds": MIN_SEEDS,
            "unvalidated": [v.comparison.budget for v in verdict.budgets if not v.validated],
            "saving_rows": tables.saving_rows(verdict),
            "accuracy_rows": tables.accuracy_rows(every, budgets),
            "pair_rows": tables.pair_rows(compared),
            "cost_rows": tables.cost_rows(methods, encoders),
            "pretraining_rows": tables.pretraining_rows(encoders),
            "several_seeds": len({encoder["seed"] for encoder in encoders}) > 1,
            "effort_rows": tables.effort_rows(methods),
            "integrity_rows": tables.integrity_rows(finished),
            "finished": len(finished),
            "failed": failed,
            "missing": missing,
            "legend": [
                {"line": line, **charts.style(every, line)} for line in sorted(every, key=lambda e: e.key not in shown)
            ],
            "selects": _selects(manifest, every, drawn, verdict),
            "galleries": galleries(encoders),
            "alignments": alignment.comparisons(encoders),
        },
    )


def _in_order(encoders: Sequence[dict[str, Any]], methods: Sequence[Record]) -> list[dict[str, Any]]:
    """The encoders in the order of the methods that use them, then by seed; records come as workers finish."""
    sources = list(dict.fromkeys(method.get("source") for method in methods))
    place = {source: at for at, source in enumerate(sources)}
    return sorted(encoders, key=lambda e: (place.get(e["source"], len(place)), e["seed"]))


def _shown(every: Sequence[Line], verdict: Verdict) -> list[str]:
    """Visible at first: the arms, and on each side the method chosen most often."""
    favourites = [
        _most_chosen([v.chosen_pretrained for v in verdict.budgets]),
        _most_chosen([v.chosen_control for v in verdict.budgets]),
    ]
    return [line.key for line in every if line.arm or line.key in favourites]


def _most_chosen(counts: Sequence[Mapping[str, int]]) -> str | None:
    total: dict[str, int] = {}
    for count in counts:
        for method, seeds in count.items():
            total[method] = total.get(method, 0) + seeds
    return max(total, key=lambda method: total[method], default=None)


Options = list[tuple[str, str, bool]]
"""Value, label and whether it is selected at first."""


def _selects(
    manifest: Mapping[str, Any], every: Sequence[Line], drawn: Mapping[str, charts.Chart], verdict: Verdict
) -> dict[str, list[tuple[str, Options]]]:
    """The select boxes of each chart, outermost choice first."""
    labels = {line.key: line.label for line in every}
    budgets = {str(b): f"{b:,} labels" for b in sorted(manifest["budgets"])}
    method, budget = _favourite(every, sorted(manifest["budgets"]), verdict)
    quantities = dict.fromkeys(term for terms in drawn["pretraining"]["choices"].values() for term in terms)
    firsts = drawn["differences"]["choices"]
    seconds = dict.fromkeys(key for inner in firsts.values() for key in inner)

    def options(keys: Any, words: Mapping[str, str], selected: str | None) -> Options:
        return [(key, words.get(key, key), key == selected) for key in keys]

    trained = drawn["transfer"]["choices"]
    return {
        "differences": [
            ("first, pretrained", options(firsts, labels, PRETRAINED_ARM)),
            ("second, control", options(seconds, labels, CONTROL_ARM)),
        ],
        "confusion": [
            ("method", options(drawn["confusion"]["choices"], labels, method)),
            ("budget", options(budgets, budgets, str(budget))),
        ],
        "pretraining": [
            ("encoder", options(drawn["pretraining"]["choices"], {}, None)),
            ("quantity", options(quantities, {"loss": "loss, in all"}, "loss")),
        ],
        "alignment": [("encoder", options(drawn["alignment"]["choices"], {}, None))],
        "transfer": [
            ("method", options(trained, labels, method)),
            ("budget", options(budgets, budgets, str(budget))),
        ],
    }


def _favourite(every: Sequence[Line], budgets: Sequence[int], verdict: Verdict) -> tuple[str | None, int]:
    """The pretrained arm's favourite method at the largest budget up to 100 labels, or the median budget."""
    small = [budget for budget in budgets if budget <= 100]
    budget = small[-1] if small else budgets[len(budgets) // 2]
    here = [v.chosen_pretrained for v in verdict.budgets if v.comparison.budget == budget]
    first = next((line.key for line in every if not line.arm), None)
    return _most_chosen(here) or first, budget
