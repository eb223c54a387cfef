"""From files to a classifier in use, by the commands that people type."""

import contextlib
import csv
import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from commands import command, done, refused, run
from fewlabels import load_classifier, load_encoder
from fewlabels.cli import console, main
from fewlabels.data import load

STEPS, PROBE = ("--steps", "40"), ("--transfer", "probe")


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("FEWLABELS_CACHE", str(tmp_path_factory.mktemp("cache")))
    monkeypatch.setenv("FEWLABELS_OFFLINE", "1")


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A folder of digits as images, forty of them labelled; others to test on; an encoder and a classifier."""
    folder = tmp_path_factory.mktemp("home")
    os.environ["FEWLABELS_CACHE"] = str(folder / "cache")
    digits = load("digits")
    for place, index, labelled in (("photos", range(200), 40), ("tests", range(400, 460), 60)):
        (folder / place).mkdir()
        rows = [("file", "label")]
        for i in index:
            Image.fromarray(digits.x[i, 0]).save(folder / place / f"{i:04}.png")
            rows.append((f"{i:04}.png", f"digit {digits.y[i] % 2}"))
        with (folder / f"{place}.csv").open("w", newline="") as file:
            csv.writer(file).writerows(rows[: labelled + 1])
    (folder / "broken").mkdir()
    (folder / "broken" / "0.png").write_text("no image")
    done("pretrain", "photos", "-o", "encoder", *STEPS, cwd=folder)
    done(
        "finetune", "encoder", "photos", "--labels", "photos.csv", "-o", "classifier", "--transfer", "probe", cwd=folder
    )
    return folder


@pytest.mark.slow
def test_the_folders_hold_what_the_commands_say(home):
    encoder, classifier = load_encoder(home / "encoder"), load_classifier(home / "classifier")
    assert encoder.facts["data"]["examples"] == 200
    assert encoder.facts["pretraining"]["steps"] == 40
    assert encoder.facts["pretraining"]["threads"] == 1
    assert classifier.classes == ("digit 0", "digit 1")
    assert classifier.facts["labels"]["examples"] == 40
    assert sorted(path.name for path in (home / "encoder").iterdir()) == [
        "README.md",
        "config.json",
        "model.safetensors",
    ]


@pytest.mark.slow
def test_evaluate_agrees_with_python_and_writes_a_page(home, tmp_path):
    arguments = ("evaluate", "classifier", "tests", "--labels", "tests.csv", "--report", tmp_path / "page.html")
    told = json.loads(done(*arguments, "--json", cwd=home))
    data = load(home / "tests", labels=home / "tests.csv")
    answers = load_classifier(home / "classifier").log_proba(data.x).argmax(axis=1)
    assert told["accuracy"] == (answers == data.y).mean()
    assert told["n"] == 60
    assert np.array(told["confusion"]).sum() == 60
    assert "classifier on tests" in (tmp_path / "page.html").read_text()
    assert f"Accuracy {told['accuracy']:.1%}" in done(*arguments, "--overwrite", cwd=home)


def test_examples_it_was_trained_on_are_no_test(home, monkeypatch, capsys):
    monkeypatch.chdir(home)
    said = refused(monkeypatch, capsys, "evaluate", "classifier", "photos", "--labels", "photos.csv")
    assert said == [
        "fewlabels: photos: all 40 labelled examples are those it was trained on; give labelled examples that the "
        "classifier has not seen"
    ]


def test_finetune_tells_a_log_which_way_it_is_at(home, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(home)
    arguments = ["encoder", "photos", "--labels", "photos.csv", "-o", str(tmp_path / "c"), "--transfer", "probe"]
    monkeypatch.setattr(sys, "argv", ["fewlabels", "finetune", *arguments])
    with pytest.raises(SystemExit):
        main()
    assert capsys.readouterr().err == "probe: fitting, and validating inside the labels\n"
    with console.fitting() as begin:
        begin(2, 4, "graph")
    assert capsys.readouterr().err == "graph, 2 of 4: fitting, and validating inside the labels\n"


def test_predictions_are_those_of_python_and_can_be_left_blank(home, tmp_path):
    told = json.loads(
        done("predict", "classifier", "tests", "-o", tmp_path / "p.csv", "--abstain", "0.8", "--json", cwd=home)
    )
    with (tmp_path / "p.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    model, data = load_classifier(home / "classifier"), load(home / "tests")
    probabilities = np.sort(np.exp(model.log_proba(data.x)), axis=1)
    assert [row["file"] for row in rows] == [f"{i:04}.png" for i in range(400, 460)]
    np.testing.assert_allclose([float(row["probability"]) for row in rows], probabilities[:, -1], rtol=1e-5)
    np.testing.assert_allclose([float(row["margin"]) for row in rows], np.diff(probabilities)[:, 0], atol=1e-5)
    sure = probabilities[:, -1] >= 0.8
    assert 0 < sure.sum() < 60
    assert [row["label"] for row in rows] == np.where(sure, model.predict(data.x), "").tolist()
    assert told["abstained"] == 60 - sure.sum()
    assert told["share"] == pytest.approx(1 - sure.mean())


def test_one_image_and_lines_of_json(home):
    rows = done("predict", "classifier", "tests/0400.png", cwd=home).splitlines()
    assert rows[0] == "file,label,probability,margin"
    assert rows[1].startswith("0400.png,digit ")
    (line,) = done("predict", "classifier", "tests/0400.png", "--json", cwd=home).splitlines()
    assert json.loads(line)["label"] == rows[1].split(",")[1]


@pytest.mark.slow
def test_codes_are_those_of_python(home, tmp_path):
    done("embed", "encoder", "photos", "-o", tmp_path / "codes.npy", cwd=home)
    expected = load_encoder(home / "encoder").embed(load(home / "photos").x)
    found = np.load(tmp_path / "codes.npy")
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.slow
def test_the_exported_file_needs_no_torch(home, tmp_path):
    done("export", "classifier", tmp_path / "m.onnx", cwd=home)
    code = (
        "import sys, numpy, onnxruntime\n"
        "from PIL import Image\n"
        "x = numpy.asarray(Image.open(sys.argv[2]))[None, None]\n"
        "found = onnxruntime.InferenceSession(sys.argv[1]).run(['probabilities'], {'examples': x})[0]\n"
        "assert 'torch' not in sys.modules\n"
        "print(found.max())\n"
    )
    image = home / "tests" / "0400.png"
    ended = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "m.onnx", image], capture_output=True, text=True, check=True
    )
    told = json.loads(done("predict", "classifier", image, "--json", cwd=home))
    assert float(ended.stdout) == pytest.approx(told["probability"], abs=1e-5)


@pytest.mark.slow
def test_a_killed_pretraining_goes_on_to_the_same_weights(home, tmp_path, monkeypatch, capsys):
    arguments = ("pretrain", "photos", "--steps", "400", "-o")
    whole = run(*arguments, tmp_path / "whole", cwd=home)
    assert whole.returncode == 0, whole.stderr
    killed = subprocess.Popen(
        [sys.executable, "-c", _often("from fewlabels.cli import main; main()"), *map(str, arguments), tmp_path / "e"],
        cwd=home,
        stderr=subprocess.PIPE,
    )
    checkpoint = tmp_path / "e" / "checkpoint.safetensors"
    for _ in range(600):
        if checkpoint.exists():
            break
        time.sleep(0.05)
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    assert not (tmp_path / "e" / "config.json").exists()
    with contextlib.chdir(home):
        (said,) = refused(monkeypatch, capsys, *arguments, tmp_path / "e")
    assert "holds a pretraining that was stopped; go on with --resume, or start anew with --overwrite" in said
    ended = run(*arguments, tmp_path / "e", "--resume", cwd=home)
    assert "goes on from step" in ended.stderr
    weights = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("whole", "e")]
    assert weights[0] == weights[1]
    assert not checkpoint.exists()
    assert "Encoder: " in done(*arguments, tmp_path / "e", "--resume", cwd=home)  # nothing is left to do
    with contextlib.chdir(home):
        (said,) = refused(monkeypatch, capsys, *arguments, tmp_path / "e", "--resume", "--seed", "1")
    assert "holds a finished encoder of other settings or data" in said
    assert (tmp_path / "e" / "model.safetensors").read_bytes() == weights[0]


def _often(code):
    """Code that runs with a checkpoint after every step."""
    return (
        "from fewlabels.training import checkpoint\n"
        "start = checkpoint.Checkpoints.__init__\n"
        "checkpoint.Checkpoints.__init__ = lambda self, path, key: start(self, path, key, 0.0)\n" + code
    )


@pytest.mark.slow
def test_a_table_from_first_to_last(tmp_path):
    rng = np.random.default_rng(0)
    kinds = np.arange(160) % 2
    frame = pd.DataFrame({"id": np.arange(160), "height": rng.normal(size=160) + 3 * kinds, "eyes": "blue"})
    frame.loc[::7, "height"] = np.nan
    frame["sport"] = np.where(rng.random(160) < 0.5, np.array(["row", "run"])[kinds], None)
    frame.to_csv(tmp_path / "people.csv", index=False)
    table = ("--target", "sport")
    done("pretrain", "people.csv", "-o", "e", *table, "--ignore", "id", *STEPS, cwd=tmp_path)
    told = json.loads(
        done("finetune", "e", "people.csv", *table, "-o", "c", "--transfer", "probe", "--json", cwd=tmp_path)
    )
    assert told["labels"]["examples"] == frame.sport.notna().sum()
    assert told["accuracy"]["held_out"]["accuracy"] > 0.8
    rows = done("predict", "c", "people.csv", *table, cwd=tmp_path).splitlines()
    assert len(rows) == 161
    assert rows[-1].startswith("159,")


@pytest.mark.slow
def test_a_study_keeps_its_best(tmp_path):
    grid = ("--methods", "raw+probe,pca+probe", "--budgets", "100", "--seeds", "1", "--workers", "1")
    told = json.loads(done("study", "digits", *grid, "--keep-best", "best", "--json", cwd=tmp_path))
    written = (tmp_path / "best" / "config.json").stat().st_mtime_ns
    assert json.loads(done("study", "digits", *grid, "--keep-best", "best", "--json", cwd=tmp_path)) == told
    assert (tmp_path / "best" / "config.json").stat().st_mtime_ns == written  # the same command goes on
    model = load_classifier(tmp_path / "best")
    assert told["classifier"]["folder"] == "best"
    assert told["classifier"]["settings"]["method"] in ("raw+probe", "pca+probe")
    assert model.facts["accuracy"]["test"]["accuracy"] > 0.9
    assert model.facts["labels"]["examples"] > 100  # the whole labelled pool


REFUSED = {
    "no such encoder": (["finetune", "none", "photos", "-o", "c"], "none: no such folder"),
    "an encoder for a classifier": (["predict", "encoder", "photos"], "holds an encoder, needed is a classifier"),
    "a classifier for an encoder": (
        ["finetune", "classifier", "photos", "-o", "c"],
        "needed is an encoder",
    ),
    "a table of one's own": (["predict", "classifier", "photos", "-o", "photos.csv"], "photos.csv: is there already"),
    "a place that is taken": (["finetune", "encoder", "photos", "-o", "classifier"], "holds a model already; choose"),
    "a folder of something else": (["pretrain", "digits", "-o", "photos"], "holds other files ('0000.png')"),
    "no labels": (["finetune", "encoder", "photos", "-o", "c"], "photos: no label at all"),
    "a probability above one": (
        ["predict", "classifier", "photos", "--abstain", "90"],
        "--abstain is 90; allowed",
    ),
    "other images": (["predict", "classifier", "digits.npz"], "digits.npz: no such"),
    "no image that can be read": (["predict", "classifier", "broken"], "broken: 1 of 1 images cannot be read"),
    "an unknown objective": (["pretrain", "photos", "-o", "c", "--objective", "denoise"], "did you mean 'denoising'?"),
    "a file that is there": (["export", "classifier", "photos.csv"], "photos.csv"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused_in_one_line_and_nothing_is_left_behind(home, monkeypatch, capsys, case):
    arguments, message = REFUSED[case]
    monkeypatch.chdir(home)
    before = sorted(path.name for path in home.rglob("*"))
    (line,) = refused(monkeypatch, capsys, *arguments)
    assert message in line
    assert sorted(path.name for path in home.rglob("*")) == before


@pytest.mark.slow
@pytest.mark.parametrize("name", ["study", "pretrain", "finetune", "evaluate", "predict", "embed", "export"])
def test_help_fits_a_narrow_terminal(name):
    told = subprocess.run(
        command(name, "--help"), capture_output=True, text=True, check=True, env={**os.environ, "COLUMNS": "60"}
    ).stdout
    assert max(map(len, told.splitlines())) <= 60
    assert "--json" in told
