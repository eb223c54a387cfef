"""The best method of a study, and the classifier made by it."""

from __future__ import annotations

import numpy as np
import pytest

from fewlabels import run_study
from fewlabels.core.errors import InputError
from fewlabels.data import Column, Dataset, encoded, make_pools
from fewlabels.models import load_classifier, save_model
from fewlabels.models.classifier import trained_on
from fewlabels.pipelines.methods import parse_methods
from fewlabels.study.best import best_method, fit_best
from fewlabels.study.data import write_arrays
from fewlabels.study.plan import make_plan
from fewlabels.study.runner import Runner
from fewlabels.training import Recipe
from toy_plans import IMAGE, blobs

NAMES = ("denoising+probe", "raw+probe", "scratch")
METHODS = parse_methods(NAMES, lambda method: None)


def row(method, accuracy, log_loss=1.0, budget=30, seed=0, status="ok", test=0.5, folds=3, first=0.0):
    validation = None if accuracy is None else {"accuracy": accuracy, "log_loss": log_loss, "folds": folds}
    if validation:
        validation["first_fold"] = {"accuracy": first, "log_loss": log_loss}
    return {
        "method": method,
        "budget": budget,
        "seed": seed,
        "status": status,
        "validation": validation,
        "accuracy": test,
    }


@pytest.mark.parametrize(
    ("rows", "best"),
    [
        ([row(NAMES[0], 0.8), row(NAMES[1], 0.9), row(NAMES[2], 0.7)], 1),
        ([row(NAMES[0], 0.8, test=0.1), row(NAMES[1], 0.7, test=0.9)], 0),  # test accuracy chooses nothing
        ([row(NAMES[0], 0.8, 0.5), row(NAMES[1], 0.8, 0.4)], 1),
        ([row(NAMES[1], 0.8), row(NAMES[0], 0.8)], 0),  # the first named of equals
        ([row(NAMES[0], 0.9, budget=10), row(NAMES[1], 0.1, budget=10), row(NAMES[0], 0.5), row(NAMES[1], 0.6)], 1),
        ([row(NAMES[0], 1.0), row(NAMES[0], 0.2, seed=1), row(NAMES[1], 0.7), row(NAMES[1], 0.7, seed=1)], 1),
        ([row(NAMES[0], 0.9, status="failed"), row(NAMES[2], 0.2)], 2),
        ([row(NAMES[0], 0.7, first=0.9), row(NAMES[1], 0.8, first=0.8, folds=1)], 0),  # on what both have answered
    ],
)
def test_validation_at_the_largest_budget_chooses(rows, best):
    assert best_method(rows, METHODS).name == NAMES[best]


@pytest.mark.parametrize("rows", [[], [row(NAMES[0], None)], [row(NAMES[0], 0.9, status="failed")]])
def test_without_validation_none_is_best(rows):
    with pytest.raises(InputError, match="no run of the study could be validated"):
        best_method(rows, METHODS)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        "denoising+probe",
        "variational+finetune",
        "denoising@below+finetune",
        "variational@below+probe",
        "sparse/tied+mlp",
        "random+probe",
        "raw+mlp",
        "raw+graph",
        "pca+graph",
        "pca+probe",
        "scratch",
        "cnn",
        "convnet",
    ],
)
def test_every_kind_of_method_becomes_a_classifier_as_good_as_its_run(name, tmp_path, monkeypatch):
    monkeypatch.setenv("FEWLABELS_CACHE", str(tmp_path / "cache"))
    dataset = blobs(150, IMAGE, np.uint8)
    pools = make_pools(dataset)
    budget = len(pools.labelled)
    plan = make_plan(dataset, pools, [name], [budget], seeds=1, pretraining=Recipe(steps=20, batch_size=16))
    data = {"dataset": dataset.fingerprint(), "unlabelled": pools.hashes()["unlabelled"]}
    runner = Runner(write_arrays(plan, dataset, pools, tmp_path / "work", data, {}))
    run = runner.carry_out(plan.runs()[0])[-1]
    model = fit_best(plan, plan.methods[0], dataset, dataset, None, pools)
    found = model.log_proba(pools.test_x(dataset)).argmax(axis=1) == pools.test_y(dataset)
    assert found.mean() == run["accuracy"] == model.facts["accuracy"]["test"]["accuracy"]
    assert model.facts["accuracy"]["held_out"]["accuracy"] == run["validation"]["accuracy"]
    assert trained_on(model, dataset.x).nonzero()[0].tolist() == pools.labelled.tolist()
    save_model(model, tmp_path / "best")
    again = load_classifier(tmp_path / "best")
    assert np.array_equal(again.log_proba(dataset.x), model.log_proba(dataset.x))


def test_a_table_keeps_its_encoding(tmp_path, monkeypatch):
    monkeypatch.setenv("FEWLABELS_CACHE", str(tmp_path / "cache"))
    dataset = with_columns()
    pools = make_pools(dataset)
    vectors, encoding = encoded(dataset, pools.unlabelled)
    plan = make_plan(vectors, pools, methods=["raw+probe"], budgets=[10])
    model = fit_best(plan, plan.methods[0], dataset, vectors, encoding, pools)
    assert model.signature == dataset.signature
    assert (model.predict(dataset.x) == np.array(["no", "yes"])[np.arange(200) % 2]).mean() > 0.9


def with_columns() -> Dataset:
    rng = np.random.default_rng(0)
    y = np.arange(200) % 2
    gaps = np.where(rng.random(200) < 0.2, np.nan, rng.normal(size=200))
    x = np.stack([gaps, y], axis=1).astype(np.float32)
    return Dataset("people", x, y, ("no", "yes"), columns=(Column("height"), Column("sport", ("row", "run"))))


def test_a_folder_that_is_taken_is_refused_before_the_study(tmp_path):
    (tmp_path / "best").mkdir()
    (tmp_path / "best" / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match=r"best: holds other files \('notes\.txt'\)"):
        run_study("digits", out=tmp_path / "s", keep_best=tmp_path / "best")
    assert not (tmp_path / "s").exists()


def test_what_could_not_be_chosen_is_refused_before_the_study(tmp_path):
    with pytest.raises(InputError, match="`keep_best`: 10 labels are too few to validate on"):
        run_study("digits", ["raw+probe"], [10], 1, out=tmp_path / "s", keep_best=tmp_path / "best")
    assert not (tmp_path / "s").exists()
