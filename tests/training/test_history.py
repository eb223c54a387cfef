"""Histories as they go into records, and the bar that shows them."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fewlabels.training import History, describe, progress_bar, thin
from fewlabels.training.history import joined


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
        "phases": [],
    }
    assert describe(history, points=2) == described
    assert json.loads(json.dumps(described, allow_nan=False)) == described


def test_a_single_term_is_the_loss_and_is_not_repeated():
    described = describe(History(loss=[1.0, 2.0], terms={"reconstruction": [1.0, 2.0]}))
    assert described["terms"] == {}
    assert described["loss"] == [1.0, 2.0]
    assert described["best_step"] is None


LAYER_1 = History(
    loss=[4.0, 2.0, 3.0],
    terms={"reconstruction": [3.0, 1.0, 2.0], "critic": [1.0, 1.0, 1.0]},
    validation_step=[2, 3],
    validation_loss=[0.5, 0.25],
    seconds=2.0,
)
LAYER_2 = History(
    loss=[9.0, 8.0],
    terms={"divergence": [1.0, 2.0], "reconstruction": [8.0, 6.0]},
    validation_step=[1, 2],
    validation_loss=[7.0, 7.5],
    seconds=3.0,
)
JOINT = History(loss=[1.0], terms={"reconstruction": [1.0]}, seconds=0.5)


def test_joined_phases_follow_each_other_and_a_term_that_one_lacks_is_0_there():
    whole = joined({"layer 1": LAYER_1, "layer 2": LAYER_2, "joint": JOINT})
    assert whole == History(
        loss=[4, 2, 3, 9, 8, 1],
        terms={
            "reconstruction": [3, 1, 2, 8, 6, 1],
            "critic": [1, 1, 1, 0, 0, 0],
            "divergence": [0, 0, 0, 1, 2, 0],
        },
        validation_step=[2, 3, 4, 5],
        validation_loss=[0.5, 0.25, 7, 7.5],
        seconds=5.5,
        phases={"layer 1": 0, "layer 2": 3, "joint": 5},
    )
    assert list(whole.terms) == ["reconstruction", "critic", "divergence"]
    assert LAYER_1.loss == [4, 2, 3]  # as it was
    assert LAYER_1.terms["critic"] == [1, 1, 1]


def test_one_phase_joined_is_itself():
    assert joined({"joint": LAYER_1}) == replace(LAYER_1, phases={"joint": 0})


def test_the_best_step_is_that_of_the_last_phase():
    """Losses of other phases, on other inputs, cannot be compared."""
    assert joined({"layer 1": LAYER_1, "layer 2": LAYER_2}).best_step == 4
    assert joined({"layer 2": LAYER_2, "layer 1": LAYER_1}).best_step == 5
    assert joined({"layer 1": LAYER_1}).best_step == 3
    assert joined({"layer 1": LAYER_1, "joint": JOINT}).best_step is None


def test_describe_tells_where_each_phase_begins():
    described = describe(joined({"layer 1": LAYER_1, "layer 2": LAYER_2}), points=5)
    assert described["phases"] == [[0, "layer 1"], [3, "layer 2"]]
    assert (described["step"], described["loss"]) == ([1, 2, 3, 4, 5], [4, 2, 3, 9, 8])
    assert described["terms"].keys() == {"reconstruction", "critic", "divergence"}
    assert described["best_step"] == 4
    assert json.loads(json.dumps(described, allow_nan=False)) == described
    assert "strip" not in described


def test_off_a_terminal_the_bar_is_a_line_a_tenth(capfd):
    with progress_bar(30) as progress:
        for done in (1, 2, 3, 4, 6):
            progress(done, 0.5, 100.0)
    assert capfd.readouterr() == ("", "".join(f"{n} of 30 steps, loss 0.5000  100 examples/s\n" for n in (3, 6)))
