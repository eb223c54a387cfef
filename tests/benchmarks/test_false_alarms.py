"""The simulations behind the verdict's promise: quick versions, and faults that they must find."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.false_alarms import (
    CORRECTED,
    LEVEL_ONCE,
    LOOKS,
    UNCORRECTED,
    Figures,
    alarms_at_looks,
    alarms_of_shared_encoders,
    called,
    candidates,
)
from fewlabels.metrics.verdict import compare, pack_hits

NO_HITS = {"hits": pack_hits(np.zeros(8, dtype=bool)), "n_test": 8}


def rows_of(accuracies):
    return {(b, s): {"accuracy": float(a), **NO_HITS} for (b, s), a in np.ndenumerate(accuracies)}


def test_the_simulation_calls_what_the_verdict_calls():
    differences = np.random.default_rng(0).normal(0.02, 0.02, (60, 2, 5))
    differences[:20, :, 3:] *= -1  # narrow wins, and too few of them
    found = called(differences, LEVEL_ONCE)
    assert 0.1 < found.mean() < 0.9
    for one, calls in zip(differences, found, strict=True):
        compared = compare(rows_of(0.5 + one), rows_of(np.full_like(one, 0.5)), LEVEL_ONCE)
        assert [c.call != "undecided" for c in compared] == calls.tolist()


@pytest.mark.parametrize("budgets", [1, 3, 5])
def test_looks_at_5_10_and_20_seeds_stay_under_five_percent_and_uncorrected_ones_do_not(budgets):
    differences = np.random.default_rng(1).normal(0, 1, (8000, budgets, LOOKS[-1]))
    corrected, uncorrected = (alarms_at_looks(differences, LOOKS, levels) for levels in (CORRECTED, UNCORRECTED))
    assert corrected[-1] < 0.05
    assert uncorrected[-1] > 0.08
    assert (np.diff(corrected) >= 0).all()


def test_a_shared_encoder_gives_false_alarms_and_fresh_ones_do_not():
    """Encoders differ by as much as draws of labels do."""
    rng = np.random.default_rng(2)
    accuracy = 0.7 + rng.normal(0, 0.02, (24, 1, 1)) + rng.normal(0, 0.02, (24, 2, 20))
    assert alarms_of_shared_encoders(accuracy) > 0.15
    figures = Figures(accuracy, np.zeros_like(accuracy), np.zeros_like(accuracy))
    assert candidates(figures, (1, 1), rng, 400, 5)[1] < 0.06
    assert candidates(figures, (1, 1), rng, 400, 5, shared=True)[1] > 0.15


def figures(trust, rng):
    """Made-up encoders whose validation tells so much of their accuracy, 0 to 1."""
    accuracy = 0.7 + rng.normal(0, 0.02, (30, 1, 20))
    validation = trust * accuracy + (1 - trust) * rng.normal(0.7, 0.02, accuracy.shape)
    return Figures(accuracy, validation, np.ones_like(accuracy))


def test_more_candidates_are_worth_what_validation_tells_of_them():
    """The best of 9 normal values lies 1.485 deviations above their mean, of 5 1.163: 0.64 points here."""
    rng = np.random.default_rng(3)
    blind, _ = candidates(figures(0.0, rng), (9, 5), rng, 500, 5)
    told, _ = candidates(figures(1.0, rng), (9, 5), rng, 500, 5)
    assert blind == pytest.approx(0.0, abs=0.0015)
    assert told == pytest.approx(0.0064, abs=0.0015)
