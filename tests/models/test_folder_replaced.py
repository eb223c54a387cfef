"""A model that takes another's place: at any moment the old one or the new one can be loaded, whatever is killed."""

from __future__ import annotations

import io
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from functools import wraps
from pathlib import Path

import numpy as np
import pytest

from fewlabels.core import files
from fewlabels.core.errors import InputError
from fewlabels.models import folder as model_folder
from fewlabels.models import load_model, save_model
from made_up_models import answers_of, classifier_model, encoder_model

FILES = ["README.md", "config.json", "model.safetensors"]
MAKE = {
    "classifier": lambda seed: classifier_model("codes of conv", seed=seed),
    "encoder": lambda seed: encoder_model("adversarial", seed=seed),
}


def names(place: Path) -> list[str]:
    return sorted(entry.name for entry in place.iterdir())


def which(place: Path, models: list) -> int:
    """The number of the model that the folder holds."""
    found = answers_of(load_model(place))
    (number,) = (i for i, model in enumerate(models) if np.array_equal(found, answers_of(model)))
    return number


def states_of(place: Path, act: Callable[[], None], into: Path) -> list[Path]:
    """Copies of the folder as a kill would leave it, before and after each thing that is done to files meanwhile."""
    copies: list[Path] = []
    copying = False

    def copy() -> None:
        nonlocal copying
        if not copying:
            copying = True
            copies.append(into / str(len(copies)))
            shutil.copytree(place, copies[-1])
            copying = False

    def around(real):
        @wraps(real)
        def done(*args, **options):
            copy()
            try:
                return real(*args, **options)
            finally:
                copy()

        return done

    with pytest.MonkeyPatch.context() as patch:
        for module, name in ((os, "replace"), (os, "unlink"), (os, "fsync"), (io, "open")):
            patch.setattr(module, name, around(getattr(module, name)))
        act()
    found = {tuple((name, (copy / name).read_bytes()) for name in names(copy)): copy for copy in reversed(copies)}
    return list(reversed(found.values()))  # the first of each kind


@pytest.mark.slow
@pytest.mark.parametrize("kind", MAKE)
def test_a_kill_at_any_step_leaves_the_old_model_or_the_new(kind, tmp_path):
    models = [MAKE[kind](seed) for seed in range(2)]
    save_model(models[0], tmp_path / "model")
    states = states_of(
        tmp_path / "model", lambda: save_model(models[1], tmp_path / "model", overwrite=True), tmp_path / "states"
    )
    found = [which(state, models) for state in states]
    assert set(found) == {0, 1}
    assert found == sorted(found)  # once the new one is there, it stays
    for number, state in zip(found, states, strict=True):
        save_model(models[number], state, overwrite=True)  # the same again: its weights may lie aside
        assert (which(state, models), names(state)) == (number, FILES)
    assert (which(tmp_path / "model", models), names(tmp_path / "model")) == (1, FILES)


@pytest.mark.slow
def test_a_kill_after_a_kill_loses_nothing(tmp_path):
    models = [classifier_model(seed=seed) for seed in range(3)]
    save_model(models[0], tmp_path / "model")
    once = states_of(
        tmp_path / "model", lambda: save_model(models[1], tmp_path / "model", overwrite=True), tmp_path / "once"
    )
    found = {(which(state, models), len(names(state))): state for state in once}
    assert (1, 5) in found  # the new config, its weights still aside, the lock
    for i, ((before, _), state) in enumerate(found.items()):
        twice = states_of(state, lambda: save_model(models[2], state, overwrite=True), tmp_path / f"twice{i}")  # noqa: B023
        assert {which(again, models) for again in twice} == {before, 2}
        assert (which(state, models), names(state)) == (2, FILES)


def test_a_kill_in_the_first_save_leaves_no_model_and_the_next_one_saves(tmp_path):
    model = classifier_model()
    (tmp_path / "model").mkdir()
    states = states_of(tmp_path / "model", lambda: save_model(model, tmp_path / "model"), tmp_path / "states")
    assert len(states) > 5
    for state in states:
        if (state / "config.json").exists():
            assert which(state, [model]) == 0
        else:
            save_model(model, state, overwrite=True)
            assert (which(state, [model]), names(state)) == (0, FILES)


def test_a_failed_save_heals_what_a_kill_left(tmp_path, monkeypatch):
    models = [classifier_model(seed=seed) for seed in range(3)]
    save_model(models[0], tmp_path)
    monkeypatch.setattr(model_folder, "_tidy", lambda folder: None)  # killed once the new config is there
    save_model(models[1], tmp_path, overwrite=True)
    monkeypatch.undo()
    assert which(tmp_path, models) == 1
    assert len(names(tmp_path)) == 4

    def full(handle):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(InputError, match="No space left on device"):
            save_model(models[2], tmp_path, overwrite=True)
    assert (which(tmp_path, models), names(tmp_path)) == (1, FILES)


def test_who_reads_while_the_model_is_replaced_reads_one_of_them(tmp_path, monkeypatch):
    models = [classifier_model(seed=seed) for seed in range(2)]
    save_model(models[0], tmp_path)
    real, left = model_folder.read_weights, [1, 0, 1]

    def replaced_meanwhile(*args):
        if left:
            save_model(models[left.pop()], tmp_path, overwrite=True)
        return real(*args)

    monkeypatch.setattr(model_folder, "read_weights", replaced_meanwhile)
    assert which(tmp_path, models) == 1
    assert left == []


def test_two_who_save_at_once_write_one_after_the_other(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "LOOK_SECONDS", 0)
    models = [classifier_model(seed=seed) for seed in range(4)]
    save_model(models[0], tmp_path)
    failed = []

    def save(model):
        try:
            for _ in range(5):
                save_model(model, tmp_path, overwrite=True)
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=save, args=(model,)) for model in models[1:]]
    for thread in threads:
        thread.start()
    seen = {which(tmp_path, models) for _ in range(20)}
    for thread in threads:
        thread.join(60)
    assert failed == []
    assert seen <= {0, 1, 2, 3}
    assert names(tmp_path) == FILES
    assert which(tmp_path, models) in {1, 2, 3}


def test_of_two_who_save_a_first_model_the_second_is_refused(tmp_path, monkeypatch):
    model, real = classifier_model(), model_folder.locked

    def another_was_faster(path, waiting):
        monkeypatch.setattr(model_folder, "locked", real)
        save_model(model, tmp_path)
        return real(path, waiting)

    monkeypatch.setattr(model_folder, "locked", another_was_faster)
    with pytest.raises(InputError, match="holds a model already"):
        save_model(classifier_model(seed=1), tmp_path)
    assert which(tmp_path, [model]) == 0


SAVING = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from made_up_models import classifier_model
from fewlabels.models import save_model
models = [classifier_model(seed=seed) for seed in range(2)]
print("ready", flush=True)
while True:
    for model in models:
        save_model(model, Path(sys.argv[2]), overwrite=True)
"""


@pytest.mark.slow
def test_a_process_that_is_killed_while_it_replaces_models_leaves_one(tmp_path):
    models = [classifier_model(seed=seed) for seed in range(2)]
    save_model(models[0], tmp_path)
    helpers = str(Path(__file__).parents[1])
    process = subprocess.Popen([sys.executable, "-c", SAVING, helpers, str(tmp_path)], stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        seen = [which(tmp_path, models) for _ in range(50)]
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()
    assert set(seen) == {0, 1}
    assert which(tmp_path, models) in {0, 1}
    save_model(models[1], tmp_path, overwrite=True)
    assert (which(tmp_path, models), names(tmp_path)) == (1, FILES)
