"""A study on the terminal: progress over its grid, its verdict as a table or as JSON, what failed, what was kept."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from fewlabels.cli.console import tell
from fewlabels.cli.evaluation_text import shown
from fewlabels.cli.model_text import accuracy_lines
from fewlabels.core.progress import Display
from fewlabels.metrics.advice import advise
from fewlabels.metrics.class_counts import classes_in_words, majority_share
from fewlabels.metrics.intervals import bootstrap_interval
from fewlabels.metrics.sentence import in_words
from fewlabels.metrics.verdict import HEADINGS, BudgetVerdict
from fewlabels.models import ClassifierModel
from fewlabels.report.lines import CONTROL_ARM, PRETRAINED_ARM, Line, counts_in_test, lines
from fewlabels.study.execute import grouped
from fewlabels.study.plan import Plan, Run
from fewlabels.study.records import Rows
from fewlabels.study.study import Study
from fewlabels.study.time_left import TimeLeft

STYLES = {"helps": "bold blue", "hurts": "bold red", "undecided": ""}
RUNS = "runs done"
NARROW = 68
"""Terminals of fewer columns get the verdict as a list."""


class Progress:
    """Tells on a display how far a study is over its whole grid; a `Watch`."""

    def __init__(self, display: Display) -> None:
        self._display = display
        self.stage = display.stage

    def begin(self, plan: Plan, todo: Sequence[Run], workers: int) -> None:
        self._total, self._left = len(plan.runs()), TimeLeft(plan, todo, workers)
        self._done = self._total - len(todo)
        if self._done:
            self._display.print(f"{self._done:,} of {self._total:,} runs are done already, {len(todo):,} to go")
        first = [batches[0][0].method for batches in list(grouped(plan, todo).values())[:workers]]
        if first:
            names = ", ".join(f"pretraining {method.source}" if method.pretrained else method.name for method in first)
            self._display.count(self._done, self._total, RUNS, f"first {names}")

    def ended(self, run: Run, answer: Rows | Exception) -> None:
        where = f"{run.method.name} at {run.budget:,}"
        if isinstance(answer, Exception):
            self._display.print(f"failed: {where} labels, seed {run.seed}")
        self._left.ended(run, answer)
        self._done += 1
        self._display.count(self._done, self._total, RUNS, where, self._left.seconds())


def print_verdict(study: Study, page: Path) -> None:
    """The verdict on stdout: a table a budget, and the sentence."""
    verdict = study.verdict()
    console = Console(highlight=False)
    if verdict.budgets:
        console.print(_table(verdict.budgets) if console.width >= NARROW else _list(verdict.budgets))
        console.print()
    console.print(str(advise(verdict, study.manifest["methods"])), style="bold", markup=False)
    if verdict.budgets:
        console.print(verdict.sentence, markup=False)
    for notice in study.notices:
        console.print(notice, style="bold red")
    if counts := counts_in_test(study.runs):
        names = [shown(name) for name in study.manifest["dataset"]["classes"]]
        console.print(f"The test examples are of {classes_in_words(names, counts)}", markup=False)
    if verdict.budgets:
        seeds = "-".join(str(n) for n in sorted({b.comparison.seeds for b in verdict.budgets}))
        n_test = study.manifest["pools"]["test"]["size"]
        console.print(
            f"Accuracy on {n_test:,} test examples, mean of {seeds} seeds; differences in points, "
            "with 95% intervals over label draws that hold for all budgets and looks together."
        )
        if len(verdict.looks) > 1:
            console.print(
                f"This is look {len(verdict.looks)} at the study, after {in_words(verdict.looks[:-1])} seeds."
            )
        console.print(_balanced(study, verdict.budgets), markup=False)
        for line in _choices(verdict.budgets):
            console.print(line, markup=False)
    console.print(f"Report: {page}", markup=False, soft_wrap=True)


def _balanced(study: Study, budgets: Sequence[BudgetVerdict]) -> str:
    """The sides' balanced accuracy at each budget."""
    arms = _lines(study)
    told = [
        f"{arms[PRETRAINED_ARM].balanced(b):.1%} against {arms[CONTROL_ARM].balanced(b):.1%} at {b:,}"
        for b in (budget.comparison.budget for budget in budgets)
    ]
    return f"Balanced accuracy, the mean recall of the classes: {', '.join(told)} labels."


def _lines(study: Study) -> dict[str, Line]:
    """The two arms and the methods, by their keys."""
    finished = [run for run in study.runs if run["status"] == "ok"]
    return {line.key: line for line in lines(study.manifest["methods"], finished)}


def _table(budgets: Sequence[BudgetVerdict]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in HEADINGS:
        table.add_column(heading, justify="left" if heading == "verdict" else "right")
    for budget in budgets:
        *cells, call = budget.cells()
        table.add_row(*map(Text, cells), Text(call, style=STYLES[budget.comparison.call]))
    return table


def _list(budgets: Sequence[BudgetVerdict]) -> Text:
    """The table for a narrow terminal: a line a figure."""
    blocks = ["\n".join(map("{:>10}  {}".format, HEADINGS, budget.cells())) for budget in budgets]
    return Text("\n\n".join(blocks))


def _choices(budgets: Sequence[BudgetVerdict]) -> list[str]:
    """What the sides were, at the largest budget and where they were fixed beforehand."""
    lines = []
    if budgets[-1].validated:
        lines.append(f"Each side is its best method by validation inside the labels: {_sides(budgets[-1])}.")
    for first in [budget for budget in budgets if not budget.validated][:1]:
        lines.append(f"* Too few labels to validate, so fixed beforehand: {_sides(first)}.")
    return lines


def _sides(budget: BudgetVerdict) -> str:
    """What each side most often was."""
    sides = [next(iter(chosen.items())) for chosen in (budget.chosen_pretrained, budget.chosen_control)]
    seeds = budget.comparison.seeds
    named = [f"{method} ({times} of {seeds} seeds)" for method, times in sides]
    return f"at {budget.comparison.budget:,} labels most often {named[0]} against {named[1]}"


def print_failures(study: Study) -> None:
    console = Console(stderr=True, highlight=False)
    for run in study.failed:
        where = f"{run['method']} at {run['budget']:,} labels, seed {run['seed']}"
        console.print(f"failed: {where}: {run['error']}", markup=False)
    console.print(f"{len(study.failed)} of {len(study.runs)} runs failed; the same command tries them again")


def print_kept(study: Study, folder: Path | None, kept: ClassifierModel | None) -> None:
    """The classifier that a study has made and why it is not the one advised, or how it can be asked for one."""
    if kept is None:
        tell(False, {}, ["Keep the best method's classifier: the same command with --keep-best FOLDER."])
        return
    method = kept.facts["settings"]["method"]
    lines = [f"Best method: {method}.", *_not_as_advised(study, method), *accuracy_lines(kept), f"Classifier: {folder}"]
    tell(False, {}, lines)


def _not_as_advised(study: Study, method: str) -> list[str]:
    """Why the kept method is another than the advised one, where it is."""
    advice = advise(study.verdict())
    if advice.method in (None, method):
        return []
    return [
        f"It is not the advised {advice.method}: the advice for {advice.budget:,} labels goes by the test examples, "
        "and prefers the simpler side where they leave it undecided; what is kept had the best validation accuracy "
        "inside the labels, of the methods that can be kept."
    ]


def print_json(study: Study, page: Path, folder: Path | None, kept: ClassifierModel | None) -> None:
    """The verdict on stdout as one JSON object; label savings outside the budgets are null."""
    verdict, every, counts = study.verdict(), _lines(study), counts_in_test(study.runs)
    print(
        json.dumps(
            {
                "data": study.manifest["dataset"]["name"],
                "advice": str(advise(verdict, study.manifest["methods"])),
                "sentence": verdict.sentence,
                "rule": verdict.rule,
                "looks": list(verdict.looks),
                "level": verdict.level,
                "classes": study.manifest["dataset"]["classes"],
                "test_per_class": counts,
                "majority_share": majority_share(counts) if counts else None,
                "budgets": [_json(budget, every) for budget in verdict.budgets],
                "methods": [_method_json(line) for line in every.values() if not line.arm],
                "notices": study.notices,
                "failed": len(study.failed),
                "folder": str(study.folder),
                "report": str(page),
                "classifier": None if kept is None else {"folder": str(folder), **kept.facts},
            },
            indent=2,
            allow_nan=False,
        )
    )


def _method_json(line: Line) -> Mapping[str, Any]:
    """A method's test accuracy at each budget: mean over seeds, bootstrap interval, and balanced."""
    budgets = []
    for budget in line.budgets():
        values = line.accuracies(budget)
        budgets.append(
            {
                "labels": budget,
                "seeds": len(values),
                "accuracy": sum(values) / len(values),
                "interval": list(bootstrap_interval(values)),
                "balanced_accuracy": line.balanced(budget),
            }
        )
    return {"name": line.key, "label": line.label, "pretrained": line.pretrained, "budgets": budgets}


def _json(budget: BudgetVerdict, every: Mapping[str, Line]) -> Mapping[str, Any]:
    c = budget.comparison
    return {
        "labels": c.budget,
        "verdict": c.call,
        "seeds": c.seeds,
        "pretrained": c.first,
        "control": c.second,
        "balanced_pretrained": every[PRETRAINED_ARM].balanced(c.budget),
        "balanced_control": every[CONTROL_ARM].balanced(c.budget),
        "difference": c.difference,
        "deviation": c.deviation,
        "interval": list(c.interval),
        "win_probability": c.win_probability,
        "wilcoxon_p_holm": c.wilcoxon_p,
        "test_standard_error": c.test_error,
        "equivalent_labels": budget.equivalent_labels if 0 < budget.equivalent_labels < math.inf else None,
        "chosen_pretrained": budget.chosen_pretrained,
        "chosen_control": budget.chosen_control,
        "validated": budget.validated,
        "seeds_to_decide": budget.decided_by if c.call == "undecided" else None,
    }
