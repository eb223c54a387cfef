"""Classifiers that read another layer than the code: from an encoder, in a folder, as ONNX."""

from __future__ import annotations

import json

import numpy as np
import pytest

from fewlabels.core.errors import InputError
from fewlabels.models import export_onnx, load_classifier, save_model
from fewlabels.pipelines.encoder_specs import parse_encoder_spec
from fewlabels.pipelines.finetune import finetune
from fewlabels.pipelines.methods import parse_methods
from fewlabels.pipelines.pretrain import pretrain
from fewlabels.transfer import supervised
from made_up_data import blobs, encoder, shades


@pytest.fixture(autouse=True)
def _short(monkeypatch):
    monkeypatch.setattr(supervised, "FEWEST_STEPS", 15)


@pytest.mark.parametrize(
    ("kind", "transfer", "layer", "width"),
    [
        ("shades", "probe", "below", 4 * 8 * 8),
        ("shades", "probe", "below-pooled", 20),
        ("shades", "finetune", "below", 4 * 8 * 8),
        ("blobs", "mlp", "below", 12),
        ("blobs", "finetune", "below", 12),
    ],
)
def test_a_classifier_of_a_layer_is_the_same_from_its_folder(kind, transfer, layer, width, tmp_path):
    data = shades() if kind == "shades" else blobs()
    model = finetune(encoder(kind), data, transfer, layer=layer)
    save_model(model, tmp_path / "c")
    loaded = load_classifier(tmp_path / "c")
    np.testing.assert_array_equal(loaded.log_proba(data.x), model.log_proba(data.x))
    assert loaded.embed(data.x[:3]).shape == (3, width)
    assert loaded.facts["settings"]["layer"] == loaded.features.layer == layer
    labelled = data.y >= 0
    assert (model.log_proba(data.x[labelled]).argmax(axis=1) == data.y[labelled]).mean() > 0.8


def test_of_the_code_nothing_is_said_so_that_earlier_versions_read_it(tmp_path):
    save_model(finetune(encoder(), blobs(), "probe"), tmp_path / "c")
    values = json.loads((tmp_path / "c" / "config.json").read_text())
    assert "layer" not in values["features"]
    assert "layer" not in values["facts"]["settings"]
    assert load_classifier(tmp_path / "c").features.layer is None


@pytest.mark.slow
@pytest.mark.parametrize("layer", ["below", "below-pooled"])
def test_onnx_reads_the_layer(layer, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    data = shades()
    model = finetune(encoder("shades"), data, "finetune", layer=layer)
    export_onnx(model, tmp_path / "c.onnx")
    (found, *_) = onnxruntime.InferenceSession(tmp_path / "c.onnx").run(["probabilities"], {"examples": data.x[:7]})
    np.testing.assert_allclose(found, np.exp(model.log_proba(data.x[:7])), atol=1e-5)


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        ("belw", "`layer` is 'belw'; allowed are below, below-pooled; did you mean 'below'?, or None for the code"),
        ("below-pooled", "the network has no feature map below its code; leave out '@below-pooled'"),
    ],
)
def test_layers_that_cannot_be_read_are_refused_before_anything_is_fitted(layer, message):
    with pytest.raises(InputError) as caught:
        finetune(encoder(), blobs(), layer=layer)
    assert str(caught.value) == message


def test_pretraining_names_no_layer():
    with pytest.raises(InputError, match="what reads an encoder has a layer, not its training; leave out '@below'"):
        pretrain(blobs(), "denoising@below")


def anything(method):
    """Whatever the data."""


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("denoising@below+probe", "denoising pretraining, layer below, linear probe"),
        ("denoising/tied/greedy@below+mlp", "denoising pretraining, tied network, greedy, layer below, MLP head"),
        (
            "random/residual@below-pooled+probe",
            "random frozen encoder, residual network, layer below-pooled, linear probe",
        ),
        ("scratch@below", "from scratch, layer below"),
    ],
)
def test_names_with_a_layer(name, label):
    (method,) = parse_methods([name], anything)
    assert (method.name, method.label) == (name, label)
    assert method.encoder_spec.layer in ("below", "below-pooled")
    assert parse_encoder_spec(method.encoder_spec.trained_as).layer is None


def test_groups_bring_the_controls_of_a_layer():
    names = [
        method.name
        for method in parse_methods(["controls", "denoising@below+probe", "denoising/tied@below+mlp"], anything)
    ]
    assert names[-2:] == ["random@below+probe", "scratch@below"]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("raw@below+probe", "raw takes no layer; leave out '@below'"),
        ("cnn@below", "cnn takes no layer; leave out '@below'"),
        ("denoising@belw+probe", "'belw' is no layer; allowed are below, below-pooled; did you mean 'below'?"),
        ("denoising@+probe", "'' is no layer; allowed are below, below-pooled"),
        (
            "random@below+finetune",
            "method 'random@below+finetune' is training from scratch; it is called 'scratch@below'",
        ),
    ],
)
def test_names_with_a_layer_that_make_no_sense_are_refused(name, message):
    with pytest.raises(InputError) as caught:
        parse_methods([name], anything)
    assert str(caught.value).endswith(message)
