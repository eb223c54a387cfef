"""What is printed of a classifier."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fewlabels.cli.model_text import accuracy_lines
from made_up_models import classifier_model


@pytest.mark.parametrize(("attempts", "said"), [({}, 0), ({"attempts": 1}, 0), ({"attempts": 3}, 1)])
def test_a_fit_that_took_more_than_one_attempt_says_so(attempts, said):
    model = classifier_model("raw")
    facts = {**model.facts, "settings": {**model.facts["settings"], **attempts}}
    lines = accuracy_lines(replace(model, facts=facts))
    sentence = "The fit on all labels did not learn at first; 3 were tried, at ever smaller rates."
    assert lines.count(sentence) == said
    assert len(lines) == len(accuracy_lines(model)) + said


def test_of_several_ways_tried_it_says_which_was_kept_and_what_each_got_right():
    model = classifier_model("raw")
    tried = {"student": 0.95, "graph": 0.9, "probe": 0.8}
    facts = {**model.facts, "accuracy": {**model.facts["accuracy"], "tried": tried}}
    lines = accuracy_lines(replace(model, facts=facts))
    said = "Kept probe; on held-out labels that all share: student 95.0%, graph 90.0%, probe 80.0%."
    assert [line for line in lines if line not in accuracy_lines(model)] == [said]


@pytest.mark.parametrize(
    ("left_out", "said"),
    [
        (["rare", "odd\n"], "rare, odd"),
        ([f"c{k}" for k in range(12)], "c0, c1, c2, c3, c4, c5, c6, c7, c8, c9 and 2 more"),
    ],
)
def test_classes_that_the_accuracy_says_nothing_of_are_named_below_it(left_out, said):
    model = classifier_model("raw")
    held_out = {**model.facts["accuracy"]["held_out"], "classes_left_out": left_out}
    before = accuracy_lines(model)
    lines = accuracy_lines(replace(model, facts={**model.facts, "accuracy": {"held_out": held_out}}))
    sentence = f"Not in these figures, with too few labels to hold any out: {said}."
    (at,) = (at for at, line in enumerate(before) if line.startswith("Accuracy"))
    assert lines == [*before[: at + 1], sentence, *before[at + 1 :]]
