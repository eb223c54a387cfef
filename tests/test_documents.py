"""Every Python snippet in README and docs runs, in order, in a folder of its own; every link within them exists."""

import re
from pathlib import Path
from unittest import mock

import pytest
from typer.main import get_command

from fewlabels.cli import app
from fewlabels.objectives import ENTRIES, OBJECTIVES
from fewlabels.transfer import CONTROLS, TRANSFERS

ROOT = Path(__file__).parent.parent
DOCUMENTS = sorted([ROOT / "README.md", *ROOT.glob("docs/*.md")])


def snippets(document, language):
    return re.findall(rf"```{language}\n(.*?)```", document.read_text(), re.DOTALL)


@pytest.mark.slow
@pytest.mark.parametrize("document", [d for d in DOCUMENTS if snippets(d, "python")], ids=lambda d: d.name)
def test_python_snippets_run(document, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FEWLABELS_CACHE", str(tmp_path / "cache"))
    names = {}
    with mock.patch.dict(ENTRIES):
        for snippet in snippets(document, "python"):
            exec(compile(snippet, document.name, "exec"), names)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda d: d.name)
def test_links_and_files_named_exist(document):
    text = document.read_text()
    for target in re.findall(r"\]\(([^)#:]+)\)", text):
        assert (document.parent / target).exists(), target
    for target in re.findall(r"`((?:docs|tests|src)/[\w/.-]+)`", text):
        assert (ROOT / target).exists(), target


def test_the_two_commands_are_targets_of_the_makefile():
    makefile = (ROOT / "Makefile").read_text()
    for command in re.findall(r"^ *make (\w+)", (ROOT / "README.md").read_text(), re.MULTILINE):
        assert re.search(rf"^{command}:", makefile, re.MULTILINE), command


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda d: d.name)
def test_options_named_exist(document):
    known = {"--help", "--version", "--quick", "--only", "--out"}  # of the benchmarks, too
    for command in get_command(app).commands.values():
        known |= {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    named = set(re.findall(r"(?<![\w-])(--[a-z][a-z-]+)", document.read_text()))
    assert named - known == set()


def test_every_way_of_pretraining_has_its_row():
    from fewlabels.networks import VARIANTS
    from fewlabels.objectives import ENTRIES
    from fewlabels.pipelines.encoder_specs import SCHEDULES

    rows = "".join(re.findall(r"^\| `.*\n", (ROOT / "docs/pretraining.md").read_text(), re.MULTILINE))
    named = set(re.findall(r"`([\w-]+)`", rows))
    assert {*VARIANTS, *SCHEDULES} <= named
    for name, entry in ENTRIES.items():
        source = f" ({entry.source})" if entry.source else ""
        assert f"| `{name}` | {entry.summary}{source} |\n" in rows, "write it as the table has it"


def test_the_readme_lists_the_ways_of_transfer_in_the_words_of_their_table():
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    for name, row in TRANSFERS.items():
        assert f"| `{name}` | {row.summary} |" in lines


def test_the_readme_names_every_objective_and_control():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [name for name in (*OBJECTIVES, *CONTROLS) if f"`{name}`" not in text] == []
