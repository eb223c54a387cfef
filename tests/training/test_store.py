"""The store of encoders: what it knows it does not train again, what is damaged it trains again and mends."""

from __future__ import annotations

import os
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from fewlabels.data import fit_scaling
from fewlabels.networks import Conv, Dense, state_hash
from fewlabels.objectives import Reconstruction, SparseActivations
from fewlabels.training import EncoderStore, Examples, Job, Layerwise, Numerics, Recipe, store, train

RECIPE = Recipe(steps=4, batch_size=8, validate_every=2)
JOB = Job(Dense(hidden=(3,), latent_dim=2), SparseActivations(), RECIPE, seed=5)
DATA = {"dataset": "abc", "pool": "def"}

OTHER_JOB = {
    "network": Dense(hidden=(3,), latent_dim=1),
    "objective": Reconstruction(),
    "recipe": replace(RECIPE, steps=5),
    "seed": 6,
    "layerwise": Layerwise(),
    "numerics": Numerics(precision="bfloat16"),
}
OTHER_RECIPE = {
    "epsilon": 1e-5,
    "steps": 5,
    "batch_size": 9,
    "optimiser": "sgd",
    "lr": 0.002,
    "momentum": 0.5,
    "weight_decay": 0.1,
    "clip_norm": 1.0,
    "schedule": "cosine",
    "validate_every": 3,
    "patience": 2,
    "warm_up": 0.2,
}
OTHER_NUMERICS = {"device": "cuda", "precision": "bfloat16", "memory_format": "contiguous"}


def examples(shape: tuple[int, ...] = (5,), seed: int = 0) -> Examples:
    x = np.random.default_rng(seed).random((20, *shape), dtype=np.float32)
    return Examples(x, fit_scaling(x))


X, VALIDATION = examples(), examples(seed=1)


def forbid(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args):
        raise AssertionError("trained again")

    monkeypatch.setattr(store, "train_stacked", refuse)


@pytest.mark.parametrize(("network", "shape"), [(JOB.network, (5,)), (Conv(channels=(3, 4), latent_dim=2), (2, 8, 9))])
def test_the_second_time_comes_from_the_store(tmp_path, monkeypatch, network, shape):
    job, x, validation = replace(JOB, network=network), examples(shape), examples(shape, seed=1)
    first = EncoderStore(tmp_path / "new" / "folder").get_or_train(job, x, validation, DATA)
    trained, history = train(job, x, validation)
    assert state_hash(first.net) == state_hash(trained)
    assert first.history.loss == history.loss
    assert not first.from_store
    forbid(monkeypatch)
    second = EncoderStore(tmp_path / "new" / "folder").get_or_train(job, x, validation, DATA)
    assert second.from_store
    assert second.key == first.key
    assert state_hash(second.net) == state_hash(first.net)
    assert vars(second.history).keys() == vars(first.history).keys()
    for name, value in vars(first.history).items():
        assert name == "strip" or getattr(second.history, name) == value
    assert not second.net.training
    batch = x.batch(slice(None))
    assert torch.equal(second.net.encode(batch), first.net.encode(batch))
    assert [path.name for path in (tmp_path / "new" / "folder").iterdir()] == [f"{first.key}.safetensors"]


@pytest.mark.parametrize("field", [field.name for field in fields(Job)])
def test_the_key_holds_every_field_of_a_job(field):
    other = replace(JOB, **{field: OTHER_JOB[field]})
    assert EncoderStore.key(other, DATA) != EncoderStore.key(JOB, DATA)


@pytest.mark.parametrize("field", [field.name for field in fields(Recipe)])
def test_the_key_holds_every_field_of_a_recipe(field):
    other = replace(JOB, recipe=replace(RECIPE, **{field: OTHER_RECIPE[field]}))
    assert EncoderStore.key(other, DATA) != EncoderStore.key(JOB, DATA)


@pytest.mark.parametrize("field", [field.name for field in fields(Numerics)])
def test_the_key_holds_how_numbers_are_computed(field):
    other = replace(JOB, numerics=replace(JOB.numerics, **{field: OTHER_NUMERICS[field]}))
    assert EncoderStore.key(other, DATA) != EncoderStore.key(JOB, DATA)


def test_the_key_holds_data_settings_threads_and_versions(monkeypatch):
    key = EncoderStore.key(JOB, DATA)
    assert key == EncoderStore.key(replace(JOB), dict(reversed(DATA.items())))
    keys = {key, EncoderStore.key(replace(JOB, objective=SparseActivations(0.5)), DATA)}
    keys |= {EncoderStore.key(JOB, {**DATA, name: "other"}) for name in DATA}
    keys.add(EncoderStore.key(JOB, {**DATA, "more": "other"}))
    for module, name, value in (
        (torch, "get_num_threads", lambda: 17),
        (store, "installed_versions", lambda: {"torch": "0"}),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(module, name, value)
            keys.add(EncoderStore.key(JOB, DATA))
    assert len(keys) == 7


@pytest.fixture(scope="module")
def kept(tmp_path_factory) -> tuple[Path, str]:
    """A stored encoder's file, and its hash."""
    folder = tmp_path_factory.mktemp("encoders")
    pretrained = EncoderStore(folder).get_or_train(JOB, X, VALIDATION, DATA)
    return folder / f"{pretrained.key}.safetensors", state_hash(pretrained.net)


def trains_again_and_mends(file: Path, state: str) -> None:
    again = EncoderStore(file.parent).get_or_train(JOB, X, VALIDATION, DATA)
    assert not again.from_store
    assert state_hash(again.net) == state
    mended = EncoderStore(file.parent).get_or_train(JOB, X, VALIDATION, DATA)
    assert mended.from_store
    assert state_hash(mended.net) == state


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"",
        lambda content: b"not a model",
        lambda content: content[:4],
        lambda content: content[: len(content) // 2],
        lambda content: content[:-1],
        lambda content: bytes(len(content)),
        lambda content: content.replace(b"encoder.1.bias", b"encoder.9.bias"),
        lambda content: content.replace(b'"digest"', b'"digits"'),
        lambda content: content.replace(b"history", b"mystery"),
    ],
)
def test_a_damaged_file_is_trained_again_and_mended(tmp_path, kept, damage):
    file, state = kept
    copy = tmp_path / file.name
    damaged = damage(file.read_bytes())
    assert damaged != file.read_bytes()
    copy.write_bytes(damaged)
    trains_again_and_mends(copy, state)


def test_no_flipped_bit_passes(tmp_path, kept):
    """A bit in every 13th byte, in turn: of the header, the history and the weights."""
    file, state = kept
    content = file.read_bytes()
    whole = EncoderStore(file.parent).get_or_train(JOB, X, VALIDATION, DATA)
    copy = tmp_path / file.name
    harmless = 0
    for place in range(0, len(content), 13):
        flipped = bytearray(content)
        flipped[place] ^= 1
        copy.write_bytes(flipped)
        found = EncoderStore(tmp_path)._load(JOB, whole.key, (5,))
        if found is not None:  # only where the flip changed nothing that is used
            harmless += 1
            assert state_hash(found.net) == state
            assert found.history == whole.history, f"byte {place} changed the history unseen"
    assert harmless < len(content) // 13 // 10


def test_a_folder_that_cannot_be_written_costs_only_the_saving(tmp_path, kept):
    (tmp_path / "file").write_text("in the way")
    for folder in (tmp_path / "file" / "encoders", tmp_path / "file"):
        pretrained = EncoderStore(folder).get_or_train(JOB, X, VALIDATION, DATA)
        assert not pretrained.from_store
        assert state_hash(pretrained.net) == kept[1]
    assert (tmp_path / "file").read_text() == "in the way"


def test_a_failed_save_leaves_no_part_behind(tmp_path, monkeypatch):
    def disk_full(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", disk_full)
    pretrained = EncoderStore(tmp_path).get_or_train(JOB, X, VALIDATION, DATA)
    assert not pretrained.from_store
    assert list(tmp_path.iterdir()) == []
