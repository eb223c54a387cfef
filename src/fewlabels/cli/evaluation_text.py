"""An evaluation on the terminal: headline, classes one by one, confusions, confidence against accuracy.

Nothing is ever cut but class names: what is too wide for the terminal becomes a list.
"""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.text import Text

from fewlabels.metrics.classification import ClassFigures, Evaluation, Reliability, frequent_confusions, worst_classes

NONE = "\N{EN DASH}"
LONGEST_NAME, SHORTEST_NAME = 32, 12
"""Columns of the terminal that a class name may take, and what a table must leave for one."""
MOST_CLASSES = 20
"""More classes are not all listed."""
MOST_IN_MATRIX = 15
LISTED = 10
"""Classes or confusions where not all are listed."""
SHORTEST_BAR, LONGEST_BAR = 6, 50
FULL, EMPTY, MARK = "█", "·", "│"
JOINERS = "\u200c\u200d"
"""Invisible, and part of the spelling of some scripts."""


def print_evaluation(evaluation: Evaluation, console: Console | None = None) -> None:
    """The evaluation on stdout, or on the given console, as wide as that is."""
    console = console or Console(highlight=False)
    names = [shown(name) for name in evaluation.classes]
    blocks = (
        _headline(evaluation),
        _classes(evaluation.per_class, console.width),
        _confusions(evaluation, names, console.width),
        _reliability(evaluation.reliability, console.width),
    )
    for place, (heading, lines) in enumerate(blocks):
        if place:
            console.print()
        console.print(Text(heading, style="bold"))
        for line in lines:
            console.print(Text(line))


def shown(name: str, most: int = LONGEST_NAME) -> str:
    """A class name that a terminal can show in at most so many columns: no control characters, never empty."""
    clean = "".join(
        c if c.isprintable() or c in JOINERS else " " if c.isspace() else "\N{REPLACEMENT CHARACTER}" for c in name
    ).strip()
    if not clean:
        return "(no name)"
    return clean if cell_len(clean) <= most else set_cell_size(clean, most - 1).rstrip() + "…"


def _headline(evaluation: Evaluation) -> tuple[str, list[str]]:
    e = evaluation
    low, high = (100 * end for end in e.accuracy_interval)
    rows = [
        ("examples", f"{e.n:,}"),
        ("balanced accuracy", f"{e.balanced_accuracy:.1%}"),
        ("largest class", f"{e.majority_share:.1%}"),
        ("log-loss", f"{e.log_loss:.4g} nats"),
        ("Brier score", f"{e.brier:.4g}"),
        ("calibration error", f"{100 * e.calibration_error:.1f} points"),
    ]
    lines = [f"{name:<18} {value}" for name, value in rows]
    if e.impossible:
        lines.append(
            f"The log-loss is infinite: in {e.impossible:,} of {e.n:,} examples the true class got probability zero."
        )
    return f"Accuracy {e.accuracy:.1%} [{low:.1f}, {high:.1f}]", lines


def _classes(per_class: Sequence[ClassFigures], width: int) -> tuple[str, list[str]]:
    """A table, or two lines a class where that is too wide."""
    chosen, heading = per_class, "Class by class"
    if len(per_class) > MOST_CLASSES:
        chosen = worst_classes(per_class, LISTED)
        heading = f"The {len(chosen)} of {len(per_class):,} classes with the lowest F1"
    figures = [(_share(one.precision), _share(one.recall), _share(one.f1), f"{one.support:,}") for one in chosen]
    headings = ("precision", "recall", "F1", "support")
    names = [shown(one.name) for one in chosen]
    numbers = _aligned([headings, *figures])
    room = width - cell_len(numbers[0]) - 2
    longest = max(map(cell_len, ["class", *names]))
    if room >= min(longest, SHORTEST_NAME):
        first = [_padded(shown(name, min(room, longest)), min(room, longest)) for name in ["class", *names]]
        return heading, [f"{name}  {rest}" for name, rest in zip(first, numbers, strict=True)]
    lines = []
    for name, (precision, recall, f1, support) in zip(names, figures, strict=True):
        lines += [
            shown(name, max(width, 2)),
            f"  precision {precision}, recall {recall}",
            f"  F1 {f1}, support {support}",
        ]
    return heading, lines


def _confusions(evaluation: Evaluation, names: Sequence[str], width: int) -> tuple[str, list[str]]:
    """The matrix where it fits, its largest mistakes elsewhere."""
    if len(names) <= MOST_IN_MATRIX and (matrix := _matrix(evaluation, names, width)):
        return "True class (rows), predicted (columns)", matrix
    mistakes = frequent_confusions(evaluation.confusion, LISTED)
    if not mistakes:
        return "Confusions", ["No example was taken for another class."]
    lines = []
    for true, predicted, count in mistakes:
        around = f" taken for : {count:,}"
        most = max(SHORTEST_NAME, (width - len(around)) // 2)
        lines.append(f"{shown(names[true], most)} taken for {shown(names[predicted], most)}: {count:,}")
    return "The most frequent confusions", lines


def _matrix(evaluation: Evaluation, names: Sequence[str], width: int) -> list[str]:
    """The confusion matrix headed by names or, where these are too wide, by numbers; no line if still too wide."""
    counts = [[f"{count:,}" for count in row] for row in evaluation.confusion.tolist()]
    numbered = [f"{place} {name}" for place, name in enumerate(names, 1)]
    for headings, labels in ((names, names), ([str(place) for place in range(1, len(names) + 1)], numbered)):
        numbers = _aligned([headings, *counts])
        longest = max(map(cell_len, labels))
        room = min(longest, width - cell_len(numbers[0]) - 2)
        if room >= min(longest, SHORTEST_NAME):
            first = [" " * room, *(_padded(shown(label, room), room) for label in labels)]
            return [f"{name}  {rest}" for name, rest in zip(first, numbers, strict=True)]
    return []


def _reliability(bins: Sequence[Reliability], width: int) -> tuple[str, list[str]]:
    """A line a bin: range of confidence, examples, and a bar of accuracy with a mark at the mean confidence."""
    rows = [(f"{100 * one.low:.0f}-{100 * one.high:.0f}%", f"{one.count:,}", f"{one.accuracy:.0%}") for one in bins]
    figures = _aligned([("sure", "examples", "right"), *rows])
    length = min(LONGEST_BAR, width - cell_len(figures[0]) - 2)
    if length < SHORTEST_BAR:
        return "Confidence and accuracy", [
            line
            for one, (sure, count, right) in zip(bins, rows, strict=True)
            for line in (f"{sure} sure:", f"  {right} of {count} right")
        ]
    bars = ["", *(_bar(one.accuracy, one.confidence, length) for one in bins)]
    lines = [f"{line}  {bar}".rstrip() for line, bar in zip(figures, bars, strict=True)]
    key = [f"{FULL} right, {MARK} mean confidence;", f"overconfident where {EMPTY} lies between"]
    joined = " ".join(key)
    return "Confidence and accuracy", lines + ([joined] if cell_len(joined) <= width else key)


def _bar(accuracy: float, confidence: float, length: int) -> str:
    filled = round(accuracy * length)
    mark = min(length - 1, int(confidence * length))
    bar = FULL * filled + EMPTY * (length - filled)
    return bar[:mark] + MARK + bar[mark + 1 :]


def _share(value: float | None) -> str:
    return NONE if value is None else f"{value:.1%}"


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Cells as lines, columns aligned to the right, two spaces between."""
    widths = [max(map(cell_len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(" " * (width - cell_len(cell)) + cell for width, cell in zip(widths, row, strict=True))
        for row in rows
    ]


def _padded(text: str, width: int) -> str:
    return text + " " * (width - cell_len(text))
