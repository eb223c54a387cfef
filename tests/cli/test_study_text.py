"""A study on the terminal and as JSON: all methods at all budgets, the majority class, and balanced accuracy."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fewlabels.cli import study_text
from fewlabels.metrics.intervals import bootstrap_interval
from fewlabels.study.study import Study
from made_up_models import classifier_model
from made_up_rows import N_TEST, study

RARE = 50
"""Test examples of the second class, all of which are missed; of the first there are 150."""


def of_two_classes(row):
    right = round(row["accuracy"] * N_TEST)
    return row | {"confusion": [[right, N_TEST - RARE - right], [RARE, 0]]}


@pytest.fixture
def finished(tmp_path):
    methods = [{"name": name, "pretrained": name != "old", "label": f"the {name}"} for name in ("new+probe", "old")]
    manifest = {
        "dataset": {"name": "toys", "classes": ["car", "doll"], "test_duplicates": 0},
        "pools": {"test": {"size": N_TEST}},
        "methods": methods,
        "budgets": [10, 100],
        "seeds": [0, 1, 2, 3, 4],
        "looks": [3, 5],
        "transductive": False,
        "pretraining": "shared",
    }
    rows = study(lambda budget, seed: 0.02, budgets=(10, 100), base=0.6)
    return Study(tmp_path, manifest, [of_two_classes(row) for row in rows])


def test_the_json_lists_every_method_at_every_budget(finished, capsys):
    study_text.print_json(finished, finished.folder / "report.html", None, None)
    told = json.loads(capsys.readouterr().out)
    assert [(m["name"], m["pretrained"]) for m in told["methods"]] == [("new+probe", True), ("old", False)]
    for method in told["methods"]:
        assert [budget["labels"] for budget in method["budgets"]] == [10, 100]
        for budget in method["budgets"]:
            runs = [r for r in finished.runs if (r["method"], r["budget"]) == (method["name"], budget["labels"])]
            values = [run["accuracy"] for run in runs]
            assert budget["accuracy"] == pytest.approx(np.mean(values))
            assert budget["interval"] == pytest.approx(list(bootstrap_interval(values)))
            assert budget["balanced_accuracy"] == pytest.approx(np.mean(values) * N_TEST / (N_TEST - RARE) / 2)
            assert budget["seeds"] == 5
    assert (told["test_per_class"], told["majority_share"]) == ([150, 50], 0.75)
    assert (told["looks"], told["level"]) == ([3, 5], pytest.approx(0.992))
    first = told["budgets"][0]
    assert first["balanced_pretrained"] > first["balanced_control"]


@pytest.mark.parametrize("columns", ["200", "40"])
def test_the_terminal_names_classes_and_balanced_accuracy(finished, capsys, monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", columns)
    study_text.print_verdict(finished, finished.folder / "report.html")
    lines = capsys.readouterr().out.splitlines()
    said = " ".join(line.strip() for line in lines)
    assert "The test examples are of 2 classes: car (150), doll (50); always naming car is right in 75.0%." in said
    assert "Balanced accuracy, the mean recall of the classes: 41." in said
    assert "This is look 2 at the study, after 3 seeds." in said
    assert max(len(line) for line in lines if not line.startswith("Report: ")) <= int(columns)


@pytest.mark.parametrize(("method", "another"), [("new+probe", False), ("old", True)])
def test_a_kept_classifier_that_is_not_the_one_advised_says_why(finished, capsys, method, another):
    model = classifier_model("raw")
    kept = replace(model, facts={**model.facts, "settings": {**model.facts["settings"], "method": method}})
    study_text.print_verdict(finished, finished.folder / "report.html")
    assert "With 100 labels use new+probe" in capsys.readouterr().out
    study_text.print_kept(finished, Path("best"), kept)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"Best method: {method}."
    said = (
        "It is not the advised new+probe: the advice for 100 labels goes by the test examples, and prefers the simpler "
        "side where they leave it undecided; what is kept had the best validation accuracy inside the labels, of the "
        "methods that can be kept."
    )
    assert [line for line in lines if "advised" in line] == ([said] if another else [])
