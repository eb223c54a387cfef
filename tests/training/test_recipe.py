"""Recipes, schedules and batches."""

from __future__ import annotations

import json
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from fewlabels.core.errors import InputError
from fewlabels.core.settings import from_json, to_json
from fewlabels.training import Group, Recipe
from fewlabels.training.recipe import make_optimiser, schedule, set_rate
from fewlabels.training.sampler import Batches


@pytest.mark.parametrize(
    ("name", "step", "steps", "share"),
    [
        ("constant", 0, 10, 1),
        ("constant", 9, 10, 1),
        ("cosine", 0, 10, 1),
        ("cosine", 0, 1, 1),
        ("cosine", 5, 10, 0.5),
        ("cosine", 25, 100, 0.5 + 0.5**1.5),
        ("cosine", 75, 100, 0.5 - 0.5**1.5),
        ("one-cycle", 0, 100, 1 / 11),
        ("one-cycle", 4, 100, 5 / 11),
        ("one-cycle", 9, 100, 10 / 11),
        ("one-cycle", 10, 100, 1),
        ("one-cycle", 55, 100, 0.5),
        ("one-cycle", 99, 100, 0.5 * (1 + math.cos(math.pi * 89 / 90))),
        ("one-cycle", 0, 4, 0.5),
        ("one-cycle", 1, 4, 1),
        ("one-cycle", 0, 1, 0.5),
    ],
)
def test_schedule_at_known_points(name, step, steps, share):
    assert schedule(Recipe(schedule=name, steps=steps), step) == pytest.approx(share, abs=1e-12)


@pytest.mark.parametrize(
    ("warm_up", "step", "steps", "share"),
    [(0.3, 0, 10, 1 / 4), (0.3, 2, 10, 3 / 4), (0.3, 3, 10, 1), (0.3, 24, 80, 1), (0.0, 0, 10, 0.5), (0.0, 1, 10, 1)],
)
def test_one_cycle_rises_for_as_long_as_it_is_told(warm_up, step, steps, share):
    recipe = Recipe(schedule="one-cycle", steps=steps, warm_up=warm_up)
    assert schedule(recipe, step) == pytest.approx(share, abs=1e-12)


@settings(max_examples=60, deadline=None)
@given(name=st.sampled_from(["constant", "cosine", "one-cycle"]), steps=st.integers(1, 300))
def test_schedules_stay_above_0_and_up_to_1_and_only_fall_after_the_peak(name, steps):
    recipe = Recipe(schedule=name, steps=steps)
    shares = [schedule(recipe, step) for step in range(steps)]
    assert all(0 < share <= 1 for share in shares)
    peak = shares.index(max(shares))
    assert peak <= max(1, steps // 10) * (name == "one-cycle")
    assert shares == sorted(shares[:peak]) + sorted(shares[peak:], reverse=True)


def test_set_rate_scales_every_group():
    a, b = nn.Parameter(torch.zeros(1)), nn.Parameter(torch.zeros(1))
    recipe = Recipe(steps=10, lr=0.4, schedule="cosine")
    optimiser = make_optimiser([Group((a,)), Group((b,), rate=0.25)], recipe)
    for step, share in ((0, 1), (5, 0.5), (0, 1)):
        set_rate(optimiser, recipe, step)
        assert [g["lr"] for g in optimiser.param_groups] == pytest.approx([0.4 * share, 0.1 * share])


@settings(max_examples=100, deadline=None)
@given(n=st.integers(1, 40), batch_size=st.integers(1, 50), steps=st.integers(1, 30), seed=st.integers(0, 5))
def test_batches_are_shuffled_epochs_of_equal_size(n, batch_size, steps, seed):
    recipe = Recipe(steps=steps, batch_size=batch_size)
    batches = list(Batches(n, recipe, torch.Generator().manual_seed(seed)))
    size = min(n, batch_size)
    assert len(batches) == steps
    assert all(batch.shape == (size,) and batch.dtype == torch.int64 for batch in batches)
    an_epoch = n // size
    for start in range(0, steps, an_epoch):
        epoch = torch.cat(batches[start : start + an_epoch]).tolist()
        assert len(set(epoch)) == len(epoch)
        assert set(epoch) <= set(range(n))
        if len(epoch) == n:
            assert sorted(epoch) == list(range(n))
    again = Batches(n, recipe, torch.Generator().manual_seed(seed))
    assert [batch.tolist() for batch in again] == [batch.tolist() for batch in batches]


def test_every_epoch_and_every_seed_has_an_order_of_its_own():
    recipe = Recipe(steps=4, batch_size=30)
    orders = [batch.tolist() for seed in (0, 1) for batch in Batches(30, recipe, torch.Generator().manual_seed(seed))]
    assert len({tuple(order) for order in orders}) == 8
    assert list(range(30)) not in orders


def test_what_an_epoch_leaves_out_changes():
    recipe = Recipe(steps=60, batch_size=4)
    seen = torch.cat(list(Batches(7, recipe, torch.Generator().manual_seed(0))))
    assert set(seen.tolist()) == set(range(7))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"steps": 0}, "Recipe: steps is 0; allowed is 1 or more"),
        ({"batch_size": 0}, "Recipe: batch_size is 0; allowed is 1 or more"),
        ({"optimiser": "lion"}, "Recipe: optimiser is 'lion'; allowed is 'adam', 'adamw', 'sgd' or 'soap'"),
        ({"lr": 0}, "Recipe: lr is 0; allowed is above 0"),
        ({"lr": -0.1}, r"Recipe: lr is -0\.1"),
        ({"lr": math.nan}, "Recipe: lr is nan"),
        ({"lr": math.inf}, "Recipe: lr is inf"),
        ({"momentum": 1.0}, r"Recipe: momentum is 1\.0; allowed is 0 or more, below 1"),
        ({"momentum": -0.1}, r"Recipe: momentum is -0\.1"),
        ({"weight_decay": -1}, "Recipe: weight_decay is -1; allowed is 0 or more"),
        ({"clip_norm": 0}, "Recipe: clip_norm is 0; allowed is above 0, or None"),
        ({"schedule": "step"}, "Recipe: schedule is 'step'; allowed is 'constant', 'cosine' or 'one-cycle'"),
        ({"warm_up": 1.0}, r"Recipe: warm_up is 1\.0; allowed is 0 or more, below 1"),
        ({"warm_up": -0.1}, r"Recipe: warm_up is -0\.1"),
        ({"validate_every": 0}, "Recipe: validate_every is 0; allowed is 1 or more"),
        ({"patience": 0}, "Recipe: patience is 0; allowed is 1 or more, or None"),
    ],
)
def test_settings_out_of_range_are_refused(values, message):
    with pytest.raises(InputError, match=message):
        Recipe(**values)


def test_json_there_and_back():
    recipe = Recipe(steps=3, lr=0.5, clip_norm=2.0, schedule="one-cycle", patience=4)
    assert from_json(json.loads(json.dumps(to_json(recipe))), {"Recipe": Recipe}) == recipe
