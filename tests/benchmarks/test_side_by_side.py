"""Arms take turns; ratios, limits and agreements come out of made-up figures; failures stay with their arm."""

from __future__ import annotations

import pytest

from benchmarks.rows import agreement, limit, ratio
from benchmarks.side_by_side import Arm, ArmFailed, Measured, take_turns


def arms_of(**values):
    return {name: Measured([{"value": value, "loss": 2 * value} for value in given]) for name, given in values.items()}


def test_arms_take_turns_and_are_closed():
    log = []

    def arm(name):
        def measure(repeat):
            log.append(f"{name}{repeat}")
            return {"value": repeat}

        return Arm(name, measure, lambda: log.append(f"{name} closed"))

    measured = take_turns([arm("a"), arm("b")], 3)
    assert log == ["a0", "b0", "a1", "b1", "a2", "b2", "a closed", "b closed"]
    assert measured["b"].all() == [0, 1, 2]


def test_a_failing_arm_stops_and_leaves_the_others_alone():
    def failing(repeat):
        if repeat == 1:
            raise ValueError("no such\nthing")
        return {"value": 5.0}

    measured = take_turns([Arm("bad", failing), Arm("good", lambda repeat: {"value": 10.0})], 4)
    assert measured["good"].all() == [10.0] * 4
    assert measured["bad"].all() == [5.0]
    assert measured["bad"].failure == "ValueError: no such thing"
    assert ratio(measured, "good", "bad", "more").median == 2


def test_a_failure_of_the_benchmark_itself_is_told_without_its_type():
    def failing(repeat):
        raise ArmFailed("stopped after 3 s")

    measured = take_turns([Arm("bad", failing), Arm("good", lambda repeat: {"value": 1.0})], 1)
    compared = ratio(measured, "good", "bad", "more", at_least=3)
    assert compared.failure == "bad: stopped after 3 s"
    assert (compared.median, compared.met, compared.target) == (None, None, "at least 3")


def test_the_ratio_is_of_medians_and_its_spread_of_pairs():
    arms = arms_of(ours=[30.0, 40.0, 50.0], theirs=[10.0, 20.0, 10.0])
    compared = ratio(arms, "ours", "theirs", "more", at_least=4)
    assert (compared.median, compared.lowest, compared.highest) == (4, 2, 5)
    assert compared.met is True
    assert ratio(arms, "ours", "theirs", "more", at_least=4.1).met is False
    assert ratio(arms, "ours", "theirs", "more").met is None


def test_where_less_is_better_the_ratio_is_still_above_1_for_us():
    arms = arms_of(ours=[2.0, 2.0], theirs=[8.0, 4.0])
    compared = ratio(arms, "ours", "theirs", "less")
    assert (compared.median, compared.lowest, compared.highest) == (3, 2, 4)


def test_a_limit_holds_against_the_median():
    arms = arms_of(ours=[80.0, 85.0, 120.0])
    assert limit(arms, "ours", "seconds", at_most=90).met is True
    assert limit(arms, "ours", "seconds", at_most=80).met is False
    assert limit(arms, "ours", "loss", key="loss").median == 170


def test_agreement_is_relative_and_paired():
    arms = {"a": Measured([{"loss": 1.01}, {"loss": 2.06}]), "b": Measured([{"loss": 1.0}, {"loss": 2.0}])}
    compared = agreement(arms, "a", "b", "loss", within=0.02)
    assert compared.median == pytest.approx(0.02)
    assert (compared.lowest, compared.highest) == pytest.approx((0.01, 0.03))
    assert agreement(arms, "a", "b", "loss", within=0.015).met is False
    assert agreement(arms, "b", "a", "loss", within=0.025).met is True
