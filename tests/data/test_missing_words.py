"""NA, None and the like: missing among numbers, texts among categories and labels; and how values of columns match."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from made_up_files import refusal, write

from fewlabels.data import Column, as_dataset, load, open_stream, streams

NAN = float("nan")
WORDS = ["NA", "N/A", "None", "nan", "NaN", "null", "NULL", "<NA>", "n/a", "#N/A", "-nan"]


@pytest.mark.slow
@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize(("name", "delimiter"), [("t.csv", ","), ("t.csv", ";"), ("t.tsv", "\t")])
def test_a_word_is_missing_only_among_numbers(tmp_path, word, name, delimiter):
    rows = [["n", "flag", "kind", "label"], ["1", "true", word, word], [word, word, "x", "Mild"], ["2.5", "", "", ""]]
    dataset = load(write(tmp_path / name, "".join(delimiter.join(row) + "\n" for row in rows)))
    kinds = tuple(sorted([word, "x"]))
    assert dataset.columns == (Column("n"), Column("flag"), Column("kind", kinds))
    assert dataset.classes == tuple(sorted([word, "Mild"]))
    assert [dataset.classes[i] if i >= 0 else None for i in dataset.y] == [word, "Mild", None]
    k = kinds.index(word)
    np.testing.assert_array_equal(dataset.x, np.float32([[1, 1, k], [NAN, NAN, 1 - k], [2.5, NAN, NAN]]))


def test_decimal_commas_beside_a_word(tmp_path):
    dataset = load(write(tmp_path / "t.csv", "a;b\n1,5;x\nNA;y\n-2,25;1,5\n"))
    assert dataset.columns == (Column("a"), Column("b", ("1,5", "x", "y")))
    np.testing.assert_array_equal(dataset.x, np.float32([[1.5, 1], [NAN, 2], [-2.25, 0]]))


def test_a_target_by_name_holds_texts_and_a_column_of_words_alone_is_of_numbers(tmp_path):
    path = write(tmp_path / "t.csv", "grade,void,a\nNone,NA,1\nMild,NA,2\nSevere,,3\nNone,NA,4\n")
    dataset = load(path, target="grade")
    assert (dataset.classes, dataset.y.tolist()) == (("Mild", "None", "Severe"), [1, 0, 2, 1])
    assert dataset.columns == (Column("void"), Column("a"))
    assert np.isnan(dataset.x[:, 0]).all()


@pytest.mark.parametrize("labels", ["1 0 NA", "1.0 None 0.0", "True False nan", "1,0 NA 2,0"])
def test_labels_of_numbers_and_words_are_refused(tmp_path, labels):
    delimiter = ";" if "," in labels else ","
    rows = "".join(f"{i}{delimiter}{label}\n" for i, label in enumerate(labels.split()))
    path = write(tmp_path / "t.csv", f"a{delimiter}grade\n{rows}")
    said = refusal(load, path, target="grade")
    (word,) = set(labels.split()) & set(WORDS)
    assert f"column 'grade' holds labels that are numbers, but also {word!r}" in said
    assert "leave it empty where an example is unlabelled" in said


def test_a_wrong_text_is_named_rather_than_a_word_that_is_missing(tmp_path):
    rows = "\n".join(["NA", *map(str, range(30)), "?"])
    assert "'a' holds numbers, but also '?'" in refusal(load, write(tmp_path / "t.csv", f"a\n{rows}\n"))
    signature = load(write(tmp_path / "t.csv", "a\n1\n2\n")).signature
    said = refusal(load, write(tmp_path / "t.csv", "a\nNA\n1\nlots\n"), signature=signature)
    assert "column 'a', line 4: lots is no number" in said


def test_streams_read_the_same(tmp_path, monkeypatch):
    monkeypatch.setattr(streams, "ROWS_A_BLOCK", 2)
    path = write(tmp_path / "t.csv", "a,b\n1,NA\nNA,x\nnull,01\n,None\n3,NA\nTRUE,\nNA,1\nnan,x\n")
    dataset = load(path)
    assert dataset.columns == (Column("a"), Column("b", ("01", "1", "NA", "None", "x")))
    expected = np.float32([[1, 2], [NAN, 4], [NAN, 0], [NAN, 3], [3, 2], [1, NAN], [NAN, 1], [NAN, 4]])
    np.testing.assert_array_equal(dataset.x, expected)
    blocks = [block for _, block in open_stream(path, dataset.signature).blocks()]
    assert len(blocks) == 4
    np.testing.assert_array_equal(np.concatenate(blocks), expected)


@pytest.mark.parametrize(
    "text",
    [
        'a,b\n1,x\n2,"y\nz"\n\nlots,x\n',  # a text of two lines, and a blank line
        "\n\na,b\r\n1,x\r\n \r\nlots,y\r\n",
    ],
)
def test_a_wrong_value_is_named_by_its_line(tmp_path, text):
    signature = load(write(tmp_path / "t.csv", "a,b\n1,x\n2,y\n")).signature
    path = write(tmp_path / "new.csv", text)
    said = refusal(load, path, signature=signature)
    line = 1 + [line.startswith("lots") for line in text.splitlines()].index(True)
    assert f"column 'a', line {line}: lots is no number" in said
    assert said == refusal(lambda: list(open_stream(path, signature).blocks()))


def test_parquet_names_rows(tmp_path):
    signature = load(write(tmp_path / "t.csv", "a\n1\n2\n")).signature
    pd.DataFrame({"a": ["1", "NA", "lots"]}).to_parquet(tmp_path / "t.parquet")
    said = refusal(load, tmp_path / "t.parquet", signature=signature)
    assert "column 'a', row 2: lots is no number" in said


def test_whole_floats_are_the_categories_of_whole_numbers():
    trained = as_dataset(pd.DataFrame({"c": [1, 2, "x"]}))
    assert trained.columns == (Column("c", ("1", "2", "x")),)
    for values, expected in (
        ([1, 2, 1], [0, 1, 0]),
        ([1, 2, None], [0, 1, NAN]),
        ([1.5, 2.0, np.inf], [-1, 1, -1]),
        (np.float32([2, 1, 3]), [1, 0, -1]),
    ):
        rows = as_dataset(pd.DataFrame({"c": values}), signature=trained.signature).x[:, 0]
        np.testing.assert_array_equal(rows, np.float32(expected))


def test_categories_of_floats_find_themselves():
    frame = pd.DataFrame({"c": pd.Categorical([1.0, 2.5, None, 1.0])})
    dataset = as_dataset(frame)
    assert dataset.columns == (Column("c", ("1", "2.5")),)
    np.testing.assert_array_equal(dataset.x[:, 0], np.float32([0, 1, NAN, 0]))


@pytest.mark.parametrize(("form", "is_date"), [("%Y-%m-%d", True), ("%Y-%m-%d %H:%M", True), ("day %j of %Y", False)])
def test_many_dates_are_called_dates(tmp_path, form, is_date):
    days = pd.date_range("2020-01-01", periods=1100).strftime(form)
    said = refusal(load, write(tmp_path / "t.csv", "when\n" + "\n".join([*days, "later"]) + "\n"))
    assert (
        "1,101 different texts in 1,101 rows; identifiers and free text are no categories: turn dates into numbers"
        in said
    ) == is_date
    assert ("no categories: `ignore` 'when'" in said) != is_date
    assert "`ignore` 'when' leaves" in said
