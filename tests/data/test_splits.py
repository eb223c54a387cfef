from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fewlabels.core.errors import InputError, IntegrityError
from fewlabels.data import Dataset, Pools, count_test_duplicates, load, make_pools


def toy(sizes: list[int], unlabelled: int = 0, test_sizes: list[int] | None = None) -> Dataset:
    """Examples that all differ, `sizes` of each class."""
    y = np.repeat(np.arange(-1, len(sizes)), [unlabelled, *sizes])
    y_test = None if test_sizes is None else np.repeat(np.arange(len(test_sizes)), test_sizes)
    x = np.arange(len(y), dtype=np.float32)[:, None]
    x_test = None if y_test is None else -1 - np.arange(len(y_test), dtype=np.float32)[:, None]
    return Dataset("toy", x, y, tuple("abcdefghij"[: len(sizes)]), x_test, y_test)


def test_digits():
    digits = load("digits")
    pools = make_pools(digits)
    assert (len(pools.test), len(pools.labelled), len(pools.unlabelled)) == (449, 449, 899)
    assert pools.test_from == "x"
    shares = np.bincount(digits.y) / 1797
    assert abs(np.bincount(pools.test_y(digits)) - 449 * shares).max() < 1
    assert abs(np.bincount(pools.labelled_y(digits)) - 449 * shares).max() < 2


def test_accessors_follow_the_indices():
    dataset = toy([8, 12])
    pools = make_pools(dataset)
    np.testing.assert_array_equal(pools.unlabelled_x(dataset)[:, 0], pools.unlabelled)
    np.testing.assert_array_equal(pools.labelled_x(dataset)[:, 0], pools.labelled)
    np.testing.assert_array_equal(pools.test_x(dataset)[:, 0], pools.test)
    np.testing.assert_array_equal(pools.labelled_y(dataset), pools.labelled >= 8)
    np.testing.assert_array_equal(pools.test_y(dataset), pools.test >= 8)


def test_a_test_set_of_its_own_is_all_the_test_pool():
    dataset = toy([30, 30], test_sizes=[2, 3])
    pools = make_pools(dataset)
    assert pools.test_from == "x_test"
    np.testing.assert_array_equal(pools.test_x(dataset), dataset.x_test)
    assert pools.test_y(dataset).tolist() == [0, 0, 1, 1, 1]
    assert (len(pools.labelled), len(pools.unlabelled)) == (20, 40)
    with pytest.raises(InputError, match="from x_test, which this data set lacks"):
        pools.test_x(toy([30, 30]))


@pytest.mark.parametrize(
    ("unlabelled", "expected"),
    [
        (30, (10, 30, 30)),  # 40 labelled, 10 to the test; as many unlabelled as remain: nothing is hidden
        (29, (10, 10, 49)),  # one fewer: a third stays labelled
    ],
)
def test_labels_are_hidden_only_where_too_few_are_unlabelled(unlabelled, expected):
    pools = make_pools(toy([20, 20], unlabelled=unlabelled))
    assert (len(pools.test), len(pools.labelled), len(pools.unlabelled)) == expected


def test_pools_are_at_most_ten_thousand():
    dataset = Dataset("big", np.zeros((48_000, 1), dtype=np.float32), np.arange(48_000) % 3, ("a", "b", "c"))
    pools = make_pools(dataset)
    assert (len(pools.test), len(pools.labelled), len(pools.unlabelled)) == (10_000, 10_000, 28_000)


def test_seed_decides_the_split():
    dataset = toy([50, 50])
    first, again, other = make_pools(dataset, 1), make_pools(dataset, 1), make_pools(dataset, 2)
    assert first.hashes() == again.hashes()
    assert not set(first.hashes().values()) & set(other.hashes().values())
    with pytest.raises(InputError, match="seed -1"):
        make_pools(dataset, -1)


def test_hashes_name_what_is_indexed():
    one, two, three = (np.array([i]) for i in range(3))
    inner, outer = Pools(one, two, three, "x"), Pools(one, two, three, "x_test")
    assert list(inner.hashes()) == ["unlabelled", "labelled", "test"]
    assert inner.hashes()["test"] != outer.hashes()["test"]
    assert inner.hashes()["labelled"] == outer.hashes()["labelled"]
    # sha256(b"x:" + (0).to_bytes(8, "little"))
    assert inner.hashes()["unlabelled"] == "eb0538a90489fa9929b1f3b6a20dd2ca63e54289c49d2c43ef8fdbe886c900a2"


@settings(max_examples=50, deadline=None)
@given(
    sizes=st.lists(st.integers(3, 60), min_size=2, max_size=8),
    unlabelled=st.integers(0, 200),
    own_test=st.booleans(),
    seed=st.integers(0, 5),
)
def test_pools_are_disjoint_complete_and_hold_every_class(sizes, unlabelled, own_test, seed):
    dataset = toy(sizes, unlabelled, test_sizes=[1] * len(sizes) if own_test else None)
    pools = make_pools(dataset, seed)
    parts = [pools.unlabelled, pools.labelled] + ([] if own_test else [pools.test])
    assert sorted(np.concatenate(parts)) == list(range(len(dataset.x)))
    assert set(pools.labelled_y(dataset)) == set(range(len(sizes)))
    assert set(pools.test_y(dataset)) == set(range(len(sizes)))
    assert len(pools.unlabelled) > 0


@pytest.mark.parametrize(
    ("dataset", "message"),
    [
        (toy([9, 2]), "toy: class 'b' has 2 labelled examples, 3 are needed"),
        (toy([1, 9], test_sizes=[1, 1]), "class 'a' has 1 labelled example, 2 are needed"),
        (toy([9, 9], test_sizes=[3]), "class 'b' has no example in the test set, .* `min_per_class` 2"),
    ],
)
def test_classes_too_small_are_named(dataset, message):
    with pytest.raises(InputError, match=message):
        make_pools(dataset)


def test_overlapping_pools_are_refused():
    a, b, c = np.array([0, 1]), np.array([2, 3]), np.array([3, 4])
    with pytest.raises(IntegrityError, match=r"unlabelled \+ labelled \+ test hold 1 indices more than once"):
        Pools(a, b, c, "x")
    Pools(a, b, c, "x_test")
    with pytest.raises(IntegrityError, match=r"unlabelled \+ labelled hold 2"):
        Pools(a, a, c, "x_test")
    with pytest.raises(IntegrityError, match="test hold 1"):
        Pools(a, b, np.array([1, 1]), "x_test")
    with pytest.raises(InputError, match="the labelled pool is float64"):
        Pools(a, b.astype(float), c, "x")
    with pytest.raises(InputError, match=r"the unlabelled pool is int64 of shape \(0,\)"):
        Pools(a[:0], b, c, "x")


def test_duplicates_of_test_examples_are_counted():
    dataset = toy([10, 10], test_sizes=[3, 3])
    pools = make_pools(dataset)
    assert count_test_duplicates(dataset, pools) == 0
    leaky = dataset.x_test.copy()
    leaky[[0, 5]] = dataset.x[[0, 19]]
    assert count_test_duplicates(replace(dataset, x_test=leaky), pools) == 2
