"""Fixtures of the tests of transfer."""

import pytest

from fewlabels.transfer import supervised


@pytest.fixture
def short(monkeypatch):
    """Fewer steps, where it does not matter how much is learned."""
    monkeypatch.setattr(supervised, "FEWEST_STEPS", 15)
