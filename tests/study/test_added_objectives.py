"""Objectives put into the table at run time: methods, workers, page and saved encoders know them by their row alone."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from small_studies import NETWORK, QUICK

from fewlabels.core.errors import InputError
from fewlabels.data import make_pools
from fewlabels.models import load_encoder, save_model
from fewlabels.networks import parameter_count
from fewlabels.objectives import ENTRIES, OBJECTIVES, Entry, kinds
from fewlabels.pipelines.methods import all_names
from fewlabels.pipelines.pretrain import pretrain
from fewlabels.study.execute import run_study
from fewlabels.study.executors.local import LocalProcesses
from fewlabels.study.plan import make_plan
from fewlabels.study.study import Unwatched, open_study
from fewlabels.training import build
from made_up_rows import stripes
from toy_objectives import TOYS, Idle

METHODS = ("contrast+probe", "contrast+finetune", "follow+probe", "idle+probe", "raw+probe")


@pytest.fixture
def added(monkeypatch):
    for name, objective in TOYS.items():
        monkeypatch.setitem(ENTRIES, name, Entry(objective, "made up"))


@pytest.mark.slow
def test_a_study_carries_them_out_in_its_workers_and_records_no_reconstruction(added, tmp_path):
    dataset = stripes()
    pools = make_pools(dataset)
    plan = make_plan(dataset, pools, METHODS, (12,), 1, network=NETWORK, pretraining=QUICK)
    run_study(plan, dataset, pools, tmp_path / "study", LocalProcesses(1), "a test", Unwatched())
    rows = open_study(tmp_path / "study").rows
    runs = [row for row in rows if row["kind"] == "run"]
    assert sorted((row["method"], row["status"]) for row in runs) == sorted((name, "ok") for name in METHODS)
    encoders = {row["source"]: row for row in rows if row["kind"] == "encoder"}
    assert encoders.keys() == TOYS.keys()
    for name, row in encoders.items():
        decodes = name == "idle"
        assert (row["error"] is not None, row["images"] is not None) == (decodes, decodes)
        assert row["alignment"] is None
        assert row["history"]["watched"] == "loss"
        net = build(replace(plan.job(plan.methods[0].encoder_spec, 0), objective=TOYS[name]), dataset.example_shape)
        heads = [p.numel() for p in net.heads.parameters() if p.requires_grad]
        decoder = parameter_count(net.decoder)
        assert (decoder > 0) == decodes
        assert row["parameters"] == parameter_count(net.encoder) + decoder + sum(heads)
    page = open_study(tmp_path / "study").report().read_text(encoding="utf-8")
    assert "contrast pretraining, linear probe" in page
    assert "follow+probe" in page


def test_they_are_in_every_list(added):
    assert {"contrast+probe", "follow+finetune", "idle+mlp"} <= set(all_names())
    assert {"Contrast", "Follow", "Idle"} <= kinds().keys()
    assert OBJECTIVES["contrast"] == TOYS["contrast"]
    with pytest.raises(InputError, match=r".*distillation, contrast, follow, idle; did you mean .?contrast"):
        pretrain(stripes(), "contrats")


@pytest.mark.parametrize("name", TOYS)
def test_an_encoder_comes_back_without_heads_and_without_a_decoder(added, tmp_path, name):
    model = pretrain(stripes(), name, NETWORK, recipe=QUICK)
    save_model(model, tmp_path)
    found = load_encoder(tmp_path)
    assert found.objective == TOYS[name]
    np.testing.assert_array_equal(found.embed(stripes().x[:5]), model.embed(stripes().x[:5]))
    assert {part.partition(".")[0] for part in found.module.net.state_dict()} <= {"encoder", "decoder"}
    codes = model.embed(stripes().x[:5])
    if name == "idle":
        np.testing.assert_array_equal(found.decode(codes), model.decode(codes))
        return
    assert not list(found.module.net.decoder.parameters())
    with pytest.raises(InputError) as error:
        found.decode(codes)
    assert str(error.value) == (
        f"{type(TOYS[name]).__name__} trains no decoder, so codes cannot be turned into examples; pretrain with an "
        "objective that reconstructs, such as denoising"
    )


def test_what_cannot_train_layers_is_refused_by_name(added):
    dataset = stripes()
    with pytest.raises(InputError, match=r"^contrast/greedy: contrast cannot train the layers .*\(it has no decoder\)"):
        make_plan(dataset, make_pools(dataset), ["contrast/greedy+probe"], (12,), 1, network=NETWORK)


def test_one_that_no_worker_could_import_is_refused(monkeypatch):
    @dataclass(frozen=True)
    class Homemade(Idle):
        pass

    monkeypatch.setitem(ENTRIES, "homemade", Entry(Homemade(), "made up"))
    dataset = stripes()
    with pytest.raises(InputError, match=r"^objective Homemade is defined in a script or notebook.*module of its own"):
        make_plan(dataset, make_pools(dataset), ["homemade+probe"], (12,), 1, network=NETWORK)
