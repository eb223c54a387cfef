"""Histories as they go into records, and the bar that shows them."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fewlabels.training import History, describe, progress_bar, thin


@pytest.mark.parametrize(
    ("values", "points", "ends", "means"),
    [
        ([], 3, [], []),
        ([4.0], 3, [1], [4]),
        ([1, 2, 3], 3, [1, 2, 3], [1, 2, 3]),
        ([1, 2, 3, 4], 3, [2, 4], [1.5, 3.5]),
        ([1, 2, 3, 4, 9], 2, [3, 5], [2, 6.5]),
        ([1, 2, 3, 6], 1, [4], [3]),
    ],
)
def test_thin(values, points, ends, means):
    assert thin(values, points) == (ends, means)


@given(values=st.lists(st.floats(-10, 10), max_size=60), points=st.integers(1, 20))
def test_thin_keeps_the_mean_and_at_most_so_many_points(values, points):
    ends, means = thin(values, points)
    assert len(ends) == len(means) <= points
    starts = [0, *ends][: len(ends)]
    total = sum(mean * (end - start) for start, end, mean in zip(starts, ends, means, strict=True))
    assert total == pytest.approx(sum(values), abs=1e-9)
    assert (ends or [0])[-1] == len(values)


def test_describe_thins_the_curves_and_keeps_validation_whole():
    history = History(
        loss=[4.0, 2.0, 3.0],
        terms={"error": [3.0, 1.0, 2.0], "penalty": [1.0, 1.0, 1.0]},
        validation_step=[1, 2, 3],
        validation_loss=[5.0, 2.5, 2.5],
        seconds=9.0,
    )
    described = {
        "step": [2, 3],
        "loss": [3.0, 3.0],
        "terms": {"error": [2.0, 2.0], "penalty": [1.0, 1.0]},
        "validation_step": [1, 2, 3],
        "validation_loss": [5.0, 2.5, 2.5],
        "best_step": 2,
    }
    assert describe(history, points=2) == described
    assert json.loads(json.dumps(described, allow_nan=False)) == described


def test_a_single_term_is_the_loss_and_is_not_repeated():
    described = describe(History(loss=[1.0, 2.0], terms={"reconstruction": [1.0, 2.0]}))
    assert described["terms"] == {}
    assert described["loss"] == [1.0, 2.0]
    assert described["best_step"] is None


def test_the_bar_is_silent_off_a_terminal(capfd):
    with progress_bar(3) as progress:
        progress(2, 0.5, 100.0)
    assert capfd.readouterr() == ("", "")
