"""What is told of the progress of long work: on terminals of several widths, and elsewhere."""

import io

import pytest

from fewlabels.core.progress import Display, duration


def test_durations_are_in_words():
    assert [duration(seconds) for seconds in (0.4, 59.6, 185)] == ["0 s", "1 min 00 s", "3 min 05 s"]


def test_elsewhere_than_on_a_terminal_a_line_is_told_every_tenth(capsys):
    with Display() as display:
        display.stage("reading")
        for done in range(1, 41):
            display.count(done, 40, "steps", "loss 0.5", left=100.0 if done == 8 else None)
        display.count(3, 3, "runs done")
    lines = capsys.readouterr().err.splitlines()
    assert lines[:2] == ["4 of 40 steps, loss 0.5", "8 of 40 steps, about 1 min 40 s left, loss 0.5"]
    assert lines[9:] == ["40 of 40 steps, loss 0.5", "3 of 3 runs done"]


def test_a_stage_is_told_elsewhere_where_it_is_to_have_a_line(capsys):
    with Display() as display:
        display.stage("reading")
        display.stage("student", line=True)
    assert capsys.readouterr().err == "student\n"


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize("columns", [60, 120])
def test_on_a_terminal_one_line_says_what_is_under_way_and_is_gone_at_the_end(columns, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr("sys.stderr", screen := Terminal())
    with Display() as display:
        display.stage("reading photos")
        display._live.refresh()
        display.count(50, 1000, "steps", "loss 0.1742  8,123 examples/s", left=259.0)
        display._live.refresh()
    frames = screen.getvalue().split("\r")
    (reading,) = {f.split("reading")[1].strip() for f in frames if "reading photos ..." in f}
    assert reading == "photos ...  0 s"
    counted = next(frame for frame in frames if "50/1,000 steps" in frame)
    assert "about 4 min 19 s left  loss 0" in counted
    assert "nan" not in screen.getvalue()
    assert ("8,123 examples/s" in counted) == (columns == 120)  # what matters least is cut first
    assert frames[-1].endswith("\x1b[1A\x1b[2K")  # the line is empty, and the cursor at its begin
