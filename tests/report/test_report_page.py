"""The page as a whole: self-contained, well-formed, escaped, deterministic, honest about what is missing."""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
import sys

import numpy as np
import pytest
from made_up_study import METHODS, VARIANTS, Study, build, failed_run, many_methods
from parsed_page import Page
from plotly.offline import get_plotlyjs

from fewlabels.core.errors import InputError
from fewlabels.metrics.advice import advise
from fewlabels.metrics.verdict import judge
from fewlabels.report.study_page import SECTIONS, render

SCRIPT = "</script><script>alert(1)</script>"
IMAGE = "<img src=x onerror=alert(2)>"
EVERY = [section.name for section in SECTIONS if section.name != "alignment"]


def page_of(study: Study) -> Page:
    return Page(made(study))


def made(study: Study) -> str:
    return render(study.manifest, study.runs, study.encoders, study.verdict())


@pytest.mark.slow
def test_page_is_well_formed_and_stands_alone(study: Study) -> None:
    page = page_of(study)

    assert page.all("html") == [{"lang": "en"}]
    assert not page.all("link")
    assert not page.all("iframe")
    assert all("src" not in script for script in page.all("script"))
    assert all(image["src"].startswith("data:image/png;base64,") for image in page.all("img"))
    assert not any(key.startswith("on") for _, attrs in page.elements for key in attrs)
    style = made(study).split("<style>")[1].split("</style>")[0]
    assert "@import" not in style
    assert "url(" not in style


def test_the_policy_lets_exactly_the_two_scripts_run(study: Study) -> None:
    page = page_of(study)

    policy = next(meta["content"] for meta in page.all("meta") if meta.get("http-equiv"))
    _, plotly, script = page.scripts
    assert policy.startswith("default-src 'none'; script-src ")
    for code in (plotly, script):
        assert f"'sha256-{base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()}'" in policy
    assert plotly == get_plotlyjs()
    assert "unsafe-inline" not in policy.split("script-src")[1].split(";")[0]


def test_text_from_the_data_never_becomes_markup() -> None:
    methods = [
        (*METHODS[0][:1], SCRIPT, *METHODS[0][2:]),
        METHODS[1],
        (IMAGE, IMAGE, *METHODS[2][2:]),
        ("<!-- </script ", *METHODS[3][1:]),
    ]
    study = build(name=SCRIPT, classes=(SCRIPT, IMAGE, "a & b", "<!--", "\u2028"), methods=methods)
    study.manifest["command"] = study.manifest["machine"] = IMAGE
    study.manifest["settings"] = {SCRIPT: IMAGE}
    study.manifest["pools"][SCRIPT] = {"size": 1, "sha256": IMAGE}
    study.runs[0]["integrity"] = [SCRIPT]
    study.runs[0]["setting"] = {IMAGE: SCRIPT}
    study.runs[0]["device"] = IMAGE
    study.encoders[0]["source"] = SCRIPT
    study.runs.append(failed_run(SCRIPT, 10, 99, IMAGE))

    html = made(study)
    page = Page(html)

    assert SCRIPT not in html
    assert IMAGE not in html
    assert "<!--" not in html.replace(get_plotlyjs(), "")
    assert len(page.scripts) == 3
    assert "<" not in page.scripts[0]
    assert not any("onerror" in attrs for attrs in page.all("img"))
    drawn = json.dumps(page.data()["charts"]["accuracy"]["choices"])
    assert "&lt;/script&gt;" in drawn  # plotly's own HTML is off, too
    assert page.data()["charts"]["confusion"]["classes"][2] == "a &amp; b"


@pytest.mark.slow
def test_same_records_same_page(study: Study) -> None:
    assert made(study) == made(build())


def test_nan_is_refused_with_a_way_out(study: Study) -> None:
    study.encoders[0]["history"]["loss"][0] = float("nan")
    with pytest.raises(InputError, match=r"NaN or an infinite figure.*diverged belongs there as failed"):
        made(study)


def test_another_format_is_refused(study: Study) -> None:
    study.manifest["format"] = 2
    with pytest.raises(InputError, match=r"format 2; this fewlabels reads 1\. Make the report with"):
        made(study)


def test_failed_and_missing_runs_are_told(study: Study) -> None:
    study.runs[0] = failed_run("denoising+finetune", 10, 0, "worker died (signal 9)")
    del study.runs[-2:]

    told = page_of(study).text["failures"]

    assert "1 failed, 2 not run yet" in told
    assert "denoising+finetune, 10 labels, seed 0: worker died (signal 9)" in told


def test_a_failure_that_later_succeeded_is_not_told(study: Study) -> None:
    study.runs.insert(0, failed_run("denoising+finetune", 10, 0, "worker died (signal 9)"))
    assert "failures" not in page_of(study).text


@pytest.mark.slow
def test_notices_appear_only_when_due(study: Study) -> None:
    calm = page_of(study).text
    assert {"transductive", "duplicates", "data-notices", "failures"}.isdisjoint(calm)
    assert "2/25 = 0.0625" in calm["few-seeds"]
    assert "At 10 labels" in calm["unvalidated"]

    study.manifest["transductive"] = True
    study.manifest["dataset"]["test_duplicates"] = 3
    study.manifest["dataset"]["notices"] = ["column 'id' numbers the rows", "classes <b> and <B> differ by case"]
    loud = page_of(study).text
    assert "Transductive" in loud["transductive"]
    assert "3 test" in loud["duplicates"]
    assert "column 'id' numbers the rows; classes <b> and <B> differ by case." in loud["data-notices"]
    assert "transductive" in loud["measured"]

    assert "few-seeds" not in page_of(build(seeds=6)).text


def test_every_select_box_starts_on_a_choice_that_is_there(study: Study) -> None:
    page = page_of(study)
    boxes: list[tuple[str, list[dict[str, str | None]]]] = []
    for tag, attrs in page.elements:
        if tag == "select":
            boxes.append((str(attrs["data-chart"]), []))
        elif tag == "option":
            boxes[-1][1].append(attrs)
    first = {chart: [] for chart, _ in boxes}
    for chart, options in boxes:
        first[chart].append(next((o["value"] for o in options if "selected" in o), options[0]["value"]))

    assert first["differences"] == ["arm:pretrained", "arm:control"]
    advice = advise(study.verdict())
    assert (advice.method, advice.budget) == ("scratch", 300)
    assert first["confusion"] == first["transfer"] == ["scratch", "300"]  # what the page's first sentence is about
    for chart, values in first.items():
        choice = page.data()["charts"][chart]["choices"]
        for value in values:
            choice = choice[value]
        assert choice


@pytest.mark.slow
def test_pca_has_a_section_only_where_an_encoder_was_compared_with_it(study: Study) -> None:
    assert "alignment" not in page_of(study).text

    page = page_of(build(methods=[*METHODS, *VARIANTS], budgets=(30, 300), seeds=2))

    told = " ".join(page.text["alignment"].split())
    assert "seed 1: the largest of 4 angles is 13.5°; its reconstruction error is 1.250 times PCA's" in told
    assert "reconstruction/linear: principal components, number 4" in {image["alt"] for image in page.all("img")}
    assert list(page.data()["charts"]["alignment"]["choices"]) == [
        "reconstruction/linear, seed 0",
        "reconstruction/linear, seed 1",
    ]


def test_pretraining_costs_follow_the_order_of_the_methods_whoever_finished_first(study: Study) -> None:
    study.encoders.reverse()
    page = page_of(study)
    told = page.text["pretraining-cost"]
    assert 0 < told.index("denoising") < told.index("variational")
    assert list(page.data()["charts"]["pretraining"]["choices"]) == ["denoising", "variational"]
    assert "Losses of different objectives are not comparable" in page.text["cost"]
    assert "0.0456seen: 0.0123" in told


@pytest.mark.slow
def test_a_page_of_75_methods_stays_usable() -> None:
    page = page_of(build(methods=many_methods(63, 12), budgets=(30, 300), seeds=2))

    keys = [attrs for attrs in page.all("button") if "data-line" in attrs]
    assert len(keys) == 77
    assert [key["data-line"] for key in keys[:2]] == ["arm:pretrained", "arm:control"]
    assert any(
        "many" in str(attrs["class"]).split() for attrs in page.all("div") if "legend" in str(attrs.get("class"))
    )
    galleries = [attrs for attrs in page.all("details") if attrs.get("class") == "gallery"]
    assert ["open" in gallery for gallery in galleries] == [True] + 20 * [False]
    assert all(image["alt"] for image in page.all("img"))
    choices = page.data()["charts"]["differences"]["choices"]
    assert (len(choices), {len(seconds) for seconds in choices.values()}) == (64, {13})
    told = page.text["differences"]
    assert told.count("objective 0/tied pretraining, linear probe") == 1 + 2  # in the select box, and at each budget
    assert told.count("control number 3") == 1  # in the select box alone


@pytest.mark.slow
def test_records_of_an_older_version_still_make_a_page(study: Study) -> None:
    for run in study.runs:
        del run["parameters"]["pretraining"]
    for encoder in study.encoders:
        del encoder["alignment"], encoder["error"], encoder["images"]["strip"], encoder["images"]["shows"]
        del encoder["history"]["phases"], encoder["history"]["watched"]
    assert "squared error, held out" not in page_of(study).text["cost"]
    assert "How it learned" not in page_of(study).text["images"]


@pytest.mark.slow
@pytest.mark.parametrize("what", ["nothing", "one seed", "no encoder", "vectors", "no control", "one budget"])
def test_partial_studies_still_make_a_page(study: Study, what: str) -> None:
    if what == "nothing":
        study.runs, study.encoders = [], []
    elif what == "one seed":
        study = build(seeds=1)
    elif what == "no encoder":
        study.encoders = []
    elif what == "vectors":
        for encoder in study.encoders:
            encoder["images"] = None
        study.manifest["dataset"]["shape"] = [64]
    elif what == "no control":
        study.runs = [run for run in study.runs if run["encoder"]]
    elif what == "one budget":
        study.runs = [run for run in study.runs if run["budget"] == 10]

    page = page_of(study)

    absent = {
        "nothing": set(EVERY) - {"measured"},
        "one seed": {"verdict", "differences", "savings"},
        "no encoder": {"images"},
        "vectors": {"images"},
        "no control": {"verdict", "differences", "savings"},
        "one budget": set(),
    }[what]
    assert [section for section in EVERY if section in page.text] == [s for s in EVERY if s not in absent]
    assert [str(link["href"]) for link in page.all("a")] == [f"#{s}" for s in EVERY if s not in absent]
    if what == "vectors":
        assert not page.all("img")


@pytest.mark.slow
def test_report_does_not_need_torch() -> None:
    code = "import sys, fewlabels.report.study_page; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(("pretraining", "said"), [("shared", True), ("per seed", False)])
def test_a_shared_encoder_makes_the_page_speak_of_that_encoder(pretraining: str, said: bool) -> None:
    study = build()
    study.manifest["pretraining"] = pretraining
    names = [method[0] for method in METHODS]
    verdict = judge(study.runs, names[:2], names[2:], "digits", shared=pretraining == "shared")
    page = render(study.manifest, study.runs, study.encoders, verdict)
    assert ("It is a verdict about the encoders trained here" in page) == said
    assert ("the verdict is about this encoder" in page) == said


def test_majority_class_and_balanced_accuracy_stand_where_accuracies_do(study: Study) -> None:
    page = render(study.manifest, study.runs, study.encoders, study.verdict())
    assert page.count("The test examples are of 10 classes: 0 (40), 1 (40)") == 2
    assert page.count("always naming 0 is right in 10.0%.") == 2
    runs = [r for r in study.runs if (r["method"], r["budget"]) == ("scratch", 300)]
    recalls = [np.diag(r["confusion"]) / np.sum(r["confusion"], axis=1) for r in runs]
    assert f"balanced {100 * np.mean(recalls):.1f}" in page
