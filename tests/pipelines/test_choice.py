"""Several ways of transfer tried inside the same labels: which is kept, what it goes by, what is said of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fewlabels import finetune, pretrain
from fewlabels.core.errors import InputError
from fewlabels.data import to_dataset
from fewlabels.pipelines import finetune as fitting
from fewlabels.pipelines.choice import BEST, WAYS, accuracies, best_of, tried_facts
from fewlabels.transfer import TRANSFERS, HeldOut, Outcome, Transfer, per_example, student, supervised, tune_and_fit
from made_up_data import blobs, encoder

Y = np.arange(30) % 3


def outcome(right: list[bool] | None) -> Outcome:
    """What was held out, answered rightly or not; None: nothing could be."""
    held_out = None
    if right is not None:
        answers = np.where(right, Y[: len(right)], (Y[: len(right)] + 1) % 3)
        held_out = HeldOut(np.log(np.where(np.arange(3) == answers[:, None], 0.8, 0.1)), Y[: len(right)])
    return Outcome(None, {}, (), held_out, folds=1, tuning_seconds=0, fitting_seconds=0)


def first(n: int, of: int = 10) -> list[bool]:
    return [number < n for number in range(of)]


def test_the_best_on_the_examples_that_all_share_is_kept():
    shared = [*first(6), *[True] * 20]  # right on all that the other has not seen
    outcomes = {"one": outcome(first(7)), "three": outcome(shared)}
    assert accuracies(outcomes) == pytest.approx({"one": 0.7, "three": 0.6})
    assert best_of(outcomes) == "one"
    assert best_of({"three": outcome([*first(8), *[False] * 20]), "one": outcome(first(7))}) == "three"


@pytest.mark.parametrize("names", ["abc", "cba"])
def test_of_those_equally_good_the_first_is_kept(names):
    found = {"a": outcome(first(6)), "b": outcome(first(8)), "c": outcome(first(8))}
    assert best_of({name: found[name] for name in names}) == next(name for name in names if name != "a")


def test_where_nothing_could_be_held_out_the_first_is_kept():
    outcomes = {"a": outcome(None), "b": outcome(None)}
    assert accuracies(outcomes) == {"a": 0, "b": 0}
    assert best_of(outcomes) == "a"


def test_what_was_tried_is_told_where_there_was_a_choice():
    assert tried_facts({"a": outcome(first(7)), "b": outcome(first(9))}) == {"tried": {"a": 0.7, "b": 0.9}}
    assert tried_facts({"a": outcome(first(7))}) == {}


def test_the_ways_that_are_tried_are_of_the_table_and_can_be_kept():
    assert all(TRANSFERS[way].deployable for way in WAYS)
    assert BEST not in TRANSFERS


@pytest.fixture
def fitted(monkeypatch) -> list[tuple[str, int, Outcome]]:
    """The ways that were fitted, with their folds and what came of them; networks learn for a moment only."""
    found: list[tuple[str, int, Outcome]] = []
    made: list[str] = []
    original = Transfer.learner

    def learner(self, start, flips=None):
        made.append(next(name for name, row in TRANSFERS.items() if row is self))
        return original(self, start, flips)

    def tuned(learner, x, y, seed, folds=3):
        outcome = tune_and_fit(learner, x, y, seed, folds)
        if len(made) > len(found):  # not the probe of the raw inputs
            found.append((made[-1], folds, outcome))
        return outcome

    monkeypatch.setattr(student, "MOST_STEPS", 3)
    monkeypatch.setattr(supervised, "FEWEST_STEPS", 15)
    monkeypatch.setattr(Transfer, "learner", learner)
    monkeypatch.setattr(fitting, "tune_and_fit", tuned)
    return found


def test_best_tries_every_way_and_keeps_the_best(fitted):
    begun = []
    model = finetune(encoder(), blobs(), seed=4, progress=lambda *told: begun.append((*told, len(fitted))))
    assert begun == [(1, 4, "student", 0), (2, 4, "graph", 1), (3, 4, "finetune", 2), (4, 4, "probe", 3)]
    assert [(way, folds) for way, folds, _ in fitted] == [("student", 1), ("graph", 3), ("finetune", 3), ("probe", 3)]
    outcomes = {way: outcome for way, _, outcome in fitted}
    first_fold = outcomes["student"].held_out.y
    assert len(first_fold) == 20
    for other in outcomes.values():
        np.testing.assert_array_equal(other.held_out.y[:20], first_fold)  # the same examples, in the same order
    told = model.facts["accuracy"]["tried"]
    assert told == accuracies(outcomes)
    kept = model.facts["settings"]["transfer"]
    assert kept == model.head.transfer == best_of(outcomes)
    assert told[kept] == max(told.values())
    alone = finetune(encoder(), blobs(), kept, seed=4)
    np.testing.assert_array_equal(alone.log_proba(blobs().x), model.log_proba(blobs().x))
    assert "tried" not in alone.facts["accuracy"]


@pytest.mark.parametrize(("way", "examples"), [("student", 20), ("probe", 60)])
def test_a_probe_of_raw_inputs_is_judged_on_the_examples_that_the_kept_way_was(monkeypatch, way, examples):
    outcomes = []
    monkeypatch.setattr(student, "MOST_STEPS", 3)
    monkeypatch.setattr(fitting, "tune_and_fit", lambda *given: outcomes.append(tune_and_fit(*given)) or outcomes[-1])
    data = blobs()
    noise = np.random.default_rng(0).normal(size=data.x.shape).astype(np.float32)
    noisy = replace(data, x=data.x + 2 * noise)
    told = finetune(encoder(), noisy, way, seed=4).facts["accuracy"]
    hits = per_example(*outcomes[-1].held_out)[0]
    assert len(hits) == 60
    assert hits[:20].mean() != hits.mean()
    assert told["held_out"]["examples"] == examples
    assert told["raw_probe"]["accuracy"] == hits[:examples].mean()


def test_where_labels_cannot_validate_the_first_way_is_taken_and_no_other_fitted(fitted):
    model = finetune(encoder(), replace(blobs(labelled=3), x_test=None, y_test=None))
    assert [way for way, _, _ in fitted] == ["student"] == list(WAYS[:1])
    assert model.facts["settings"]["transfer"] == "student"
    assert model.facts["accuracy"] == {"held_out": {"examples": 0}}


def test_an_unknown_way_is_refused_with_what_is_known():
    with pytest.raises(InputError) as refused:
        finetune(encoder(), blobs(), "beste")
    assert str(refused.value) == (
        "transfer 'beste' is unknown; allowed are best, finetune, graph, mlp, probe, student; did you mean 'best'?"
    )


@pytest.mark.slow
def test_the_best_of_sixty_labelled_digits_does_better_than_a_probe():
    data = to_dataset("digits")
    few = replace(data, y=np.where(np.arange(len(data.y)) < 60, data.y, -1))
    start = pretrain(data, steps=100)
    best, probe = finetune(start, few), finetune(start, few, "probe")
    assert list(best.facts["accuracy"]["tried"]) == list(WAYS)
    right = [(model.log_proba(data.x[60:]).argmax(axis=1) == data.y[60:]).mean() for model in (best, probe)]
    assert right[0] > right[1] + 0.02
