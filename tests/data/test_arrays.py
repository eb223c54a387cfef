"""Arrays and frames from Python."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from made_up_files import refusal

from fewlabels import as_dataset
from fewlabels.data import Column

X = np.arange(12.0).reshape(3, 4)
FRAME = pd.DataFrame({"a": [1.0, None, 3.0], "c": ["u", "v", "u"], "label": ["x", None, "y"]}, index=[9, 8, 7])


@pytest.mark.parametrize(
    ("shape", "expected"),
    [((3, 4), (4,)), ((3, 5, 6), (1, 5, 6)), ((3, 5, 6, 3), (3, 5, 6)), ((3, 1, 5, 6), (1, 5, 6))],
)
def test_layouts_of_arrays(shape, expected):
    assert as_dataset(np.zeros(shape, np.uint8)).example_shape == expected


@pytest.mark.parametrize(
    ("y", "classes", "expected"),
    [
        (None, (), [-1, -1, -1]),
        ([7, -1, 3], ("3", "7"), [1, -1, 0]),
        (np.array([1, np.nan, 0]), ("0", "1"), [1, -1, 0]),
        (np.array(["b", "", "a"]), ("a", "b"), [1, -1, 0]),
        (["b", None, "a"], ("a", "b"), [1, -1, 0]),
        (["b", -1, float("nan")], ("b",), [0, -1, -1]),
        (np.array([2, None, 10], dtype=object), ("2", "10"), [0, -1, 1]),
        (pd.Series([1, None, 0], index=[5, 6, 7]), ("0", "1"), [1, -1, 0]),
        (pd.Series([1, None, 0], dtype="Int8"), ("0", "1"), [1, -1, 0]),
        (pd.Series(["b", "-1", "a"], dtype="string"), ("a", "b"), [1, -1, 0]),
        (pd.Series(pd.Categorical(["b", None, "a"], categories=["b", "a", "never"])), ("a", "b"), [1, -1, 0]),
        (pd.Categorical([10, None, 9]), ("9", "10"), [1, -1, 0]),
        ([True, False, True], ("0", "1"), [1, 0, 1]),
    ],
)
def test_labels_in_every_dress(y, classes, expected):
    dataset = as_dataset(X, y)
    assert (dataset.classes, dataset.y.tolist()) == (classes, expected)
    frame = as_dataset(FRAME[["a"]], y)
    assert (frame.classes, frame.y.tolist()) == (classes, expected)


def test_a_frame_and_its_column_of_labels():
    dataset = as_dataset(FRAME, name="mine")
    assert dataset.name == "mine"
    assert dataset.columns == (Column("a"), Column("c", ("u", "v")))
    assert dataset.y.tolist() == [0, -1, 1]
    np.testing.assert_array_equal(dataset.x, np.float32([[1, 0], [np.nan, 1], [3, 0]]))
    assert as_dataset(FRAME, target="c", ignore=["label"]).classes == ("u", "v")
    assert as_dataset(FRAME, [0, 1, 1]).columns[-1] == Column("label", ("x", "y"))  # with y, a column like another


def test_a_test_set_shares_classes_and_columns():
    test = pd.DataFrame({"c": ["never", "v"], "a": [5, 6], "label": ["z", "x"]})
    dataset = as_dataset(FRAME, x_test=test)
    assert dataset.classes == ("x", "y", "z")
    assert dataset.x_test.tolist() == [[5, -1], [6, 1]]
    assert dataset.y_test.tolist() == [2, 0]
    arrays = as_dataset(X, [5, 1, 5], x_test=X[:2], y_test=[3, 5])
    assert (arrays.classes, arrays.y.tolist(), arrays.y_test.tolist()) == (("1", "3", "5"), [2, 0, 2], [1, 2])


def test_a_model_s_form_is_asked_for():
    signature = as_dataset(FRAME).signature
    dataset = as_dataset(FRAME[["c", "a"]].replace("v", "w"), signature=signature)
    np.testing.assert_array_equal(dataset.x, np.float32([[1, 0], [np.nan, -1], [3, 0]]))
    assert "the model takes vectors of 4 numbers" in refusal(as_dataset, FRAME, signature=as_dataset(X).signature)
    assert "rows of a table of 2 columns" in refusal(as_dataset, X, signature=signature)


@pytest.mark.parametrize(
    ("x", "options", "message"),
    [
        (X, {"target": "a"}, "target and ignore name columns of a DataFrame, and x is none"),
        (X[0], {}, "data: x has shape (4,); allowed are vectors"),
        (X, {"y": [0, 1]}, "x holds 3 examples but there are 2 labels"),
        (X, {"y": [0, 1.5, 1]}, "y has the label 1.5"),
        (X, {"y": np.zeros((3, 1))}, "y has shape (3, 1)"),
        (X, {"y": [0, -3, 1]}, "y has the label -3"),
        (X, {"y": [[0], [1], [1]]}, "y holds lists or the like"),
        (X, {"x_test": X}, "x_test without y_test"),
        (X, {"y_test": [1]}, "y_test without x_test"),
        (X, {"y": ["a", "b", "a"], "x_test": X[:1], "y_test": [1]}, "one of y and y_test holds strings"),
        (X * 1j, {}, "x is complex128; allowed are real numbers"),
        (X * 1e300, {}, "x has values float32 cannot hold"),
        (np.full((2, 2), np.inf), {}, "NaN or infinite values in 2 of 2 examples"),
        ([[1, 2], [3]], {}, "x is no array ("),
        (X, {"y": pd.DataFrame({"y": [0, 1, 1]})}, "y has shape (3, 1)"),
        (FRAME, {"x_test": X}, "x_test is no DataFrame, and x is one"),
        (FRAME, {"y": [0, 1, 1], "target": "c"}, "y holds the labels, and target='c' too"),
        (FRAME.iloc[:0], {}, "has no rows"),
        (FRAME.set_axis(["a", "a", "b"], axis=1), {}, "has two columns 'a'"),
        (FRAME.assign(d=pd.Timestamp("2020-01-01")), {}, "column 'd' holds values of type datetime64"),
        (FRAME.assign(d=1j), {}, "column 'd' holds values of type complex128"),
        (FRAME.assign(d=[{1}, {2}, {3}]), {}, "column 'd' holds lists or the like"),
        (FRAME.assign(d=[b"a", b"b", b"c"]), {}, "column 'd' holds values of type bytes"),
    ],
)  # fmt: skip
def test_refused(x, options, message):
    assert message in refusal(as_dataset, x, **options)


def test_a_mapped_array_is_not_copied(tmp_path):
    np.save(tmp_path / "x.npy", np.zeros((10, 4, 5), np.uint8))
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    assert np.shares_memory(as_dataset(mapped).x, mapped)
