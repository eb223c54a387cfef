"""Whatever is in a file, a reader gives a data set or one clear line; and a stream gives what the reader gives."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fewlabels.core.errors import InputError
from fewlabels.data import Dataset, load, open_stream, streams

PIECES = [
    "a",
    "b",
    "label",
    "1",
    "-1",
    "2.5",
    "x",
    "NA",
    "nan",
    "None",
    ",",
    ",",
    ";",
    "\t",
    "\n",
    "\n",
    "\r\n",
    '"',
    " ",
    "\0",
    "é",
    "\ufeff",
]


def read(path, **options) -> Dataset | None:
    said = ""
    try:
        return load(path, **options)
    except InputError as error:
        said = str(error)
    assert said
    assert "\n" not in said
    return None


@settings(max_examples=100, deadline=None)
@given(text=st.lists(st.sampled_from(PIECES), max_size=40).map("".join), cut=st.integers(1, 40))
@example(text="a,b\n1,x\n2,y\n", cut=40)
@example(text="a,b\n1,x\n2,y\n", cut=1)
def test_any_text(text, cut, tmp_path_factory):
    path = tmp_path_factory.getbasetemp() / "any.csv"
    path.write_bytes(text.encode()[: len(text) if cut > 20 else -1])
    dataset = read(path)
    if dataset is None:
        return
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(streams, "ROWS_A_BLOCK", 2)
        blocks = [block for _, block in open_stream(path, dataset.signature).blocks()]
    np.testing.assert_array_equal(np.concatenate(blocks), dataset.x)


@pytest.mark.slow
@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_damaged_parquet(data, tmp_path_factory):
    path = tmp_path_factory.getbasetemp() / "damaged.parquet"
    pd.DataFrame({"a": np.arange(50.0), "b": ["x", "y"] * 25, "label": [0, 1] * 25}).to_parquet(path)
    content = bytearray(path.read_bytes())
    for position in data.draw(st.lists(st.integers(0, 8 * len(content) - 1), min_size=1, max_size=3)):
        content[position // 8] ^= 1 << position % 8
    path.write_bytes(content)
    read(path)


@settings(max_examples=100, deadline=None)
@given(text=st.lists(st.sampled_from([*PIECES, "row", "label", "0", "row,label\n"]), max_size=20).map("".join))
def test_any_labels(text, tmp_path_factory):
    folder = tmp_path_factory.getbasetemp()
    np.save(folder / "three.npy", np.eye(3))
    (folder / "any_labels.csv").write_bytes(text.encode())
    dataset = read(folder / "three.npy", labels=folder / "any_labels.csv")
    assert dataset is None or len(dataset.y) == 3
