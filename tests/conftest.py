"""Fixtures of all tests."""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is imported: test processes share the cores

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def mnist_folder() -> Path:
    """`$FEWLABELS_DATA`, where it holds MNIST; the test is skipped where it does not."""
    value = os.environ.get("FEWLABELS_DATA")
    if not value or not (Path(value) / "mnist").is_dir():
        pytest.skip("needs FEWLABELS_DATA to name a folder that holds mnist/")
    return Path(value)
