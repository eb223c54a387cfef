"""Columns that are probably no features: identifiers, free text, dates, numbers of the rows."""

import warnings

import numpy as np
import pandas as pd
import pytest

from fewlabels import as_dataset, load
from fewlabels.core.errors import InputError


def table(n=100, **columns):
    """A hundred rows of a size and a colour that are in order, and other columns."""
    rng = np.random.default_rng(0)
    return pd.DataFrame({"size": rng.normal(size=n), "colour": rng.choice(["red", "blue"], n), **columns})


def test_columns_in_which_hardly_a_text_repeats_are_refused_together(tmp_path):
    names = [f"n{i}" for i in range(100)]
    tickets = [f"t{max(i, 10)}" for i in range(100)]  # 90 different ones
    frame = table(name=names, ticket=tickets)
    message = (
        r"column 'name' has 100 different texts in 100 rows, column 'ticket' has 90 different texts in 100 rows; "
        r"identifiers and free text are no categories: `ignore` 'name' `ignore` 'ticket' leaves them out"
    )
    with pytest.raises(InputError, match=message):
        as_dataset(frame)
    frame.to_csv(tmp_path / "t.csv", index=False)
    with pytest.raises(InputError, match=f"t.csv: {message}"):
        load(tmp_path / "t.csv")
    assert as_dataset(frame, ignore=["name", "ticket"]).x.shape == (100, 2)


def test_rows_without_a_text_do_not_count():
    gaps = [f"c{i}" if i < 30 else None for i in range(100)]
    with pytest.raises(InputError, match="column 'cabin' has 30 different texts in 30 rows"):
        as_dataset(table(cabin=gaps))
    few = [f"c{i}" if i < 19 else None for i in range(100)]
    assert len(as_dataset(table(few=few)).columns[2].categories) == 19


def test_dates_are_named_as_what_they_are():
    days = pd.date_range("2020-01-01", periods=100).strftime("%Y-%m-%d")
    with pytest.raises(InputError, match="no categories: turn dates into numbers, such as days, or `ignore` 'day'"):
        as_dataset(table(day=days))


def test_columns_that_may_be_identifiers_are_told_and_kept(tmp_path):
    frame = table(ticket=[f"t{i % 60}" for i in range(100)], half=[f"h{i % 50}" for i in range(100)])
    frame.insert(0, "id", np.arange(7, 107))
    with pytest.warns(UserWarning, match="identifier") as warned:
        dataset = as_dataset(frame, name="made up")
    assert [str(warning.message) for warning in warned] == [
        "made up: column 'ticket' has 60 different texts in 100 rows, an input each; if it is an identifier, `ignore` "
        "'ticket' leaves it out",
        "made up: column 'id' numbers the rows; if it is an identifier, `ignore` 'id' leaves it out",
    ]
    assert dataset.notices == (
        "column 'ticket' has 60 different texts in 100 rows, an input each",
        "column 'id' numbers the rows",
    )
    assert [column.name for column in dataset.columns] == ["id", "size", "colour", "ticket", "half"]
    frame.to_csv(tmp_path / "t.csv", index=False)
    with pytest.warns(UserWarning, match="column 'id' numbers the rows"):
        assert load(tmp_path / "t.csv").notices == dataset.notices
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert as_dataset(frame, ignore=["id", "ticket"]).notices == ()
        assert as_dataset(frame, signature=dataset.signature).notices == ()  # the model has been asked before
        assert as_dataset(table(step=np.arange(100) // 2)).notices == ()
