"""Rows of tables into vectors, against scikit-learn's encoder and imputer; fitted on the pool alone."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.impute import MissingIndicator, SimpleImputer
from sklearn.preprocessing import OneHotEncoder

from fewlabels import as_dataset
from fewlabels.core.errors import InputError
from fewlabels.data import Column, encoded, fit_encoding


def frame(n: int, seed: int) -> pd.DataFrame:
    """Two columns of numbers and two of texts, each with gaps but the last."""
    rng = np.random.default_rng(seed)
    table = pd.DataFrame(
        {
            "number": rng.normal(5, 2, n),
            "word": rng.choice(["one", "two", "three"], n),
            "whole": rng.integers(0, 9, n).astype(float),
            "sure": rng.choice(["p", "q"], n),
        }
    )
    for name in ("number", "word", "whole"):
        table.loc[rng.random(n) < 0.2, name] = None
    return table


def oracle(pool: pd.DataFrame, rows: pd.DataFrame) -> np.ndarray:
    """[N, 2 means and flags, 3 + flag, 2]: what scikit-learn makes of the rows, column by column."""
    parts = []
    for name in pool.columns:
        fit, apply = pool[[name]], rows[[name]]
        if name in ("number", "whole"):
            parts.append(SimpleImputer(strategy="mean").fit(fit).transform(apply))
        else:
            encoder = OneHotEncoder(handle_unknown="ignore", sparse_output=False).fit(fit.dropna())
            parts.append(encoder.transform(apply.astype(object).where(apply.notna(), "missing")))
        if fit[name].isna().any():
            parts.append(MissingIndicator(features="all", missing_values=np.nan).fit_transform(apply.isna().where(
                apply.notna(), np.nan).astype(float)))  # fmt: skip
    return np.hstack(parts).astype(np.float32)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_scikit_learn_gives_the_same(seed):
    table = frame(200, seed)
    dataset = as_dataset(table)
    found = fit_encoding(dataset.columns, dataset.x).apply(dataset.x)
    np.testing.assert_allclose(found, oracle(table, table), rtol=1e-6)


def test_the_pool_alone_is_looked_at():
    table = frame(300, 7)
    table.loc[100, "word"] = "only here"
    table.loc[200:, "number"] += 1000
    table.loc[150, "sure"] = None
    pool = np.arange(100)
    dataset = as_dataset(table)
    encoding = fit_encoding(dataset.columns, dataset.x, pool)
    np.testing.assert_allclose(encoding.apply(dataset.x), oracle(table[:100], table), rtol=1e-6)
    whole = encoding.apply(dataset.x)
    assert encoding.width == 2 + 4 + 2 + 2
    assert not whole[100, 2:6].any()  # an unseen category: all zeros
    assert not whole[150, 8:].any()  # missing where the pool has no gap: no flag, all zeros


def test_a_category_that_only_a_later_table_has_is_all_zeros():
    signature = as_dataset(table := frame(50, 3)).signature
    encoding = fit_encoding(signature.columns, as_dataset(table).x)
    later = as_dataset(table.assign(sure="never"), signature=signature)
    assert not encoding.apply(later.x)[:, -2:].any()


def test_what_is_missing_altogether_is_left_out():
    columns = (Column("a"), Column("empty"), Column("none", ("x",)))
    x = np.float32([[1, np.nan, np.nan], [3, np.nan, np.nan]])
    encoding = fit_encoding(columns, x)
    assert encoding.apply(np.float32([[np.nan, 7, 0]])).tolist() == [[2.0]]
    with pytest.raises(InputError, match="every value of the unlabelled rows is missing"):
        encoded(as_dataset(pd.DataFrame({"a": [None, 1.0]})), np.array([0]))
