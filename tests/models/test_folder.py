"""Saving models and reading them again."""

from __future__ import annotations

import errno
import os
import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from fewlabels.core.errors import InputError
from fewlabels.data import Dataset
from fewlabels.models import check_free, folder, load_classifier, load_encoder, load_model, save_model
from fewlabels.models.classifier import trained_on
from fewlabels.networks import state_hash
from fewlabels.pipelines.finetune import finetune
from fewlabels.pipelines.pretrain import pretrain
from made_up_models import (
    CLASSES,
    CLASSIFIERS,
    ENCODERS,
    answers_of,
    classifier_model,
    encoder_model,
    examples,
    facts,
)

FILES = ["README.md", "config.json", "model.safetensors"]


def names(place):
    return sorted(entry.name for entry in place.iterdir())


@pytest.mark.slow
@pytest.mark.parametrize("name", ENCODERS)
def test_an_encoder_comes_back_to_the_bit(name, tmp_path):
    model = encoder_model(name)
    save_model(model, tmp_path / "deep" / "folder")
    found = load_encoder(tmp_path / "deep" / "folder")
    assert names(tmp_path / "deep" / "folder") == FILES
    assert state_hash(found.module) == state_hash(model.module)  # decoder and centre included
    np.testing.assert_array_equal(answers_of(found), answers_of(model))
    codes = answers_of(model)
    np.testing.assert_array_equal(found.decode(codes), model.decode(codes))
    assert (found.signature, found.network, found.objective) == (model.signature, model.network, model.objective)
    assert (dict(found.job), found.facts) == (model.job, model.facts)


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_a_classifier_comes_back_to_the_bit(name, tmp_path):
    model = classifier_model(name)
    save_model(model, tmp_path)
    found = load_classifier(str(tmp_path))
    assert state_hash(found.module) == state_hash(model.module)
    np.testing.assert_array_equal(answers_of(found), answers_of(model))
    np.testing.assert_array_equal(found.seen, model.seen)
    assert (found.signature, found.classes, found.features, found.head) == (
        model.signature,
        CLASSES,
        model.features,
        model.head,
    )
    assert found.facts == model.facts
    assert found.temperature == np.float32(0.7)


def test_what_is_saved_of_a_loaded_model_is_the_same_file(tmp_path):
    save_model(classifier_model("mlp of table"), tmp_path / "first")
    save_model(load_model(tmp_path / "first"), tmp_path / "second")
    for name in FILES:
        assert (tmp_path / "first" / name).read_bytes() == (tmp_path / "second" / name).read_bytes()


@pytest.mark.parametrize("objective", ["denoising/greedy", "variational"])
def test_what_was_really_trained_comes_back(objective, tmp_path):
    rng = np.random.default_rng(0)
    y = np.arange(40) % 3
    x = (rng.normal(size=(40, 6)) + y[:, None]).astype(np.float32)
    data = Dataset("made up", x, np.where(np.arange(40) < 24, y, -1), CLASSES)
    with torch.random.fork_rng():
        encoder = pretrain(data, objective, steps=6, precision="float32", memory_format="contiguous", device="cpu")
        save_model(encoder, tmp_path / "encoder")
        again = load_encoder(tmp_path / "encoder")
        np.testing.assert_array_equal(again.embed(x), encoder.embed(x))
        classifier = finetune(encoder, data, "probe")
        from_disk = finetune(again, data, "probe")
    save_model(classifier, tmp_path / "classifier")
    found = load_classifier(tmp_path / "classifier")
    np.testing.assert_array_equal(found.log_proba(x), classifier.log_proba(x))
    np.testing.assert_array_equal(from_disk.log_proba(x), classifier.log_proba(x))
    np.testing.assert_array_equal(trained_on(found, x), np.arange(40) < 24)


def test_nothing_is_ever_unpickled(tmp_path, monkeypatch):
    save_model(classifier_model("codes of conv"), tmp_path)

    def unpickle(*args, **options):
        raise AssertionError("unpickled")

    for module, name in ((pickle, "load"), (pickle, "loads"), (pickle, "Unpickler"), (torch, "load")):
        monkeypatch.setattr(module, name, unpickle)
    load_model(tmp_path)


@pytest.mark.parametrize(
    ("present", "overwrite", "words"),
    [
        ((), False, None),
        ((".model.safetensors.part", ".config.json.old"), False, None),
        (("checkpoint", "checkpoint.part"), False, None),
        (FILES, True, None),
        (FILES, False, "holds a model already"),
        (("README.md",), False, r"holds README\.md; choose another"),
        (("model.safetensors",), False, r"holds model\.safetensors; choose another"),
        (("notes.txt",), False, "holds other files"),
        ((*FILES, "notes.txt"), True, r"holds other files \('notes\.txt'\)"),
        (("checkpoint2",), True, "holds other files"),
    ],
)
def test_a_folder_is_free_where_nothing_of_value_would_be_lost(present, overwrite, words, tmp_path):
    for name in present:
        (tmp_path / name).touch()
    if words is None:
        check_free(tmp_path, overwrite, others=("checkpoint",))
    else:
        with pytest.raises(InputError, match=words):
            check_free(tmp_path, overwrite, others=("checkpoint",))
    assert names(tmp_path) == sorted(present)


def test_a_folder_that_cannot_be_made_is_refused_beforehand(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    check_free(tmp_path / "not" / "yet")
    assert not (tmp_path / "not").exists()
    with pytest.raises(InputError, match="is a file, where the folder of a model is to be"):
        check_free(tmp_path / "file")
    with pytest.raises(InputError, match=r"cannot be made, since .*file is no folder"):
        check_free(tmp_path / "file" / "model")
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(InputError, match=r"cannot be made, since .* cannot be written to"):
        check_free(tmp_path / "model")


def full(*args, **options):
    raise OSError(errno.ENOSPC, "No space left on device")


FAULTS = {"at the first byte": 0, "at the second file": 1, "at the third file": 2}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_failed_save_leaves_the_old_model_and_nothing_else(step, fault, tmp_path, monkeypatch):
    old, new = classifier_model(seed=0), classifier_model(seed=1)
    save_model(old, tmp_path)
    left, real = FAULTS[fault], Path.replace

    def replaced(self, target):
        nonlocal left
        if self.suffix == ".part":
            left -= 1
            if left < 0:
                full()
        return real(self, target)

    def synced(handle):
        nonlocal left
        left -= 1
        if left < 0:
            full()

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", synced) if step == "fsync" else patch.setattr(Path, "replace", replaced)
        with pytest.raises(InputError, match=r"cannot be written \(No space left on device\); free space"):
            save_model(new, tmp_path, overwrite=True)
    assert names(tmp_path) == FILES
    np.testing.assert_array_equal(answers_of(load_model(tmp_path)), answers_of(old))
    save_model(new, tmp_path, overwrite=True)
    np.testing.assert_array_equal(answers_of(load_model(tmp_path)), answers_of(new))


def test_a_failed_first_save_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(InputError, match="No space left on device"):
        save_model(classifier_model(), tmp_path / "model")
    assert names(tmp_path / "model") == []


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full, a device that is always full")
def test_a_really_full_disk_is_one_clear_line(tmp_path, monkeypatch):
    real = Path.open

    def opened(self, *args, **options):
        return real(Path("/dev/full") if self.suffix == ".part" else self, *args, **options)

    monkeypatch.setattr(Path, "open", opened)
    with pytest.raises(InputError, match=r"cannot be written \(No space left on device\)"):
        save_model(classifier_model(), tmp_path)
    assert names(tmp_path) == []


def test_a_save_that_is_interrupted_leaves_the_old_model(tmp_path, monkeypatch):
    save_model(encoder_model(seed=0), tmp_path)

    def interrupted(handle):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        save_model(encoder_model(seed=1), tmp_path, overwrite=True)
    assert names(tmp_path) == FILES
    assert state_hash(load_model(tmp_path).module) == state_hash(encoder_model(seed=0).module)


def test_a_place_that_cannot_be_a_folder_is_one_clear_line(tmp_path):
    (tmp_path / "file").touch()
    for place in (tmp_path / "file", tmp_path / "file" / "model"):
        with pytest.raises(InputError, match=r"is a file, where the folder|is no folder|cannot be made"):
            save_model(classifier_model(), place)


def test_facts_that_json_has_not_cost_no_model(tmp_path):
    told = facts("classifier")
    told["accuracy"]["held-out log-loss"] = float("inf")
    told["data"]["name"] = os.fsdecode(b"photos \xff")
    save_model(replace(classifier_model(), facts=told), tmp_path)
    found = load_model(tmp_path).facts
    assert found["accuracy"]["held-out log-loss"] is None
    assert found["data"]["name"] == "photos ?"


@pytest.mark.parametrize(
    ("classes", "words"),
    [(("a", "b", "\x1b[2J"), "has control characters; rename it"), (("a", "b", "x" * 5000), "give fewer categories")],
)
def test_a_model_that_could_not_be_read_again_is_not_saved(classes, words, tmp_path, monkeypatch):
    monkeypatch.setattr(folder, "MOST_CONFIG_BYTES", 5000)
    with pytest.raises(InputError, match=words):
        save_model(replace(classifier_model(), classes=classes), tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_such_a_class_is_refused_before_anything_is_fitted():
    x, y = examples(encoder_model().signature, 9), np.arange(9) % 3
    with pytest.raises(InputError, match="has control characters; rename it"):
        finetune(encoder_model(), Dataset("made up", x, y, ("a", "b\tc", "d")))


def test_classes_of_any_script_come_back(tmp_path):
    classes = ("ネコ", "", "a\u00a0b, “c”; \\ | `d`\U0001f408")
    save_model(replace(classifier_model(), classes=classes), tmp_path)
    found = load_classifier(tmp_path)
    assert found.classes == classes
    x = examples(found.signature)
    assert found.predict(x).tolist() == [classes[k] for k in found.log_proba(x).argmax(axis=1)]


def test_a_device_that_never_ends_is_not_read(tmp_path):
    save_model(classifier_model(), tmp_path)
    (tmp_path / "model.safetensors").unlink()
    (tmp_path / "model.safetensors").symlink_to("/dev/zero")
    assert (tmp_path / "model.safetensors").is_char_device()
    with pytest.raises(InputError, match="is no regular file"):
        load_model(tmp_path)
