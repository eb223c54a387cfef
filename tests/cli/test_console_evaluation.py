"""An evaluation on terminals of many widths: whole figures, names as they are, nothing wider than the terminal."""

from __future__ import annotations

import io
import re
import subprocess
import sys

import numpy as np
import pytest
from rich.cells import cell_len
from rich.console import Console

from fewlabels.cli.evaluation_text import NONE, print_evaluation, shown
from fewlabels.metrics.classification import Evaluation, evaluate
from made_up_predictions import predictions

GARMENTS = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")
HOSTILE = ("[red]dog[/red]", "", "猫のなまえはながい", "a\x1b[31mb\nc\td", "x" * 300, "\udcff", "  ", "[/]")


def made(classes: tuple[str, ...], n: int = 3000) -> Evaluation:
    return evaluate(*predictions(n, len(classes)), classes)


def printed(evaluation: Evaluation, width: int) -> list[str]:
    """The lines on a terminal that knows no colour."""
    console = Console(file=io.StringIO(), width=width, highlight=False, color_system=None)
    print_evaluation(evaluation, console)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


def numbered(k: int) -> tuple[str, ...]:
    return tuple(f"class {i}" for i in range(k))


@pytest.mark.parametrize("width", [24, 40, 60, 80, 100, 200])
@pytest.mark.parametrize("classes", [GARMENTS, HOSTILE, numbered(60), ("no", "yes")], ids=len)
def test_no_line_is_wider_than_the_terminal_and_no_figure_is_cut(classes, width):
    evaluation = made(classes)
    lines = printed(evaluation, width)
    assert max(map(cell_len, lines)) <= width
    text = " ".join(" ".join(lines).split())
    told = evaluation.per_class if len(classes) <= 20 else sorted(evaluation.per_class, key=lambda one: one.f1)[:10]
    for one in told:
        for figure in (one.precision, one.recall, one.f1):
            assert f"{figure:.1%}" in text
    for one in evaluation.reliability:
        assert re.search(rf"{100 * one.low:.0f}-{100 * one.high:.0f}%.*{one.count:,}", text)
    assert not re.search(r"\d…", text)


def test_the_headline_tells_the_figures():
    evaluation = made(GARMENTS)
    lines = printed(evaluation, 80)
    low, high = (100 * end for end in evaluation.accuracy_interval)
    assert lines[0] == f"Accuracy {evaluation.accuracy:.1%} [{low:.1f}, {high:.1f}]"
    assert lines[1].split() == ["examples", "3,000"]
    assert lines[2].split() == ["balanced", "accuracy", f"{evaluation.balanced_accuracy:.1%}"]
    assert lines[3].split() == ["largest", "class", f"{evaluation.majority_share:.1%}"]
    assert lines[4].split() == ["log-loss", f"{evaluation.log_loss:.4g}", "nats"]
    assert lines[6].split()[-2:] == [f"{100 * evaluation.calibration_error:.1f}", "points"]


def test_wide_terminals_get_tables_and_narrow_ones_lists():
    evaluation = made(GARMENTS)
    wide, narrow = printed(evaluation, 110), printed(evaluation, 40)
    shirt = evaluation.per_class[6]
    row = [f"{shirt.precision:.1%}", f"{shirt.recall:.1%}", f"{shirt.f1:.1%}", f"{shirt.support:,}"]
    rows = [line.split() for line in wide]
    assert ["Shirt", *row] in rows
    assert ["Shirt", *(f"{count:,}" for count in evaluation.confusion[6])] in rows

    place = narrow.index("Shirt")
    assert narrow[place + 1] == f"  precision {row[0]}, recall {row[1]}"
    assert narrow[place + 2] == f"  F1 {row[2]}, support {row[3]}"
    mistakes = evaluation.confusion - np.diag(np.diag(evaluation.confusion))
    true, predicted = np.unravel_index(mistakes.argmax(), mistakes.shape)
    assert f"{GARMENTS[true]} taken for {GARMENTS[predicted]}: {mistakes.max():,}" in narrow


def test_a_matrix_too_wide_for_names_is_headed_by_numbers():
    evaluation = made(GARMENTS)
    lines = printed(evaluation, 76)
    assert [str(place) for place in range(1, 11)] in [line.split() for line in lines]
    assert ["7", "Shirt", *(f"{count:,}" for count in evaluation.confusion[6])] in [line.split() for line in lines]


def test_many_classes_are_told_by_the_worst_and_this_is_said():
    evaluation = made(numbered(60))
    lines = printed(evaluation, 100)
    assert "The 10 of 60 classes with the lowest F1" in lines
    worst = min(evaluation.per_class, key=lambda one: one.f1)
    first = lines[lines.index("The 10 of 60 classes with the lowest F1") + 2]
    assert first.startswith(worst.name)
    assert sum(" taken for " in line for line in lines) == 10


def test_bars_end_at_the_accuracy_with_a_mark_at_the_confidence():
    log_proba = np.log(np.repeat([[0.85, 0.15], [0.55, 0.45]], 100, axis=0))
    y = np.array([0] * 50 + [1] * 50 + [0] * 98 + [1] * 2)
    evaluation = evaluate(log_proba, y, ("a", "b"))
    for width, length in ((100, 50), (40, 15)):
        rows = {line.split()[0]: line.split() for line in printed(evaluation, width) if "│" in line}
        *figures, bar = rows["80-87%"]
        assert figures == ["80-87%", "100", "50%"]
        half, mark = round(length / 2), int(0.85 * length)
        assert bar == "█" * half + "·" * (mark - half) + "│" + "·" * (length - mark - 1)
        *figures, bar = rows["53-60%"]
        assert figures == ["53-60%", "100", "98%"]
        mark, end = int(0.55 * length), round(0.98 * length)
        assert bar == "█" * mark + "│" + "█" * (end - mark - 1) + "·" * (length - end)


def test_names_are_shown_as_they_are_without_control_characters():
    lines = printed(made(HOSTILE), 100)
    text = "\n".join(lines)
    assert "[red]dog[/red]" in text
    assert "[/]" in text
    assert "猫のなまえはながい" in text
    assert "(no name)" in text
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", text)
    text.encode("utf-8")


@pytest.mark.parametrize(
    ("name", "most", "expected"),
    [
        ("cat", 3, "cat"),
        ("cats", 3, "ca…"),
        ("猫の名", 6, "猫の名"),
        ("猫の名", 5, "猫の…"),
        ("猫の名", 4, "猫…"),
        ("a\x1b[31mb", 32, "a\ufffd[31mb"),
        ("a\nb", 32, "a b"),
        ("\u202edlrow", 32, "\ufffddlrow"),
        ("\t", 32, "(no name)"),
        ("می\u200cروم", 32, "می\u200cروم"),
    ],
)
def test_names_fit_their_columns(name, most, expected):
    assert shown(name, most) == expected
    assert cell_len(shown(name, most)) <= max(most, len("(no name)"))


def test_an_infinite_loss_and_missing_shares_are_told():
    with np.errstate(divide="ignore"):
        log_proba = np.log([[1.0, 0.0, 0.0], [0.9, 0.05, 0.05]])
    lines = printed(evaluate(log_proba, np.array([1, 0]), ("a", "b", "c")), 100)
    assert "The log-loss is infinite: in 1 of 2 examples the true class got probability zero." in lines
    assert ["c", NONE, NONE, NONE, "0"] in [line.split() for line in lines]


def test_no_mistakes_are_told_on_a_narrow_terminal():
    log_proba = np.log(np.full((2, 2), 0.1) + 0.8 * np.eye(2))
    evaluation = evaluate(log_proba, np.array([0, 1]), ("the first", "the second"))
    assert "No example was taken for another class." in " ".join(printed(evaluation, 16))


def test_stdout_is_the_default_and_torch_is_not_needed():
    code = (
        "import sys, numpy as np\n"
        "from fewlabels.metrics import evaluate\n"
        "from fewlabels.cli.evaluation_text import print_evaluation\n"
        "print_evaluation(evaluate(np.log([[0.9, 0.1]]), np.array([0]), ['a', 'b']))\n"
        "sys.exit('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Accuracy 100.0% [20.7, 100.0]\n")
