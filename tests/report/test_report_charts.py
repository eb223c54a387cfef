"""The charts and tables show the records' figures, and the verdict's."""

from __future__ import annotations

import numpy as np
import pytest
from made_up_study import METHODS, N_TEST, Study, build

from fewlabels.metrics.intervals import Interval, bootstrap_interval
from fewlabels.metrics.verdict import BudgetVerdict, Comparison, Verdict, compare
from fewlabels.report import accuracy, confusion, cost, differences, forest, formats, measured, savings
from fewlabels.report.lines import CONTROL_ARM, PRETRAINED_ARM, Line, lines, pairs

BUDGETS = [10, 30, 300]


def lines_of(study: Study) -> dict[str, Line]:
    finished = [run for run in study.runs if run["status"] == "ok"]
    return {line.key: line for line in lines(study.manifest["methods"], finished)}


def made_up_verdict(*worths: float) -> Verdict:
    """Helps at every budget but the last, where it hurts."""
    verdicts = []
    for i, (budget, worth) in enumerate(zip(BUDGETS, worths, strict=True)):
        sign = -1 if i == len(BUDGETS) - 1 else 1
        comparison = Comparison(
            budget=budget,
            seeds=5,
            first=0.8123,
            second=0.8123 - sign * 0.0456,
            difference=sign * 0.0456,
            deviation=0.0276,
            interval=Interval(0.0111, 0.0801) if sign > 0 else Interval(-0.0801, -0.0111),
            win_probability=0.9 if sign > 0 else 0.1,
            wilcoxon_p=0.0004,
            test_error=0.0102,
        )
        expected = (Interval(0.7, 0.9), Interval(0.65, 0.85))
        verdicts.append(BudgetVerdict(comparison, {"a": 3, "b": 2}, {"c": 5}, True, worth, expected))
    return Verdict(tuple(verdicts), "sentence")


def test_verdict_table_repeats_the_verdict() -> None:
    rows = forest.verdict_rows(made_up_verdict(34.6, 0.0, float("inf")))

    assert [row["call"] for row in rows] == ["helps", "helps", "hurts"]
    assert [row["worth"] for row in rows] == ["about 35", "fewer than 10", "more than 300"]
    first, _, last = rows
    shown = ("budget", "pretrained", "control", "difference", "interval", "win", "p", "test_error")
    assert [first[key] for key in shown] == [
        "10", "81.2", "76.7", "+4.6", "+1.1 to +8.0", "0.90", "< 0.001", "± 2.0",
    ]  # fmt: skip
    assert (last["difference"], last["interval"]) == ("−4.6", "−8.0 to −1.1")  # noqa: RUF001
    assert first["chosen_pretrained"] == [
        {"method": "a", "count": "3 of 5 seeds"},
        {"method": "b", "count": "2"},
    ]


def test_no_saving_is_claimed_where_the_verdict_is_undecided() -> None:
    study = build(seeds=3)
    assert {row["worth"] for row in forest.verdict_rows(study.verdict())} == {formats.NONE}
    assert all(row["call"] == "undecided" for row in savings.saving_rows(study.verdict()))


def test_savings_lie_on_their_track() -> None:
    fewer, right, more = savings.saving_rows(made_up_verdict(0.0, 300.0, float("inf")))
    assert (fewer["end"], fewer["open"]) == (0.0, True)
    assert (right["start"], right["end"], right["open"]) == (pytest.approx(33.1, abs=0.1), 90.0, False)
    assert (more["end"], more["open"]) == (100.0, True)
    assert all(
        row["left"] + row["width"] == pytest.approx(max(row["start"], row["end"]), abs=0.11)
        for row in (fewer, right, more)
    )


def test_arms_of_the_chart_are_the_arms_of_the_verdict(study: Study) -> None:
    every = lines_of(study)
    for verdict in study.verdict().budgets:
        c = verdict.comparison
        assert np.mean(every[PRETRAINED_ARM].accuracies(c.budget)) == pytest.approx(c.first)
        assert np.mean(every[CONTROL_ARM].accuracies(c.budget)) == pytest.approx(c.second)


def test_accuracy_chart_has_means_intervals_and_every_seed(study: Study) -> None:
    every = list(lines_of(study).values())
    traces = accuracy.chart(every, BUDGETS, [PRETRAINED_ARM])["choices"]

    own = [trace for trace in traces if trace["meta"]["line"] == "scratch"]
    points, mean = own
    accuracies = [run["accuracy"] for run in study.runs if run["method"] == "scratch" and run["budget"] == 30]
    low, high = bootstrap_interval(accuracies)
    assert mean["y"][1] == pytest.approx(100 * np.mean(accuracies))
    assert mean["y"][1] + mean["error_y"]["array"][1] == pytest.approx(100 * high)
    assert mean["y"][1] - mean["error_y"]["arrayminus"][1] == pytest.approx(100 * low)
    assert [
        y / 100 for y, (budget, *_) in zip(points["y"], points["customdata"], strict=True) if budget == 30
    ] == pytest.approx(accuracies)
    assert {trace["meta"]["line"] for trace in traces if trace["visible"]} == {PRETRAINED_ARM}


def test_no_two_lines_look_alike_even_without_colour_for_a_few() -> None:
    names = [f"m{i}" for i in range(84)]
    methods = [Line(name, name, True, False, {}) for name in names] + [
        Line(f"c{i}", "", False, False, {}) for i in range(56)
    ]
    arms = [Line(PRETRAINED_ARM, "", True, True, {}), Line(CONTROL_ARM, "", False, True, {})]
    every = [*arms, *methods]
    looks = [accuracy.style(every, line) for line in every]
    assert len({(look["colour"], look["symbol"], look["dash"], look["width"]) for look in looks}) == len(every)
    few = [look for look, line in zip(looks, every, strict=True) if line.arm or line.key in ("m0", "m1", "c0", "c1")]
    assert len({(look["symbol"], look["dash"], look["width"]) for look in few}) == 6


def test_pairs_cover_both_sides_and_agree_with_compare(study: Study) -> None:
    every = lines_of(study)
    compared = pairs(list(every.values()))
    assert len(compared) == 3 * 3  # each side: its arm and two methods

    choices = differences.chart(compared, BUDGETS)["choices"]
    expected = compare(every["variational+probe"].rows, every["scratch"].rows)
    points, means = choices["variational+probe"]["scratch"]
    assert means["y"] == pytest.approx([100 * c.difference for c in expected])
    assert np.mean(points["y"][:5]) == pytest.approx(100 * expected[0].difference)
    assert len(points["y"]) == 15


def test_confusion_sums_over_seeds(study: Study) -> None:
    every = [line for line in lines_of(study).values() if not line.arm]
    chart = confusion.chart(every, study.manifest["dataset"]["classes"])

    counts = np.array(chart["choices"]["scratch"]["30"])
    assert counts.sum() == 5 * N_TEST
    assert np.trace(counts) / counts.sum() == pytest.approx(np.mean(lines_of(study)["scratch"].accuracies(30)))


def test_confusion_axes_of_a_hundred_long_names_stay_readable() -> None:
    names = tuple(f"a very long class name, number {i}" for i in range(100))
    study = build(classes=names, budgets=(30, 300), seeds=2)
    axis = confusion.chart(list(lines_of(study).values()), names)["layout"]["xaxis"]
    assert len(axis["ticktext"]) == len(axis["tickvals"]) <= 25
    assert all(len(text) <= 14 for text in axis["ticktext"])


def test_costs_are_means_at_the_largest_budget_and_name_the_cache(study: Study) -> None:
    for run in study.runs:
        run["seconds"]["tuning"] = float(run["seed"]) if run["budget"] == 300 else 1000.0
    methods = [line for line in lines_of(study).values() if not line.arm]
    rows = {row["name"]: row for row in cost.cost_rows(methods, study.encoders)}

    denoising = rows["denoising+finetune"]
    assert [denoising[key] for key in ("budget", "pretraining", "tuning", "transfer", "together")] == [
        "300",
        "12.1",
        "2.0",
        "1.2",
        "15.3",
    ]
    assert denoising["cached"]
    assert not rows["variational+probe"]["cached"]
    assert rows["scratch"]["pretraining"] == formats.NONE
    assert [rows[name]["unlabelled"] for name in ("denoising+finetune", "scratch")] == ["25,000", formats.NONE]


def test_pair_table_holds_everything_pretrained_against_the_control_arm(study: Study) -> None:
    rows = differences.pair_rows(pairs(list(lines_of(study).values())))
    firsts = ["pretrained, chosen by validation", *(method[1] for method in METHODS if method[2])]
    assert [row["first"] for row in rows] == [first for first in firsts for _ in BUDGETS]
    assert {row["second"] for row in rows} == {"control, chosen by validation"}


def test_pretraining_table_ends_with_the_losses_and_their_gap_at_the_best_step(study: Study) -> None:
    encoder = {
        **study.encoders[0],
        "parameters": 12345,
        "seconds": 7.25,
        "history": {
            "step": [10, 20, 30, 40],
            "loss": [0.9, 0.5, 0.25, None],
            "validation_step": [10, 20, 30],
            "validation_loss": [0.8, 0.45, 0.625],
        },
    }
    row, *_ = cost.pretraining_rows([encoder])
    assert (row["parameters"], row["steps"], row["seconds"], row["cached"]) == ("12,345", "40", "7.2", True)
    assert (row["training"], row["validation"], row["gap"]) == ("0.25", "0.45", "−0.05")  # noqa: RUF001

    encoder["history"] |= {"phases": [[0, "layer 1"], [20, "joint"]]}
    assert cost.pretraining_rows([encoder])[0]["validation"] == "0.625"  # layer 1's losses are another quantity

    encoder["history"] |= {"watched": "squares", "terms": {"squares": [0.7, 0.6, 0.5, 0.4], "critic": [2.0] * 4}}
    row, *_ = cost.pretraining_rows([encoder])
    assert (row["training"], row["watched"], row["gap"]) == ("0.25", "squares", "+0.125")

    encoder["history"] = {"step": [], "loss": [], "terms": {}}
    row, *_ = cost.pretraining_rows([encoder])
    assert {row[key] for key in ("steps", "training", "validation", "gap")} == {formats.NONE}


def test_effort_lists_the_grid_and_what_was_chosen(study: Study) -> None:
    methods = [line for line in lines_of(study).values() if not line.arm]
    row = measured.effort_rows(methods)[0]
    assert (row["number"], row["grid"], row["chosen"]) == (
        "3",
        ["lr: 0.001, 0.003, 0.01"],
        ["lr = 0.003 (5 of 5)"],
    )


def test_every_method_of_the_study_is_in_the_tables(study: Study) -> None:
    every = list(lines_of(study).values())
    labels = {row["label"] for row in accuracy.accuracy_rows(every, BUDGETS)}
    assert labels >= {method[1] for method in METHODS}
