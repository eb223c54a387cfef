from __future__ import annotations

import gzip
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fewlabels.core.errors import InputError
from fewlabels.data.readers.idx import gunzip, read_idx

VALUES = np.arange(2 * 3 * 4, dtype=np.uint8).reshape(2, 3, 4)


def idx_bytes(values: np.ndarray) -> bytes:
    header = bytes([0, 0, 8, values.ndim]) + struct.pack(f">{values.ndim}I", *values.shape)
    return header + values.astype(np.uint8).tobytes()


VALID = idx_bytes(VALUES)


def test_reads_the_declared_shape_and_is_writable():
    array = read_idx(VALID, "a")
    assert array.dtype == np.uint8
    np.testing.assert_array_equal(array, VALUES)
    array[0] = 1


def test_reads_a_gzipped_file(tmp_path):
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(VALID, mtime=0))
    np.testing.assert_array_equal(read_idx(gunzip(path), str(path)), VALUES)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "0 bytes are too few"),
        (VALID[:-1], r"truncated, its shape \(2, 3, 4\) needs 40 bytes and it has 39; get the file again"),
        (VALID + b"x", r"too long, its shape \(2, 3, 4\) needs 40 bytes and it has 41"),
        (VALID[:9], "ends within its header, at byte 9 of 16"),
        (b"\x1f\x8b" + VALID[2:], "starts with 1f 8b 08 03, an IDX file of uint8 starts with 00 00 08"),
        (b"\0\0\x0d\x03" + VALID[4:], r"the values are float32, only uint8 \(0x08\) is read"),
        (b"\0\0\x07\x03" + VALID[4:], "unknown value type 0x07"),
        (b"\0\0\x08\x00", "declares 0 dimensions, allowed are 1 to 4"),
        (b"\0\0\x08\xff" + VALID[4:], "declares 255 dimensions"),
        (
            b"\0\0\x08\x02" + struct.pack(">2I", 5, 0),
            r"declares the shape \(5, 0\), in which a dimension is zero",
        ),
        (b"\0\0\x08\x04" + b"\xff" * 16 + b"123", "truncated, its shape"),
    ],
)
def test_names_what_is_wrong(data, message):
    with pytest.raises(InputError, match=message) as caught:
        read_idx(data, "some-file")
    assert str(caught.value).startswith("some-file: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (VALID, "corrupt or truncated gzip file"),
        (gzip.compress(VALID, mtime=0)[:-3], "corrupt or truncated gzip file"),
        (gzip.compress(VALID, mtime=0) + b"more", "corrupt or truncated gzip file"),
    ],
    ids=["no gzip", "truncated", "trailing"],
)
def test_corrupt_gzip_is_named(tmp_path, content, message):
    path = tmp_path / "a.gz"
    path.write_bytes(content)
    with pytest.raises(InputError, match=rf"a\.gz: {message}"):
        gunzip(path)


def test_missing_file_and_folder_are_named(tmp_path):
    with pytest.raises(InputError, match=r"nowhere\.gz: no such file"):
        gunzip(tmp_path / "nowhere.gz")
    with pytest.raises(InputError, match="cannot be read"):
        gunzip(tmp_path)


def test_decompression_stops_at_the_cap(tmp_path):
    path = tmp_path / "bomb.gz"
    path.write_bytes(gzip.compress(bytes(50_000_000), compresslevel=1))
    with pytest.raises(InputError, match="decompresses to more than the 1000 bytes allowed here"):
        gunzip(path, max_bytes=1000)
    assert len(gunzip(path, max_bytes=50_000_000)) == 50_000_000


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_damage_is_an_input_error_or_harmless(data, tmp_path_factory):
    content = bytearray(gzip.compress(VALID, mtime=0))
    for position in data.draw(st.lists(st.integers(0, 8 * len(content) - 1), max_size=4)):
        content[position // 8] ^= 1 << position % 8
    content = content[: data.draw(st.integers(0, len(content)))] if data.draw(st.booleans()) else content
    path = tmp_path_factory.getbasetemp() / "damaged.gz"
    path.write_bytes(content)
    try:
        array = read_idx(gunzip(path), str(path))
    except InputError:
        return
    np.testing.assert_array_equal(array, VALUES)


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_a_damaged_header_never_gives_another_size(data):
    content = bytearray(VALID)
    for position in data.draw(st.lists(st.integers(0, 8 * 16 - 1), min_size=1, max_size=4)):
        content[position // 8] ^= 1 << position % 8
    try:
        array = read_idx(bytes(content), "damaged")
    except InputError:
        return
    assert array.tobytes() == VALUES.tobytes()
