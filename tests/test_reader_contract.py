"""A reader made up here, one function to read and one row, goes wherever readers go; docs/data.md lists them all."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import numpy as np
import pytest

from commands import done, refused
from fewlabels import run_study
from fewlabels.data import as_dataset, load, open_stream
from fewlabels.data.readers.registry import READERS, Reader
from fewlabels.data.streams import array_stream

CLASSES = ("cat", "dog")


def read_toy(source):
    """Lines of a label and numbers, parted by spaces."""
    lines = [line.split() for line in source.path.read_text().splitlines()]
    x = np.array([line[1:] for line in lines], dtype=np.float32)
    return as_dataset(x, [line[0] for line in lines], name=source.path.stem)


@pytest.fixture
def toys(tmp_path, monkeypatch):
    """A file of the made-up kind: 80 rows of 5 numbers that tell dogs from cats."""
    row = Reader(
        "toy",
        "toys in a line each (.toy)",
        "the first word of a line",
        read=read_toy,
        stream=lambda source, form: array_stream(source.path.stem, source.text, read_toy(source).x, form),
        suffixes=(".toy",),
    )
    monkeypatch.setitem(READERS, "toy", row)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FEWLABELS_CACHE", str(tmp_path / "cache"))
    rng = np.random.default_rng(0)
    lines = [f"{CLASSES[i % 2]} {' '.join(map(str, rng.normal(3 * (i % 2), 1, 5)))}" for i in range(80)]
    path = tmp_path / "pets.toy"
    path.write_text("\n".join(lines))
    return path


def test_it_is_loaded_and_streamed(toys):
    dataset = load(toys)
    assert dataset.example_shape == (5,)
    assert dataset.classes == CLASSES
    assert dataset.y[:4].tolist() == [0, 1, 0, 1]
    (names, rows), *_ = open_stream(toys, dataset.signature).blocks()
    assert names[:2] == ["0", "1"]
    np.testing.assert_array_equal(rows, dataset.x)


@pytest.mark.slow
def test_it_is_studied(toys):
    study = run_study(toys, ["raw+probe"], [10], 2, workers=1)
    assert study.to_frame().accuracy.min() > 0.8
    assert study.manifest["dataset"]["name"] == "pets"


def test_it_is_pretrained_on_and_predicted(toys):
    done("pretrain", toys, "-o", "encoder", "--steps", "30")
    done("finetune", "encoder", toys, "-o", "classifier", "--transfer", "probe")
    rows = list(csv.DictReader(done("predict", "classifier", toys).splitlines()))
    assert [row["row"] for row in rows] == [str(i) for i in range(80)]
    assert np.mean([row["label"] == CLASSES[i % 2] for i, row in enumerate(rows)]) > 0.9
    assert json.loads(done("pretrain", toys, "-o", "other", "--steps", "5", "--json"))["data"]["examples"] == 80


def test_help_and_refusals_know_it(toys, monkeypatch, capsys):
    for command in ("study", "pretrain", "finetune", "evaluate", "predict", "embed"):
        assert "toys in a line each (.toy)" in " ".join(done(command, "--help").split())
    (said,) = refused(monkeypatch, capsys, "pretrain", "nothing", "-o", "e")
    assert "toys in a line each (.toy)" in said
    (said,) = refused(monkeypatch, capsys, "pretrain", toys, "-o", "e", "--size", "8")
    assert said == f"fewlabels: --size 8: resizes image files only, and {toys} is none; leave it out"
    (said,) = refused(monkeypatch, capsys, "pretrain", toys.with_name("none.toy"), "-o", "e")
    assert said.endswith("none.toy: no such file; check the path")


def test_the_page_of_data_lists_what_is_read():
    page = (Path(__file__).parent.parent / "docs/data.md").read_text()
    written = re.findall(r"^\| DATA \| labels \|.*\n\|[-|]+\|\n((?:\|.*\n)+)", page, re.MULTILINE)
    rows = []
    for reader in READERS.values():
        options = ", ".join(f"`--{name}`".replace("_", "-") for name in reader.options)
        rows.append(f"| {reader.words} | {reader.labels} | {options} |\n")
    assert written == ["".join(rows)]
