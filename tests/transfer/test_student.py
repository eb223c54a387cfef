"""The way of transfer `student`: what it is taught, what it sees, what it depends on, what becomes of it."""

from __future__ import annotations

import copy
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import nn

from fewlabels.data import fit_scaling, to_dataset
from fewlabels.metrics.calibration import apply_temperature, fit_temperature
from fewlabels.networks import Conv, Dense, PooledConv, seeded, state_hash
from fewlabels.objectives import Reconstruction
from fewlabels.objectives.views import STRONG
from fewlabels.training import Examples, Numerics
from fewlabels.transfer import (
    TRANSFERS,
    Start,
    Task,
    features_at,
    features_of,
    fit_centring,
    fit_one,
    nodes,
    student,
    tune_and_fit,
)
from fewlabels.transfer.spreading import Spreading
from fewlabels.transfer.student import BATCH, DEFAULT_STUDENT_RATE, LABELLED, LESSONS, PLAIN, lesson_of, partly_viewed

PARTS = 3


def stripes(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Three long parallel clouds in twenty dimensions, whose length says nothing of their class."""
    rng, ways = np.random.default_rng(seed), np.random.default_rng(99).normal(size=(4, 20))
    y = rng.permutation(np.arange(n) % PARTS)
    along = 3 * rng.normal(size=(n, 1)) * ways[3] / np.linalg.norm(ways[3])
    return (ways[y] + along + 0.5 * rng.normal(size=(n, 20))).astype(np.float32), y


def digits(first: int, last: int) -> tuple[np.ndarray, np.ndarray]:
    data = to_dataset("digits")
    return data.x[first:last], data.y[first:last]


NETS = {
    "vectors": lambda: Dense(hidden=(64,), latent_dim=16).build((20,)),
    "images": lambda: Conv((4, 8), latent_dim=8).build((1, 8, 8)),
    "pooled": lambda: PooledConv(channels=(4,)).build((1, 8, 8)),
}


def as_examples(x: np.ndarray) -> Examples:
    return Examples(x, fit_scaling(x[:1] if x.dtype == np.uint8 else np.zeros((1, *x.shape[1:]), np.float32)))


def start_of(pool: np.ndarray, kind: str = "vectors", classes: int = PARTS, layer: str | None = None, seed: int = 1):
    """Random weights of a network, and the pool."""
    net, objective, examples = seeded(seed, NETS[kind]).eval(), Reconstruction(), as_examples(pool)
    features = features_at(net, objective, layer)
    centring = fit_centring(features_of(features, examples))
    return Start(classes, features, centring, lambda: examples, lambda: copy.deepcopy(net), objective, 0.3, layer)


def taught(start: Start, x: np.ndarray, y: np.ndarray, seed: int = 0):
    return fit_one(TRANSFERS["student"].learner(start), as_examples(x), y, DEFAULT_STUDENT_RATE, seed)


def few(y: np.ndarray, each: int) -> np.ndarray:
    return np.concatenate([np.flatnonzero(y == k)[:each] for k in np.unique(y)])


def right(classifier, inputs, y: np.ndarray) -> float:
    return (classifier.log_proba(inputs).argmax(axis=1) == y).mean()


@pytest.fixture
def quick(monkeypatch):
    """A few steps, where it does not matter how much is learned."""
    monkeypatch.setattr(student, "MOST_STEPS", 3)


@pytest.fixture
def losses(monkeypatch):
    """What the cross-entropy of each step is given: logits and labels."""
    given, original = [], student.F.cross_entropy

    def watched(logits, label, **options):
        given.append((logits.detach().clone(), label.clone()))
        return original(logits, label, **options)

    monkeypatch.setattr(student.F, "cross_entropy", watched)
    return given


class TestLessons:
    def test_of_each_class_the_surest_are_taught(self):
        margins = torch.cat([torch.arange(40.0), 100 + torch.arange(20.0)]) + 1
        label = torch.tensor([0] * 40 + [2] * 20)  # nothing is of class 1
        logits = torch.zeros(60, 3).index_put_((torch.arange(60), label), margins)
        lesson = lesson_of(logits)
        assert lesson.label.tolist() == label.tolist()
        assert (~lesson.sure).nonzero()[:, 0].tolist() == [0, 1, 40]  # a twentieth of 40, and of 20

    def test_the_margin_counts_and_not_the_logit(self):
        logits = torch.tensor([[9.0, 8.9, 0.0]] + [[1.0, 0.0, 0.0]] * 19)
        assert (~lesson_of(logits).sure).nonzero()[:, 0].tolist() == [0]

    def test_an_example_alone_in_its_class_is_taught(self):
        lesson = lesson_of(torch.tensor([[0.1, 0.0], [0.0, 5.0], [0.0, 6.0]]))
        assert lesson.label.tolist() == [0, 1, 1]
        assert lesson.sure.tolist() == [True, True, True]  # 1.9 of 2 is 2

    def test_of_examples_all_alike_as_many_are_taught(self):
        assert lesson_of(torch.zeros(100, 4)).sure.sum() == 95


class TestBatches:
    def test_one_example_in_three_stays_as_it_is(self):
        x = torch.rand(32, 1, 8, 8, generator=torch.Generator().manual_seed(0))
        same = (partly_viewed(x, STRONG, torch.Generator().manual_seed(1)) == x).flatten(1).all(dim=1)
        assert same.tolist() == [number % PLAIN == 0 for number in range(32)]
        vectors = x.flatten(1)
        same = (partly_viewed(vectors, STRONG, torch.Generator().manual_seed(1)) == vectors).all(dim=1)
        assert same[::PLAIN].all()
        assert not same.reshape(-1)[1::PLAIN].any()

    @pytest.mark.parametrize("unlabelled", [400, 60])  # more than a batch, and less
    def test_labelled_examples_stand_in_every_batch(self, quick, losses, unlabelled):
        x, y = stripes(9, 1)
        taught(start_of(stripes(unlabelled, 0)[0]), x, y)
        assert len(losses) == LESSONS * 3
        assert {len(label) for _, label in losses} == {min(unlabelled, BATCH - LABELLED) + LABELLED}

    def test_their_own_labels_are_taught_whatever_the_graph_says(self, quick, losses, monkeypatch):
        x, y = stripes(9, 1)
        says_two = np.tile(np.float32([0, 0, 9]), (90, 1))
        monkeypatch.setattr(Spreading, "pool_logits", lambda self, x, y, setting: says_two)
        only = np.flatnonzero(y == 0)
        classifier = TRANSFERS["student"].learner(start_of(stripes(90, 0)[0]))
        classifier.fit_all(as_examples(x), y, [Task(only, DEFAULT_STUDENT_RATE, 9, 0)])
        for _, label in losses:
            assert label[:90].tolist() == [2] * 90
            assert label[90:].tolist() == [0] * LABELLED

    def test_what_the_graph_is_not_sure_of_changes_nothing(self, quick, monkeypatch):
        (x, y), start = stripes(9, 1), start_of(stripes(90, 0)[0])
        states = []
        for other in (0, 1):
            lesson = student.Lesson(torch.full((90,), other), torch.zeros(90, dtype=torch.bool))
            monkeypatch.setattr(student, "lesson_of", lambda logits, lesson=lesson: lesson)
            states.append(state_hash(taught(start, x, y).module))
        assert states[0] == states[1]


class TestWhatItDependsOn:
    def test_equal_seeds_give_equal_students_and_others_others(self, quick):
        (x, y), start = stripes(9, 1), start_of(stripes(90, 0)[0])
        one, same, other = (state_hash(taught(start, x, y, seed).module) for seed in (0, 0, 1))
        assert one == same != other

    def test_another_attempt_begins_elsewhere_at_a_third_of_the_rate(self, quick, monkeypatch):
        (x, y), start, rates = stripes(9, 1), start_of(stripes(90, 0)[0]), []
        original = student.fit
        monkeypatch.setattr(student, "fit", lambda *given: rates.append(given[4].lr) or original(*given))
        tasks = [Task(np.arange(9), {"lr": 0.03}, 9, 0, attempt) for attempt in (0, 1, 2)]
        found = TRANSFERS["student"].learner(start).fit_all(as_examples(x), y, tasks)
        assert rates == pytest.approx([0.03, 0.01, 0.01 / 3])
        assert len({state_hash(classifier.module) for classifier in found}) == 3

    def test_a_task_does_not_depend_on_others_nor_on_labels_that_it_lacks(self, quick):
        (x, y), start = stripes(12, 1), start_of(stripes(90, 0)[0])
        tasks = [Task(np.arange(first, 12, 2), DEFAULT_STUDENT_RATE, 12, 3) for first in (0, 1)]
        both = TRANSFERS["student"].learner(start).fit_all(as_examples(x), y, tasks)
        hidden = np.where(np.arange(12) % 2 == 0, y, 0)
        (alone,) = TRANSFERS["student"].learner(start).fit_all(as_examples(x), hidden, tasks[:1])
        assert state_hash(alone.module) == state_hash(both[0].module)

    def test_the_encoder_stays_and_its_copy_moves(self, quick):
        (x, y), start = stripes(9, 1), start_of(stripes(90, 0)[0])
        before = state_hash(start.features)
        classifier = taught(start, x, y)
        assert state_hash(start.features) == before != state_hash(classifier.module.features)
        assert not any(part.training for part in classifier.module.modules())

    def test_there_are_three_graphs_each_over_the_codes_of_then(self, quick, monkeypatch):
        (x, y), start, seen, settings = stripes(9, 1), start_of(stripes(90, 0)[0]), [], []
        original = Spreading.pool_logits

        def watched(self, codes, y, setting):
            assert self.start is start or not any(part.training for part in self.start.features.modules())
            seen.append(codes)
            settings.append(setting)
            return original(self, codes, y, setting)

        monkeypatch.setattr(Spreading, "pool_logits", watched)
        classifier = taught(start, x, y)
        assert len(seen) == LESSONS
        np.testing.assert_array_equal(seen[0], start.features_of(as_examples(x)))
        assert all(abs(a - b).max() > 1e-3 for a, b in pairwise(seen))
        assert settings == [classifier.taught_by] * LESSONS

    def test_of_a_pool_that_is_too_large_some_are_drawn(self, quick, losses, monkeypatch):
        monkeypatch.setattr(nodes, "MOST_NODES", 50)
        x, y = stripes(10, 1)
        taught(start_of(stripes(90, 0)[0]), x, y)
        assert {len(label) for _, label in losses} == {50 + LABELLED}

    def test_it_is_trained_in_the_numerics_of_its_start(self, quick, losses):
        (x, y), start = stripes(9, 1), start_of(stripes(90, 0)[0])
        classifier = taught(replace(start, numerics=lambda: Numerics(precision="bfloat16")), x, y)
        assert {logits.dtype for logits, _ in losses} == {torch.float32}
        first = losses[0][0]
        taught(start, x, y)
        assert 0 < abs(first - losses[LESSONS * 3][0]).max() < 0.1  # bfloat16 in between
        assert {parameter.dtype for parameter in classifier.module.parameters()} == {torch.float32}


@pytest.mark.parametrize(
    ("kind", "layer"), [("images", None), ("images", "below"), ("images", "below-pooled"), ("pooled", None)]
)
def test_images_and_other_layers(quick, kind, layer):
    (pool, _), (x, y) = digits(0, 100), digits(100, 130)
    classifier = taught(start_of(pool, kind, 10, layer), x, y)
    log_proba = classifier.log_proba(as_examples(x))
    assert log_proba.shape == (30, 10)
    np.testing.assert_allclose(np.exp(log_proba).sum(axis=1), 1)
    assert isinstance(classifier.module.head, nn.Linear)


def test_batch_normalisation_goes_by_the_batches_and_gathers_their_statistics(quick):
    """Those of a pretraining are left alone in fine-tuning, where batches are a few labelled examples."""
    (pool, _), (x, y) = digits(0, 100), digits(100, 130)
    net = seeded(0, NETS["pooled"])
    with torch.no_grad():
        net.train().encode(as_examples(pool).batch(slice(None)))
    net.eval()
    start = replace(start_of(pool, "pooled", 10), network=lambda: copy.deepcopy(net))
    after = taught(start, x, y).module.features.net.state_dict()
    before = {name: value for name, value in net.state_dict().items() if name in after and "running" in name}
    assert before
    assert not any(torch.equal(value, after[name]) for name, value in before.items())
    counted = [int(value) for name, value in after.items() if "num_batches" in name]
    assert set(counted) == {1 + LESSONS * 3}


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_it_beats_a_fine_tuned_start_and_is_as_good_as_its_graph(seed):
    (pool, _), (x, y), (new, new_y) = stripes(300, 0), stripes(60, 1), stripes(500, 2)
    start, labels = start_of(pool, seed=seed), few(y, 1)
    x, y, new = as_examples(x[labels]), y[labels], as_examples(new)
    graph = fit_one(TRANSFERS["graph"].learner(start), start.features_of(x), y, TRANSFERS["graph"].default, 0)
    tuned = fit_one(TRANSFERS["finetune"].learner(start), x, y, TRANSFERS["finetune"].default, 0)
    own = fit_one(TRANSFERS["student"].learner(start), x, y, DEFAULT_STUDENT_RATE, 0)
    assert right(own, new, new_y) >= right(graph, start.features_of(new), new_y)
    assert right(own, new, new_y) > 0.98 > right(tuned, new, new_y)
    assert np.mean(own.curve[-10:]) < 0.7 * own.curve[0]


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 2])
def test_of_labels_that_tell_nothing_it_is_not_sure(seed):
    (pool, _), (x, y), (new, _) = stripes(300, 0), stripes(240, 1), stripes(500, 2)
    shuffled = np.random.default_rng(seed).permutation(y)
    outcome = tune_and_fit(TRANSFERS["student"].learner(start_of(pool)), as_examples(x), shuffled, 1, 1)
    raw = outcome.classifier.log_proba(as_examples(new))
    claimed = np.exp(apply_temperature(raw, fit_temperature(*outcome.held_out)).max(axis=1)).mean()
    assert np.exp(raw.max(axis=1)).mean() > 0.6  # before the temperature it is
    assert claimed < 1 / 3 + 0.1  # chance, of three classes
