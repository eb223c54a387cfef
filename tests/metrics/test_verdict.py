"""The verdict on studies whose answer is known."""

import dataclasses
import math

import numpy as np
import pytest
from scipy import stats

from fewlabels.metrics.verdict import choose_arm, compare, judge, pack_hits, unpack_hits
from made_up_rows import N_TEST, row, study


def calls(rows):
    verdict = judge(rows, ["new+probe"], ["old"], "toys")
    return [budget.comparison.call for budget in verdict.budgets]


def test_identical_methods_are_undecided():
    assert calls(study(lambda budget, seed: 0.0)) == ["undecided"] * 3


def test_a_planted_gain_of_three_points_helps():
    noise = np.random.default_rng(1).normal(0, 0.008, 5)
    assert calls(study(lambda budget, seed: 0.03 + noise[seed])) == ["helps"] * 3


def test_a_planted_loss_hurts():
    noise = np.random.default_rng(1).normal(0, 0.008, 5)
    assert calls(study(lambda budget, seed: -0.03 + noise[seed])) == ["hurts"] * 3


def test_a_gain_at_one_budget_is_called_there_alone():
    noise = np.random.default_rng(2).normal(0, 0.01, 5)
    rows = study(lambda budget, seed: (0.08 if budget == 10 else 0.0) + noise[seed])
    assert calls(rows) == ["helps", "undecided", "undecided"]
    sentence = judge(rows, ["new+probe"], ["old"], "toys").sentence
    assert "helps at 10 and is undecided at 100 and 1,000 labels" in sentence


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["normal", "heavy tails", "skewed methods"])
def test_false_alarms_in_a_thousand_null_studies_stay_under_five_percent(kind):
    """A false alarm is a study in which any of its five budgets is called helps or hurts.

    The two sides could be swapped, so differences are symmetric about zero, however skewed each method is.
    """
    rng = np.random.default_rng(7)
    draw = {
        "normal": lambda: rng.normal(0, 0.02, (5, 5)),
        "heavy tails": lambda: 0.01 * rng.standard_t(3, (5, 5)),
        "skewed methods": lambda: 0.02 * (rng.gamma(2, 1, (5, 5)) - rng.gamma(2, 1, (5, 5))),
    }[kind]
    alarms = 0
    for _ in range(1000):
        differences = np.round(draw() * N_TEST) / N_TEST
        first = {(b, s): accuracy_row(0.7 + differences[b, s]) for b in range(5) for s in range(5)}
        second = {(b, s): accuracy_row(0.7) for b in range(5) for s in range(5)}
        alarms += any(comparison.call != "undecided" for comparison in compare(first, second))
    assert alarms / 1000 < 0.05


NO_HITS = pack_hits(np.zeros(8, dtype=bool))


def accuracy_row(accuracy):
    return {"accuracy": float(accuracy), "hits": NO_HITS, "n_test": 8}


def test_fewer_than_five_seeds_decide_nothing():
    assert calls(study(lambda budget, seed: 0.2, seeds=4)) == ["undecided"] * 3
    assert calls(study(lambda budget, seed: 0.2, seeds=5)) == ["helps"] * 3


def test_a_wide_win_without_enough_wins_is_undecided():
    comparison = compare(
        {(10, s): accuracy_row(0.9) for s in range(5)}, {(10, s): accuracy_row(0.8) for s in range(5)}
    )[0]
    assert comparison.call == "helps"
    assert dataclasses.replace(comparison, win_probability=0.7).call == "undecided"


def test_arms_are_chosen_by_validation_never_by_test_accuracy():
    rows = [
        row("a", 10, 0, accuracy=0.9, validation=0.5),
        row("b", 10, 0, accuracy=0.6, validation=0.8),
        row("c", 10, 0, accuracy=0.7, validation=0.8, log_loss=0.4),
    ]
    assert choose_arm(rows, ["a", "b", "c"])[10, 0]["method"] == "c"  # b's accuracy, with a lower log-loss


def test_where_nothing_can_be_validated_the_first_named_is_taken():
    rows = [row("a", 10, 0, 0.5, validation=None), row("b", 10, 0, 0.9, validation=None)]
    assert choose_arm(rows, ["a", "b"])[10, 0]["method"] == "a"
    assert choose_arm(rows, ["b", "a"])[10, 0]["method"] == "b"
    both = [*study(lambda b, s: 0.0, budgets=(10,)), *(row("old", 20, s, 0.5, validation=None) for s in range(5))]
    both += [row("new+probe", 20, s, 0.5, validation=None) for s in range(5)]
    assert [v.validated for v in judge(both, ["new+probe"], ["old"], "toys").budgets] == [True, False]


def test_every_arm_tells_what_it_chose():
    rows = [row("a", 10, s, 0.5, validation=0.9 if s < 3 else 0.1) for s in range(5)]
    rows += [row("b", 10, s, 0.5, validation=0.5) for s in range(5)] + [row("old", 10, s, 0.5) for s in range(5)]
    assert judge(rows, ["a", "b"], ["old"], "toys").budgets[0].chosen_pretrained == {"a": 3, "b": 2}


def test_failed_runs_and_unpaired_seeds_are_passed_over():
    rows = study(lambda budget, seed: 0.1, seeds=6)
    failed = {"kind": "run", "method": "old", "budget": 10, "seed": 5, "status": "failed", "error": "worker died"}
    rows = [failed if (r["method"], r["budget"], r["seed"]) == ("old", 10, 5) else r for r in rows]
    assert [v.comparison.seeds for v in judge(rows, ["new+probe"], ["old"], "toys").budgets] == [5, 6, 6]


def test_a_seed_counts_only_where_every_method_ran():
    rows = study(lambda budget, seed: 0.1, budgets=(10,), seeds=6)
    rows += [row("also", 10, s, 0.5) for s in range(5)]  # of seed 5 it has no record
    assert judge(rows, ["new+probe"], ["old", "also"], "toys").budgets[0].comparison.seeds == 5


def test_the_difference_is_paired_and_its_interval_is_not_that_of_the_means():
    spread_out = study(lambda budget, seed: 0.05, spread=0.1)
    comparison = judge(spread_out, ["new+probe"], ["old"], "toys").budgets[0].comparison
    assert comparison.difference == pytest.approx(0.05, abs=0.01)
    assert comparison.interval.high - comparison.interval.low < 0.05  # the spread between seeds is 0.1


def test_the_error_of_the_test_set_is_that_of_the_disagreement():
    rows = [row("new+probe", 10, s, 0.60) for s in range(2)] + [row("old", 10, s, 0.50) for s in range(2)]
    comparison = judge(rows, ["new+probe"], ["old"], "toys").budgets[0].comparison
    share = 0.1  # right by the first and wrong by the second, in every seed
    assert comparison.test_error == pytest.approx(math.sqrt(share * (1 - share) / (N_TEST - 1)))


def test_label_saving_is_read_off_the_control_curve():
    levels = {10: 0.5, 100: 0.7, 1000: 0.9}
    rows = [row("old", b, s, level) for b, level in levels.items() for s in range(5)]
    rows += [row("new+probe", b, s, min(0.95, level + 0.1)) for b, level in levels.items() for s in range(5)]
    verdict = judge(rows, ["new+probe"], ["old"], "toys")
    assert [v.equivalent_labels for v in verdict.budgets] == pytest.approx([math.sqrt(1000), math.sqrt(1e5), math.inf])
    assert verdict.sentence.endswith("With it, 100 labels are worth about 316 without.")


def test_a_saving_beyond_the_last_budget_is_not_a_number():
    verdict = judge(study(lambda budget, seed: 0.2, budgets=(10, 30)), ["new+probe"], ["old"], "toys")
    assert verdict.sentence.endswith("With it, 30 labels are worth more than 30 without.")


def test_no_saving_is_claimed_where_the_control_was_better_with_fewer_labels():
    rows = [row("old", 10, s, 0.8) for s in range(5)] + [row("old", 30, s, 0.6) for s in range(5)]
    rows += [row("new+probe", 10, s, 0.8) for s in range(5)] + [row("new+probe", 30, s, 0.7) for s in range(5)]
    verdict = judge(rows, ["new+probe"], ["old"], "toys")
    assert [v.comparison.call for v in verdict.budgets] == ["undecided", "helps"]
    assert "No label saving can be claimed." in verdict.sentence


def test_no_saving_is_claimed_where_nothing_helps():
    assert "No label saving can be claimed." in judge(study(lambda b, s: 0), ["new+probe"], ["old"], "toys").sentence


def test_nothing_to_compare_is_said_plainly():
    verdict = judge([row("old", 10, 0, 0.5)], [], ["old"], "toys")
    assert verdict.budgets == ()
    assert "nothing to compare" in verdict.sentence


def test_hits_come_back_as_packed():
    hits = np.random.default_rng(0).random(77) < 0.3
    assert (unpack_hits({"hits": pack_hits(hits), "n_test": 77}) == hits).all()


def test_a_later_look_asks_for_a_wider_interval():
    """Of a false alarm's 5%, the first look spends 4 and the second 0.8, divided by three budgets."""
    rows = study(lambda budget, seed: 0.02 + 0.01 * (-1) ** seed)
    first, second = (judge(rows, ["new+probe"], ["old"], "toys", looks=looks) for looks in ((5,), (3, 5)))
    ratio = stats.t.ppf(1 - 0.008 / 6, 4) / stats.t.ppf(1 - 0.04 / 6, 4)
    for one, two in zip(first.budgets, second.budgets, strict=True):
        reaches = [np.subtract(*reversed(v.comparison.interval)) for v in (one, two)]
        assert reaches[1] / reaches[0] == pytest.approx(ratio)
    assert (first.level, second.level) == pytest.approx((0.96, 0.992))
    assert second.looks == (3, 5)


def test_an_unfinished_study_decides_nothing():
    rows = study(lambda budget, seed: 0.2)
    verdict = judge(rows, ["new+probe"], ["old"], "toys", finished=False)
    assert [v.comparison.call for v in verdict.budgets] == ["undecided"] * 3
    assert verdict.sentence.endswith("The study is not finished: until then nothing is decided.")


def test_a_shared_encoder_makes_it_a_verdict_about_that_encoder():
    rows = study(lambda budget, seed: 0.2)
    said = "It is a verdict about the encoders trained here, one for all seeds"
    assert said in judge(rows, ["new+probe"], ["old"], "toys", shared=True).sentence
    assert said not in judge(rows, ["new+probe"], ["old"], "toys").sentence


def test_what_would_decide_is_said_budget_by_budget():
    gains = {10: 0.2, 100: 0.07, 1000: 0.0}
    rows = study(lambda budget, seed: gains[budget] + 0.05 * (seed - 2) * (budget > 10))
    sentence = judge(rows, ["new+probe"], ["old"], "toys").sentence
    assert "helps at 10 and is undecided at 100 and 1,000 labels." in sentence
    assert "At 100 labels, about 32 seeds would probably decide; at 1,000 labels, more than 100 seeds" in sentence
