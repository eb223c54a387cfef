from __future__ import annotations

import subprocess
import sys

import numpy as np
import PIL.Image
import pytest

from fewlabels.core.errors import InputError
from fewlabels.data import cache, load


def test_loads_each_kind(tmp_path, monkeypatch):
    np.savez(tmp_path / "a.npz", x=np.zeros((4, 3)), y=np.array([0, 1, 0, 1]))
    for name in ("cat", "dog"):
        (tmp_path / "digits" / name).mkdir(parents=True)
        PIL.Image.fromarray(np.zeros((4, 5), dtype=np.uint8)).save(tmp_path / "digits" / name / "a.png")
    monkeypatch.chdir(tmp_path)
    assert load("a.npz").example_shape == (3,)
    assert load(tmp_path / "a.npz").example_shape == (3,)
    assert load("digits").example_shape == (1, 8, 8)  # the name wins
    assert load("./digits").example_shape == (1, 4, 5)
    assert load("./digits", size=7).example_shape == (1, 7, 7)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (
            "MNIST",
            r"MNIST: no such data set, file or folder; allowed are digits, mnist, .*; did you mean 'mnist'\?",
        ),
        ("fashion_mnist", r"did you mean 'fashion-mnist'\?"),
        ("zzzzz", r"hf:NAME .*, a folder of images, an image .*, an array \(\.npy\); check the spelling"),
        ("", "empty name: no such data set"),
        ("none.npz", r"none\.npz: no such file"),
        ("none.csv", r"none\.csv: no such file"),
        ("a.xlsx", r"a\.xlsx: \.xlsx files are not read; allowed are digits"),
    ],
)
def test_unknown_sources(tmp_path, monkeypatch, source, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.xlsx").write_text("1,2")
    with pytest.raises(InputError, match=message):
        load(source)


@pytest.mark.parametrize(
    ("source", "options", "message"),
    [
        ("digits", {"size": 28}, "`size` 28: resizes image files only, and digits is none; leave it out"),
        ("a.npy", {"size": 28}, "`size` 28: resizes image files only"),
        ("digits", {"labels": "l.csv"}, "`labels` l.csv: labels a folder of images or an array only"),
        ("a.npy", {"target": "y"}, "`target` y: names a column of a table only, and a.npy is none"),
        ("digits", {"ignore": ["a", "b"]}, "`ignore` a, b: names columns of a table only"),
    ],
)
def test_options_that_do_not_go_with_the_source(tmp_path, monkeypatch, source, options, message):
    monkeypatch.chdir(tmp_path)
    np.save("a.npy", np.zeros((2, 3)))
    with pytest.raises(InputError, match=message):
        load(source, **options)


@pytest.mark.parametrize(
    ("shape", "dtype", "stays"),
    [((9, 4, 5), "u1", True), ((9, 4, 5, 3), "u1", True), ((9, 7), "f4", True), ((9, 7), "f8", False)],
)
def test_a_large_array_stays_in_its_file(tmp_path, monkeypatch, shape, dtype, stays):
    numbers = np.random.default_rng(0).integers(0, 256, shape).astype(dtype)
    np.save(tmp_path / "x.npy", numbers)
    small = load(tmp_path / "x.npy")
    monkeypatch.setattr(cache, "IN_MEMORY_BYTES", 100)
    large = load(tmp_path / "x.npy")
    assert isinstance(large.x, np.memmap) == stays
    assert not isinstance(small.x, np.memmap)
    assert large.fingerprint() == small.fingerprint()
    channels_first = {2: numbers, 3: numbers[:, None], 4: np.moveaxis(numbers, -1, 1)}
    np.testing.assert_array_equal(large.x, channels_first[len(shape)])


def test_importing_the_room_is_light():
    heavy = "torch PIL pooch sklearn platformdirs"
    code = f"import sys, fewlabels.data; print([m for m in '{heavy}'.split() if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
