"""A tiny study of other networks, schedules and objectives: every run is good, and records what it should."""

import base64
from dataclasses import replace

import numpy as np
import pytest
from small_studies import NETWORK, QUICK, materials_of

from fewlabels.data import make_pools
from fewlabels.networks import Dense, Residual, parameter_count
from fewlabels.study.data import StudyData
from fewlabels.study.execute import run_study
from fewlabels.study.executors.local import LocalProcesses
from fewlabels.study.plan import make_plan
from fewlabels.study.records import read_study
from fewlabels.study.runner import Runner
from fewlabels.study.study import Unwatched
from fewlabels.training import build
from fewlabels.transfer import supervised
from made_up_rows import stripes

METHODS = (
    "reconstruction/tied+probe",
    "reconstruction/linear+probe",
    "denoising/greedy+probe",
    "gan+probe",
    "gan+finetune",
    "scratch/residual",
    "random/residual+probe",
)
PRETRAINED = ["reconstruction/tied", "reconstruction/linear", "denoising/greedy", "gan"]


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    """The materials, and every run's records by method, carried out once in this process."""
    folder = tmp_path_factory.mktemp("studies")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FEWLABELS_CACHE", str(folder / "cache"))
        patch.setattr(supervised, "FEWEST_STEPS", 25)
        m = materials_of(folder / "work", *METHODS, budgets=(12,), seeds=1)
        runner = Runner(m)
        return m, {run.method.name: runner.carry_out(run) for run in m.plan.runs()}


@pytest.mark.slow
def test_every_run_is_good_and_every_encoder_told_once(rows):
    _, told = rows
    assert list(told) == list(METHODS)
    assert all(row[-1]["status"] == "ok" for row in told.values())
    encoders = [row for kept in told.values() for row in kept if row["kind"] == "encoder"]
    assert [row["source"] for row in encoders] == PRETRAINED
    assert len({row["key"] for row in encoders}) == 4
    assert [len(told[name]) for name in ("gan+probe", "gan+finetune")] == [2, 1]
    assert told["gan+probe"][-1]["encoder"] == told["gan+finetune"][-1]["encoder"] == told["gan+probe"][0]["key"]


@pytest.mark.slow
def test_parameters_are_those_of_the_network_named(rows):
    m, told = rows
    shape = StudyData(m).shape
    for name, (*encoder, row) in told.items():
        (method,) = (method for method in m.plan.methods if method.name == name)
        net = build(m.plan.job(method.encoder_spec, 0), shape)
        counted = row["parameters"]
        assert counted["pretraining"] == (parameter_count(net) if method.pretrained else 0)
        assert all(first["parameters"] == parameter_count(net) for first in encoder)
        head = net.latent_dim * 2 + 2
        assert counted["total"] == parameter_count(net.encoder) + head
        assert counted["trained"] == (head if method.transfer == "probe" else counted["total"])
    whole = build(m.plan.job(m.plan.methods[3].encoder_spec, 0), shape)
    assert parameter_count(whole) > parameter_count(whole.encoder) + parameter_count(whole.decoder)  # a critic


def test_tied_networks_are_smaller_and_residual_ones_another(rows):
    m, told = rows
    networks = m.plan.networks
    assert isinstance(networks["residual"], Residual)
    assert networks["linear"] == Dense(hidden=(), latent_dim=8)
    assert networks["tied"] == replace(NETWORK, tied=True)
    assert told["reconstruction/tied+probe"][0]["parameters"] < told["denoising/greedy+probe"][0]["parameters"]


def test_encoders_tell_their_errors_phases_and_alignment(rows):
    _, told = rows
    encoders = {row["source"]: row for kept in told.values() for row in kept if row["kind"] == "encoder"}
    for source, row in encoders.items():
        errors = row["error"]
        assert (errors is None) == (source == "gan")
        assert errors is None or (0 < errors["training"] < 1 and 0 < errors["validation"] < 1)
        assert (row["alignment"] is not None) == (source == "reconstruction/linear")
        phases = [[0, "layer 1"], [10, "layer 2"]] if source == "denoising/greedy" else []
        assert row["history"]["phases"] == phases
    assert encoders["denoising/greedy"]["history"]["validation_step"] == [10, 20]
    assert encoders["gan"]["history"]["validation_step"] == []
    assert encoders["gan"]["history"]["best_step"] is None
    assert encoders["gan"]["history"]["terms"].keys() == {"discriminator", "generator"}
    aligned = encoders["reconstruction/linear"]["alignment"]
    assert len(aligned["angles"]) == len(aligned["explained"]) == 8
    assert aligned["error"] >= aligned["pca_error"] * (1 - 1e-6)
    assert aligned["error"] == pytest.approx(encoders["reconstruction/linear"]["error"]["training"], rel=0.2)


def test_encoders_show_pictures_and_a_strip_of_them(rows):
    _, told = rows
    for kept in told.values():
        for row in kept[:-1]:
            images, gan = row["images"], row["source"] == "gan"
            assert images["shows"] == ("samples" if gan else "reconstructions")
            assert (images["input"] is None) == (not row["source"].startswith("denoising"))
            strip = images["strip"]
            assert strip["step"] == [0, 1, 2, 5, 10, 20]
            assert [len(frame) for frame in strip["frames"]] == [8] * 6
            assert all(len(base64.b64decode(image)) == 64 for frame in strip["frames"] for image in frame)
            begun, ended = (
                np.frombuffer(base64.b64decode("".join(strip["frames"][i][0])), np.uint8).astype(int) for i in (0, -1)
            )
            assert np.abs(begun - ended).max() > 2


def test_random_and_scratch_share_their_start_and_have_no_encoder_record(rows):
    m, told = rows
    scratch, probe = (told[name] for name in ("scratch/residual", "random/residual+probe"))
    assert [len(kept) for kept in (scratch, probe)] == [1, 1]
    assert scratch[0]["encoder"] is probe[0]["encoder"] is None
    assert scratch[0]["parameters"]["total"] == probe[0]["parameters"]["total"]
    keys = {m.plan.source_key(run) for run in m.plan.runs() if "residual" in run.method.name}
    assert keys == {("random/residual", 0)}


@pytest.mark.slow
def test_with_workers_too_and_again_does_nothing(tmp_path, monkeypatch):
    """The records of a study in a folder, by a worker process; the same call again runs nothing and changes nothing."""
    dataset = stripes()
    pools = make_pools(dataset)
    methods = [name for name in METHODS if name.endswith("probe")]
    plan = make_plan(dataset, pools, methods, [4], 1, network=NETWORK, pretraining=QUICK)
    heard = []

    class Listening(Unwatched):
        def begin(self, plan, todo, workers):
            heard.append(len(todo))

        def ended(self, run, answer):
            heard.append((run.method.name, not isinstance(answer, Exception)))

    def carry_out():
        run_study(plan, dataset, pools, tmp_path / "s", LocalProcesses(1), "a test", Listening())
        return (tmp_path / "s" / "records.jsonl").read_bytes()

    first = carry_out()
    assert heard[0] == len(methods)
    assert sorted(heard[1:]) == sorted((name, True) for name in methods)
    manifest, rows = read_study(tmp_path / "s")
    assert set(manifest["settings"]["networks"]) == {"tied", "linear", "residual"}
    assert [method["name"] for method in manifest["methods"]] == methods
    assert {row["source"] for row in rows if row["kind"] == "encoder"} == set(PRETRAINED)
    assert all(row["status"] == "ok" for row in rows if row["kind"] == "run")
    monkeypatch.setattr("fewlabels.study.execute.write_arrays", None)  # nothing is laid out for nothing to do
    heard.clear()
    assert carry_out() == first
    assert heard == [0]
