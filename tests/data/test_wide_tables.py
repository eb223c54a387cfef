"""Tables of very many columns: numbers are taken many columns at a time, and come out as one column at a time gives."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from made_up_files import refusal, write

from commands import done
from fewlabels.data import as_dataset, load
from fewlabels.data.readers import frames, tables
from fewlabels.data.readers.columns import float32


def mixed() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "float": [1.5, np.nan, -2e30],
            "int": np.array([2**53 + 1, -7, 0]),
            "bool": [True, False, True],
            "small": np.array([1, 2, 255], dtype=np.uint8),
            "nullable": pd.array([1, None, 3], dtype="Int64"),
            "text": ["1", " 2.5 ", "NA"],
            "kind": ["a", "b", None],
            "half": np.array([0.1, 0.2, 0.3], dtype=np.float32),
        }
    )


@pytest.mark.parametrize("most", [1, 60, 10**6])
def test_many_at_a_time_is_one_at_a_time(monkeypatch, most):
    monkeypatch.setattr(frames, "block_length", lambda shape, itemsize: max(1, most // (shape[0] * itemsize)))
    frame = mixed()
    found = as_dataset(frame)
    for c, column in enumerate(found.columns):
        if column.categories is None:
            expected = float32("here", column.name, frame[column.name], 0, str)
            np.testing.assert_array_equal(found.x[:, c], expected)
    np.testing.assert_array_equal(found.x[:, 6], [0, 1, np.nan])


@pytest.mark.slow
def test_plain_numbers_are_not_taken_column_by_column(tmp_path, monkeypatch):
    monkeypatch.setattr(frames, "float32", None)
    monkeypatch.setattr(frames, "categories_of", None)
    x = np.random.default_rng(0).normal(size=(3, 5000)).astype(np.float32)
    path = tmp_path / "wide.csv"
    pd.DataFrame(x, columns=[f"g{i}" for i in range(5000)]).to_csv(path, index=False, float_format="%.9g")
    np.testing.assert_array_equal(load(path).x, x)


def test_a_table_of_more_columns_than_pandas_is_quick_with_is_the_same_in_one_piece(tmp_path, monkeypatch):
    frame = mixed().drop(columns="nullable")
    frame.to_csv(tmp_path / "t.csv")
    whole = load(tmp_path / "t.csv")
    monkeypatch.setattr(tables, "PIECES", 3)
    assert load(tmp_path / "t.csv").fingerprint() == whole.fingerprint()


def test_pretraining_names_the_first_of_many_columns(tmp_path):
    path = tmp_path / "t.csv"
    pd.DataFrame(np.eye(30), columns=[f"g{i}" for i in range(30)]).to_csv(path, index=False)
    said = done("pretrain", path, "-o", tmp_path / "e", "--steps", "2")
    assert "g18, g19 and 10 more\n" in said


def test_the_first_column_with_what_float32_cannot_hold_is_named(tmp_path):
    path = write(tmp_path / "t.csv", "a,b,c\n1,2,3\n1,1e39,1e300\n")
    assert "column 'b', line 3: 1e+39 is no number that float32 can hold" in refusal(load, path)


def test_a_name_that_stands_there_twice_is_found_among_many(tmp_path):
    names = [f"g{i}" for i in range(200_000)]
    names[150_000] = "g7"
    path = write(tmp_path / "t.csv", ",".join(names) + "\n" + ",".join(["1"] * len(names)) + "\n")
    assert "has two columns 'g7'; rename or remove one" in refusal(load, path)
