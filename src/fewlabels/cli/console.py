"""What the command line reads and prints: options, progress over the grid, the verdict as a table or as JSON."""

from __future__ import annotations

import json
import math
import shlex
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from fewlabels.errors import InputError
from fewlabels.models import ClassifierModel, Prediction
from fewlabels.studies import Study
from fewlabels.study.plan import Run
from fewlabels.study.verdict import BudgetVerdict

SYMBOLS = {"helps": "▲ helps", "hurts": "▼ hurts", "undecided": "◇ undecided"}
STYLES = {"helps": "bold blue", "hurts": "bold red", "undecided": ""}
HEADINGS = ("labels", "pretrained", "control", "difference", "wins", "verdict")
NARROW = 68
"""Terminals of fewer columns get the verdict as a list."""

INTERRUPTED = 130

Item = TypeVar("Item")

EFFORT = {"probe": 1, "mlp": 4, "finetune": 16}
"""Rough relative cost of a run, for the time left."""


def numbers(option: str, text: str) -> list[int]:
    """Whole numbers from '10,30,100'. Raises InputError."""
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise InputError(
            f"{option} is {text!r}; allowed are whole numbers with commas between, such as 10,30,100"
        ) from None


def one_of(option: str, value: str, allowed: Sequence[str]) -> str:
    if value not in allowed:
        raise InputError(f"{option} is {value!r}; allowed are {', '.join(allowed)}")
    return value


def say(message: str) -> None:
    """One line on stderr."""
    print(f"fewlabels: {message}", file=sys.stderr)


def command_line(argv: Sequence[str]) -> str:
    """The command as it could be typed again."""
    return shlex.join([Path(argv[0]).name.replace("__main__.py", "python -m fewlabels"), *argv[1:]])


def tell(as_json: bool, values: Mapping[str, Any], lines: Sequence[str]) -> None:
    """The result of a command on stdout: its values as JSON, or lines for people."""
    if as_json:
        print(json.dumps(values, indent=2, ensure_ascii=False, allow_nan=False))
        return
    console = Console(highlight=False)
    for line in lines:
        console.print(line, markup=False, soft_wrap=True)


@contextmanager
def resumable() -> Iterator[None]:
    """Ends a training that is interrupted with what to do next."""
    try:
        yield
    except KeyboardInterrupt:
        say("interrupted; the same command with --resume goes on from the last checkpoint")
        raise typer.Exit(INTERRUPTED) from None


@contextmanager
def counting(title: str, n: int | None) -> Iterator[Callable[[Iterable[Item]], Iterator[Item]]]:
    """A bar on stderr over so many items, or over an unknown number; silent off a terminal."""
    console = Console(stderr=True)
    columns = (TextColumn(title), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        yield lambda items: iter(bar.track(items, total=n))


def print_lines(found: Iterable[Prediction], key: str) -> tuple[int, int]:
    """Predictions on stdout, a JSON object a line; how many there were, and how many without a label."""
    n = blank = 0
    for prediction in found:
        name, *values = prediction
        print(json.dumps({key: name, **dict(zip(("label", "probability", "margin"), values, strict=True))}))
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


@contextmanager
def conversion() -> Iterator[Callable[[int, int], None]]:
    """Progress of a conversion on stderr: a bar on a terminal, a line every tenth elsewhere; nothing without one."""
    console = Console(stderr=True)
    if console.is_terminal:
        columns = (TextColumn("converting"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=console, transient=True) as bar:
            task = bar.add_task("", total=None, visible=False)
            yield lambda done, n: bar.update(task, completed=done, total=n, visible=True)
        return
    tenth = -1

    def line(done: int, n: int) -> None:
        nonlocal tenth
        if done * 10 // n > tenth:
            tenth = done * 10 // n
            console.print(f"{done:,} of {n:,} examples converted", highlight=False)

    yield line


def watch_grid(grid: list[Run], todo: list[Run]) -> Callable[[Run, bool], None]:
    """Progress over the whole grid on stderr: a bar on a terminal, a line every tenth elsewhere."""
    console = Console(stderr=True)
    kept = len(grid) - len(todo)
    if kept:
        console.print(f"{kept:,} of {len(grid):,} runs are done already, {len(todo):,} to go", highlight=False)
    return _bar(console, grid, todo) if console.is_terminal else _lines(console, grid, todo)


def _bar(console: Console, grid: list[Run], todo: list[Run]) -> Callable[[Run, bool], None]:
    import time

    total, started, done = sum(map(_effort, todo)), time.monotonic(), 0.0
    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    bar = Progress(*columns, console=console, transient=True)
    task: TaskID = bar.add_task("starting", total=len(grid), completed=len(grid) - len(todo))
    if todo:
        bar.start()

    def update(run: Run, ok: bool) -> None:
        nonlocal done
        done += _effort(run)
        left = (time.monotonic() - started) * (total - done) / done
        bar.update(task, advance=1, description=f"{duration(left)} left  {run.method.name} at {run.budget:,}")
        if not ok:
            bar.console.print(f"failed: {run.method.name} at {run.budget:,} labels, seed {run.seed}", style="red")
        if total - done < 1e-9:
            bar.stop()

    return update


def _lines(console: Console, grid: list[Run], todo: list[Run]) -> Callable[[Run, bool], None]:
    ended = len(grid) - len(todo)

    def update(run: Run, ok: bool) -> None:
        nonlocal ended
        ended += 1
        if not ok:
            console.print(f"failed: {run.method.name} at {run.budget:,} labels, seed {run.seed}", highlight=False)
        if ended * 10 // len(grid) > (ended - 1) * 10 // len(grid):
            console.print(f"{ended:,} of {len(grid):,} runs done", highlight=False)

    return update


def _effort(run: Run) -> float:
    return EFFORT[run.method.transfer] * (2 if run.budget >= 1000 else 1)


def duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


def print_verdict(study: Study, page: Path) -> None:
    """The verdict on stdout: a table a budget, and the sentence."""
    verdict = study.verdict()
    console = Console(highlight=False)
    if verdict.budgets:
        console.print(_table(verdict.budgets) if console.width >= NARROW else _list(verdict.budgets))
        console.print()
    console.print(verdict.sentence, style="bold", markup=False)
    for notice in study.notices:
        console.print(notice, style="bold red")
    if verdict.budgets:
        seeds = "-".join(str(n) for n in sorted({b.comparison.seeds for b in verdict.budgets}))
        n_test = study.manifest["pools"]["test"]["size"]
        console.print(
            f"Accuracy on {n_test:,} test examples, mean of {seeds} seeds; differences in points, "
            "with 95% intervals over label draws that hold for all budgets together."
        )
        for line in _choices(verdict.budgets):
            console.print(line, markup=False)
    console.print(f"Report: {page}", markup=False, soft_wrap=True)


def _cells(budget: BudgetVerdict) -> tuple[str, ...]:
    c = budget.comparison
    return (
        f"{c.budget:,}" if budget.validated else f"{c.budget:,}*",
        f"{c.first:.1%}",
        f"{c.second:.1%}",
        f"{100 * c.difference:+.1f} [{100 * c.interval.low:+.1f}, {100 * c.interval.high:+.1f}]",
        f"{c.win_probability:.0%}",
        SYMBOLS[c.call],
    )


def _table(budgets: Sequence[BudgetVerdict]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in HEADINGS:
        table.add_column(heading, justify="left" if heading == "verdict" else "right")
    for budget in budgets:
        *cells, call = _cells(budget)
        table.add_row(*map(Text, cells), Text(call, style=STYLES[budget.comparison.call]))
    return table


def _list(budgets: Sequence[BudgetVerdict]) -> Text:
    """The table for a narrow terminal: a line a figure."""
    blocks = ["\n".join(map("{:>10}  {}".format, HEADINGS, _cells(budget))) for budget in budgets]
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


def print_kept(folder: Path | None, kept: ClassifierModel | None) -> None:
    """The classifier that a study has made, or how it can be asked for one."""
    if kept is None:
        tell(False, {}, ["Keep the best method's classifier: the same command with --keep-best FOLDER."])
        return
    method = kept.facts["settings"]["method"]
    tell(False, {}, [f"Best method: {method}.", *accuracy_lines(kept), f"Classifier: {folder}"])


def print_json(study: Study, page: Path, folder: Path | None, kept: ClassifierModel | None) -> None:
    """The verdict on stdout as one JSON object; label savings outside the budgets are null."""
    verdict = study.verdict()
    print(
        json.dumps(
            {
                "data": study.manifest["dataset"]["name"],
                "sentence": verdict.sentence,
                "rule": verdict.rule,
                "budgets": [_json(budget) for budget in verdict.budgets],
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


def _json(budget: BudgetVerdict) -> Mapping[str, Any]:
    c = budget.comparison
    return {
        "labels": c.budget,
        "verdict": c.call,
        "seeds": c.seeds,
        "pretrained": c.first,
        "control": c.second,
        "difference": c.difference,
        "interval": list(c.interval),
        "win_probability": c.win_probability,
        "wilcoxon_p_holm": c.wilcoxon_p,
        "test_standard_error": c.test_error,
        "equivalent_labels": budget.equivalent_labels if 0 < budget.equivalent_labels < math.inf else None,
        "chosen_pretrained": budget.chosen_pretrained,
        "chosen_control": budget.chosen_control,
        "validated": budget.validated,
    }
