"""Device, precision and memory format of a study: refused before any work, recorded, and kept to when it goes on."""

from __future__ import annotations

import json

import pytest
import torch
from small_studies import QUICK

import fewlabels
from commands import refused
from fewlabels.core.errors import InputError
from fewlabels.networks import Dense
from fewlabels.pipelines import defaults as choices
from fewlabels.study import study as studies
from fewlabels.training import numerics
from made_up_rows import stripes
from toy_plans import blobs, plan_of


@pytest.fixture
def _no_work(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    for owner, name in ((numerics, "seconds_a_step"), (choices, "fastest"), (studies, "carry_out")):
        monkeypatch.setattr(owner, name, None)


REFUSED = {
    ("--device", "cuda"): "--device is 'cuda', which this machine or this build of torch lacks; here are: cpu",
    ("--device", "mps"): "--device is 'mps', which this machine or this build of torch lacks; here are: cpu",
    ("--device", "tpu"): "--device is 'tpu'; allowed are auto, cpu, cuda, mps",
    ("--precision", "float16"): "--precision is 'float16'; allowed are auto, float32, bfloat16",
    ("--precision", ""): "--precision is ''; allowed are auto, float32, bfloat16",
    ("--memory-format", "channels_last"): (
        "--memory-format is 'channels_last'; allowed are auto, channels-last, contiguous"
    ),
    ("--workers", "0"): "--workers is 0; allowed is 1 or more",
}


@pytest.mark.usefixtures("_no_work")
@pytest.mark.parametrize("option", REFUSED, ids=" ".join)
def test_what_cannot_be_is_refused_in_one_line_before_any_work(tmp_path, monkeypatch, capsys, option):
    lines = refused(monkeypatch, capsys, "study", "digits", *option, "--out", tmp_path / "out")
    assert lines == [f"fewlabels: {REFUSED[option]}"]
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("_no_work")
@pytest.mark.parametrize("option", [{"precision": "half"}, {"memory_format": "nhwc"}, {"device": "cuda"}], ids=str)
def test_from_python_too(tmp_path, option):
    with pytest.raises(InputError, match=f"^`{next(iter(option))}` is"):
        fewlabels.run_study(stripes(), out=tmp_path / "out", **option)
    assert not (tmp_path / "out").exists()


def test_measuring_is_done_as_workers_have_it_and_kept(monkeypatch):
    threads, asked = torch.get_num_threads(), []

    def seconds_a_step(network, shape, batch, ways):
        asked.append((network, shape, batch, torch.get_num_threads()))
        return [1.0, 0.5]

    monkeypatch.setattr(numerics, "seconds_a_step", seconds_a_step)
    torch.set_num_threads(2)
    try:
        for _ in range(2):
            plan = plan_of(blobs(), methods=["denoising+probe", "raw+probe"])
            assert plan.numerics["default"].precision == "bfloat16"
            assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)
    assert asked == [(plan.network, (64,), 128, 1)]


@pytest.mark.slow
def test_a_forced_precision_is_recorded_and_a_study_goes_on_with_it_alone(tmp_path):
    def study(out="s", **options):
        return fewlabels.run_study(
            stripes(),
            ["denoising+probe"],
            [4],
            1,
            out=tmp_path / out,
            workers=1,
            network=Dense(hidden=(8,), latent_dim=4),
            pretraining=QUICK,
            memory_format="channels-last",
            **options,
        )

    half = study(precision="bfloat16")
    assert [run["status"] for run in half.runs] == ["ok"]
    numerics = {"kind": "Numerics", "device": "cpu", "precision": "bfloat16", "memory_format": "channels-last"}
    manifest = json.loads((tmp_path / "s" / "study.json").read_text())
    assert manifest["settings"]["numerics"]["default"].items() <= numerics.items()
    before = {path.name: path.read_bytes() for path in (tmp_path / "s").iterdir()}
    with pytest.raises(InputError, match=r'numerics\.default\.precision was "bfloat16", now "float32"; choose another'):
        study(precision="float32")
    assert {path.name: path.read_bytes() for path in (tmp_path / "s").iterdir()} == before
    assert study(precision="bfloat16").rows == half.rows
    full = study("other", precision="float32")
    assert full.runs[0]["encoder"] != half.runs[0]["encoder"]  # an encoder of the other precision is another
