"""Helps tests of the command line: runs it in a process of its own, or in this one where it must refuse."""

import contextlib
import io
import subprocess
import sys
from unittest import mock

import pytest

from fewlabels.cli import main


def command(*arguments):
    return [sys.executable, "-m", "fewlabels", *map(str, arguments)]


def run(*arguments, cwd=None):
    return subprocess.run(command(*arguments), capture_output=True, text=True, cwd=cwd, check=False)


def done(*arguments, cwd="."):
    """What a command that must go well prints; in this process, which costs no start."""
    said, noise = io.StringIO(), io.StringIO()
    with (
        contextlib.chdir(cwd),
        mock.patch.object(sys, "argv", ["fewlabels", *map(str, arguments)]),
        contextlib.redirect_stdout(said),
        contextlib.redirect_stderr(noise),
        pytest.raises(SystemExit) as exit,
    ):
        main()
    assert exit.value.code == 0, noise.getvalue()
    return said.getvalue()


def refused(monkeypatch, capsys, *arguments):
    """What a command that must be refused says: the lines on stderr. In this process, as it starts no worker."""
    monkeypatch.setattr(sys, "argv", ["fewlabels", *map(str, arguments)])
    with pytest.raises(SystemExit) as exit:
        main()
    said = capsys.readouterr()
    assert exit.value.code == 2, said.err
    assert said.out == ""
    return said.err.strip().splitlines()
