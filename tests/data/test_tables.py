"""CSV, TSV and Parquet tables, those that programs write and those that are broken."""

from __future__ import annotations

import re
import sys

import numpy as np
import pandas as pd
import pytest
from made_up_files import refusal, write

from fewlabels.data import Column, load

A = Column("a")
B = Column("b", ("x", "y"))
NAN = float("nan")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("t.csv", "a,b,label\n1,x,cat\nNA,y,dog\n2.5,,\n"),
        ("t.csv", "\ufeffa,b,label\r\n1,x,cat\r\n,y,dog\r\n2.5,,\r\n"),
        ("t.csv", '"a";"b";"label"\n1;"x";cat\nnull;y;dog\n2,5;;-1\n'),
        ("t.csv", "\n\na, b, label\n1, x, cat\n\nNaN, y, dog\n2.5, , \n"),
        ("t.csv", ",a,b,label\n0,1,x,cat\n1,,y,dog\n2,2.5,,\n"),  # the index, as pandas writes it
        ("t.tsv", "a\tb\tlabel\n1\tx\tcat\n\ty\tdog\n2.5\t\t\n"),
        ("t.CSV", "label,a,b\ncat,1,x\ndog,,y\n,2.5,\n"),
    ],
)
def test_one_table_in_many_dialects(tmp_path, name, text):
    dataset = load(write(tmp_path / name, text))
    assert dataset.name == "t"
    assert dataset.columns == (A, B)
    np.testing.assert_array_equal(dataset.x, np.float32([[1, 0], [NAN, 1], [2.5, NAN]]))
    assert dataset.classes == ("cat", "dog")
    assert dataset.y.tolist() == [0, 1, -1]


@pytest.mark.parametrize(
    ("labels", "classes", "y"),
    [
        ("10 9 -1 10", ("9", "10"), [1, 0, -1, 1]),
        ("1.0 0.0 -1 1", ("0", "1"), [1, 0, -1, 1]),
        ("True False True", ("0", "1"), [1, 0, 1]),
        ("b 10 9 b", ("10", "9", "b"), [2, 0, 1, 2]),
        ("-1 -1", (), [-1, -1]),
    ],
)
def test_labels(tmp_path, labels, classes, y):
    rows = "".join(f"{i},{label}\n" for i, label in enumerate(labels.split()))
    dataset = load(write(tmp_path / "t.csv", f"a,label\n{rows}"))
    assert (dataset.classes, dataset.y.tolist()) == (classes, y)


def test_target_and_ignore(tmp_path):
    path = write(tmp_path / "t.csv", "id,label,kind\n7,1,cat\n8,2,dog\n")
    assert [c.name for c in load(path).columns] == ["id", "kind"]
    dataset = load(path, target="kind", ignore=["id"])
    assert dataset.columns == (Column("label"),)
    assert dataset.classes == ("cat", "dog")
    assert load(path, ignore=["label"]).classes == ()


def test_what_a_column_is(tmp_path):
    big = "1" * 30
    text = f'flag,late,empty,big,mixed,quoted\nTRUE,true,,{big},1,"x, ""y""\nz"\nFALSE,,,2,a,w\n'
    dataset = load(write(tmp_path / "t.csv", text))
    names = {column.name: column.categories for column in dataset.columns}
    assert names == {
        "flag": None, "late": None, "empty": None, "big": None, "mixed": ("1", "a"), "quoted": ("w", 'x, "y"\nz')
    }  # fmt: skip
    expected = np.float32([[1, 1, NAN, float(big), 0, 1], [0, NAN, NAN, 2, 1, 0]])
    np.testing.assert_array_equal(dataset.x, expected)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty; its first line must name the columns"),
        ("\n \n", "is empty"),
        ("a,b\n", "has no rows"),
        ("a,b\n1,2\n3\n", "line 3: has 1 fields, the header 2; mend the line"),
        ("a,b\n1,2\n3,4,5\n", "line 3: has 3 fields"),
        ("a,b\n0,1,2\n1,3,4\n", "line 2: has 3 fields"),
        ("a,b\n1,2,3\n3,4\n", "line 2: has 3 fields"),
        ('a,b\n1,2\n3,"4\n', r"cannot be read as a table \(.*EOF inside string"),
        ("a,b\n1,\0\n", "holds a NUL byte"),
        (b"a,b\n1,\xe9\n", r"is not UTF-8 \(byte 0xe9\); save it again as CSV in UTF-8"),
        ("a,b\n1,2\n".encode("utf-16"), r"is not UTF-8 \(byte 0xff\)"),
        ("a,b\n1,2\n1,1e39\n", "column 'b', line 3: 1e.39 is no number that float32 can hold, up to 3.4e38"),
        ("a\n1\n-inf\n", "column 'a', line 3: -inf is no number that float32"),
        (f"a\n{'1' * 400}\n", r"column 'a', line 2: 1{37}\.\.\. is no number that float32"),
        ("a,b,a\n1,2,3\n", "has two columns 'a'"),
        ("5.1,3.5,setosa\n1,2,x\n", "its first line holds the number 5.1, not names"),
        (",\n1,2\n", "its first line names no columns"),
        ("label\n1\n", "has no columns besides the labels"),
        ("a,label\n1,0.5\n", "column 'label' has the label 0.5, .* measured numbers are no classes"),
        ("a,label\n1,-2\n", "column 'label' has the label -2"),
        ("a\n" + "\n".join(["?", *map(str, range(30))]), "'a' holds numbers, but also '\\?'; mend it, leave it empty"),
        ("id\n" + "\n".join(f"r{i}" for i in range(1001)), "'id' has 1,001 different texts .* `ignore` 'id'"),
    ],
)
def test_broken_tables_are_refused_in_one_line(tmp_path, text, message):
    said = refusal(load, write(tmp_path / "t.csv", text))
    assert said.startswith(str(tmp_path / "t.csv"))
    assert re.search(message, said), said


def test_codes_that_are_partly_numbers_are_categories(tmp_path):
    rows = "".join(f"{code}\n" for code in [*range(30), "A", "B", "C", "D", "E"] * 2)
    assert len(load(write(tmp_path / "t.csv", f"code\n{rows}")).columns[0].categories) == 35
    few = load(write(tmp_path / "t.csv", "code\n1\n2\n3\nN\n"))
    assert few.columns == (Column("code", ("1", "2", "3", "N")),)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"target": "kid"}, "`target` 'kid': no such column; there are id, kind; did you mean 'kind'?"),
        ({"ignore": ["id", "z"]}, "`ignore` 'z': no such column; there are id, kind; check the name"),
        ({"ignore": ["id", "kind"]}, "has no columns besides the labels and those left out"),
        ({"size": 8}, "`size` 8: resizes image files only"),
        ({"labels": "l.csv"}, "`labels` l.csv: labels a folder of images or an array only"),
    ],
)
def test_options_that_do_not_fit_the_table(tmp_path, options, message):
    assert message in refusal(load, write(tmp_path / "t.csv", "id,kind\n7,cat\n8,dog\n"), **options)


def frame() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "whole": pd.array([1, None, 3], dtype="Int64"),
            "kind": pd.Categorical(["v", "u", None], categories=["v", "u", "never"]),
            "flag": [True, False, True],
            "text": ["p", None, "q"],
            "label": ["cat", None, "dog"],
        },
        index=[10, 20, 30],
    )


def test_parquet(tmp_path):
    frame().to_parquet(tmp_path / "t.parquet")
    dataset = load(tmp_path / "t.parquet")
    assert dataset.columns == (Column("whole"), Column("kind", ("u", "v")), Column("flag"), Column("text", ("p", "q")))
    np.testing.assert_array_equal(dataset.x, np.float32([[1, 1, 1, 0], [NAN, 0, 0, NAN], [3, NAN, 1, 1]]))
    assert dataset.classes == ("cat", "dog")
    assert dataset.y.tolist() == [0, -1, 1]


def test_parquet_that_cannot_be_used(tmp_path, monkeypatch):
    path = tmp_path / "t.parquet"
    frame().assign(day=pd.Timestamp("2020-01-01")).to_parquet(path)
    assert "column 'day' holds values of type datetime64" in refusal(load, path)
    frame().assign(pair=[[1, 2], [3], []]).to_parquet(path)
    assert "column 'pair' holds lists or the like" in refusal(load, path)
    path.write_bytes(path.read_bytes()[:-30])
    assert "t.parquet: cannot be read as Parquet" in refusal(load, path)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert 'pip install "fewlabels[parquet]"' in refusal(load, path)


SIGNED = "a,b,label\n1,x,0\n2,y,1\n"


def test_a_signature_finds_columns_by_name(tmp_path):
    signature = load(write(tmp_path / "t.csv", SIGNED)).signature
    path = write(tmp_path / "new.csv", "more,b,kind,a\nfree text,y,cat,5\nthat is longer,01,dog,\nx,x,,true\n")
    dataset = load(path, signature=signature, target="kind")
    np.testing.assert_array_equal(dataset.x, np.float32([[5, 1], [NAN, -1], [1, 0]]))
    assert dataset.signature == signature
    assert dataset.classes == ("cat", "dog")
    assert load(path, signature=signature).classes == ()


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("A,b\n1,x\n", {}, "has no column 'a', which the model reads; add it"),
        ("a,b\n1,x\nlots,y\n", {}, "column 'a', line 3: lots is no number; mend it"),
        ("a,b\n1,x\n", {"ignore": ["b"]}, "`ignore` 'b': the model was trained with this column"),
        ("a,b\n1,x\n", {"target": "b"}, "`target` 'b': the model was trained with this column"),
    ],
)
def test_a_signature_that_does_not_fit(tmp_path, text, options, message):
    signature = load(write(tmp_path / "t.csv", SIGNED)).signature
    assert message in refusal(load, write(tmp_path / "new.csv", text), signature=signature, **options)


def test_label_may_be_a_column_that_the_model_reads(tmp_path):
    path = write(tmp_path / "t.csv", "label,kind\n3,cat\n4,dog\n")
    signature = load(path, target="kind").signature
    assert load(path, signature=signature).x.tolist() == [[3], [4]]


def test_tables_and_other_data_do_not_mix(tmp_path):
    digits = load("digits").signature
    path = write(tmp_path / "t.csv", SIGNED)
    assert "is a table, the model takes grey images of 8x8 pixels" in refusal(load, path, signature=digits)
    said = refusal(load, "digits", signature=load(path).signature)
    assert "its examples are grey images of 8x8 pixels (uint8), the model takes rows of a table of 2 columns" in said
