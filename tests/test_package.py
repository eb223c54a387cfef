"""What tools and people see of the package from outside: names, types, version."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import fewlabels

ROOT = Path(__file__).parent.parent


def test_every_public_name_is_there_and_is_listed_before_its_first_use():
    code = "import sys, fewlabels; print(*dir(fewlabels)); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    listed, loaded = done.stdout.splitlines()
    assert set(fewlabels.__all__) <= set(listed.split())
    assert loaded == "False"
    for name in fewlabels.__all__:
        assert getattr(fewlabels, name) is not None


def test_a_name_that_is_none_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'fewlabels' has no attribute 'pretrian'"):
        _ = fewlabels.pretrian


def test_the_package_says_that_it_is_typed():
    assert (Path(fewlabels.__file__).parent / "py.typed").is_file()
    assert "py.typed" in (ROOT / "pyproject.toml").read_text()  # else it would not be installed


def test_citation_and_changelog_know_the_version():
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text())["version"] == fewlabels.__version__
    newest = re.findall(r"^## \[?([\d.]+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)[0]
    assert newest == fewlabels.__version__
