"""The way of transfer `graph`: what it makes of labels and of a pool, what it reads new inputs off, how it is kept."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.datasets import make_moons
from toy_task import as_examples

from fewlabels import run_study
from fewlabels.core.errors import FewlabelsError
from fewlabels.data import to_dataset
from fewlabels.models import ClassifierModel, export_onnx, load_classifier, save_model
from fewlabels.pipelines.finetune import finetune
from fewlabels.pipelines.pretrain import pretrain
from fewlabels.transfer import Raw, Start, features_of, fit_centring, fit_one, nodes, spreading
from fewlabels.transfer.base import Task
from fewlabels.transfer.probe import Probe
from fewlabels.transfer.registry import TRANSFERS
from fewlabels.transfer.spreading import DEFAULT_GRAPH, GRAPHS, Spreading

every_setting = pytest.mark.parametrize("setting", GRAPHS, ids=str)


def start_of(pool, classes=2):
    examples = as_examples(pool.astype(np.float32))
    return Start(classes, Raw(), fit_centring(features_of(Raw(), examples)), lambda: examples)


def learner_of(start):
    return TRANSFERS["graph"].learner(start)


def moons(n=600, seed=0):
    x, y = make_moons(n, noise=0.06, random_state=seed)
    return x.astype(np.float32), y


def accuracy(classifier, x, y):
    return (classifier.log_proba(x).argmax(axis=1) == y).mean()


def fit_one_of(learner, x, y, index, setting):
    """Fitted to some of the labelled inputs."""
    return learner.fit_all(x, y, [Task(index, setting, len(index), 0)])[0]


def few(y, each):
    return np.concatenate([np.flatnonzero(y == k)[:each] for k in np.unique(y)])


def test_two_moons_with_one_label_each():
    (pool, _), (x, y), (new, new_y) = moons(), moons(100, 1), moons(300, 2)
    start, labels = start_of(pool), few(y, 1)
    x, new = (start.features_of(as_examples(part)) for part in (x[labels], new))
    graph = fit_one(learner_of(start), x, y[labels], DEFAULT_GRAPH, 0)
    assert accuracy(graph, new, new_y) == 1
    assert accuracy(fit_one(Probe(2), x, y[labels], {"C": 1.0}, 0), new, new_y) < 0.93


@every_setting
def test_five_labels_against_five_hundred(setting):
    rng = np.random.default_rng(0)

    def drawn(counts):
        y = np.repeat([0, 1], counts)
        return (rng.normal(size=(len(y), 4)) + 5 * y[:, None]).astype(np.float32), y

    (pool, _), (x, y), (new, new_y) = drawn((500, 50)), drawn((500, 5)), drawn((100, 100))
    start = start_of(pool)
    found = fit_one(learner_of(start), start.features_of(as_examples(x)), y, setting, 0)
    new = start.features_of(as_examples(new))
    right = found.log_proba(new).argmax(axis=1) == new_y
    assert right[new_y == 0].mean() > 0.97
    assert right[new_y == 1].mean() > 0.97


@every_setting
def test_tasks_do_not_depend_on_each_other(setting):
    (pool, _), (x, y), (new, _) = moons(), moons(60, 1), moons(50, 2)
    start = start_of(pool)
    x, new = (start.features_of(as_examples(part)) for part in (x, new))
    tasks = [Task(few(y, each), setting, 2 * each, 0) for each in (1, 3, 10)]
    together = learner_of(start).fit_all(x, y, tasks)
    for task, classifier in zip(tasks, together, strict=True):
        (alone,) = learner_of(start).fit_all(x, y, [task])
        np.testing.assert_array_equal(classifier.log_proba(new), alone.log_proba(new))


def test_test_inputs_change_no_other_answer():
    (pool, _), (x, y), (new, _) = moons(), moons(20, 1), moons(50, 2)
    start = start_of(pool)
    found = fit_one(learner_of(start), start.features_of(as_examples(x)), y, DEFAULT_GRAPH, 0)
    new = start.features_of(as_examples(new))
    first = found.log_proba(new)
    found.log_proba(100 * new)
    moved = np.concatenate([new[:25], new[25:] + 3])
    np.testing.assert_allclose(found.log_proba(moved)[:25], first[:25], atol=1e-5)
    assert abs(found.log_proba(moved)[25:] - first[25:]).max() > 0.1


@every_setting
def test_an_example_that_is_a_node_is_not_read_off_itself(setting):
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], 200)
    x = (rng.normal(size=(400, 2)) + 8 * y[:, None]).astype(np.float32)
    start = start_of(x)
    wrong = y[:10].copy()
    wrong[0] = 1
    labelled = start.features_of(as_examples(np.concatenate([x[:10], x[390:]])))
    found = fit_one(learner_of(start), labelled, np.concatenate([wrong, y[390:]]), setting, 0)
    readings = found.module.readings
    places = readings.coordinates(torch.from_numpy(labelled))
    index, weights = readings(torch.from_numpy(labelled))
    itself = torch.cdist(places, readings.nodes).argmin(dim=1)
    assert not (index == itself[:, None]).any()
    np.testing.assert_allclose(weights.sum(dim=1), 1, rtol=1e-5)
    odds = found.module.values[:, 1] - found.module.values[:, 0]
    assert odds[itself[0]] > odds[index[0]].max()
    beside, _ = readings(torch.from_numpy(labelled + np.float32(1e-3)))
    assert (beside == itself[:, None]).any(dim=1).all()


@every_setting
def test_what_a_task_finds_does_not_depend_on_who_else_has_labels(setting):
    (pool, _), (x, y), (new, _) = moons(), moons(300, 1), moons(50, 2)
    start = start_of(pool)
    x, new = (start.features_of(as_examples(part)) for part in (x, new))
    answers = [fit_one_of(learner_of(start), x[:n], y[:n], few(y[:20], 3), setting).log_proba(new) for n in (20, 300)]
    np.testing.assert_array_equal(*answers)


def test_of_a_pool_that_is_too_large_some_are_drawn(monkeypatch):
    monkeypatch.setattr(nodes, "MOST_NODES", 80)
    (pool, _), (x, y) = moons(200), moons(20, 1)
    start = start_of(pool)
    found = fit_one(learner_of(start), start.features_of(as_examples(x)), y, DEFAULT_GRAPH, 0)
    assert found.head["nodes"] == 80


def test_the_graph_is_made_once_for_what_is_tried_and_what_is_chosen(monkeypatch):
    (pool, _), (x, y) = moons(100), moons(20, 1)
    start, made = start_of(pool), []
    original = spreading.make_nodes
    monkeypatch.setattr(spreading, "make_nodes", lambda *given: made.append(given[1]) or original(*given))
    learner, x = learner_of(start), start.features_of(as_examples(x))
    for _ in range(2):
        learner.fit_all(x, y, [Task(np.arange(20), setting, 20, 0) for setting in GRAPHS])
    assert sorted(made) == [0.0, 0.5]


def test_features_that_are_not_finite_are_refused():
    x, y = moons(20)
    start = start_of(x)
    with pytest.raises(FewlabelsError, match="graph: some features are NaN or infinite; check the inputs"):
        fit_one(learner_of(start), np.full_like(x, np.nan), y, DEFAULT_GRAPH, 0)


def test_a_pool_of_one_is_refused():
    x, y = moons(20)
    with pytest.raises(FewlabelsError, match="graph: the unlabelled pool has 1 example; give more, or take another"):
        fit_one(learner_of(start_of(x[:1])), x, y, DEFAULT_GRAPH, 0)


def test_fewer_nodes_than_neighbours_and_examples_all_alike():
    y = np.array([0, 1, 1])
    start = Spreading(start_of(np.zeros((2, 3))))
    found = fit_one(start, np.zeros((3, 3), dtype=np.float32), y, DEFAULT_GRAPH, 0)
    assert np.isfinite(found.log_proba(np.ones((2, 3), dtype=np.float32))).all()


@pytest.fixture(scope="module")
def digits_model() -> tuple[ClassifierModel, np.ndarray]:
    data = to_dataset("digits")
    part = replace(data, x=data.x[:400], y=np.where(np.arange(400) < 60, data.y[:400], -1))
    return finetune(pretrain(part, steps=5), part, "graph"), data.x[:500]


def test_is_saved_and_read_and_predicts_the_same(digits_model, tmp_path):
    model, x = digits_model
    assert (model.head.transfer, model.head.settings["nodes"]) == ("graph", 400)
    save_model(model, tmp_path / "graph")
    read = load_classifier(tmp_path / "graph")
    np.testing.assert_array_equal(read.log_proba(x), model.log_proba(x))
    assert model.facts["accuracy"]["held_out"]["examples"] == 60
    np.testing.assert_allclose(model.log_proba(x[:3]), model.log_proba(x)[:3], atol=1e-4)


@pytest.mark.slow
def test_is_exported(digits_model, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    model, x = digits_model
    assert export_onnx(model, tmp_path / "model.onnx").difference < 1e-4
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    found, _ = session.run(None, {"examples": x})
    np.testing.assert_allclose(found, np.exp(model.log_proba(x)), atol=1e-4)


@pytest.mark.slow
def test_a_study_runs_it_on_raw_numbers_components_and_a_random_encoder(tmp_path):
    study = run_study("digits", ["raw+graph", "pca+graph", "random+graph", "raw+probe"], [20], 2, out=tmp_path / "out")
    assert not study.failed
    mean = study.to_frame().groupby("method").accuracy.mean()
    assert mean["raw+graph"] > mean["raw+probe"] + 0.05
    assert mean["pca+graph"] > 0.8
    assert mean["random+graph"] > 0.6
