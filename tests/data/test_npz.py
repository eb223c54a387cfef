from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fewlabels.core.errors import InputError
from fewlabels.data import Dataset, read_npz

GREY = np.arange(4 * 5 * 6, dtype=np.uint8).reshape(4, 5, 6)
Y = np.array([0, 1, -1, 1])


@pytest.fixture
def save(tmp_path):
    """Save arrays, give the path."""

    def write(**arrays: np.ndarray):
        path = tmp_path / "mine.npz"
        np.savez(path, **arrays)
        return path

    return write


@pytest.fixture
def reread(save):
    def write_and_read(**arrays: np.ndarray) -> Dataset:
        return read_npz(save(**arrays))

    return write_and_read


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((4, 7), (4, 7)),
        ((4, 5, 6), (4, 1, 5, 6)),
        ((4, 5, 6, 1), (4, 1, 5, 6)),
        ((4, 5, 6, 3), (4, 3, 5, 6)),
        ((4, 5, 6, 4), (4, 4, 5, 6)),
        ((4, 3, 5, 6), (4, 3, 5, 6)),
        ((4, 1, 5, 6), (4, 1, 5, 6)),
        ((4, 3, 8, 3), (4, 3, 8, 3)),  # both ways: channels first
    ],
)
def test_layouts(reread, shape, expected):
    assert reread(x=np.zeros(shape, dtype=np.uint8), y=Y).x.shape == expected


def test_channels_are_moved_not_reshaped(reread):
    colour = np.random.default_rng(0).integers(0, 256, (4, 5, 6, 3), dtype=np.uint8)
    x = reread(x=colour, y=Y).x
    np.testing.assert_array_equal(x[2, 1], colour[2, :, :, 1])
    assert x.flags.c_contiguous


@pytest.mark.parametrize("dtype", [np.float64, np.float16, np.int64, np.uint16, bool, ">f4"])
def test_other_numbers_become_float32(reread, dtype):
    x = reread(x=GREY.astype(dtype), y=Y).x
    assert x.dtype == np.float32
    np.testing.assert_array_equal(x[:, 0], GREY.astype(dtype).astype(np.float32))


def test_uint8_stays_for_images_only(reread):
    assert reread(x=GREY, y=Y).x.dtype == np.uint8
    assert reread(x=GREY.reshape(4, 30), y=Y).x.dtype == np.float32


@pytest.mark.parametrize(
    ("labels", "classes", "indices"),
    [
        ([7, 3, -1, 10], ("3", "7", "10"), [1, 0, -1, 2]),
        ([7.0, 3.0, -1.0, 7.0], ("3", "7"), [1, 0, -1, 1]),
        ([True, False, True, True], ("0", "1"), [1, 0, 1, 1]),
        (["dog", "cat", "", "-1"], ("cat", "dog"), [1, 0, -1, -1]),
        ([b"dog", b"cat", b"", b"cat"], ("cat", "dog"), [1, 0, -1, 0]),
        (np.array([1, 0, 1, 1], dtype=np.uint64), ("0", "1"), [1, 0, 1, 1]),
    ],
)
def test_labels(reread, labels, classes, indices):
    dataset = reread(x=GREY, y=np.array(labels))
    assert dataset.classes == classes
    assert dataset.y.tolist() == indices
    assert dataset.y.dtype == np.int64


def test_a_test_set_shares_the_classes(reread):
    dataset = reread(x=GREY, y=np.array([5, 1, 5, 1]), x_test=GREY[:2], y_test=np.array([5, 3]), ids=Y)
    assert dataset.classes == ("1", "3", "5")
    assert dataset.y.tolist() == [2, 0, 2, 0]
    assert dataset.y_test.tolist() == [2, 1]
    assert dataset.x_test.shape == (2, 1, 5, 6)
    assert dataset.name == "mine"


def test_without_y_none_is_labelled(reread):
    dataset = reread(x=GREY)
    assert (dataset.classes, dataset.y.tolist()) == ((), [-1] * 4)


HUGE = np.where(GREY == 3, 1e300, GREY)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x": None}, "no array x, found y; needed is x, and y, x_test and y_test are optional"),
        ({"x": None, "y": None}, "no array x, found none"),
        ({"y": None, "target": Y}, "no array y, found x, target; rename 'target' to y if it holds the labels"),
        ({"X_test": GREY}, "unknown array 'X_test', did you mean 'x_test'"),
        ({"x_test": GREY}, "x_test without y_test; give both or neither"),
        ({"y_test": Y}, "y_test without x_test"),
        ({"x_test": GREY[:, 1:], "y_test": abs(Y)}, r"x has shape \(5, 6\), one of x_test \(4, 6\)"),
        ({"x_test": GREY, "y_test": np.array(["a"] * 4)}, "one of y and y_test holds strings"),
        ({"x_test": GREY, "y_test": Y}, "y_test has unlabelled examples"),
        ({"x": GREY.astype(complex)}, "x is complex128; allowed are real numbers"),
        ({"x": np.full((4, 2), "a")}, "x is <U1; allowed are real numbers"),
        ({"x": GREY[:, 0, 0]}, r"x has shape \(4,\); allowed are vectors"),
        ({"x": np.zeros((4, 5, 6, 2))}, "no axis can be the channels"),
        ({"x": GREY[:3]}, "x holds 3 examples but there are 4 labels"),
        ({"x": HUGE}, r"float32 cannot hold, such as 1e\+300; allowed are magnitudes up to 3.4e38"),
        ({"x": np.where(GREY == 3, np.nan, GREY)}, "NaN or infinite values in 1 of 4 examples"),
        ({"x": np.array([{}] * 4)}, "'x' is an object array, which is never unpickled"),
        ({"y": np.array(["a", None, 1, 2], dtype=object)}, "'y' is an object array"),
        ({"y": Y[:, None]}, r"y has shape \(4, 1\); give one label an example"),
        ({"y": np.array([0, 1.5, 1, 0])}, "y has the label 1.5 in example 1; labels are whole numbers"),
        ({"y": np.array([0, 1, np.nan, 0])}, "y has the label nan in example 2"),
        (
            {"y": np.array([0, 1, -2, 0])},
            "y has the label -2 in example 2; allowed are whole numbers from 0 up",
        ),
        ({"y": Y.astype(complex)}, "y is complex128; allowed are whole numbers and strings"),
        ({"y": np.array([b"\xff", b"a", b"a", b"b"])}, "bytes that are not UTF-8"),
    ],
)
def test_refused(save, change, message):
    arrays = {key: value for key, value in ({"x": GREY, "y": Y} | change).items() if value is not None}
    path = save(**arrays)
    with pytest.raises(InputError, match=message) as caught:
        read_npz(path)
    assert "mine" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_and_foreign_files(tmp_path):
    with pytest.raises(InputError, match=r"none\.npz: no such file"):
        read_npz(tmp_path / "none.npz")
    with open(tmp_path / "array.npz", "wb") as file:
        np.save(file, GREY)
    with pytest.raises(InputError, match=r"not an \.npz archive or damaged"):
        read_npz(tmp_path / "array.npz")


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_damage_is_an_input_error_or_harmless(data, tmp_path_factory):
    path = tmp_path_factory.getbasetemp() / "damaged.npz"
    np.savez_compressed(path, x=GREY, y=Y)
    content = bytearray(path.read_bytes())
    for position in data.draw(st.lists(st.integers(0, 8 * len(content) - 1), min_size=1, max_size=3)):
        content[position // 8] ^= 1 << position % 8
    path.write_bytes(content[: data.draw(st.integers(1, len(content)))] if data.draw(st.booleans()) else content)
    try:
        dataset = read_npz(path)
    except InputError:
        return
    np.testing.assert_array_equal(dataset.x[:, 0], GREY)
    np.testing.assert_array_equal(dataset.y, Y)
