"""Fixtures of the tests of transfer."""

import pytest

from fewlabels.transfer import neural


@pytest.fixture
def short(monkeypatch):
    """Fewer steps, where it does not matter how much is learned."""
    monkeypatch.setattr(neural, "FEWEST_STEPS", 15)
