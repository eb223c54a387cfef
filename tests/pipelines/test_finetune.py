"""From an encoder and labels to a classifier, and what is known of it."""

from __future__ import annotations

import copy
import re
from dataclasses import replace

import numpy as np
import pytest
import torch

from fewlabels.core.errors import InputError
from fewlabels.core.settings import to_json
from fewlabels.data import Column, Dataset
from fewlabels.metrics.calibration import apply_temperature
from fewlabels.metrics.classification import evaluate
from fewlabels.models import load_encoder, on_device, save_model, unseen_examples
from fewlabels.models.classifier import trained_on
from fewlabels.networks import state_hash
from fewlabels.objectives import SparseActivations
from fewlabels.pipelines import finetune as fitting
from fewlabels.pipelines.finetune import finetune
from fewlabels.pipelines.pretrain import pretrain
from fewlabels.transfer import TRANSFERS, tune_and_fit
from made_up_data import CLASSES, RECIPE, SMALL, blobs, encoder, shades, table


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["blobs", "shades"])
@pytest.mark.parametrize("transfer", TRANSFERS)
def test_classifiers_learn_from_the_labels(kind, transfer):
    data = blobs() if kind == "blobs" else shades()
    before = state_hash(encoder(kind).module)
    model = finetune(encoder(kind), data, transfer)
    truth = np.arange(90) % 3 if kind == "shades" else None
    if truth is None:
        right = model.log_proba(data.x_test).argmax(axis=1) == data.y_test
    else:
        right = model.log_proba(data.x[45:]).argmax(axis=1) == truth[45:]
    assert right.mean() > 0.8
    hidden = replace(data, x=np.where((data.y == -1).reshape(-1, *[1] * (data.x.ndim - 1)), 0, data.x))
    answers = finetune(encoder(kind), hidden, transfer).log_proba(data.x)
    told_by_the_pool = transfer in ("graph", "student")
    assert np.array_equal(answers, model.log_proba(data.x)) == (not told_by_the_pool)
    assert state_hash(encoder(kind).module) == before


@pytest.mark.slow
@pytest.mark.parametrize("labelled", [3, 60])  # fitted once, and beside others on folds
@pytest.mark.parametrize("loaded", [False, True])
def test_fine_tuning_moves_the_encoder_and_heads_leave_it(labelled, loaded, tmp_path):
    start = encoder()
    if loaded:
        save_model(start, tmp_path / "e")
        start = load_encoder(tmp_path / "e")
    before = copy.deepcopy(start.module.net.encoder.state_dict())
    for transfer in TRANSFERS:
        after = finetune(start, blobs(labelled=labelled), transfer).module.features.net.encoder.state_dict()
        moved = [not np.array_equal(after[name], before[name]) for name in before]
        assert all(moved) if TRANSFERS[transfer].reads == "examples" else not any(moved)


def test_the_temperature_and_the_estimate_come_from_held_out_labels(monkeypatch):
    outcomes = []
    monkeypatch.setattr(fitting, "tune_and_fit", lambda *given: outcomes.append(tune_and_fit(*given)) or outcomes[-1])
    data = blobs()
    model = finetune(encoder(), data, "mlp")
    log_proba, y = outcomes[0].held_out
    assert len(y) == 60  # every label once, in one of three folds
    assert sorted(y.tolist()) == sorted(data.y[:60].tolist())
    told = model.facts["accuracy"]["held_out"]
    assert told["accuracy"] == (log_proba.argmax(axis=1) == y).mean() == outcomes[0].chosen.accuracy
    assert told["examples"] == 60
    losses = {t: evaluate(apply_temperature(log_proba, t), y, CLASSES).log_loss for t in (0.5, 0.9, 1.1, 2.0)}
    at_best = evaluate(apply_temperature(log_proba, model.temperature), y, CLASSES).log_loss
    assert at_best < min(losses[0.5], losses[2.0])
    fitted = outcomes[0].classifier
    features = model.module.features(model.module.prepare(torch.from_numpy(data.x)))
    raw = fitted.log_proba(model.module.centre(features).numpy())
    np.testing.assert_allclose(model.log_proba(data.x), apply_temperature(raw, model.temperature), atol=1e-5)


def test_a_test_set_is_measured_and_chooses_nothing():
    data = blobs()
    model = finetune(encoder(), data, "probe")
    worse = replace(data, y_test=(data.y_test + 1) % 3)
    other = finetune(encoder(), worse, "probe")
    assert np.array_equal(model.log_proba(data.x), other.log_proba(data.x))
    accuracy = (model.log_proba(data.x_test).argmax(axis=1) == data.y_test).mean()
    assert model.facts["accuracy"]["test"]["accuracy"] == accuracy
    assert other.facts["accuracy"]["test"]["accuracy"] < 0.2 < accuracy


def test_a_test_set_is_measured_without_what_the_classifier_was_trained_on():
    data = blobs()
    x_test = np.concatenate([data.x[:20], data.x_test])
    y_test = np.concatenate([data.y[:20], data.y_test])
    told = finetune(encoder(), replace(data, x_test=x_test, y_test=y_test), "probe").facts["accuracy"]["test"]
    assert told["examples"] == 40
    assert told["left_out"] == 20
    assert told["accuracy"] == finetune(encoder(), data, "probe").facts["accuracy"]["test"]["accuracy"]
    own = finetune(encoder(), replace(data, x_test=data.x[:20], y_test=data.y[:20]), "probe").facts["accuracy"]
    assert own["test"] == {"examples": 0, "left_out": 20}


def test_rows_of_a_table_that_happen_to_be_equal_are_other_rows():
    columns = (Column("size", ("large", "small")), Column("colour", ("blue", "red")))
    x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]] * 30, dtype=np.float32)
    y = np.array([0, 0, 1, 1] * 30)
    some = Dataset("things", x, np.where(np.arange(120) < 60, y, -1), ("a", "b"), columns=columns)
    model = finetune(pretrain(some, "reconstruction", SMALL, RECIPE), some, "probe")
    fresh = replace(some, x=x[:40], y=y[:40])
    assert len(unseen_examples(model, fresh).x) == 40
    with pytest.raises(InputError, match="all 60 labelled examples are those it was trained on"):
        unseen_examples(model, some)
    assert len(unseen_examples(model, replace(some, y=y)).x) == 60


@pytest.mark.slow
def test_a_linear_probe_of_the_raw_inputs_is_told_beside(monkeypatch):
    told = finetune(encoder(), blobs(), "mlp").facts["accuracy"]
    assert 0.7 < told["raw_probe"]["accuracy"] <= 1
    monkeypatch.setattr(fitting, "MOST_RAW_NUMBERS", 6 * 60 - 1)
    assert "raw_probe" not in finetune(encoder(), blobs(), "mlp").facts["accuracy"]


def test_a_model_is_copied_to_a_device():
    model = on_device(encoder(), "cpu")
    model.module.prepare.shift.add_(1)
    assert not torch.equal(model.module.prepare.shift, encoder().module.prepare.shift)


def test_a_label_a_class_claims_no_accuracy_and_no_temperature():
    data = replace(blobs(), x_test=None, y_test=None)
    first = [np.flatnonzero(data.y == k)[0] for k in range(3)]
    y = np.full_like(data.y, -1)
    y[first] = data.y[first]
    model = finetune(encoder(), replace(data, y=y), "probe")
    assert model.temperature == 1
    assert model.facts["accuracy"] == {"held_out": {"examples": 0}}


@pytest.mark.parametrize(("a_class", "estimated"), [(2, False), (3, True)])
def test_an_accuracy_is_estimated_from_three_labels_a_class_on(a_class, estimated):
    data = replace(blobs(), x_test=None, y_test=None)
    y = np.full_like(data.y, -1)
    for k in range(3):
        first = np.flatnonzero(data.y == k)[:a_class]
        y[first] = k
    told = finetune(encoder(), replace(data, y=y), "probe").facts["accuracy"]
    assert ("raw_probe" in told) == ("accuracy" in told["held_out"]) == estimated
    assert told["held_out"]["examples"] == (3 * a_class if estimated else 0)


@pytest.mark.parametrize(("of_the_last", "left_out"), [(1, {"classes_left_out": ["high"]}), (2, {})])
def test_a_class_of_which_no_label_is_held_out_is_named_beside_the_accuracy(of_the_last, left_out):
    data = replace(blobs(), x_test=None, y_test=None)
    labelled = np.concatenate([np.flatnonzero(data.y == k)[: (9, 9, of_the_last)[k]] for k in range(3)])
    y = np.full_like(data.y, -1)
    y[labelled] = data.y[labelled]
    told = finetune(encoder(), replace(data, y=y), "probe").facts["accuracy"]["held_out"]
    assert told["examples"] == 18 + of_the_last * (not left_out)
    assert {name: told[name] for name in told if name == "classes_left_out"} == left_out


def test_what_it_was_trained_on_is_left_out_of_its_evaluation():
    data = blobs()
    model = finetune(encoder(), data, "probe")
    assert trained_on(model, data.x).tolist() == (data.y != -1).tolist()
    own = replace(data, x_test=None, y_test=None)
    with pytest.raises(InputError, match="all 60 labelled examples are those it was trained on"):
        unseen_examples(model, own)
    known = np.concatenate([data.y[:100], np.full(50, -1)])
    known[60:100] = 1
    found = unseen_examples(model, replace(own, y=known))
    assert np.array_equal(found.x, data.x[60:100])
    assert "without 60 that the classifier was trained on" in found.words
    assert found.left_out == 60
    on_test = unseen_examples(model, data)
    assert np.array_equal(on_test.y, data.y_test)
    assert on_test.words == "40 test examples of blobs."


def test_classes_are_matched_by_name():
    data = blobs()
    model = finetune(encoder(), data, "probe")
    turned = replace(data, y_test=2 - data.y_test, classes=CLASSES[::-1], y=np.where(data.y < 0, -1, 2 - data.y))
    assert np.array_equal(unseen_examples(model, turned).y, data.y_test)
    with pytest.raises(InputError, match="has the class 'huge', which the classifier does not know; its classes are"):
        unseen_examples(model, replace(data, classes=("low", "middle", "huge")))
    loud = replace(data, classes=tuple(name.upper() for name in data.classes))
    with pytest.raises(
        InputError, match=f"`fold_case=True` takes it for '{data.classes[0]}', from which it differs by"
    ):
        unseen_examples(model, loud)
    assert np.array_equal(unseen_examples(model, replace(loud, options={"fold_case": "True"})).y, data.y_test)


def test_tables_go_in_as_they_come():
    data = table()
    model = finetune(encoder("table"), data, "finetune")
    assert (model.predict(data.x[50:]) == np.array(["no", "yes"])[np.arange(50, 120) % 2]).mean() > 0.9


@pytest.mark.parametrize(
    ("data", "transfer", "message"),
    [
        (
            blobs,
            "probes",
            "transfer 'probes' is unknown; allowed are best, finetune, graph, mlp, probe, student; did you",
        ),
        (shades, "probe", "shades: its examples are grey images .* the model takes vectors of 6 numbers"),
        (lambda: blobs(labelled=0), "probe", "blobs: no label at all"),
    ],
)
def test_what_cannot_be_done_is_refused(data, transfer, message):
    with pytest.raises(InputError, match=message):
        finetune(encoder(), data(), transfer)


def test_facts_are_named_for_programs_and_hold_no_json_in_texts():
    def look(values):
        for name, value in values.items():
            assert re.fullmatch(r"[a-z][a-z0-9_]*", name), name
            assert not (isinstance(value, str) and value[:1] in "{["), value
            if isinstance(value, dict) and name != "network":
                look(value)

    start = pretrain(blobs(), SparseActivations(), SMALL, RECIPE)
    facts = dict(finetune(start, blobs(), "probe").facts)
    assert {"fewlabels", "torch"} <= facts.pop("versions").keys()  # of packages, whose names are theirs
    look(facts)
    assert facts["pretraining"]["objective"]["kind"] == "SparseActivations"
    assert facts["pretraining"]["network"] == to_json(SMALL)
    assert facts["settings"].keys() >= {"transfer", "seed", "temperature"}
