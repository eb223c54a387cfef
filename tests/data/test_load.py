from __future__ import annotations

import subprocess
import sys

import numpy as np
import PIL.Image
import pytest

from fewlabels.data import load
from fewlabels.errors import InputError


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
            r"MNIST: no such data set, file or folder; allowed are digits, mnist, .*; did you mean mnist\?",
        ),
        ("fashion_mnist", r"did you mean fashion-mnist\?"),
        ("zzzzz", "an .npz file, or a folder of images with one subfolder a class; check the spelling"),
        ("", "empty name: no such data set"),
        ("none.npz", r"none\.npz: no such file"),
        ("a.csv", r"a\.csv: \.csv files are not read; allowed are digits"),
    ],
)
def test_unknown_sources(tmp_path, monkeypatch, source, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.csv").write_text("1,2")
    with pytest.raises(InputError, match=message):
        load(source)


@pytest.mark.parametrize("source", ["digits", "a.npz"])
def test_size_is_for_image_folders(source):
    with pytest.raises(InputError, match=f"--size 28: resizes the images of a folder only, and {source} is none"):
        load(source, size=28)


def test_importing_the_room_is_light():
    heavy = "torch PIL pooch sklearn platformdirs"
    code = f"import sys, fewlabels.data; print([m for m in '{heavy}'.split() if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
