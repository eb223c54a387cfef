"""`fewlabels methods`: a name a line, and no word cut where a terminal is narrow."""

import pytest

from commands import done
from fewlabels.cli import methods


@pytest.fixture
def listed():
    return done("methods")


def test_every_name_is_a_line_for_programs(listed):
    assert "  tied                   the study's network, its decoder the encoder's weights transposed\n" in listed


@pytest.mark.parametrize("columns", [50, 80])
def test_a_terminal_gets_the_same_words_in_lines_that_it_can_show(columns, listed, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    methods()
    shown = capsys.readouterr().out
    assert shown.split() == listed.split()
    assert max(map(len, shown.splitlines())) <= columns < max(map(len, listed.splitlines()))
