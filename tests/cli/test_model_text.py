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
