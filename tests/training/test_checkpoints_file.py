"""A checkpoint's file: whole or refused, of this training or refused, and no trouble in writing it stops a training."""

from __future__ import annotations

import errno
import json
import os
import warnings
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor
from toy_checkpoints import JOB, KEY, VALIDATION, X, die_after, every_step, told

from fewlabels.core.errors import InputError
from fewlabels.training import Checkpoints, EncoderStore, Recipe, train

DATA = {"x": "abc", "validation": "def"}


def same(one, other) -> bool:
    """Of equal kinds and values throughout; tensors of equal bits, type and strides."""
    if isinstance(one, Tensor):
        layout = isinstance(other, Tensor) and (one.dtype, one.shape, one.stride()) == (
            other.dtype,
            other.shape,
            other.stride(),
        )
        return layout and one.contiguous().numpy().tobytes() == other.contiguous().numpy().tobytes()
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(part, other[name]) for name, part in one.items())
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    return type(one) is type(other) and one == other


def normal(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


def test_a_state_comes_back_as_it_was(tmp_path):
    square = normal(4, 4)
    state = {
        "steps": 3,
        "numbers": [1, -2.5, 0.1 + 0.2, 1e-320, None, "words", True, []],
        "tensor": {"dict": square, "stride": normal(()), "": {}},
        "strides": [square.T, normal(2, 3, 4, 5).contiguous(memory_format=torch.channels_last), square[:, 1]],
        "types": [
            torch.arange(5),
            torch.zeros(0, dtype=torch.float64),
            normal(3).double(),
            torch.tensor([True, False]),
        ],
        "not numbers": torch.tensor([torch.nan, torch.inf, -0.0]),
    }
    checkpoints = Checkpoints(tmp_path / "a" / "b" / "c", KEY)
    checkpoints.save(state)
    found = checkpoints.load()
    assert same(found, state)
    assert not same({**found, "strides": []}, state)
    assert checkpoints.steps_done() == 3
    found["tensor"]["dict"] += 1  # in memory of its own
    assert same(checkpoints.load(), state)


def test_what_stands_in_several_places_is_written_once_and_comes_back_apart(tmp_path):
    weights = normal(100, 100)
    checkpoints = Checkpoints(tmp_path / "c", KEY)
    checkpoints.save({"net": weights, "part": [weights.detach(), weights.view(100, 100)], "turned": weights.T})
    assert 2 * 40_000 < (tmp_path / "c").stat().st_size < 3 * 40_000
    found = checkpoints.load()
    assert torch.equal(found["turned"], weights.T)
    assert len({found["net"].data_ptr(), *(part.data_ptr() for part in found["part"])}) == 3


def test_without_a_checkpoint_there_is_nothing_to_go_on_from(tmp_path):
    checkpoints = Checkpoints(tmp_path / "c", KEY)
    assert not checkpoints.exists()
    assert checkpoints.load() is None
    assert checkpoints.steps_done() == 0
    checkpoints.remove()
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def kept(tmp_path) -> Path:
    """The checkpoint of a training that was killed after 4 steps."""
    path = tmp_path / "c"
    assert die_after(4, path, JOB, X, VALIDATION)
    return path


def test_removed_the_training_begins_at_the_start(kept):
    checkpoints = every_step(kept)
    (kept.parent / ".c.4194305.part").write_bytes(b"of a training killed in writing")
    assert checkpoints.exists()
    assert checkpoints.steps_done() == 4
    checkpoints.remove()
    assert not checkpoints.exists()
    assert list(kept.parent.iterdir()) == []
    heard = []
    train(JOB, X, VALIDATION, lambda done, loss, speed: heard.append(done), checkpoints)
    assert heard[0] == 1


def refused(path: Path, why: str, key: str = KEY) -> None:
    checkpoints, before = Checkpoints(path, key), path.read_bytes()
    for use in (checkpoints.load, checkpoints.steps_done, lambda: train(JOB, X, VALIDATION, checkpoints=checkpoints)):
        with pytest.raises(InputError, match=why) as caught:
            use()
        assert "\n" not in str(caught.value)
        assert f"checkpoint {path} " in str(caught.value)
        assert "remove the checkpoint" in str(caught.value)
    assert path.read_bytes() == before


@pytest.mark.parametrize("length", [0, 5, 100, -1000, -1])
def test_a_cut_off_checkpoint_is_refused(kept, length):
    kept.write_bytes(kept.read_bytes()[:length])
    refused(kept, "cannot be used")


def test_what_is_no_checkpoint_is_refused(kept):
    save_file({"weight": normal(3)}, str(kept))
    refused(kept, "cannot be used")
    kept.write_text("notes\n" * 1000)
    refused(kept, "cannot be used")


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_no_flipped_bit_goes_unnoticed(tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "flipped"
    checkpoints = Checkpoints(path, KEY)
    checkpoints.save({"steps": 1, "weights": [normal(5), normal(2, 3).T], "rate": 0.25})
    whole, expected = bytearray(path.read_bytes()), checkpoints.load()
    place, bit = data.draw(st.integers(0, len(whole) - 1)), data.draw(st.integers(0, 7))
    whole[place] ^= 1 << bit
    path.write_bytes(whole)
    try:
        found = checkpoints.load()
    except InputError:
        return
    assert same(found, expected)  # white space of the header


@pytest.mark.parametrize("changed", ["state", "key"])
def test_the_checksum_covers_words_too(kept, changed):
    with safe_open(str(kept), framework="pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        metadata = file.metadata()
    assert json.loads(metadata["state"])["dict"]["steps"] == 4
    metadata[changed] = metadata[changed].replace('"steps": 4', '"steps": 3').replace("this training", "another one")
    save_file(tensors, str(kept), metadata=metadata)
    refused(kept, "its checksum is wrong")


def test_a_checkpoint_of_other_settings_or_data_is_refused(kept):
    keys = [
        EncoderStore.key(JOB, DATA),
        EncoderStore.key(replace(JOB, seed=4), DATA),
        EncoderStore.key(replace(JOB, recipe=Recipe(steps=25)), DATA),
        EncoderStore.key(JOB, {**DATA, "x": "other"}),
        EncoderStore.key(JOB, {**DATA, "validation": "other"}),
    ]
    Checkpoints(kept, keys[0]).save({"steps": 1})
    assert Checkpoints(kept, EncoderStore.key(replace(JOB), dict(DATA))).steps_done() == 1
    for other in keys[1:]:
        refused(kept, f"is of another training, with key {keys[0][:12]}, but this one has key {other[:12]}", other)


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["full disk", "no rename", "no folder"])
def test_what_cannot_be_written_costs_one_warning_and_nothing_else(tmp_path, monkeypatch, fault):
    path = tmp_path / "c"
    assert die_after(4, path, JOB, X, VALIDATION)
    before = path.read_bytes()

    def full(*args):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        if fault == "full disk":
            patch.setattr(os, "fsync", full)
        elif fault == "no rename":
            patch.setattr(os, "replace", full)
        else:
            path = tmp_path / "c" / "in a file" / "c"
        trained = told(train(JOB, X, VALIDATION, checkpoints=every_step(path)))
    ours = [str(warning.message) for warning in caught if "checkpoint" in str(warning.message)]
    assert len(ours) == 1
    assert f"checkpoint {path} cannot be written" in ours[0]
    assert trained == told(train(JOB, X, VALIDATION))
    assert (tmp_path / "c").read_bytes() == before
    assert [left.name for left in tmp_path.iterdir()] == ["c"]
    assert told(train(JOB, X, VALIDATION, checkpoints=every_step(tmp_path / "c"))) == trained
