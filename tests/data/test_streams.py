"""Examples block by block: the same as `load` reads with the model's signature, whatever the source."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pandas as pd
import pytest
from made_up_files import grey, refusal, save_image, write

from fewlabels.data import Signature, as_dataset, load, open_stream, streams

GREY = Signature((1, 4, 5), "uint8")
TABLE = pd.DataFrame(
    {"a": [1.5, None, 3, 4, 5], "b": ["x", "y", None, "x", "new"], "c": [True, False, True, None, True]}
)


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    """Blocks of two, so that every source here has several."""
    monkeypatch.setattr(streams, "IMAGES_A_BLOCK", 2)
    monkeypatch.setattr(streams, "ROWS_A_BLOCK", 2)


def folder(tmp_path, n=5):
    for i in range(n):
        save_image(tmp_path / "pets" / ("cat", "dog", "unlabelled")[i % 3] / f"{i:02}.png", grey(i))
    return tmp_path / "pets"


def flat(tmp_path):
    for i in range(3):
        save_image(tmp_path / "flat" / f"{i}.png", grey(i))
    save_image(tmp_path / "flat" / "b" / "x.png", np.repeat(grey(7)[..., None], 3, 2))
    write(tmp_path / "flat" / "labels.csv", "file,label\n1.png,one\n")
    return tmp_path / "flat"


def images(tmp_path):
    np.save(tmp_path / "x.npy", np.random.default_rng(0).integers(0, 256, (5, 6, 7, 3), dtype=np.uint8))
    return tmp_path / "x.npy"


def whole_numbers(tmp_path):
    np.save(tmp_path / "x.npy", np.arange(35).reshape(5, 7))
    return tmp_path / "x.npy"


def archive(tmp_path):
    np.savez(tmp_path / "x.npz", x=np.arange(60.0).reshape(5, 3, 4), y=[0, 1, 0, 1, -1])
    return tmp_path / "x.npz"


def csv(tmp_path):
    TABLE.to_csv(tmp_path / "t.csv")
    return tmp_path / "t.csv"


def parquet(tmp_path):
    TABLE.assign(more=range(5)).to_parquet(tmp_path / "t.parquet", row_group_size=3)
    return tmp_path / "t.parquet"


def hub_table(tmp_path):
    import datasets

    datasets.DatasetDict({"train": datasets.Dataset.from_pandas(TABLE)}).save_to_disk(tmp_path / "t")
    return f"hf:{tmp_path / 't'}"


def hub_images(tmp_path):
    import datasets
    from PIL import Image

    rows = {"picture": [Image.fromarray(grey(i)) for i in range(5)], "label": ["a", "b", "a", "b", ""]}
    features = datasets.Features({"picture": datasets.Image(), "label": datasets.Value("string")})
    datasets.Dataset.from_dict(rows, features=features).save_to_disk(tmp_path / "i")
    return f"hf:{tmp_path / 'i'}"


TABLES = Signature((3,), "float32", as_dataset(TABLE[:4].assign(more=1)).columns[:3])
SOURCES = {
    "folder": (folder, GREY),
    "in colour": (folder, Signature((3, 4, 5), "uint8")),
    "resized": (folder, Signature((1, 9, 8), "uint8", resized=True)),
    "flat": (flat, GREY),
    "image": (lambda t: save_image(t / "a.png", grey(0)), GREY),
    "images": (images, Signature((3, 6, 7), "uint8")),
    "vectors": (whole_numbers, Signature((7,), "float32")),
    "archive": (archive, Signature((1, 3, 4), "float32")),
    "csv": (csv, TABLES),
    "parquet": (parquet, TABLES),
    "hub table": (hub_table, TABLES),
    "hub images": (hub_images, GREY),
    "named": (lambda t: "digits", Signature((1, 8, 8), "uint8")),
}  # fmt: skip


@pytest.mark.parametrize("kind", SOURCES)
def test_blocks_are_what_load_reads(tmp_path, kind):
    make, signature = SOURCES[kind]
    source = make(tmp_path)
    dataset, stream = load(source, signature=signature), open_stream(source, signature)
    for _ in range(1 if kind == "named" else 2):  # it can be gone through again
        names, blocks = zip(*stream.blocks(), strict=True)
        assert [len(part) for part in names] == [len(block) for block in blocks]
        assert max(map(len, blocks)) <= 2
        np.testing.assert_array_equal(np.concatenate(blocks), dataset.x)
        assert all(block.dtype == dataset.x.dtype for block in blocks)
    names = [name for part in names for name in part]
    assert stream.n == (None if kind == "csv" else len(dataset.x))
    assert stream.name == dataset.name
    if stream.key == "row":
        assert names == [str(i) for i in range(len(dataset.x))]


def test_names_of_images_are_their_paths(tmp_path):
    stream = open_stream(folder(tmp_path), GREY)
    assert stream.key == "file"
    assert [name for part, _ in stream.blocks() for name in part] == [
        "cat/00.png", "cat/03.png", "dog/01.png", "dog/04.png", "unlabelled/02.png"
    ]  # fmt: skip
    image = open_stream(save_image(tmp_path / "one.png", grey(0)), GREY)
    assert next(image.blocks())[0] == ["one.png"]


def test_many_images_are_decoded_by_processes_and_few_are_not(tmp_path, monkeypatch):
    source, started = folder(tmp_path, n=9), []
    decoded = streams.decoded
    monkeypatch.setattr(streams, "decoded", lambda lists, form: started.append(1) or decoded(lists, form, processes=1))
    few = np.concatenate([block for _, block in open_stream(source, GREY).blocks()])
    assert not started
    monkeypatch.setattr(streams, "IN_PROCESS", 8)
    many = np.concatenate([block for _, block in open_stream(source, GREY).blocks()])
    assert started
    np.testing.assert_array_equal(many, few)


def drain(source, signature):
    for _ in open_stream(source, signature).blocks():
        pass


def test_errors_name_the_file_or_the_row(tmp_path):
    source = folder(tmp_path)
    save_image(source / "dog" / "04.png", np.zeros((9, 9), np.uint8))
    assert "dog/04.png is 9x9, the model takes 5x4" in refusal(drain, source, GREY)
    save_image(source / "dog" / "04.png", grey(4))
    write(source / "dog" / "01.png", "junk")
    assert "dog/01.png: not a readable image" in refusal(drain, source, GREY)
    path = write(tmp_path / "t.csv", "c,b,a\n1,x,1\n1,x,2\n1,x,3\n1,x,4\n1,x,many\n")
    assert "column 'a', line 6: many is no number" in refusal(drain, path, TABLES)
    path = write(tmp_path / "t.csv", "c,b,a\n1,x,1\n1,x,2\n1,x,3\n1,x\n")
    assert "line 5: has 2 fields, the header 3" in refusal(drain, path, TABLES)
    np.save(tmp_path / "x.npy", np.where(np.arange(35).reshape(5, 7) == 23, np.nan, 1))
    assert "NaN or infinite values, first in row 3" in refusal(drain, tmp_path / "x.npy", Signature((7,), "float32"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n1,x\n", "has no column 'c', which the model reads"),
        ("a,b,c\n", "has no rows"),
        ("", "is empty"),
        ("a,b,c\n1,x,1\n1,\0,1\n", "NUL"),
        ("a,b,c\n1,x,1\n1,x,1,1\n", "line 3: has 4 fields"),
    ],
)
def test_broken_tables(tmp_path, text, message):
    assert message in refusal(drain, write(tmp_path / "t.csv", text), TABLES)


def test_sources_that_do_not_fit_are_refused_before_any_block(tmp_path):
    vectors = Signature((7,), "float32")
    for source, signature, message in [
        (folder(tmp_path), vectors, "its examples are grey images of 5x4 pixels (uint8), the model takes vectors of 7"),
        (whole_numbers(tmp_path), GREY, "its examples are vectors of 7 numbers"),
        (csv(tmp_path), vectors, "is a table, the model takes vectors of 7 numbers"),
        (tmp_path / "none.csv", TABLES, "none.csv: no such file"),
        (write(tmp_path / "a.xlsx", "x"), TABLES, ".xlsx files are not read"),
    ]:
        assert message in refusal(open_stream, source, signature)
    assert "`ignore` 'a': the model was trained with" in refusal(open_stream, csv(tmp_path), TABLES, ignore=["a"])
    (tmp_path / "bare").mkdir()
    assert "bare: holds no images" in refusal(open_stream, tmp_path / "bare", GREY)
    np.save(tmp_path / "none.npy", np.zeros((0, 7)))
    assert "holds no examples" in refusal(open_stream, tmp_path / "none.npy", vectors)


@pytest.mark.slow
def test_memory_does_not_grow_with_the_source(tmp_path, monkeypatch):
    """20 MB of text and a 64 MB array go by in a few MB."""
    monkeypatch.setattr(streams, "ROWS_A_BLOCK", 500)
    row = ",".join(["0.123456789"] * 80)
    path = write(tmp_path / "t.csv", ",".join(f"c{i}" for i in range(80)) + "\n" + f"{row}\n" * 20_000)
    np.lib.format.open_memmap(tmp_path / "x.npy", "w+", np.float64, (100_000, 80))[:] = 1
    tables = load(write(tmp_path / "s.csv", ",".join(f"c{i}" for i in range(80)) + f"\n{row}\n")).signature
    for source, signature in ((path, tables), (tmp_path / "x.npy", Signature((80,), "float32"))):
        stream = open_stream(source, signature)
        tracemalloc.start()
        seen = sum(len(block) for _, block in stream.blocks())
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert seen == (20_000 if source == path else 100_000)
        assert peak < 8e6
