"""The commands of README's "On your own data", as they stand there, one after the other in one folder."""

import csv
import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from commands import done
from fewlabels.data import load
from fewlabels.study import study
from fewlabels.training import Recipe
from made_up_executor import InThisProcess

README = Path(__file__).parents[2] / "README.md"
SECTION = re.search(r"## On your own data\n(.*?)\n```python", README.read_text(), re.DOTALL)
COMMANDS = re.findall(r"^    (fewlabels .*?)(?: +#.*)?$", SECTION[1], re.MULTILINE)


@pytest.fixture
def home(tmp_path, monkeypatch):
    """The files that README speaks of, made up; trainings of a few steps, and no process but this one."""
    pytest.importorskip("onnxscript")
    monkeypatch.setenv("FEWLABELS_CACHE", str(tmp_path / "cache"))
    digits = load("digits")
    for folder, index, labels in (
        ("photos", range(120), "labels.csv"),
        ("test-photos", range(200, 230), "test-photos/labels.csv"),
        ("new-photos", range(300, 303), None),
    ):
        (tmp_path / folder).mkdir()
        for i in index:
            Image.fromarray(digits.x[i, 0]).save(tmp_path / folder / f"{i}.png")
        if labels is not None:
            rows = [("file", "label"), *((f"{i}.png", "odd" if digits.y[i] % 2 else "even") for i in index[:60])]
            with (tmp_path / labels).open("w", newline="") as file:
                csv.writer(file).writerows(rows)
    rng = np.random.default_rng(0)
    patients = ["id,age,diagnosis", *(f"p{i},{40 + 20 * (i % 2) + rng.normal():.1f},{'ab'[i % 2]}" for i in range(90))]
    (tmp_path / "patients.csv").write_text("\n".join(patients))

    def few_methods(dataset, methods, budgets, seeds, **options):
        return real(dataset, ["denoising+probe", "raw+probe"], budgets, 2, pretraining=Recipe(steps=4), **options)

    real = study.run_study
    monkeypatch.setattr(study, "run_study", few_methods)
    monkeypatch.setattr(study, "LocalProcesses", lambda workers: InThisProcess())
    monkeypatch.setattr("fewlabels.pipelines.pretrain.default_pretraining", lambda *_: Recipe(steps=4))
    monkeypatch.setattr("fewlabels.data.readers.registry.load_named", lambda name: digits)
    return tmp_path


@pytest.mark.slow
def test_they_run_as_written_one_after_the_other(home):
    assert [command.split()[1] for command in COMMANDS] == [
        "pretrain",
        "finetune",
        "evaluate",
        "predict",
        "export",
        "study",
        "study",
        "study",
    ]
    for command in COMMANDS:
        assert done(*shlex.split(command)[1:], cwd=home), command
    left = {path.name for path in home.iterdir()}
    assert {"encoder", "classifier", "predictions.csv", "model.onnx", "best", "runs"} <= left
    with (home / "predictions.csv").open() as file:
        assert {row["label"] for row in csv.DictReader(file)} <= {"odd", "even"}
