"""What `fewlabels study` cannot read or write: one clear line, the right exit code, and nothing harmed."""

import numpy as np
import pytest
from PIL import Image

from commands import refused, run

FAST = ["--methods", "raw+probe,random+probe,denoising+probe", "--budgets", "10,30", "--seeds", "2", "--workers", "1"]


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("FEWLABELS_CACHE", str(tmp_path_factory.mktemp("cache")))
    monkeypatch.setenv("FEWLABELS_OFFLINE", "1")


def images(folder, sizes=((8, 8),), count=12):
    for name in ("cats", "dogs"):
        (folder / name).mkdir(parents=True)
        for number in range(count):
            size = sizes[number % len(sizes)]
            pixels = np.random.default_rng(number).integers(0, 256, size, dtype=np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{number}.png")
    return folder


def arrays(path, **changes):
    rng = np.random.default_rng(0)
    parts = {"x": rng.normal(size=(90, 5)), "y": np.arange(90) % 3}
    np.savez(path, **{**parts, **{name: change(parts[name]) for name, change in changes.items()}})
    return path


def with_nan(x):
    x[7, 2] = np.nan
    return x


BAD_INPUT = {
    "an unknown data set": (lambda t: ["mnits"], "mnits", "mnist"),
    "a missing file": (lambda t: [t / "none.npz"], "none.npz", ""),
    "a corrupt file": (lambda t: [broken(t / "x.npz")], "x.npz", ""),
    "an empty folder": (lambda t: [made(t / "empty")], "empty", ""),
    "a non-image among the images": (lambda t: [with_text(images(t / "i"))], "notes.txt", ""),
    "images of different sizes": (lambda t: [images(t / "i", ((8, 8), (9, 7)))], ".png", "--size"),
    "one class only": (lambda t: [arrays(t / "x.npz", y=np.zeros_like)], "one class only", ""),
    "a budget below the classes": (lambda t: ["digits", "--budgets", "5"], "budget 5", "10 classes"),
    "a budget above the pool": (lambda t: ["digits", "--budgets", "5000"], "budget 5000", "449"),
    "budgets that are no numbers": (lambda t: ["digits", "--budgets", "ten"], "--budgets", "10,30,100"),
    "nan in the data": (lambda t: [arrays(t / "x.npz", x=with_nan)], "NaN", "example 7"),
    "lengths that differ": (lambda t: [arrays(t / "x.npz", y=lambda y: y[:80])], "90", "80"),
    "an unknown method": (lambda t: ["digits", "--methods", "denoise"], "denoise", "denoising"),
    "an unknown draw": (lambda t: ["digits", "--draw", "random"], "--draw", "stratified"),
    "no seeds": (lambda t: ["digits", "--seeds", "0"], "--seeds", "1 or more"),
    "an unknown network": (lambda t: ["digits", "--network", "paper9"], "--network", "paper1"),
    "no workers": (lambda t: ["digits", "--workers", "0"], "--workers", "1 or more"),
    "a size for what has none": (lambda t: ["digits", "--size", "8"], "size", ""),
}


def broken(path):
    path.write_bytes(b"PK\x03\x04 not really")
    return path


def made(folder):
    folder.mkdir()
    return folder


def with_text(folder):
    (folder / "cats" / "notes.txt").write_text("not an image")
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("case", BAD_INPUT)
def test_bad_input_is_one_clear_line_and_exit_code_2(case, tmp_path, monkeypatch, capsys):
    make, names, allowed = BAD_INPUT[case]
    arguments = [*make(tmp_path), *([] if case == "no seeds" else ["--seeds", "1"]), "--out", tmp_path / "out"]
    lines = refused(monkeypatch, capsys, "study", *arguments)
    assert len(lines) == 1
    assert lines[0].startswith("fewlabels: ")
    assert names in lines[0]
    assert allowed in lines[0]
    assert not (tmp_path / "out").exists()


def test_an_unwritable_out_is_one_clear_line(tmp_path, monkeypatch, capsys):
    (tmp_path / "out").write_text("precious")
    lines = refused(monkeypatch, capsys, "study", "digits", *FAST, "--out", tmp_path / "out")
    assert len(lines) == 1
    assert "out: cannot be written (File exists); choose another place" in lines[0]
    assert (tmp_path / "out").read_text() == "precious"


def test_a_folder_of_other_things_is_left_alone(tmp_path, monkeypatch, capsys):
    (tmp_path / "out" / "work").mkdir(parents=True)
    (tmp_path / "out" / "report.html").write_text("precious")
    lines = refused(monkeypatch, capsys, "study", "digits", *FAST, "--out", tmp_path / "out")
    assert len(lines) == 1
    assert "choose a new or an empty folder" in lines[0]
    assert (tmp_path / "out" / "report.html").read_text() == "precious"
    assert (tmp_path / "out" / "work").exists()


@pytest.mark.slow
def test_images_of_different_sizes_can_be_resized(tmp_path):
    folder = images(tmp_path / "pets", ((8, 8), (9, 7)), count=30)
    done = run(
        "study",
        folder,
        "--methods",
        "raw+probe,random+probe",
        "--budgets",
        "4",
        "--seeds",
        "1",
        "--size",
        "8",
        cwd=tmp_path,
    )
    assert "images of different sizes" not in done.stderr
    assert done.returncode == 0, done.stderr
