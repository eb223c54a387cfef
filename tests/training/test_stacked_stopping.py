"""Which step each of several models stops at, and whose weights it leaves, for validation losses planted here."""

from __future__ import annotations

from dataclasses import replace

import pytest
from toy_stacked import count

from fewlabels.training import Recipe

PLAIN = Recipe(optimiser="sgd", momentum=0, lr=1.0, steps=100, validate_every=2, patience=2)

CASES = [
    # planted losses, steps, patience, stopped at, best at
    ([5, 4, 3, 2], 8, 2, 8, 8),  # always better: to the end
    ([5, 3, 4, 3.5], 100, 2, 8, 4),  # two validations without improvement
    ([5, 3, 4], 100, 1, 6, 4),
    ([5, 3, 4, 2, 6, 7, 8], 100, 3, 14, 8),  # an improvement starts the count anew
    ([5, 3, 3, 3], 100, 2, 8, 4),  # as good is not better, and the first stays
    ([1, 2, 3], 100, 2, 6, 2),  # the very first
    ([5, 3, 4, 6, 2], 10, None, 10, 10),  # no patience: to the end, which is validated
    ([5, 3, 4, 6, 7], 10, None, 10, 4),
    ([3], 2, 2, 2, 2),
]


def test_each_stops_by_its_own_patience_and_keeps_its_own_best():
    """All nine in one stack, which shrinks from 2 to 14 steps."""
    planted = [case[0] for case in CASES]
    recipes = [
        replace(PLAIN, steps=steps, patience=patience, lr=10.0**-model)
        for model, (_, steps, patience, _, _) in enumerate(CASES)
    ]
    sizes = []
    counters, histories = count(recipes, planted, lambda alive, _: sizes.append(len(alive)))
    for model, (losses, _, _, stopped, best) in enumerate(CASES):
        history = histories[model]
        assert len(history.loss) == stopped
        assert history.validation_loss == losses
        assert history.validation_step == list(range(2, stopped + 1, 2))
        assert history.best_step == best
        assert counters[model].weight.item() == pytest.approx(-best * 10.0**-model, rel=1e-12)
    assert sizes == [sum(case[3] > step for case in CASES) for step in range(14)]


def test_a_stopped_model_stays_as_it_is_and_only_the_others_are_asked_for():
    asked, left = [], []

    def seen(alive, counters):
        asked.append(alive)
        left.append(counters[1].weight.item())

    recipes = [replace(PLAIN, steps=8, lr=0.1), replace(PLAIN, patience=1), replace(PLAIN, steps=6, lr=0.01)]
    count(recipes, [[4, 3, 2, 1], [1, 2], [3, 2, 1]], seen)
    assert asked == [(0, 1, 2)] * 4 + [(0, 2)] * 2 + [(0,)] * 2
    assert left == [0] * 4 + [-2] * 4


def test_a_model_that_ends_between_validations_is_validated_then_and_the_others_are_not():
    """Its last validation is planted as the best; those of the others then are not counted."""
    recipes = [replace(PLAIN, steps=8, validate_every=4), replace(PLAIN, steps=5, validate_every=4)]
    counters, (longer, shorter) = count(recipes, [[3, 1, 2], [3, 2]])
    assert (longer.validation_step, longer.validation_loss) == ([4, 8], [3, 2])
    assert (shorter.validation_step, shorter.validation_loss) == ([4, 5], [3, 2])
    assert [counter.weight.item() for counter in counters] == [-8, -5]


def test_without_validation_patience_means_nothing_and_the_last_weights_stay():
    recipes = [replace(PLAIN, steps=steps, patience=1) for steps in (7, 3)]
    counters, histories = count(recipes)
    assert [counter.weight.item() for counter in counters] == [-7, -3]
    assert [history.best_step for history in histories] == [None, None]


def test_who_watches_is_told_who_is_left_and_gives_these_alone_their_weights():
    told = []

    def watch(step, alive, write_back):
        write_back()
        told.append((step, tuple(alive)))

    weights = []

    def seen(alive, counters):
        weights.append([counter.weight.item() for counter in counters])

    recipes = [replace(PLAIN, steps=steps, lr=lr) for steps, lr in ((2, 1.0), (4, 10.0), (3, 100.0))]
    count(recipes, seen=seen, watch=watch)
    assert told == [(0, (0, 1, 2)), (1, (0, 1, 2)), (2, (1, 2)), (3, (1,))]
    assert weights == [[0, 0, 0], [-1, -10, -100], [-2, -20, -200], [-2, -30, -300]]
