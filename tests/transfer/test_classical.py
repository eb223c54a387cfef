"""Controls from scikit-learn: sane with one label a class, with classes missing, and refused where they cannot be."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.svm import SVC
from toy_task import as_examples, toy

from fewlabels import run_study
from fewlabels.core.errors import InputError
from fewlabels.pipelines.methods import parse_methods
from fewlabels.study.best import best_method
from fewlabels.transfer import CONTROLS, fit_one, tune_and_fit
from fewlabels.transfer.classical import fit_machine

NAMES = ("svm", "forest", "boosting")
names = pytest.mark.parametrize("name", NAMES)


def learner(name, classes=3):
    return CONTROLS[name].learner((6,), classes)


@names
def test_learns_three_classes_and_its_settings_are_tried(name):
    (x, y), (new, new_y) = toy(0, 60), toy(1, 60)
    found = tune_and_fit(learner(name), as_examples(x), y, seed=0)
    assert [trial.setting for trial in found.trials] == list(CONTROLS[name].settings)
    assert len(found.trials) == 3
    log_proba = found.classifier.log_proba(as_examples(new))
    np.testing.assert_allclose(np.exp(log_proba).sum(axis=1), 1)
    assert (log_proba.argmax(axis=1) == new_y).mean() > 0.9
    assert found.classifier.module is None
    assert found.classifier.trained > 0


@names
def test_one_label_a_class_a_class_without_one_and_a_single_class(name):
    x, y = toy(0)
    few = as_examples(x[[np.flatnonzero(y == k)[0] for k in range(3)]])
    for labels, absent in (([0, 1, 2], [3]), ([0, 1, 1], [2, 3]), ([2, 2, 2], [0, 1, 3])):
        found = fit_one(learner(name, 4), few, np.array(labels), CONTROLS[name].default, 0).log_proba(as_examples(x))
        assert np.isfinite(found).all()
        assert np.exp(found[:, absent]).max() < 1e-15
    assert np.exp(found[:, 2]).min() == pytest.approx(1)


@names
def test_the_same_seed_gives_the_same_answers(name):
    (x, y), (new, _) = toy(0), toy(1)
    answers = [
        fit_one(learner(name), as_examples(x), y, CONTROLS[name].default, seed).log_proba(as_examples(new))
        for seed in (3, 3)
    ]
    np.testing.assert_array_equal(*answers)


def test_the_machine_is_that_of_scikit_learn_and_reduces_what_is_wide():
    x, y = toy(0)
    oracle = SVC(C=10.0).fit(x, y)
    np.testing.assert_array_equal(fit_machine(x, y, {"C": 10.0}, 0).logits(x), oracle.decision_function(x))
    two = fit_machine(x[y < 2], y[y < 2], {"C": 10.0}, 0).logits(x)
    np.testing.assert_array_equal(two[:, 0], -two[:, 1])
    wide = np.random.default_rng(0).normal(size=(80, 90)).astype(np.float32)
    assert fit_machine(wide, np.arange(80) % 2, {"C": 1.0}, 0).components.n_components_ == 50


def test_boosting_is_refused_for_images_and_left_out_of_groups_there():
    def check(method):
        if method.control is not None:
            method.control.learner((1, 8, 8), 2)

    message = "boosting is for tables and vectors, and these are images; leave it out, or take 'forest'"
    with pytest.raises(InputError, match=message):
        parse_methods(["boosting"], check)
    found = {method.name for method in parse_methods(["controls"], check)}
    assert "boosting" not in found
    assert {"svm", "forest", "raw+graph", "pca+graph"} < found


@pytest.mark.slow
def test_a_study_runs_them_and_keeps_the_best_of_those_that_can_be_kept(tmp_path):
    methods = ["svm", "forest", "raw+probe"]
    study = run_study("digits", methods, [30], 2, out=tmp_path / "out", keep_best=tmp_path / "best")
    assert not study.failed
    mean = study.to_frame().groupby("method").accuracy.mean()
    assert (mean > 0.65).all()
    assert best_method(study.runs, parse_methods(methods, lambda method: None)).name == "raw+probe"
    assert (tmp_path / "best" / "config.json").exists()
