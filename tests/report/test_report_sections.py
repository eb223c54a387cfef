"""Sections are rows of one list: what is added there is on the page, in its navigation and in the documentation."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from made_up_study import Study, build, failed_run
from parsed_page import Page

from fewlabels.metrics.advice import advise
from fewlabels.report import confidence, evaluation_page, forest, ranking, study_page
from fewlabels.report.charts import plot_layout
from fewlabels.report.lines import collapsed, study_figures, trained_again, untrained
from fewlabels.report.sections import Drawn, ReportSection, about
from fewlabels.report.tracks import Scale
from fewlabels.study.study import Study as RealStudy


def made(study: Study) -> str:
    return study_page.render(study.manifest, study.runs, study.encoders, study.verdict())


def figures_of(study: Study):
    return study_figures(study.manifest, study.runs, study.encoders, study.verdict())


def seconds_by_side(figures):
    """A made-up section's chart, nested by two select boxes."""
    line = {"type": "scatter", "x": [1, 2], "y": [3, 4]}
    sides = {"new": {"tuning": [line], "transfer": [line]}, "old": {"transfer": [line]}}
    chart = {"layout": plot_layout({}, "seconds"), "choices": sides}
    return Drawn({"words": "Seconds <b>"}, {"seconds": chart}, {"transfer": "the transfer"}, {"seconds": ("old", None)})


def test_a_made_up_section_is_one_row_and_stands_on_the_page_with_its_chart_and_boxes(study, monkeypatch) -> None:
    row = ReportSection(
        "seconds", "Seconds & more", "What took long.", seconds_by_side, selects={"seconds": ("side", "part")}
    )
    monkeypatch.setattr(study_page, "SECTIONS", [study_page.SECTIONS[0], row, *study_page.SECTIONS[1:]])

    html = made(study)
    page = Page(html)

    assert [link["href"] for link in page.all("a")][:3] == ["#verdict", "#seconds", "#ranking"]
    ids = [attrs["id"] for attrs in page.all("section")]
    assert ids[:3] == ["verdict", "seconds", "ranking"]
    assert "Seconds <b>" in page.text["seconds"]
    assert "<b>" not in html.split("<body>")[1].split("<script")[0]
    assert page.data()["charts"]["seconds"]["choices"]["old"]["transfer"][0]["y"] == [3, 4]
    assert any(attrs.get("id") == "chart-seconds" for attrs in page.all("div"))
    assert [box["data-chart"] for box in page.all("select")][:2] == ["seconds", "seconds"]
    offered = [(o["value"], "selected" in o) for o in page.all("option")][:4]
    assert offered == [("new", False), ("old", True), ("transfer", False), ("tuning", False)]
    assert about([row]).splitlines()[-1] == "| Seconds & more | What took long. |"

    monkeypatch.setattr(study_page, "SECTIONS", [ReportSection("seconds", "Seconds", "", lambda figures: None)])
    assert "seconds" not in made(study).split("<body>")[1].split("<script")[0]


@pytest.mark.parametrize("module", [study_page, evaluation_page])
def test_the_documentation_lists_the_sections_in_the_order_of_the_page(module) -> None:
    told = (Path(__file__).parents[2] / "docs" / "report.md").read_text(encoding="utf-8")
    assert about(module.SECTIONS) in told
    assert len({section.name for section in module.SECTIONS}) == len(module.SECTIONS)


def test_the_page_begins_with_the_sentence_of_the_command_line(study: Study) -> None:
    html = made(study)
    advice = advise(study.verdict(), study.manifest["methods"])
    start = " ".join(html.split("<main>")[1].split("</header>")[0].split())
    assert f"<h1>{advice.headline}</h1>" in start
    assert advice.reasons in start
    assert study.verdict().sentence in start
    assert f"<title>digits: {advice.headline}</title>" in html
    assert "300" in advice.headline  # the largest budget


def test_the_forest_places_interval_mean_and_seeds_on_one_scale(study: Study) -> None:
    drawn = forest.draw(figures_of(study))
    assert drawn is not None
    for row, verdict in zip(drawn.values["rows"], study.verdict().budgets, strict=True):
        track, zero = row["track"], drawn.values["zero"]
        assert track["left"] < track["mean"] < track["left"] + track["width"]
        assert len(track["dots"]) == 5
        assert np.mean(track["dots"]) == pytest.approx(track["mean"], abs=0.02)
        assert (track["left"] > zero) == (verdict.comparison.interval.low > 0)
    assert [text for _, text in drawn.values["axis"]].count("0") == 1


def test_an_interval_far_wider_than_the_seeds_is_cut_and_says_so() -> None:
    two = build(seeds=2)
    drawn = forest.draw(figures_of(two))
    assert drawn is not None
    wide = [v.comparison.interval.high - v.comparison.interval.low > 1 for v in two.verdict().budgets]
    assert any(wide)
    assert [row["track"]["beyond"] == ["low", "high"] for row in drawn.values["rows"]] == wide
    assert "about 5 seeds would probably decide" in drawn.values["rows"][0]["decides"]


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [(-5.6, 10.1, [-5, 0, 5, 10]), (76.9, 95.1, [80, 85, 90, 95]), (0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1])],
)
def test_ticks_are_few_round_numbers_within_the_scale(low, high, ticks) -> None:
    scale = Scale(low, high)
    assert scale.ticks() == pytest.approx(ticks)
    assert (scale.place(low), scale.place(high), scale.place(high + 100)) == (3, 97, 100)


def test_the_ranking_holds_every_method_most_accurate_first_and_marks_what_failed(study: Study) -> None:
    for run in study.runs:
        if run["method"] == "scratch" and run["seed"] < 2:
            run["curve"] = {"step": [1, 2], "loss": [2.5, math.log(10)]}
    lost = next(run for run in study.runs if run["method"] == "raw+logistic" and run["budget"] == 300)
    study.runs.remove(lost)
    study.runs.append(failed_run("raw+logistic", 300, lost["seed"], "out of memory"))

    rows, _ = ranking.ranking(figures_of(study), 300)

    good = [run for run in study.runs if run["budget"] == 300 and run["status"] == "ok"]
    names = [method["name"] for method in study.manifest["methods"]]
    means = {name: np.mean([run["accuracy"] for run in good if run["method"] == name]) for name in names}
    assert [row["name"] for row in rows] == sorted(means, key=lambda name: -means[name])
    found = {row["name"]: row for row in rows}
    assert [found["scratch"][key] for key in ("untrained", "failed", "runs")] == [6, 0, 15]
    assert [found["raw+logistic"][key] for key in ("untrained", "failed", "seeds")] == [0, 1, 4]
    assert sum(row["chosen"] for row in rows) == 2 * 4  # each side chose once a seed that counts
    page = Page(made(study))
    assert "6 of 15 runs did not train" in page.text["ranking"]
    assert "6 runs failed to train" in " ".join(page.text["untrained"].split())
    assert "ln 10 = 2.3" in page.text["untrained"]


def test_what_was_trained_again_is_said_on_the_page_and_in_the_notices(study: Study) -> None:
    assert "again" not in Page(made(study)).text  # records of studies made before say nothing of attempts
    for run in study.runs:
        run["attempts"] = 1 + (run["method"] == "scratch" and run["seed"] < 2) + (run["seed"] == run["budget"] == 10)
    assert trained_again(study.runs[:1]) is None
    n = sum(run["status"] == "ok" for run in study.runs)
    sentence = (
        f"6 runs of {n} did not learn at first what the folds of the same labels had learned, and were trained again "
        "from another start, at a smaller rate: scratch 6."
    )
    assert " ".join(Page(made(study)).text["again"].split()) == sentence
    assert RealStudy(Path("nowhere"), {**study.manifest, "transductive": False}, study.runs).notices[-1] == sentence


def test_a_method_without_runs_at_the_largest_budget_stands_last(study: Study) -> None:
    study.runs = [run for run in study.runs if run["method"] != "scratch"]
    rows, _ = ranking.ranking(figures_of(study), 300)
    assert (rows[-1]["name"], rows[-1]["place"]) == ("scratch", None)
    assert "no finished run with 300 labels" in Page(made(study)).text["ranking"]


@pytest.mark.parametrize(
    ("losses", "lost"),
    [
        ([2.5, 2.3, 2.31], True),  # ln 10 = 2.303
        ([2.3] * 18 + [0.1, 0.2], False),  # its last tenth has learned
        ([2.0] * 18 + [2.4, 2.2], True),
        ([2.0, 1.9], False),
        ([0.5, None], True),
        ([], False),
    ],
)
def test_a_run_failed_to_train_if_its_loss_ended_at_chance_or_was_lost(losses, lost) -> None:
    run = {"curve": {"step": list(range(len(losses))), "loss": losses}, "confusion": [[0] * 10] * 10}
    assert untrained(run) is lost
    assert not untrained({**run, "curve": None})


def test_confidence_is_judged_by_the_log_loss_beside_that_of_one_constant_confidence(study: Study) -> None:
    for run in study.runs:
        run["accuracy"] = 0.9
        run["log_loss"] = {"scratch": 2.5, "raw+logistic": 0.6}.get(run["method"], 0.4)
    drawn = confidence.draw(figures_of(study))
    assert drawn is not None
    told = {row["label"]: row for row in drawn.values["rows"]}
    assert {row["constant"] for row in told.values()} == {"0.54"}  # -0.9 ln 0.9 - 0.1 ln(0.1 / 9)
    assert drawn.values["informative"] == 2
    text = " ".join(Page(made(study)).text["confidence"].split())
    assert text.count("✓ informs") == 2
    assert text.count("worse than guessing") == text.count("less than the accuracy alone") == 1
    assert "hold no calibration figures" in text

    for run in study.runs:
        run["log_loss"] = None
    assert confidence.draw(figures_of(study)) is None


SPREAD = {"codes": 64, "effective_rank": 21.34, "dead": 0.25, "alignment": 0.5, "uniformity": -1.234}


def test_how_codes_are_spread_stands_in_the_cost_table_and_a_collapse_on_top(study: Study) -> None:
    assert "effective rank" not in made(study)  # records of studies made before say nothing of it
    study.encoders[0]["spread"] = SPREAD
    study.encoders[1]["spread"] = {**SPREAD, "alignment": None, "uniformity": None}
    page = made(study)
    for figure in ("21.3", "of 64", "25%", "0.50", "\N{MINUS SIGN}1.23"):
        assert figure in page
    assert collapsed(study.encoders) is None
    assert "collapsed" not in Page(page).text
    study.encoders[0]["spread"] = {**SPREAD, "effective_rank": 1.02}
    source, seed = study.encoders[0]["source"], study.encoders[0]["seed"]
    sentence = (
        "Collapsed in pretraining, so that classifiers can tell little by the codes: "
        f"{source}, seed {seed}: the effective rank of its 64 codes is 1.0."
    )
    assert collapsed(study.encoders) == sentence
    assert " ".join(Page(made(study)).text["collapsed"].split()) == sentence
