"""What declares more than can be read, is damaged, or is no file: one line each, before anything is allocated."""

from __future__ import annotations

import os

import numpy as np
import pandas as pd
import pytest
from made_up_files import grey, refusal, save_image, write

from fewlabels.core.errors import InputError
from fewlabels.data import bounds, cache, load, open_stream


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("FEWLABELS_CACHE", str(tmp_path / "cache"))


def parquet(tmp_path, rows=3, name="t.parquet"):
    frame = pd.DataFrame(
        {"a": np.arange(rows) * 1.5, "b": ["x", "yy", "é"] * (rows // 3), "label": ["u", "v", None] * (rows // 3)}
    )
    frame.to_parquet(tmp_path / name)
    return tmp_path / name


def test_tables_larger_than_memory_allows_are_refused_by_what_they_declare(tmp_path, monkeypatch):
    monkeypatch.setattr(bounds, "memory_bytes", lambda: 4 * 24 * 3 * 30)  # a quarter is 30 rows of three columns
    signature = load(parquet(tmp_path, 30)).signature
    many = parquet(tmp_path, 33)
    said = refusal(load, many)
    assert "holds 33 rows of 3 columns, which need 0.0 GiB of memory; allowed are 0.0 GiB, a quarter of" in said
    assert said.endswith("give a sample of its rows or fewer columns, or save numbers with numpy.save, as a float32 "
                         ".npy stays on disk")  # fmt: skip
    assert sum(len(rows) for _, rows in open_stream(many, signature).blocks()) == 33
    assert "bytes of text" in refusal(load, write(tmp_path / "t.csv", "a,b\n" + "1,2\n" * 600))


def test_a_sparse_file_of_a_terabyte_is_not_read_into_memory(tmp_path):
    path = tmp_path / "x.npy"
    with path.open("wb") as file:
        shape = (2**27, 1024)
        np.lib.format.write_array_header_1_0(file, {"descr": "<f8", "fortran_order": False, "shape": shape})
        file.truncate(file.tell() + 2**40)
    assert "x.npy: holds 134,217,728 examples of float64, which need 514.0 GiB of memory" in refusal(load, path)


@pytest.mark.parametrize(
    "shape", ["(1180591620717411303424,)", "(True,)", "(3, True)", "(-1, 2)", "(1099511627776, 2)"]
)
def test_headers_that_claim_anything(tmp_path, shape):
    text = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    raw = b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode()
    path = write(tmp_path / "x.npy", raw)
    assert "x.npy: " in refusal(load, path)
    image = save_image(tmp_path / "p" / "a.png", grey(0))
    np.save(tmp_path / "p.npy", np.zeros((1, 2), np.float32))
    assert "x.npy: " in refusal(load, tmp_path / "p.npy", labels=path)
    assert image.exists()


def test_a_header_of_commas_ends_at_the_longest_line(tmp_path, monkeypatch):
    monkeypatch.setattr("fewlabels.data.readers.delimited._LONGEST_LINE", 1000)
    path = write(tmp_path / "t.csv", "," * 5000)
    assert "its first line is longer than 1,000 characters, the most that is read" in refusal(load, path)


def test_pipes_and_devices_are_named_as_such(tmp_path):
    for name in ("x.csv", "x.npy", "x.npz", "x.parquet", "x.png", "x"):
        os.mkfifo(tmp_path / name)
        said = refusal(load, tmp_path / name)
        assert f"{name}: is a pipe, which cannot be read twice; write what comes out of it to a file" in said
    assert refusal(load, "/dev/zero") == (
        "/dev/zero: is a device, which cannot be read twice; write what comes out of it to a file"
    )
    np.save(tmp_path / "p.npy", np.zeros((1, 2), np.float32))
    assert "x.csv: is a pipe" in refusal(load, tmp_path / "p.npy", labels=tmp_path / "x.csv")


def test_texts_that_are_no_utf8_are_met_while_reading(tmp_path):
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    bad = pa.Array.from_buffers(
        pa.string(), 2, [None, pa.py_buffer(np.array([0, 1, 2], np.int32)), pa.py_buffer(b"\xff\xfe")]
    )
    pq.write_table(pa.table({"a": [1.0, 2.0], "b": bad}), tmp_path / "t.parquet")
    said = refusal(load, tmp_path / "t.parquet")
    assert "cannot be read as Parquet (" in said
    assert "UTF8" in said


def test_no_damage_to_parquet_lets_another_exception_through(tmp_path):
    whole = parquet(tmp_path).read_bytes()
    signature = load(tmp_path / "t.parquet").signature
    rng, refused = np.random.default_rng(0), 0
    for _ in range(150):
        raw = bytearray(whole)
        for at in rng.integers(0, len(raw), rng.integers(1, 4)):
            raw[at] = rng.integers(0, 256)
        path = write(tmp_path / "m.parquet", bytes(raw))
        try:
            load(path)
            list(open_stream(path, signature).blocks())
        except InputError as error:
            refused += "\n" not in str(error)
    assert 50 < refused < 150


@pytest.mark.slow
def test_what_a_full_disk_left_of_widening_is_removed(tmp_path, monkeypatch):
    """Grey images, then one in colour; the disk is full while the array is given colour."""
    monkeypatch.setattr(cache, "IN_MEMORY_BYTES", 10)
    monkeypatch.setattr(cache, "block_length", lambda shape: 2)
    for i in range(6):
        save_image(tmp_path / "p" / f"{i}.png", grey(i) if i < 4 else np.repeat(grey(i)[..., None], 3, 2))
    repeat = np.repeat

    def full(*arguments, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(cache.np, "repeat", full)
    assert "cannot be written (No space left on device); free space" in refusal(load, tmp_path / "p")
    (part,) = (tmp_path / "cache").rglob("*.part")
    assert not list((tmp_path / "cache").rglob("*.wide"))
    write(part.with_suffix(".wide"), "as a kill leaves it")
    seen = []
    monkeypatch.setattr(cache.np, "repeat", repeat)
    monkeypatch.setattr(cache, "_check_space", lambda folder, *_: seen.append(list(folder.glob("*.wide"))))
    np.testing.assert_array_equal(load(tmp_path / "p").x[:, 0], [grey(i) for i in range(6)])
    assert seen == [[]]
