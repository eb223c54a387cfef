"""The page of an evaluation: self-contained, escaped, and with the figures of the evaluation."""

from __future__ import annotations

import base64
import hashlib
import subprocess
import sys

import numpy as np
import pytest
from parsed_page import Page
from plotly.offline import get_plotlyjs

from fewlabels.metrics.advice import believed
from fewlabels.metrics.classification import Evaluation, evaluate
from fewlabels.report.evaluation_page import render_evaluation
from fewlabels.report.formats import NONE
from made_up_predictions import predictions

SCRIPT = "<script>alert(1)</script>"
IMAGE = "<img src=x onerror=alert(2)>"
FACTS = {"data": "digits, 400 test images", "command": "fewlabels evaluate classifier digits"}


def made(k: int, n: int = 2000) -> Evaluation:
    return evaluate(*predictions(n, k), [f"class {i}" for i in range(k)])


def page_of(evaluation: Evaluation) -> Page:
    return Page(render_evaluation(evaluation, "A classifier on digits", FACTS))


def told(page: Page, section: str) -> str:
    return " ".join(page.text[section].split())


@pytest.mark.parametrize("k", [2, 10, 60])
def test_page_is_well_formed_and_stands_alone(k):
    page = page_of(made(k))
    assert {"figures", "reliability", "classes", "confusion", "facts"} <= set(page.text)
    assert not page.all("link")
    assert not page.all("img")
    assert all("src" not in script for script in page.all("script"))
    assert not any(key.startswith("on") for _, attrs in page.elements for key in attrs)
    policy = next(meta["content"] for meta in page.all("meta") if meta.get("http-equiv"))
    _, plotly, script = page.scripts
    assert plotly == get_plotlyjs()
    for code in (plotly, script):
        assert base64.b64encode(hashlib.sha256(code.encode()).digest()).decode() in policy


def test_words_and_tables_tell_the_figures():
    evaluation = made(4)
    html = render_evaluation(evaluation, "A classifier on digits", FACTS)
    page = Page(html)
    low, high = (100 * end for end in evaluation.accuracy_interval)
    words = " ".join(html.split("<body>")[1].split("</header>")[0].split())
    assert f"{100 * evaluation.accuracy:.1f}% of 2,000 examples of 4 classes" in words
    assert f"95% interval {low:.1f} to {high:.1f}%" in words
    assert f"{evaluation.log_loss:.4g} nats" in told(page, "figures")
    assert "1.386 if all classes" in told(page, "figures")
    assert f"{100 * evaluation.calibration_error:.1f} points" in told(page, "figures")
    second = evaluation.per_class[1]
    row = [100 * second.precision, 100 * second.recall, 100 * second.f1]
    assert f"class 1{''.join(f'{figure:.1f}' for figure in row)}{second.support}" in told(page, "classes")
    assert believed(evaluation) in told(page, "reliability")
    for one in evaluation.reliability:
        low, high = (100 * end for end in one.interval)
        assert f"{100 * one.accuracy:.1f}{low:.1f}{NONE}{high:.1f}{one.count:,}" in told(page, "reliability")
    assert "fewlabels evaluate classifier digits" in told(page, "facts")


def test_charts_hold_the_counts_and_the_intervals():
    evaluation = made(5)
    charts = page_of(evaluation).data()["charts"]
    assert charts["confusion"]["choices"] == evaluation.confusion.tolist()
    assert charts["confusion"]["classes"] == list(evaluation.classes)
    _, points, heights = charts["reliability"]["choices"]
    assert heights["y"] == [one.count for one in evaluation.reliability]
    assert points["x"] == [100 * one.confidence for one in evaluation.reliability]
    for one, y, up, down in zip(
        evaluation.reliability, points["y"], points["error_y"]["array"], points["error_y"]["arrayminus"], strict=True
    ):
        assert (y - down, y + up) == pytest.approx([100 * end for end in one.interval])


def test_every_chart_has_its_place():
    page = page_of(made(3))
    places = {str(attrs["id"]).removeprefix("chart-") for attrs in page.all("div") if "chart" in str(attrs.get("id"))}
    assert places == set(page.data()["charts"]) == {"reliability", "confusion"}


def test_confusions_are_listed_with_their_share_of_the_class():
    log_proba = np.log(np.full((10, 3), 0.1) + 0.7 * np.eye(3)[[0] * 6 + [1] * 4])
    evaluation = evaluate(log_proba, np.array([0] * 4 + [2] * 2 + [1] * 3 + [0]), ["a", "b", "c"])
    words = told(page_of(evaluation), "confusion")
    assert words.endswith("% of the class ca2100.0 ab120.0")


def test_text_from_the_data_never_becomes_markup():
    evaluation = evaluate(*predictions(300, 4), [SCRIPT, IMAGE, "a & b", "\udcff"])
    html = render_evaluation(evaluation, f"{SCRIPT} on digits", {SCRIPT: IMAGE, "path": "caf\udce9"})
    page = Page(html)
    assert SCRIPT not in html
    assert IMAGE not in html
    assert len(page.scripts) == 3
    assert not page.all("img")
    assert SCRIPT in page.text["classes"]
    assert SCRIPT in page.text["facts"]
    assert page.data()["charts"]["confusion"]["classes"][2] == "a &amp; b"
    assert page.data()["charts"]["confusion"]["classes"][0].startswith("&lt;script&gt;")
    html.encode("utf-8")  # names of files may hold bytes that are no UTF-8


def test_a_thousand_classes_are_told_by_list_alone():
    page = page_of(made(1000))
    assert "confusion" not in page.data()["charts"]
    assert "The most frequent confusions" in told(page, "confusion")
    assert "class 999" in page.text["classes"]


def test_missing_shares_and_an_infinite_loss_still_make_a_page():
    with np.errstate(divide="ignore"):
        log_proba = np.log([[1.0, 0.0, 0.0]])
    page = page_of(evaluate(log_proba, np.array([1]), ["a", "", "c"]))
    assert "infinite" in told(page, "figures")
    assert "1 example has a true class" in told(page, "impossible")
    assert f"c{NONE}{NONE}{NONE}0" in told(page, "classes")
    assert f"(no name){NONE}0.00.01" in told(page, "classes")
    assert "impossible" not in page_of(made(2)).text


def test_same_evaluation_same_page():
    assert render_evaluation(made(3), "t", FACTS) == render_evaluation(made(3), "t", FACTS)


@pytest.mark.slow
def test_the_page_does_not_need_torch():
    code = "import sys, fewlabels.report.evaluation_page; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
