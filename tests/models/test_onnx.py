"""ONNX files, with onnxruntime as the judge."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import onnx
import onnxruntime
import pytest
from PIL import Image

from fewlabels import __version__
from fewlabels.core.errors import FewlabelsError, InputError
from fewlabels.data import open_stream
from fewlabels.models import ClassifierModel, export_onnx, save_model
from fewlabels.models import onnx as exporting
from made_up_models import CLASSES, TABLE, answers_of, classifier_model, encoder_model, examples

MODELS = {
    "residual": lambda: classifier_model("codes of residual"),
    "variational paper1": lambda: classifier_model("codes of variational-conv"),
    "mlp of table": lambda: classifier_model("mlp of table"),
    "pca of floats": lambda: classifier_model("pca mlp"),
    "cnn": lambda: classifier_model("cnn"),
    "encoder of table": lambda: encoder_model("table"),
}


@pytest.fixture(scope="module")
def table_file(tmp_path_factory):
    """A classifier of a table's rows, as a file."""
    path = tmp_path_factory.mktemp("onnx") / "table.onnx"
    export_onnx(classifier_model("mlp of table"), path)
    return path


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in MODELS if name != "mlp of table"])
def test_the_file_says_what_the_model_says_in_batches_of_any_size_and_nothing_is_printed(name, tmp_path, capfd):
    model, path = MODELS[name](), tmp_path / "model.onnx"
    report = export_onnx(model, path)
    assert capfd.readouterr() == ("", "")
    assert logging.root.manager.disable == 0
    assert [entry.name for entry in tmp_path.iterdir()] == ["model.onnx"]
    assert (report.path, report.bytes, report.opset) == (path, path.stat().st_size, 18)
    session = onnxruntime.InferenceSession(path)
    for n in (0, 1, 2, 300)[name == "residual" :]:  # onnxruntime cannot normalise groups of no example
        x = examples(model.signature, n)
        found = dict(zip([one.name for one in session.get_outputs()], session.run(None, {"examples": x}), strict=True))
        if n == 0:
            assert all(len(part) == 0 for part in found.values())
        elif isinstance(model, ClassifierModel):
            expected = np.exp(answers_of(model, n))
            assert found["probabilities"].dtype == np.float32
            np.testing.assert_allclose(found["probabilities"], expected, atol=1e-5, rtol=0)
            assert found["label"].dtype == np.int64
            np.testing.assert_array_equal(found["label"], expected.argmax(axis=1))
        else:
            np.testing.assert_allclose(found["codes"], answers_of(model, n), atol=1e-5, rtol=0)
    assert report.inputs.startswith(f"examples [B, {model.signature.shape[0]}")
    assert report.difference < (1e-2 if name == "residual" else 1e-6)


SCRIPT = """
import json, sys
import numpy as np, onnxruntime
session = onnxruntime.InferenceSession(sys.argv[1])
told = session.get_modelmeta().custom_metadata_map
signature, classes = json.loads(told["signature"]), json.loads(told["classes"])
rows = []
for row in json.loads(sys.argv[2]):
    values = []
    for column, value in zip(signature["columns"], row):
        if column["categories"] is None or value is None:
            values.append(float("nan") if value is None else value)
        else:
            values.append(column["categories"].index(value) if value in column["categories"] else -1)
    rows.append(values)
probabilities, label = session.run(["probabilities", "label"], {"examples": np.array(rows, dtype=np.float32)})
assert not {"torch", "fewlabels"} & sys.modules.keys()
print(json.dumps([probabilities.tolist(), [classes[k] for k in label]]))
"""


@pytest.mark.slow
def test_a_script_without_torch_can_feed_it_from_its_metadata_alone(table_file):
    rows = [[41.0, "green", 3.5, "Köln"], [None, "red", None, None], [3.0, "mauve", 1.0, "Bonn"]]
    arguments = [sys.executable, "-I", "-c", SCRIPT, str(table_file), json.dumps(rows)]
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=60, check=True, encoding="utf-8")
    probabilities, labels = json.loads(done.stdout)
    nan = np.nan
    numbers = np.array([[41, 1, 3.5, 1], [nan, 2, nan, nan], [3, -1, 1, 0]], dtype=np.float32)
    model = classifier_model("mlp of table")
    np.testing.assert_allclose(probabilities, np.exp(model.log_proba(numbers)), atol=1e-5, rtol=0)
    assert labels == model.predict(numbers).tolist()


@pytest.mark.slow
def test_the_file_tells_who_made_it_and_nothing_of_the_machine(table_file):
    proto = onnx.load(table_file)
    onnx.checker.check_model(proto, full_check=True)
    assert (proto.producer_name, proto.producer_version) == ("fewlabels", __version__)
    told = {entry.key: entry.value for entry in proto.metadata_props}
    assert json.loads(told["classes"]) == list(CLASSES)
    signature = json.loads(told["signature"])
    assert (signature["kind"], signature["shape"]) == ("table", [4])
    assert [column["name"] for column in signature["columns"]] == [column.name for column in TABLE.columns or ()]
    assert b".py" not in table_file.read_bytes()  # places in the source
    assert not [tensor.name for tensor in proto.graph.initializer if tensor.external_data]


def test_a_file_that_says_something_else_is_not_kept(table_file, tmp_path, monkeypatch):
    path, content = tmp_path / "model.onnx", table_file.read_bytes()
    monkeypatch.setattr(exporting, "_onnx_bytes", lambda model, outputs: content)
    with pytest.raises(FewlabelsError, match=r"differs from the model itself by .* allowed is 1e-05") as caught:
        export_onnx(classifier_model("mlp of table", seed=1), path)
    assert not isinstance(caught.value, InputError)
    monkeypatch.setattr(exporting, "_onnx_bytes", lambda model, outputs: content[:-100])
    with pytest.raises(FewlabelsError, match="onnxruntime cannot use the exported model"):
        export_onnx(classifier_model("mlp of table"), path)
    assert list(tmp_path.iterdir()) == []


def test_a_temperature_that_is_a_little_off_is_noticed_though_no_label_changes(table_file, tmp_path, monkeypatch):
    content, model = table_file.read_bytes(), classifier_model("mlp of table")
    monkeypatch.setattr(exporting, "_onnx_bytes", lambda model, outputs: content)
    assert export_onnx(model, tmp_path / "right.onnx").difference < 1e-6
    model.module.temperature.mul_(1.001)
    with pytest.raises(FewlabelsError, match="differs from the model itself"):
        export_onnx(model, tmp_path / "model.onnx")


def test_a_single_swapped_label_is_noticed(table_file, tmp_path, monkeypatch):
    proto = onnx.load(table_file)
    (node,) = [node for node in proto.graph.node if node.op_type == "ArgMax"]
    node.op_type = "ArgMin"
    monkeypatch.setattr(exporting, "_onnx_bytes", lambda model, outputs: proto.SerializeToString())
    with pytest.raises(FewlabelsError, match="differs from the model itself"):
        export_onnx(classifier_model("mlp of table"), tmp_path / "model.onnx")


@pytest.mark.parametrize("missing", ["onnx", "onnxruntime", "onnxscript"])
def test_what_is_not_installed_is_named_with_the_command_that_installs_it(missing, tmp_path, monkeypatch):
    monkeypatch.setattr(exporting, "find_spec", lambda name: None if name == missing else object())
    with pytest.raises(InputError, match=rf'needs {missing}, .*pip install "fewlabels\[onnx\]"'):
        export_onnx(classifier_model("raw"), tmp_path / "model.onnx")


def test_a_path_that_cannot_be_written_is_refused_before_any_work(table_file, tmp_path, monkeypatch):
    def work(model, outputs):
        raise AssertionError("began to work")

    monkeypatch.setattr(exporting, "_onnx_bytes", work)
    taken = tmp_path / "taken.onnx"
    taken.write_bytes(b"mine")
    for path, words in (
        (taken, "exists already; choose another file, or replace it with `overwrite=True`"),
        (tmp_path, "is a folder; name a file"),
        (tmp_path / "none" / "model.onnx", "there is no folder"),
        (taken / "model.onnx", "there is no folder"),
    ):
        with pytest.raises(InputError, match=words):
            export_onnx(classifier_model("raw"), path)
    assert taken.read_bytes() == b"mine"


def test_a_file_is_replaced_when_the_new_one_is_whole(table_file, tmp_path, monkeypatch):
    content = table_file.read_bytes()
    monkeypatch.setattr(exporting, "_onnx_bytes", lambda model, outputs: content)
    path, model = tmp_path / "model.onnx", classifier_model("mlp of table")
    path.write_bytes(b"old")

    def full(handle):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(InputError, match="cannot be written \\(No space left on device\\)"):
            export_onnx(model, path, overwrite=True)
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["model.onnx"]
    assert export_onnx(model, path, overwrite=True).bytes == len(content)
    assert path.read_bytes() == content


@pytest.mark.slow
def test_a_model_of_resized_images_says_how_they_are_resized(tmp_path):
    model = classifier_model("cnn")
    model = replace(model, signature=replace(model.signature, resized=True))
    report = export_onnx(model, tmp_path / "model.onnx")
    how = 'image.convert("RGB").resize((8, 9), Image.Resampling.BILINEAR)'  # Pillow's sizes are (width, height)
    assert report.before is not None
    assert how in report.before
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    assert how in json.loads(session.get_modelmeta().custom_metadata_map["before"])
    save_model(model, tmp_path / "model")
    card = (tmp_path / "model" / "README.md").read_text(encoding="utf-8").replace("\\", "")
    assert how in card
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (31, 20, 3), dtype=np.uint8))
    picture.save(tmp_path / "one.png")
    ((_, read),) = open_stream(str(tmp_path / "one.png"), model.signature).blocks()
    said = np.asarray(eval(how, {"image": picture, "Image": Image})).transpose(2, 0, 1)
    np.testing.assert_array_equal(read[0], said)
    assert export_onnx(classifier_model("cnn"), tmp_path / "other.onnx").before is None
