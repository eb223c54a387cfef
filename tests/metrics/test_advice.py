"""What a verdict comes to, on studies whose answer is known."""

import numpy as np
import pytest

from fewlabels.metrics.advice import advise, believed
from fewlabels.metrics.classification import chance_calibration_error, evaluate
from fewlabels.metrics.verdict import judge
from made_up_rows import row, study

METHODS = [{"name": "new+probe", "label": "new pretraining, probe"}, {"name": "old", "label": "old"}]
NOISE = np.random.default_rng(1).normal(0, 0.008, 5)


def advice_of(rows, methods=()):
    return advise(judge(rows, ["new+probe"], ["old"], "toys"), methods)


@pytest.mark.parametrize(
    ("gain", "headline", "reason"),
    [
        (
            0.03,
            "use new+probe (new pretraining, probe): expect {:.1%}.",
            "Pretraining helps there: the best control",
        ),
        (-0.03, "use old, without pretraining: expect {:.1%}.", "Pretraining hurts there: the best pretrained method"),
        (0.001, "use old, the simpler choice: expect {:.1%}.", "which of the two is better is undecided:"),
    ],
)
def test_the_side_of_the_verdict_is_advised_and_the_simpler_where_it_is_undecided(gain, headline, reason):
    rows = study(lambda budget, seed: gain + NOISE[seed])
    advice = advice_of(rows, METHODS)
    used = [r["accuracy"] for r in rows if r["budget"] == 1000 and r["method"] in headline.split("(")[0]]
    assert advice.headline == f"With 1,000 labels {headline.format(np.mean(used))}"
    assert reason in advice.reasons
    assert ("seeds would be needed" in advice.reasons) == (abs(gain) < 0.03)


def test_the_figures_are_those_of_the_largest_budget_and_of_another_draw():
    rows = [row("old", 10, s, 0.9) for s in range(5)]
    rows += [row("new+probe", 10, s, 0.9) for s in range(5)]
    rows += [row("old", 30, s, 0.5 + 0.01 * s) for s in range(5)] + [row("new+probe", 30, s, 0.7) for s in range(5)]
    advice = advice_of(rows)
    assert advice.headline == "With 30 labels use new+probe: expect 70.0%."
    assert (advice.method, advice.budget) == ("new+probe", 30)
    assert "Another draw of 30 labels would give 70.0 to 70.0%" in advice.reasons
    assert "the best control, old, reaches 52.0%" in advice.reasons
    assert str(advice) == f"{advice.headline} {advice.reasons}"


@pytest.mark.parametrize(
    ("differences", "said"),
    [
        ([0.02, 0.02, 0.1, 0.14, 0.2], "undecided: about 13 seeds would probably decide."),
        ([0.0, 0.0, 0.0, 0.2, 0.2], "undecided: more than 100 seeds would be needed."),
        ([0.005, -0.005, 0.0, -0.005, 0.005], "undecided: the difference is too small to matter."),
        ([0.1, 0.1, 0.1], "undecided: about 5 seeds would probably decide."),
    ],
)
def test_how_many_seeds_would_decide_is_said_in_advice_and_sentence(differences, said):
    rows = [row("old", 10, s, 0.5) for s in range(len(differences))]
    rows += [row("new+probe", 10, s, 0.5 + d) for s, d in enumerate(differences)]
    assert said in advice_of(rows).reasons
    assert f"At 10 labels, {said.removeprefix('undecided: ')}" in judge(rows, ["new+probe"], ["old"], "toys").sentence


def test_a_choice_that_differs_from_seed_to_seed_is_said():
    rows = [row("new+probe", 10, s, 0.5) for s in range(5)]
    rows += [row("old", 10, s, 0.7, validation=0.6 if s < 3 else 0.4) for s in range(5)]
    rows += [row("older", 10, s, 0.8, validation=0.5) for s in range(5)]
    advice = advise(judge(rows, ["new+probe"], ["old", "older"], "toys"))
    assert advice.headline == "With 10 labels use old, without pretraining: expect 74.0%."
    assert "Validation chose it in 3 of 5 seeds; the figures are of all it chose." in advice.reasons


def test_labels_too_few_to_validate_and_nothing_to_compare_are_said():
    rows = [row(method, 10, s, 0.5, validation=None) for method in ("old", "new+probe") for s in range(5)]
    assert "allow no validation: each side is its first-named method" in advice_of(rows).reasons
    nothing = judge([row("old", 10, 0, 0.5)], [], ["old"], "toys")
    assert str(advise(nothing)) == nothing.sentence


def evaluated(claimed, right):
    """Two classes; example i is predicted with probability claimed[i], and right or not."""
    p = np.asarray(claimed)
    return evaluate(np.log(np.stack([p, 1 - p], axis=1)), np.where(right, 0, 1), ["a", "b"])


@pytest.mark.parametrize(
    ("claimed", "share", "said"),
    [
        ([0.9] * 200, 0.9, "Yes, as far as 200 examples can tell. It claims to be right in 90.0% of cases"),
        ([0.95] * 200, 0.7, "No: it is too sure, by 25.0 points on average."),
        ([0.7] * 200, 0.95, "No: it is less sure than it could be, by 25.0 points on average."),
    ],
)  # fmt: skip
def test_whether_confidence_can_be_believed(claimed, share, said):
    assert believed(evaluated(claimed, np.arange(200) < share * 200)).startswith(said)


def test_confidence_right_on_average_alone_is_told_apart():
    """Sure where it guesses, unsure where it is always right."""
    claimed, right = [0.95] * 100 + [0.65] * 100, np.r_[np.arange(100) < 62, np.arange(100) < 98]
    assert believed(evaluated(claimed, right)).startswith("On average yes, but not at every confidence.")


def test_chance_alone_gives_a_calibrated_classifier_about_the_error_that_is_told():
    rng = np.random.default_rng(5)
    claimed = rng.uniform(0.5, 1, (100, 300))
    found = [evaluated(p, rng.random(300) < p) for p in claimed]
    told = np.mean([chance_calibration_error(one.reliability) for one in found])
    assert told == pytest.approx(np.mean([one.calibration_error for one in found]), rel=0.05)
