"""A small study, laid out on disk, for all tests that carry out runs."""

from functools import partial

import pytest
from small_studies import materials_of

from fewlabels.transfer import supervised


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("FEWLABELS_CACHE", str(tmp_path_factory.mktemp("cache")))


@pytest.fixture(autouse=True)
def _few_steps(monkeypatch):
    """Classifiers of these tests need not be good. Worker processes keep the real numbers."""
    monkeypatch.setattr(supervised, "FEWEST_STEPS", 25)


@pytest.fixture
def materials(tmp_path):
    """Materials for any methods: `materials("raw+probe", "scratch", budgets=[4, 12])`."""
    return partial(materials_of, tmp_path / "work")
