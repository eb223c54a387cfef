"""A network, a way of transfer and a control put into their tables at run time: nothing else is told of them.

They go through methods, a study with workers and one in this process, the page, the lists, the best method as a saved
classifier, and `finetune`.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import pytest
import torch
from small_studies import QUICK
from torch import nn

from fewlabels import load_classifier, load_encoder, run_study
from fewlabels.cli import main
from fewlabels.core.errors import InputError
from fewlabels.models import save_model
from fewlabels.networks import NETWORKS, VARIANTS, Autoencoder, Stage, Variant, size_of
from fewlabels.pipelines.finetune import finetune
from fewlabels.pipelines.methods import all_names, default_names
from fewlabels.pipelines.pretrain import pretrain
from fewlabels.training import Examples
from fewlabels.transfer import CONTROLS, TRANSFERS, Classifier, Control, Raw, Start, Transfer, features_of
from fewlabels.transfer.probe import linear, log_softmax
from made_up_executor import InThisProcess
from made_up_rows import stripes

SETTINGS = ({"pull": 0.0}, {"pull": 0.5}, {"pull": 1.0})


@dataclass(frozen=True)
class Flat:
    """A network of somebody else's: one tanh layer each way."""

    latent_dim: int = 3

    convolutional: ClassVar[bool] = False

    @property
    def depth(self) -> int:
        return 1

    def build(self, input_shape, code_width=1):
        size, width = size_of(input_shape), code_width * self.latent_dim
        down = [nn.Flatten(), nn.Linear(size, width), nn.Tanh()]
        up = [nn.Linear(self.latent_dim, size), nn.Unflatten(1, input_shape)]
        return Autoencoder([Stage(down, up, (self.latent_dim,))], input_shape, code_width)


def flat(base, input_shape):
    return Flat()


@dataclass(frozen=True)
class NearestMean:
    """The class whose mean is nearest, after the mean was pulled to the unlabelled features that are nearest to it."""

    start: object
    settings: tuple = SETTINGS
    default: dict = None

    def fit_all(self, x, y, tasks):
        pool = self.start.features_of(self.start.unlabelled())

        def fitted(task):
            own, labels = x[task.index], y[task.index]
            means = np.stack([own[labels == k].mean(0) for k in range(self.start.classes)])
            nearest = ((pool[:, None] - means) ** 2).sum(2).argmin(1)
            pulled = [pool[nearest == k].mean(0) if (nearest == k).any() else means[k] for k in range(len(means))]
            means += task.setting["pull"] * (np.stack(pulled) - means)
            weights, intercepts = 2 * means, -(means**2).sum(1)
            size = weights.size + len(intercepts)
            return Classifier(
                lambda f: log_softmax(f @ weights.T + intercepts), linear(weights, intercepts), size, size, {"units": 1}
            )

        return [fitted(task) for task in tasks]


def nearest_mean(start):
    return NearestMean(start, default=SETTINGS[0])


def nearest_head(width, classes, settings):
    assert settings == {"units": 1}
    return nn.Linear(width, classes)


class Brightness(nn.Module):
    """Whether an example is brighter than so much, as logits of two classes."""

    def __init__(self, threshold=0.0):
        super().__init__()
        self.register_buffer("threshold", torch.tensor(threshold))

    def forward(self, x):
        above = x.flatten(1).mean(1) - self.threshold
        return torch.stack([-above, above], 1)


@dataclass(frozen=True)
class Threshold:
    settings: tuple = SETTINGS
    default: dict = None

    def fit_all(self, x, y, tasks):
        assert isinstance(x, Examples)
        values = features_of(Raw(), x).mean(1)

        def fitted(task):
            module = Brightness(float(values[task.index].mean()))

            def log_proba(given):
                return torch.cat([module(batch).double().log_softmax(1) for batch in given.batches()]).numpy()

            return Classifier(log_proba, module, 1, 1)

        return [fitted(task) for task in tasks]


def threshold(shape, classes):
    if classes != 2:
        raise InputError(f"brightness tells 2 classes apart, got {classes}; leave out 'brightness'")
    return Threshold(default=SETTINGS[0])


def blank_brightness(shape, classes):
    return Brightness()


METHODS = ("reconstruction/flat+nearest", "random/flat+probe", "raw+nearest", "brightness", "raw+probe")


@pytest.fixture
def added(monkeypatch):
    monkeypatch.setitem(NETWORKS, "Flat", Flat)
    monkeypatch.setitem(VARIANTS, "flat", Variant("a network made up", flat))
    row = Transfer("nearest mean", "made up", "features", nearest_mean, SETTINGS, SETTINGS[0], 1, True, nearest_head)
    monkeypatch.setitem(TRANSFERS, "nearest", row)
    row = Control("brightness alone", "made up", threshold, SETTINGS, SETTINGS[0], 1, True, blank_brightness)
    monkeypatch.setitem(CONTROLS, "brightness", row)


def study_of(folder, **options):
    return run_study(stripes(), METHODS, (12,), 2, out=folder, pretraining=QUICK, **options)


def records(study):
    return {(row["method"], row["seed"]): (row["accuracy"], row["setting"]) for row in study.runs}


@pytest.mark.slow
def test_a_study_knows_them_with_workers_and_with_any_other_executor(added, tmp_path):
    study = study_of(tmp_path / "workers", workers=1)
    assert not study.failed
    assert {row["method"] for row in study.runs} == set(METHODS)
    assert records(study_of(tmp_path / "here", executor=InThisProcess())) == records(study)
    page = study.report().read_text(encoding="utf-8")
    for label in ("reconstruction pretraining, flat network, nearest mean", "brightness alone"):
        assert label in page
    tried = study.manifest["settings"]["tried"]
    assert tried["nearest"] == tried["brightness"] == {"tried": list(SETTINGS), "default": SETTINGS[0]}


def test_the_best_method_is_kept_read_and_used(added, tmp_path):
    for number, methods in enumerate((METHODS[:1], METHODS[2:3], METHODS[3:4])):
        out, kept = tmp_path / f"study{number}", tmp_path / f"kept{number}"
        options = {"pretraining": QUICK, "executor": InThisProcess(), "keep_best": kept}
        run_study(stripes(), methods, (12,), 1, out=out, **options)
        model = load_classifier(kept)
        assert model.facts["settings"]["method"] == methods[0]
        assert set(model.predict(stripes().x[:20])) <= set(stripes().classes)
        assert model.facts["accuracy"]["test"]["accuracy"] > 0.4


def test_an_encoder_of_such_a_network_comes_back_and_learns_by_such_a_transfer(added, tmp_path):
    encoder = pretrain(stripes(), "denoising/flat", recipe=QUICK)
    save_model(encoder, tmp_path / "e")
    found = load_encoder(tmp_path / "e")
    assert found.network == Flat()
    x = stripes().x[:9]
    np.testing.assert_array_equal(found.embed(x), encoder.embed(x))
    classifier = finetune(found, stripes(), "nearest")
    save_model(classifier, tmp_path / "c")
    np.testing.assert_array_equal(load_classifier(tmp_path / "c").log_proba(x), classifier.log_proba(x))


def test_they_are_in_every_list_and_in_refusals(added, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["fewlabels", "methods"])
    with pytest.raises(SystemExit) as end:
        main()
    assert not end.value.code
    listed = [line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines() if line.startswith(" ")]
    made_up = {"flat": "a network made up", "nearest": "made up", "brightness": "made up"}
    assert {name: summary.strip() for name, summary in listed if name in made_up} == made_up
    assert {"denoising+nearest", "brightness"} <= set(all_names())
    assert "brightness" in default_names()
    for given, says in (
        ("raw+nearst", r"allowed after raw\+ are probe, mlp, finetune, graph, student, nearest"),
        ("denoising/flt+probe", r"did you mean .?flat"),
        ("brightnes", r"did you mean .?brightness"),
    ):
        with pytest.raises(InputError, match=says):
            run_study(stripes(), [given], (12,), 1, pretraining=QUICK)
    with pytest.raises(InputError, match="allowed are best, finetune, graph, mlp, nearest, probe, student"):
        finetune(pretrain(stripes(), "denoising/flat", recipe=QUICK), stripes(), "magic")


def test_a_row_that_cannot_travel_is_refused_before_anything_is_written(added, tmp_path, monkeypatch):
    monkeypatch.setitem(
        TRANSFERS, "nearest", replace(TRANSFERS["nearest"], make=lambda start: NearestMean(start, default={}))
    )
    with pytest.raises(InputError, match=r"method 'raw\+nearest': its row cannot travel to worker processes"):
        run_study(stripes(), ["raw+nearest"], (12,), 1, pretraining=QUICK, out=tmp_path / "s")
    assert not (tmp_path / "s").exists()


def test_what_is_tried_is_what_the_row_tells(added):
    row = replace(TRANSFERS["probe"], settings=({"C": 7.0},), default={"C": 7.0})
    learner = row.learner(Start(2, nn.Flatten(), None, None))
    assert (learner.settings, learner.default) == (row.settings, row.default)


def test_what_is_not_in_the_tables_any_more_is_refused_in_one_line(added, tmp_path, monkeypatch):
    save_model(pretrain(stripes(), "denoising/flat", recipe=QUICK), tmp_path / "e")
    save_model(finetune(load_encoder(tmp_path / "e"), stripes(), "nearest"), tmp_path / "c")
    monkeypatch.delitem(NETWORKS, "Flat")
    with pytest.raises(
        InputError, match="unknown kind 'Flat' in settings; allowed are Conv, Dense, PooledConv, Residual"
    ):
        load_encoder(tmp_path / "e")
    monkeypatch.setitem(NETWORKS, "Flat", Flat)
    monkeypatch.delitem(TRANSFERS, "nearest")
    with pytest.raises(InputError, match="asks for a network that cannot be built") as refused:
        load_classifier(tmp_path / "c")
    assert "transfer 'nearest' is unknown" in str(refused.value)
