"""Fixtures of all tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def mnist_folder() -> Path:
    """`$FEWLABELS_DATA`, where it holds MNIST; the test is skipped where it does not."""
    value = os.environ.get("FEWLABELS_DATA")
    if not value or not (Path(value) / "mnist").is_dir():
        pytest.skip("needs FEWLABELS_DATA to name a folder that holds mnist/")
    return Path(value)
