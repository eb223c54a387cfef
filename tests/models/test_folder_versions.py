"""Model folders written by earlier versions are still read, and say what they said then."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from fewlabels.models import ClassifierModel, load_model, save_model
from fewlabels.models.config import renamed

FIXTURES = Path(__file__).parent / "fixtures"
CASES = [(version, name) for version in ("v1", "v2") for name in ("classifier", "table", "encoder")]


def answers(model, x):
    return np.exp(model.log_proba(x)) if isinstance(model, ClassifierModel) else model.embed(x)


@pytest.mark.parametrize(("version", "name"), CASES)
def test_a_folder_of_an_earlier_version_says_what_it_said(version, name, tmp_path):
    told = json.loads((FIXTURES / version / "expected.json").read_text(encoding="utf-8"))[name]
    model = load_model(FIXTURES / version / name)
    x = np.array(told["x"], dtype=model.signature.dtype)  # None becomes NaN
    assert x.shape[1:] == model.signature.shape
    np.testing.assert_allclose(answers(model, x), told["answers"], atol=1e-6, rtol=0)
    assert np.ptp(told["answers"], axis=0).max() > 1e-3  # they tell the examples apart
    save_model(model, tmp_path)
    np.testing.assert_array_equal(answers(load_model(tmp_path), x), answers(model, x))


def test_the_fixtures_hold_what_is_easily_lost():
    table = load_model(FIXTURES / "v1" / "table")
    told = json.loads((FIXTURES / "v1" / "expected.json").read_text(encoding="utf-8"))["table"]["x"]
    categories = [column.categories for column in table.signature.columns or ()]
    assert categories == [None, ("blue", "green", "red"), None, ("Bonn", "Köln")]
    assert any(value is None for row in told for value in row)
    assert any(row[1] == -1 for row in told)
    assert sum(path.stat().st_size for path in FIXTURES.rglob("*") if path.is_file()) < 60_000


def test_facts_of_the_first_version_have_the_names_of_today(tmp_path):
    facts = load_model(FIXTURES / "v1" / "classifier").facts
    assert facts["accuracy"] == {"held_out": {"accuracy": 0.853, "accuracy_interval": [0.801, 0.894], "examples": 179}}
    assert facts["labels"] == {"examples": 179, "per_class": [60, 59, 60]}
    assert facts["pretraining"]["network"]["hidden"] == [9]
    save_model(load_model(FIXTURES / "v1" / "classifier"), tmp_path)
    card = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert "held-out accuracy: 85.3% (95% interval 80.1% to 89.4%, 179 held-out labels)" in card
    assert "network: Dense, hidden 9, latent dim 4" in card


def test_facts_are_renamed_whatever_they_hold():
    found = renamed(
        {
            "accuracy": {"held_out": 5, "folds": 3, "held-out accuracy": None, "test examples": [1]},
            "pretraining": {"network": "[" * 100_000, "batch size": 8},
            "mine": {"batch size": 8},
        }
    )
    assert found["accuracy"] == {"held_out": {"folds": 3, "accuracy": None}, "test": {"examples": [1]}}
    assert found["pretraining"] == {"network": "[" * 100_000, "batch_size": 8}
    assert found["mine"] == {"batch size": 8}
    assert renamed(found) == found
