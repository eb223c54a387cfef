"""Results as a table and as JSON, and a command that goes on when a row cannot."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest

import benchmarks.__main__ as command
from benchmarks.rows import Comparison, Row, failed_row, ratio
from benchmarks.side_by_side import Effort, Measured
from benchmarks.table import number, render

EFFORT = Effort(quick=True, threads=2)


def row():
    arms = {"ours": Measured([{"value": 12_000.0}]), "theirs": Measured([{"value": 4000.0}], failure="died")}
    comparisons = [
        ratio(arms, "ours", "theirs", "more", at_least=3),
        Comparison("against | none", failure="is missing"),
    ]
    return Row("speed", "How fast", "images/s", 2, arms, comparisons, ["Bound by nothing."])


def test_the_page_has_every_comparison_arm_and_note():
    lines = render({"cores": 2, "load": None}, [row()], quick=True).splitlines()
    assert "cores 2" in lines
    assert "| speed | times theirs | 3 | 3 to 3 | at least 3 | yes |" in lines
    assert "| speed | against / none | failed |  |  |  |" in lines
    assert "| ours | 12,000 | 12,000 |" in lines
    assert "| theirs | 4,000 | 4,000; failed: died |" in lines
    assert "- Bound by nothing." in lines
    assert "- Failed: is missing" in lines
    assert "How fast. Threads: 2." in lines


@pytest.mark.parametrize(
    ("value", "text"), [(12_345.6, "12,346"), (3.14159, "3.142"), (0.0735, "0.0735"), (None, ""), (0.0, "0")]
)
def test_numbers_have_four_digits(value, text):
    assert number(value) == text


def test_json_holds_every_repeat():
    values = json.loads(json.dumps(row().to_json()))
    assert values["arms"]["ours"]["repeats"] == [{"value": 12_000.0}]
    assert values["comparisons"][0]["median"] == 3
    assert (values["unit"], values["threads"], values["comparisons"][0]["met"]) == ("images/s", 2, True)


def test_a_row_that_cannot_be_measured_says_so():
    assert "| lost | not measured | failed |" in render({}, [failed_row("lost", EFFORT, "KeyError: 'x'")], quick=False)


def test_the_command_writes_what_it_has_and_goes_on_after_a_failure(tmp_path, monkeypatch, capsys):
    def broken(effort):
        raise ValueError("broken")
        yield

    rows = {"benchmarks.probes": broken, "benchmarks.floor": lambda effort: [row()]}
    monkeypatch.setattr(command, "import_module", lambda name: SimpleNamespace(run=rows[name]))
    out = tmp_path / "results.json"
    assert command.main(["--quick", "--only", "probes", "--only", "floor", "--out", str(out)]) == 1
    results = json.loads(out.read_text())
    assert [row["name"] for row in results["rows"]] == ["probes", "speed"]
    assert results["rows"][0]["comparisons"][0]["failure"] == "ValueError: broken"
    assert results["quick"] is True
    assert out.with_suffix(".md").read_text() in capsys.readouterr().out
