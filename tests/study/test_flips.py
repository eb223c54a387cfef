"""Flips: off on grey images until they are allowed, everywhere that views are drawn by default."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from small_studies import NETWORK, QUICK

from commands import refused
from fewlabels.core.errors import InputError
from fewlabels.data import Dataset, make_pools
from fewlabels.models import ClassifierModel
from fewlabels.objectives import AutomaticView, Contrastive, Denoising, GaussianNoise, Views, with_flips
from fewlabels.pipelines.encoder_specs import EncoderSpec
from fewlabels.pipelines.finetune import finetune
from fewlabels.pipelines.pretrain import pretrain
from fewlabels.study.data import write_arrays
from fewlabels.study.plan import Plan
from fewlabels.study.runner import Runner
from fewlabels.transfer import CONTROLS, TRANSFERS, Start
from toy_plans import blobs, images, plan_of

SIDE = 12


def sides(n: int = 120) -> Dataset:
    """Grey images bright on the left (0) or on the right (1), under noise: classes that a flip exchanges."""
    y = np.arange(n) % 2
    x = np.random.default_rng(0).integers(0, 40, (n, 1, SIDE, SIDE))
    for image, label in zip(x[:, 0], y, strict=True):
        image[:, SIDE // 2 * label :][:, : SIDE // 2] += 200
    return Dataset("sides", x.astype(np.uint8), y, ("left", "right"))


def share_flipped(view: AutomaticView) -> float:
    """Of views of an image bright on the left, those that are brighter on the right."""
    x = torch.zeros(400, 1, SIDE, SIDE)
    x[..., : SIDE // 2] = 1
    seen = view.of(x, torch.Generator().manual_seed(0))
    return float((seen[..., SIDE // 2 :].mean((1, 2, 3)) > seen[..., : SIDE // 2].mean((1, 2, 3))).float().mean())


@pytest.mark.parametrize("strength", ["strong", "mild"])
def test_told_of_flips_half_of_the_views_of_grey_images_are_flipped(strength):
    view = AutomaticView(strength)
    assert share_flipped(view) == share_flipped(with_flips(view, False)) < 0.05
    assert share_flipped(with_flips(view, True)) == pytest.approx(0.5, abs=0.1)


def test_every_automatic_view_is_told_that_leaves_flips_open_and_nothing_else_changes():
    assert with_flips(Contrastive(), True) == Contrastive(view=AutomaticView(flip=True))
    own = Contrastive(view=AutomaticView(flip=False))
    assert with_flips(own, True) is own
    assert with_flips(Contrastive(), None) == Contrastive()
    inner = Denoising(Views((GaussianNoise(), AutomaticView("mild"))))
    assert with_flips(inner, False) == Denoising(Views((GaussianNoise(), AutomaticView("mild", flip=False))))
    plain = Denoising(GaussianNoise())
    assert with_flips(plain, True) is plain


def test_whatever_trains_a_network_on_labels_is_told():
    start = Start(2, torch.nn.Flatten(), None, None, NETWORK, Contrastive())
    for name, told in (("finetune", AutomaticView("mild", True)), ("student", AutomaticView("strong", True))):
        assert TRANSFERS[name].learner(start, True).view == told
        assert TRANSFERS[name].learner(start).view == AutomaticView(told.strength)
    assert CONTROLS["convnet"].learner((1, SIDE, SIDE), 2, True).view == AutomaticView("mild", True)


def plan_with(flips: bool | None, *methods: str) -> Plan:
    return plan_of(sides(), methods=methods, budgets=[12], seeds=1, network=NETWORK, pretraining=QUICK, flips=flips)


def test_a_study_with_other_flips_is_another_and_without_them_that_of_before():
    plain, *told = (plan_with(flips, "contrastive+probe", "scratch") for flips in (None, True, False))
    assert "flips" not in plain.settings()
    assert plain.job(EncoderSpec("contrastive"), 0).objective == Contrastive()
    for plan, flips in zip(told, (True, False), strict=True):
        assert json.loads(json.dumps(plan.settings())) == {**plain.settings(), "flips": flips}
        assert plan.job(EncoderSpec("contrastive"), 0).objective.view == AutomaticView(flip=flips)


@pytest.mark.slow
@pytest.mark.parametrize(("flips", "least", "most"), [(None, 0.0, 0.35), (True, 0.5, 9.0)])
def test_runs_see_flipped_views_where_they_are_allowed(tmp_path, flips, least, most):
    """Flipped, these classes are each other's: trained through such views, a network can say no more than even odds,
    ln 2 of log-loss."""
    dataset, plan = sides(), plan_with(flips, "cnn", "scratch")
    materials = write_arrays(plan, dataset, make_pools(dataset), tmp_path, {"dataset": "sides"}, {})
    runner = Runner(materials)
    for run in plan.runs():
        (row,) = runner.carry_out(run)
        found = {tried["setting"]["augment"]: tried["log_loss"] for tried in row["trials"]}
        assert found[0.0] < 0.35
        assert least < found[1.0] < most


def test_an_encoder_says_so_and_its_classifiers_follow_unless_told_otherwise():
    dataset = sides()
    encoder = pretrain(dataset, "contrastive", NETWORK, QUICK, flips=True)
    assert encoder.facts["pretraining"]["flips"] is True
    assert encoder.objective == Contrastive(view=AutomaticView(flip=True))
    assert "flips" not in pretrain(dataset, "contrastive", NETWORK, QUICK).facts["pretraining"]

    def settings(model: ClassifierModel) -> dict[str, object]:
        return model.facts["settings"]

    assert settings(finetune(encoder, dataset, "probe"))["flips"] is True
    assert settings(finetune(encoder, dataset, "probe", flips=False))["flips"] is False


def test_what_is_no_image_cannot_be_flipped(monkeypatch, capsys, tmp_path):
    said = "is True, and only images can be flipped: these examples are of shape 64; leave it out"
    for call in (lambda: plan_of(blobs(), flips=True), lambda: pretrain(blobs(), flips=True)):
        with pytest.raises(InputError) as error:
            call()
        assert str(error.value) == f"`flips` {said}"
    np.save(tmp_path / "x.npy", blobs().x)
    (line,) = refused(monkeypatch, capsys, "pretrain", tmp_path / "x.npy", "--flips", "-o", tmp_path / "e")
    assert line.endswith(f"--flips {said}")
    assert not (tmp_path / "e").exists()
    assert images(flips=False).flips is False
