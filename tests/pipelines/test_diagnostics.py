"""Diagnostics of an encoder's codes: a collapse that is planted is told, by `pretrain` too; a healthy one is not."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from fewlabels.analysis import collapse
from fewlabels.cli import app
from fewlabels.data import fit_scaling, load
from fewlabels.networks import Dense, seeded
from fewlabels.objectives import Contrastive, Reconstruction, VICReg
from fewlabels.pipelines.diagnostics import spread_of
from fewlabels.pipelines.pretrain import pretrain
from fewlabels.training import Examples, Job, Recipe, train
from made_up_data import RECIPE, SMALL, blobs

NETWORK = Dense(hidden=(), latent_dim=8)


def pool(n=200):
    x = np.random.default_rng(0).normal(size=(n, 20)).astype(np.float32)
    return Examples(x, fit_scaling(x))


def test_a_healthy_encoder_and_views_where_there_are_some():
    net = seeded(0, lambda: NETWORK.build((20,)))
    spread = spread_of(net, Reconstruction(), pool())
    assert spread["codes"] == 8
    assert spread["effective_rank"] > 4
    assert (spread["dead"], spread["alignment"], spread["uniformity"], collapse(spread)) == (0, None, None, None)
    seen = spread_of(net, Contrastive(), pool())
    assert 0 < seen["alignment"] < 4
    assert -4 < seen["uniformity"] < -0.5
    assert spread_of(net, Reconstruction(), pool(2)) is None


def test_constant_codes_are_a_collapse():
    net = seeded(0, lambda: NETWORK.build((20,)))
    with torch.no_grad():
        net.encoder[1].weight.zero_()
    spread = spread_of(net, Contrastive(), pool())
    assert (spread["effective_rank"], spread["dead"]) == (0, 1)
    assert spread["uniformity"] == pytest.approx(0, abs=1e-6)
    assert collapse(spread) == "the effective rank of its 8 codes is 0.0"


@pytest.mark.slow
def test_without_its_variance_term_vicreg_loses_directions():
    """Most of the collapse is that of the projection, which shields the codes: of images, half the directions go."""

    def rank(objective):
        recipe = Recipe(steps=100, batch_size=64, lr=4e-3, schedule="one-cycle")
        return spread_of(train(Job(SMALL, objective, recipe), shapes)[0], objective, shapes)["effective_rank"]

    digits = load("digits").x[:600]
    shapes = Examples(digits, fit_scaling(digits))
    assert rank(VICReg(variance=0.0, covariance=0.0)) < 0.7 * rank(VICReg())


def test_it_is_among_the_facts_of_an_encoder():
    spread = pretrain(blobs(), "contrastive", SMALL, RECIPE).facts["pretraining"]["spread"]
    assert spread.keys() == {"codes", "effective_rank", "dead", "alignment", "uniformity"}
    assert json.loads(json.dumps(spread)) == spread


def test_the_command_says_it_in_a_line(tmp_path, monkeypatch):
    np.save(tmp_path / "x.npy", np.random.default_rng(0).normal(size=(40, 6)).astype(np.float32))

    def line(name):
        command = ["pretrain", str(tmp_path / "x.npy"), "--steps", "2", "-o", str(tmp_path / name)]
        result = CliRunner().invoke(app, [*command, "--objective", "vicreg"])
        assert result.exit_code == 0, result.output
        return result.output

    assert "Effective rank " in line("healthy")
    assert "of the codes dead; alignment 0." in line("again")
    monkeypatch.setattr("fewlabels.pipelines.pretrain.spread_of", lambda *given: {**FLAT})
    assert (
        "Collapsed: the effective rank of its 3 codes is 0.0, so classifiers can tell little by them; "
        "try other views or another objective."
    ) in " ".join(line("collapsed").split())


FLAT = {"codes": 3, "effective_rank": 0.0, "dead": 1.0, "alignment": 0.0, "uniformity": 0.0}
