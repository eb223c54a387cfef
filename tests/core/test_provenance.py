"""What produced a result is told apart: versions, and our own code, every file of it."""

import shutil
from importlib.metadata import version
from pathlib import Path

import pytest

import fewlabels
from fewlabels.core import provenance


def test_versions_name_what_figures_depend_on():
    versions = provenance.installed_versions()
    assert {"fewlabels", "python", "torch", "numpy", "scikit-learn", "scipy"} == versions.keys()
    assert versions["fewlabels"].startswith(f"{fewlabels.__version__} (code ")


def test_the_version_stands_in_one_place():
    assert version("fewlabels") == fewlabels.__version__


@pytest.mark.slow
def test_an_edit_to_any_source_file_changes_the_hash(tmp_path, monkeypatch):
    source, copy = Path(fewlabels.__file__).parent, tmp_path / "fewlabels"
    shutil.copytree(source, copy, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(provenance, "__file__", str(copy / "core" / "provenance.py"))

    def fresh():
        return provenance.code_hash.__wrapped__()

    files, seen = sorted(copy.rglob("*.py")), {fresh()}
    assert len(files) > 100
    for path in files:
        with path.open("a", encoding="utf-8") as file:
            file.write("# edited\n")
        seen.add(fresh())
    assert len(seen) == len(files) + 1


def test_a_file_that_moves_changes_the_hash(tmp_path, monkeypatch):
    (tmp_path / "core").mkdir()
    (tmp_path / "core" / "a.py").write_text("x = 1\n")
    monkeypatch.setattr(provenance, "__file__", str(tmp_path / "core" / "provenance.py"))
    before = provenance.code_hash.__wrapped__()
    (tmp_path / "core" / "a.py").rename(tmp_path / "core" / "b.py")
    assert provenance.code_hash.__wrapped__() != before
