"""The scripts of examples/ run, and show what they are there to show."""

import re
import runpy
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parent.parent / "examples"


@pytest.fixture
def shown(tmp_path, monkeypatch, capsys):
    """Run an example in a folder of its own: its variables, and what it printed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FEWLABELS_CACHE", str(tmp_path / "cache"))
    return lambda name: (runpy.run_path(str(EXAMPLES / name)), capsys.readouterr().out)


def test_every_example_has_a_test_and_is_short():
    tested = set(re.findall(r'shown\("(\w+\.py)"\)', Path(__file__).read_text()))
    assert {path.name for path in EXAMPLES.glob("*.py")} == tested
    assert all(len(path.read_text().splitlines()) < 40 for path in EXAMPLES.glob("*.py"))


@pytest.mark.slow
def test_few_labels_beat_guessing_by_far(shown):
    _, printed = shown("few_labels.py")
    assert float(re.match(r"([\d.]+)% of 500 images", printed)[1]) > 75


@pytest.mark.slow
def test_label_efficiency_has_a_row_a_method_and_budget_and_a_page(shown):
    names, printed = shown("label_efficiency.py")
    assert names["curve"]["count"].tolist() == [3] * 6
    assert names["curve"].loc["raw+probe"]["mean"].is_monotonic_increasing
    assert len(re.findall(r"^\d+ labels: .*: undecided$", printed, re.MULTILINE)) == 3  # three seeds decide nothing
    assert Path("runs/label-efficiency/report.html").is_file()


@pytest.mark.slow
def test_denoising_undoes_half_of_the_noise(shown):
    names, printed = shown("denoising.py")
    assert names["before"] == pytest.approx(0.09, rel=0.05)  # the variance of the noise
    assert names["after"] < names["before"] / 2
    assert "after the network" in printed
