from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fewlabels.core.errors import InputError
from fewlabels.data import Column, Dataset, Signature

X = np.zeros((4, 3), dtype=np.float32)
Y = np.array([0, 1, -1, 1])


@pytest.fixture
def dataset() -> Dataset:
    return Dataset("toy", X, Y, ("a", "b"))


def test_shapes(dataset):
    assert dataset.example_shape == (3,)


def test_fingerprint_follows_every_part(dataset):
    with_test = replace(dataset, x_test=X, y_test=np.array([0, 1, 0, 1]))
    others = [
        replace(dataset, x=X + 1),
        replace(dataset, y=np.array([0, 1, 1, 1])),
        replace(dataset, classes=("a", "c")),
        with_test,
        replace(with_test, y_test=np.array([0, 1, 1, 1])),
    ]
    prints = {dataset.fingerprint(), *(other.fingerprint() for other in others)}
    assert len(prints) == 6
    assert replace(dataset, name="other", x=X.copy()).fingerprint() == dataset.fingerprint()


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (np.full(4, -1), "no label at all"),
        (np.zeros(4, dtype=np.int64), "one class only .'a'.*-1 always means unlabelled"),
    ],
)
def test_fewer_than_two_classes_with_a_label_are_data_but_not_for_a_classifier(dataset, y, message):
    with pytest.raises(InputError, match=message):
        replace(dataset, y=y).require_classes()


def test_a_value_may_be_missing_from_a_table_and_nowhere_else(dataset):
    gap = np.where(np.arange(12).reshape(4, 3) == 7, np.float32("nan"), X)
    columns = (Column("a"), Column("b", ("x", "y")), Column("c"))
    table = replace(dataset, x=gap, columns=columns)
    assert table.signature == Signature((3,), "float32", columns)
    assert table.fingerprint() != replace(table, columns=columns[::-1]).fingerprint()
    with pytest.raises(InputError, match="x has infinite values in 1 of 4"):
        replace(table, x=np.where(np.isnan(gap), np.float32("inf"), X))
    with pytest.raises(InputError, match=r"x has shape \(4, 3\), but there are 2 columns"):
        replace(table, columns=columns[:2])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x": X[0]}, r"x has shape \(3,\); allowed are \[N, D\]"),
        ({"x": X[:, :0]}, r"holds no examples, its shape is \(4, 0\)"),
        ({"x": X[:3]}, "x holds 3 examples but there are 4 labels"),
        ({"x": X.astype(np.float64)}, "x is float64; allowed are uint8 and float32"),
        (
            {"x": np.where(np.arange(12).reshape(4, 3) == 7, np.float32("nan"), X)},
            "NaN or infinite values in 1 of 4",
        ),
        ({"y": Y.astype(np.int32)}, r"labels of x are int32 of shape \(4,\); give int64"),
        ({"y": Y[:, None]}, r"labels of x are int64 of shape \(4, 1\)"),
        ({"y": Y + 1}, "range from 0 to 2; allowed are 0 to 1, and -1"),
        ({"x_test": X}, "x_test and y_test come together"),
        ({"x_test": X[:, :2], "y_test": abs(Y)}, "they must be equal"),
        ({"x_test": X.astype(np.uint8), "y_test": abs(Y)}, "x is float32, x_test uint8"),
        ({"x_test": X, "y_test": Y}, "y_test has unlabelled examples"),
    ],
)
def test_parts_that_do_not_fit_are_refused(dataset, change, message):
    with pytest.raises(InputError, match=message):
        replace(dataset, **change)
