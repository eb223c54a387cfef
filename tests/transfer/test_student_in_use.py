"""What becomes of a student: it is saved, read, exported, and holds no pool."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fewlabels.data import to_dataset
from fewlabels.models import export_onnx, load_classifier, save_model
from fewlabels.pipelines.finetune import finetune
from fewlabels.pipelines.pretrain import pretrain
from fewlabels.transfer import student
from fewlabels.transfer.spreading import GRAPHS


@pytest.fixture(scope="module")
def digits_model():
    data = to_dataset("digits")
    part = replace(data, x=data.x[:300], y=np.where(np.arange(300) < 60, data.y[:300], -1))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(student, "MOST_STEPS", 3)
        yield finetune(pretrain(part, steps=5), part, "student"), data.x[:500]


def test_is_saved_and_read_and_predicts_the_same(digits_model, tmp_path):
    model, x = digits_model
    assert model.head.transfer == "student"
    assert model.facts["accuracy"]["held_out"]["folds"] == 1
    assert model.facts["settings"]["taught_by"] in GRAPHS
    assert model.facts["accuracy"]["held_out"]["examples"] == 20
    save_model(model, tmp_path / "student")
    read = load_classifier(tmp_path / "student")
    np.testing.assert_array_equal(read.log_proba(x), model.log_proba(x))


def test_what_is_kept_holds_no_pool(digits_model):
    """No more numbers than a fine-tuned classifier of the same encoder has."""
    model, _ = digits_model
    data = to_dataset("digits")
    part = replace(data, x=data.x[:300], y=np.where(np.arange(300) < 60, data.y[:300], -1))
    other = finetune(pretrain(part, steps=5), part, "probe").module.state_dict()
    assert {n: v.shape for n, v in model.module.state_dict().items()} == {n: v.shape for n, v in other.items()}


@pytest.mark.slow
def test_is_exported(digits_model, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    model, x = digits_model
    assert export_onnx(model, tmp_path / "model.onnx").difference < 1e-5
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    found, _ = session.run(None, {"examples": x})
    np.testing.assert_allclose(found, np.exp(model.log_proba(x)), atol=1e-5)
