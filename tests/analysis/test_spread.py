"""Diagnostics without labels: known answers, and a collapse that is planted."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fewlabels.analysis.spread import alignment, collapse, dead_share, describe_spread, effective_rank, uniformity

RNG = np.random.default_rng(0)
CROSS = np.array([[3.0, 0, 5], [-3, 0, 5], [0, 1, 5], [0, -1, 5]])
"""Along two axes by 3 and 1, and a third unit that is always 5."""


def test_effective_rank_by_hand():
    """Singular values 3 sqrt 2 and sqrt 2: shares 3/4 and 1/4."""
    assert effective_rank(CROSS) == pytest.approx(4 / 3**0.75)
    assert effective_rank(np.outer(np.arange(5.0), np.ones(7))) == pytest.approx(1)
    assert effective_rank(np.vstack([np.eye(6), -np.eye(6)])) == pytest.approx(6)


@pytest.mark.parametrize("value", [0.0, 5.0, -1e6])
def test_codes_that_are_all_the_same_but_for_rounding_have_none(value):
    codes = np.full((50, 8), value, np.float32)
    assert effective_rank(codes) == 0
    rounded = codes * (1 + np.float32(1e-7) * RNG.normal(size=codes.shape).astype(np.float32))
    assert (effective_rank(rounded), dead_share(rounded)) == (0, 1)


@given(st.integers(0, 1000), st.floats(0.01, 100), st.floats(-50, 50))
@settings(max_examples=20, deadline=None)
def test_the_rank_knows_no_scale_no_place_and_no_turn(seed, scale, shift):
    rng = np.random.default_rng(seed)
    codes = rng.normal(size=(30, 5)) * [1, 1, 2, 3, 0.5]
    turned = scale * codes @ np.linalg.qr(rng.normal(size=(5, 5)))[0] + shift * scale
    assert 1 <= effective_rank(codes) <= 5
    assert effective_rank(turned) == pytest.approx(effective_rank(codes), rel=1e-6)


def test_dead_units_are_counted():
    assert dead_share(CROSS) == pytest.approx(1 / 3)
    assert dead_share(RNG.normal(size=(20, 4)) * [1, 0.1, 1e-3, 0]) == 0.25


def test_alignment_and_uniformity_by_hand():
    right, other = np.array([[2.0, 0], [0.5, 0]]), np.array([[0, 3.0], [9, 0]])
    assert alignment(right, other) == pytest.approx((2 + 0) / 2)
    assert alignment(right, -right) == pytest.approx(4)
    # pairs of (1, 0), (0, 1), (-1, 0): squared distances 2, 2, 4
    triangle = np.array([[1.0, 0], [0, 1], [-1, 0]])
    assert uniformity(triangle) == pytest.approx(np.log((2 * np.exp(-4) + np.exp(-8)) / 3))
    assert uniformity(np.ones((5, 3))) == pytest.approx(0)
    assert uniformity(RNG.normal(size=(500, 64))) == pytest.approx(-4, abs=0.2)


@pytest.mark.parametrize("examples", [3, 40, 2000])
def test_codes_of_zero_are_one_point_and_no_example_is_a_pair_with_itself(examples):
    zeros = np.zeros((examples, 8))
    assert uniformity(zeros) == pytest.approx(0, abs=1e-12)
    assert json.loads(json.dumps(describe_spread(zeros, (zeros, zeros)), allow_nan=False))["alignment"] == 0
    # pairs of 0, 0, (1, 0), (-1, 0): squared distances 0, 1 four times, 4
    dead = np.array([[0.0, 0], [0, 0], [3, 0], [-2, 0]])
    assert uniformity(dead) == pytest.approx(np.log((1 + 4 * np.exp(-2) + np.exp(-8)) / 6))


def test_description_and_what_is_said_of_a_collapse():
    codes = RNG.normal(size=(40, 6))
    healthy = describe_spread(codes, (codes, codes))
    assert healthy["alignment"] == 0
    assert healthy["uniformity"] < -2
    assert collapse(healthy) is None
    assert describe_spread(codes)["alignment"] is None
    line = describe_spread(np.outer(RNG.normal(size=40), np.ones(6)) + 0.001 * codes)
    assert collapse(line) == "the effective rank of its 6 codes is 1.0"
    assert collapse(describe_spread(codes * [1, 1, 0, 0, 0, 0])) == "67% of its 6 codes are the same for all examples"
    assert collapse(describe_spread(np.zeros((9, 640)))) == "the effective rank of its 640 codes is 0.0"
    assert collapse(describe_spread(np.outer(RNG.normal(size=40), np.ones(2)))) is None
