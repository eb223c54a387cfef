from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fewlabels.core.errors import InputError
from fewlabels.data import check_budgets, default_budgets, draw_order, folds

BALANCED = np.repeat(np.arange(10), 30)
sizes_of_classes = st.lists(st.integers(1, 60), min_size=1, max_size=9)


def labels(sizes: list[int]) -> np.ndarray:
    """Class indices with gaps (0, 2, 4, ...), shuffled."""
    return np.random.default_rng(0).permutation(np.repeat(2 * np.arange(len(sizes)), sizes))


@settings(max_examples=200, deadline=None)
@given(sizes=sizes_of_classes, seed=st.integers(0, 3))
def test_stratified_budgets_follow_the_class_shares(sizes, seed):
    y = labels(sizes)
    order = draw_order(y, seed)
    assert sorted(order) == list(range(len(y)))
    k = len(sizes)
    assert len(set(y[order[:k]])) == k  # one of every class first
    counts = np.cumsum(y[order][:, None] == np.unique(y), axis=0)[k - 1 :]  # [L - K + 1, K]
    ideal = np.arange(k, len(y) + 1)[:, None] * np.array(sizes) / len(y)
    owed = np.maximum(0, 1 - ideal).sum(axis=1, keepdims=True)  # what the first round gave rare classes in advance
    assert (counts - ideal).max() <= 1
    assert (ideal - counts - owed).max() <= 1


def test_balanced_classes_stay_within_one_of_each_other():
    order = draw_order(BALANCED, seed=0)
    counts = np.cumsum(BALANCED[order][:, None] == np.arange(10), axis=0)
    assert (counts.max(axis=1) - counts.min(axis=1)).max() == 1
    for n in (10, 30, 100):
        assert np.bincount(BALANCED[order[:n]]).tolist() == [n // 10] * 10


def test_a_rare_class_is_in_every_budget():
    y = np.array([0] * 990 + [1] * 10)
    order = draw_order(y, seed=0)
    assert [int((y[order[:n]] == 1).sum()) for n in (2, 100, 500, 1000)] == [1, 1, 5, 10]


@pytest.mark.parametrize("stratified", [True, False])
def test_seed_decides_the_order(stratified):
    first = draw_order(BALANCED, 7, stratified)
    assert first.dtype == np.int64
    assert first.tolist() == draw_order(BALANCED, 7, stratified).tolist()
    assert first.tolist() != draw_order(BALANCED, 8, stratified).tolist()


def test_ties_are_broken_anew_by_every_seed():
    firsts = {int(BALANCED[draw_order(BALANCED, seed)[0]]) for seed in range(60)}
    elevenths = {int(BALANCED[draw_order(BALANCED, seed)[10]]) for seed in range(60)}
    assert firsts == elevenths == set(range(10))


def test_as_collected_is_a_plain_permutation():
    order = draw_order(BALANCED, 0, stratified=False)
    assert sorted(order) == list(range(300))
    assert len(set(BALANCED[order[:10]])) < 10


def test_every_example_is_as_likely_as_another():
    y = np.array([0] * 8 + [1] * 4)
    drawn = np.bincount(np.concatenate([draw_order(y, seed)[:3] for seed in range(2000)]), minlength=12) / 2000
    assert abs(drawn[:8] - 2 / 8).max() < 0.04
    assert abs(drawn[8:] - 1 / 4).max() < 0.04


@pytest.mark.parametrize(
    ("budgets", "stratified", "message"),
    [
        ([], True, "no budget given"),
        ([0], True, "budget 0: a budget is a number of labels; choose from 10 to 300"),
        ([-5], False, "budget -5"),
        ([2.5], True, "budget 2.5"),
        ([True], False, "budget True"),
        ([10, 30, 10], True, "budget 10 is given 2 times"),
        (
            [9],
            True,
            "budget 9 is less than one label for each of the 10 classes; choose 10 or more, or draw labels",
        ),
        (
            [301],
            True,
            "budget 301 is more than the 300 examples of the labelled pool .* choose 300 or less",
        ),
        ([301], False, "budget 301 is more"),
    ],
)
def test_budgets_refused(budgets, stratified, message):
    with pytest.raises(InputError, match=message):
        check_budgets(budgets, BALANCED, stratified)


def test_budgets_allowed():
    check_budgets([300, 10], BALANCED)
    check_budgets((1, 5), BALANCED, stratified=False)


@pytest.mark.parametrize(
    ("pool_size", "n_classes", "expected"),
    [
        (10_000, 10, (10, 30, 100, 300, 1000)),
        (449, 10, (10, 30, 100, 300)),
        (10_000, 2, (10, 30, 100, 300, 1000)),
        (10_000, 20, (30, 100, 300, 1000)),
        (10_000, 100, (100, 300, 1000)),
        (10_000, 200, (300, 1000, 3000)),
        (10, 10, (10,)),
        (25, 12, (25,)),
        (7, 2, (7,)),
        (3, 5, ()),
    ],
)
def test_default_budgets(pool_size, n_classes, expected):
    assert default_budgets(pool_size, n_classes) == expected


@pytest.mark.slow
@settings(max_examples=100, deadline=None)
@given(sizes=sizes_of_classes, k=st.integers(2, 6), seed=st.integers(0, 3))
def test_folds_are_stratified_and_cover_the_budget(sizes, k, seed):
    y = labels(sizes)
    split = folds(y, k, seed)
    alone = [c for c, size in enumerate(np.bincount(y)) if size == 1]
    if len(alone) > len(y) / 2:
        assert split == []
        return
    validated = np.concatenate([validation for _, validation in split])
    assert len(split) == min(k, len(validated))
    assert sorted(validated) == [i for i in range(len(y)) if y[i] not in alone]
    assert np.ptp([len(validation) for _, validation in split]) <= 1
    for training, validation in split:
        assert sorted(np.concatenate([training, validation])) == list(range(len(y)))
        assert set(y[training]) == set(y)
    per_fold = np.array([np.bincount(y[validation], minlength=len(y)) for _, validation in split])
    assert np.ptp(per_fold, axis=0).max() <= 1


def test_a_rare_class_does_not_rule_out_validation():
    y = np.array([0] * 9 + [1] * 8 + [2])
    split = folds(y, 3, 0)
    assert len(split) == 3
    assert all(17 in training for training, _ in split)
    assert folds(np.arange(10), 3, 0) == []


def test_folds_follow_the_seed():
    first, again, other = (folds(BALANCED, 5, seed)[0][1].tolist() for seed in (1, 1, 2))
    assert first == again != other


def test_what_cannot_be_drawn_is_refused():
    with pytest.raises(InputError, match="2 unlabelled examples"):
        draw_order(np.array([0, -1, 1, -1]), 0)
    with pytest.raises(InputError, match="has no examples"):
        folds(np.array([], dtype=np.int64), 2, 0)
    with pytest.raises(InputError, match="1 folds: cross-validation needs 2 or more"):
        folds(BALANCED, 1, 0)
    with pytest.raises(InputError, match="seed -3: seeds are whole numbers from 0 up"):
        draw_order(BALANCED, -3)
