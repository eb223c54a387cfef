"""Studies of the files people have, by way of the command line."""

import json
import sys

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import fewlabels
from commands import refused, run
from fewlabels.cli import main
from fewlabels.cli.console import INTERRUPTED

FAST = ["--methods", "denoising+probe,raw+probe", "--budgets", "10", "--seeds", "1", "--workers", "1", "--json"]


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("FEWLABELS_CACHE", str(tmp_path / "cache"))


@pytest.mark.slow
def test_a_table_with_a_target_and_columns_left_out(tmp_path):
    rng = np.random.default_rng(0)
    kind = rng.choice(["left", "right"], 120)
    table = pd.DataFrame(
        {
            "id": [f"r{i}" for i in range(120)],
            "date": "2020-01-01",
            "size": np.where(kind == "left", 0.0, 5.0) + rng.normal(size=120),
            "side": np.where(kind == "left", "port", "starboard"),
            "kind": kind,
        }
    )
    table.loc[rng.random(120) < 0.3, "kind"] = None
    table.loc[rng.random(120) < 0.2, "size"] = None
    table.to_csv(tmp_path / "t.csv", index=False)
    options = ["--target", "kind", "--ignore", "id", "--ignore", "date", *FAST]
    done = run("study", "t.csv", *options, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)
    study = fewlabels.open_study(tmp_path / "runs" / "t")
    assert study.manifest["dataset"]["classes"] == ["left", "right"]
    assert study.to_frame().accuracy.min() > 0.9  # the side gives it away


def test_a_folder_with_a_file_of_labels(tmp_path, monkeypatch):
    lines = ["file;label"]
    for i in range(6):
        Image.fromarray(np.full((4, 4), 100 * (i % 2) + i, np.uint8)).save(tmp_path / f"{i}.png")
        lines += [f"{i}.png;{'odd' if i % 2 else 'even'}"] if i < 5 else []
    (tmp_path / "known.csv").write_text("\n".join(lines))
    read = []
    monkeypatch.setattr(
        "fewlabels.study.study.run_study", lambda dataset, *rest, **options: read.append(dataset) or stop()
    )
    labels = str(tmp_path / "known.csv")
    monkeypatch.setattr(sys, "argv", ["fewlabels", "study", str(tmp_path), "--labels", labels, "--size", "3"])
    with pytest.raises(SystemExit) as exit:
        main()
    assert exit.value.code == INTERRUPTED
    assert read[0].classes == ("even", "odd")
    assert read[0].example_shape == (1, 3, 3)


def stop():
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--target", "kinds"], "--target 'kinds': no such column; there are id, kind; did you mean 'kind'?"),
        (["--ignore", "id", "--ignore", "x"], "--ignore 'x': no such column"),
        (["--labels", "l.csv"], "--labels l.csv: labels a folder of images or an array only"),
        (["--ignore", "id"], "has no columns besides the labels and those left out; give one at least"),
        ([], "no label at all"),
    ],
)
def test_bad_options_are_one_clear_line(tmp_path, monkeypatch, capsys, options, message):
    (tmp_path / "t.csv").write_text("id,kind\n1,a\n2,b\n")
    target = [] if "--target" in options or not options else ["--target", "kind"]
    lines = refused(monkeypatch, capsys, "study", tmp_path / "t.csv", *target, *options, "--out", tmp_path / "out")
    assert len(lines) == 1
    assert message in lines[0]


def test_pretraining_which_looks_at_no_label_tells_nothing_of_classes(tmp_path, monkeypatch, capsys):
    (tmp_path / "t.csv").write_text("x,kind\n" + "1,wo\n2,WO\n3,b\n" * 9)
    monkeypatch.setenv("FEWLABELS_CACHE", str(tmp_path))
    given = ["pretrain", tmp_path / "t.csv", "--target", "kind", "--objective", "nothing", "-o", tmp_path / "e"]
    (line,) = refused(monkeypatch, capsys, *given)
    assert "objective 'nothing' is unknown" in line
