"""Messages and help speak the shell's words to callers from the shell, and Python's to callers from Python."""

import pytest
from typer.main import get_command

import fewlabels
from commands import refused
from fewlabels.cli import app
from fewlabels.core.errors import InputError

COMMANDS = get_command(app).commands


@pytest.mark.parametrize("name", COMMANDS)
def test_help_answers_to_a_single_letter(name, capsys):
    assert app(["-h"], standalone_mode=False) == app([name, "-h"], standalone_mode=False) == 0
    assert f" {name} [OPTIONS]" in capsys.readouterr().out


def test_settings_in_messages_become_the_options_of_the_command_at_work():
    said = "give `keep_best`, `overwrite=True`, `stratified=False`, `threshold` or `out`, no `fewlabels study` of `x`"
    assert COMMANDS["study"].in_shell_words(said) == (
        "give --keep-best, --overwrite, --draw as-collected, `threshold` or --out, no `fewlabels study` of `x`"
    )
    assert COMMANDS["predict"].in_shell_words(said) == (
        "give `keep_best`, --overwrite, `stratified=False`, --abstain or --out, no `fewlabels study` of `x`"
    )


def test_callers_from_python_are_told_the_names_that_python_has(tmp_path):
    with pytest.raises(InputError, match=r"^`workers` is 0; allowed is 1 or more$"):
        fewlabels.run_study("digits", workers=0, out=tmp_path / "s")
    with pytest.raises(InputError, match="or draw labels as collected \\(`stratified=False`\\)"):
        fewlabels.run_study("digits", budgets=[3], out=tmp_path / "s")


def test_a_refusal_advises_only_options_that_the_command_has(tmp_path, monkeypatch, capsys):
    (tmp_path / "best").mkdir()
    (tmp_path / "best" / "model.safetensors").write_text("precious")
    lines = refused(monkeypatch, capsys, "study", "digits", "-o", tmp_path / "s", "--keep-best", tmp_path / "best")
    assert lines == [
        f"fewlabels: {tmp_path / 'best'}: holds model.safetensors; choose another, or replace it with --overwrite"
    ]
