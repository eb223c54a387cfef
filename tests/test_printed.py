"""Studies, verdicts, evaluations and models are tables where they are printed, and in a notebook."""

import numpy as np

from fewlabels.metrics.classification import evaluate
from fewlabels.metrics.verdict import judge
from fewlabels.study.study import Study
from made_up_models import classifier_model, encoder_model
from made_up_rows import study
from toy_estimators import clusters, transformer

ROWS = study(lambda budget, seed: 0.03 + 0.001 * seed)


def test_a_verdict_is_its_table_and_its_sentence():
    verdict = judge(ROWS, ["new+probe"], ["old"], "toys")
    lines = repr(verdict).splitlines()
    assert lines[0].split() == ["labels", "pretrained", "control", "difference", "wins", "verdict"]
    c = verdict.budgets[2].comparison
    assert lines[3].split()[:4] == ["1,000", f"{c.first:.1%}", f"{c.second:.1%}", f"{100 * c.difference:+.1f}"]
    assert lines[3].endswith("100%  ▲ helps")
    assert lines[-1] == verdict.sentence
    assert verdict._repr_html_().count("<tr>") == 4


def test_a_study_says_what_it_is_and_what_came_of_it(tmp_path):
    methods = [{"name": name, "pretrained": name != "old", "label": name} for name in ("new+probe", "old")]
    manifest = {
        "dataset": {"name": "<i>toys</i>", "test_duplicates": 2},
        "methods": methods,
        "budgets": [10, 100, 1000],
        "seeds": [0, 1, 2, 3, 4],
        "transductive": False,
        "pretraining": "shared",
    }
    shown = Study(tmp_path, manifest, ROWS[:-1])
    lines = repr(shown).splitlines()
    assert lines[0] == f"Study of <i>toys</i> in {tmp_path}: 2 methods, 29 of 30 runs done"
    assert "2 test examples also stand in the unlabelled or labelled pool, byte for byte." in lines
    assert lines[-1] == shown.verdict().sentence
    assert len(repr(shown)) < 1200  # no record, no manifest
    assert "<i>" not in shown._repr_html_()


def test_an_evaluation_is_the_figures_of_its_classes():
    log_proba = np.log([[0.9, 0.1], [0.8, 0.2], [0.7, 0.3], [0.2, 0.8]])
    lines = repr(evaluate(log_proba, np.array([0, 0, 1, 1]), ["cat", "<dog>"])).splitlines()
    assert lines[0].startswith("Accuracy 75.0% [")
    assert lines[3].split() == ["cat", "66.7%", "100.0%", "80.0%", "2"]
    assert lines[4].split() == ["<dog>", "100.0%", "50.0%", "66.7%", "2"]


def test_models_show_what_is_known_of_them_in_a_notebook():
    for model in (encoder_model(), classifier_model()):
        page = model._repr_html_()
        assert repr(model) in page
        assert page.count("<tr>") > 3
        assert "\n" not in repr(model)


def test_verbose_estimators_tell_of_pretraining_and_others_are_silent(capsys):
    x, _ = clusters()
    transformer(steps=20).fit(x)
    assert capsys.readouterr() == ("", "")
    transformer(steps=20, verbose=1).fit(x)
    said = capsys.readouterr()
    assert said.out == ""
    assert "20 of 20 steps, loss " in said.err
    assert "nan" not in said.err


def test_estimators_pickled_before_there_was_verbose_still_tell_their_settings():
    old = transformer()
    del old.__dict__["verbose"]
    assert old.get_params()["verbose"] == 0
