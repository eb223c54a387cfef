"""Names of classes, which a saved classifier has instead of labels: as the readers of data spell them."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest

from fewlabels import as_dataset
from fewlabels.core.errors import InputError
from fewlabels.data import labels
from fewlabels.estimators import classifier as estimators
from tests.commands import done
from toy_estimators import classifier, clusters


@pytest.mark.parametrize(
    "y",
    [
        [0.0, 1.0, np.nan, 10.0, 9.0],
        np.array([0, 1, -1, 10, 9], dtype=np.float32),
        np.array([0, 1, -1, 10, 9], dtype=np.int8),
        np.array([True, False, True, False, True]),
        np.array([True, None, False, True, False], dtype=object),
        pd.Series([0.0, None, 1.0, 10.0, 9.0]),
        pd.Series([1, None, 0, 10, 9], dtype="Int64"),
        pd.Series([True, None, False, True, False], dtype="boolean"),
        ["b", "a", "", "1.0", "c"],
    ],
    ids=repr,
)
def test_classes_have_the_names_they_have_in_a_data_set(y):
    x = clusters()[0]
    many = (np.tile(y, 12) if isinstance(y, np.ndarray) else pd.concat([pd.Series(y)] * 12)).copy()
    fitted = classifier(steps=1).fit(x, many)
    assert fitted.model_.classes == as_dataset(x, many).classes
    assert set(fitted.predict(x)) <= set(fitted.classes_.tolist())


@pytest.mark.parametrize(
    ("label", "name"),
    [
        (7, "7"),
        (np.int64(-3), "-3"),
        (7.0, "7"),
        (np.float32(7), "7"),
        (True, "1"),
        (np.bool_(True), "1"),
        (np.str_("7.0"), "7.0"),
        (date(2026, 1, 2), "2026-01-02"),
    ],
)
def test_a_label_by_its_name(label, name):
    found = labels.class_name(label)
    assert found == name
    assert type(found) is str


def test_what_was_fitted_on_labels_with_gaps_is_evaluated_on_whole_numbers(tmp_path):
    x, y = clusters()
    sparse = np.where(np.arange(60) < 30, y, np.nan)  # floats, as pandas reads a column with gaps
    classifier().fit(x, sparse).save(tmp_path / "model")
    other, truth = clusters(seed=1)
    np.savez(tmp_path / "test.npz", x=other.astype(np.float32), y=truth)
    assert "100.0%" in done("evaluate", tmp_path / "model", tmp_path / "test.npz")


@pytest.mark.parametrize("name", ["eel\nhead", "\x1b[31mred"])
def test_a_name_that_breaks_a_line_is_refused_before_any_training(name, monkeypatch):
    x, y = clusters()

    def never(*_):
        raise AssertionError("pretrained")

    monkeypatch.setattr(estimators, "pretrained", never)
    with pytest.raises(InputError, match="has control characters; rename it"):
        classifier().fit(x, np.array(["cat", "dog", name])[y])
