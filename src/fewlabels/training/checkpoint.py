"""A training's checkpoint on disk: one file, never half written, refused where it is damaged or of another training."""

from __future__ import annotations

import hashlib
import json
import signal
import threading
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from fewlabels.core.errors import InputError
from fewlabels.core.files import remove_parts, replacing
from fewlabels.networks import Autoencoder
from fewlabels.training.history import History, steps_of
from fewlabels.training.loop import Checkpoint, LoopState
from fewlabels.training.sampler import SamplerState
from fewlabels.training.snapshots import Snapshots

SECONDS = 30.0
"""Between two checkpoints."""


class Checkpoints:
    """Where one training keeps how far it is: `train(job, x, checkpoints=Checkpoints(path, key))` goes on from there.

    A file that is there is gone on from; to begin at the start, `remove` it first, and also once the result is saved. A
    state is made of dictionaries by string, lists, strings, numbers, None and tensors. Tensors come back in the same
    memory format, since sums over other formats may round otherwise.

    Parameters
    ----------
    path
        Of the file; its folder is made if need be.
    key
        Of everything that determines the training, such as `EncoderStore.key(job, data)`; a checkpoint of another key
        is refused.
    every
        Seconds from one checkpoint to the next; the results do not depend on it.
    """

    def __init__(self, path: Path, key: str, every: float = SECONDS) -> None:
        self._path, self._key, self._every = path, key, every
        self._saved = time.monotonic()
        self._warned = False
        self._interrupted = False

    def exists(self) -> bool:
        """Whether there is something to go on from."""
        return self._path.is_file()

    def steps_done(self) -> int:
        """Steps of the training that are in the checkpoint; 0 where there is none. Raises InputError as `load`."""
        state = self.load()
        return 0 if state is None else int(state["steps"])

    def remove(self) -> None:
        """Remove the checkpoint, if there is one: the next training begins at the start."""
        self._path.unlink(missing_ok=True)
        remove_parts(self._path)

    def due(self) -> bool:
        """Whether it is time for the next."""
        return self._interrupted or time.monotonic() - self._saved >= self._every

    @contextmanager
    def saved_at_interrupt(self) -> Iterator[None]:
        """While the block lasts, Ctrl-C ends it after the step at work and its checkpoint; a second one, at once.

        In other threads than the main one, and where others handle the signal, all is as it was.
        """
        mine = threading.current_thread() is threading.main_thread()
        if not mine or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
            yield
            return

        def interrupt(*_: object) -> None:
            self._interrupted = True
            signal.signal(signal.SIGINT, signal.default_int_handler)

        signal.signal(signal.SIGINT, interrupt)
        try:
            yield
            self._end_if_interrupted()
        finally:
            signal.signal(signal.SIGINT, signal.default_int_handler)

    def _end_if_interrupted(self) -> None:
        if self._interrupted:
            self._interrupted = False
            raise KeyboardInterrupt

    def save(self, state: dict[str, Any]) -> None:
        """Put the state in the place of the one before. One that cannot be written costs a warning, not the training,
        and leaves the one before as it was.
        """
        tensors: dict[str, Tensor] = {}
        packed = json.dumps(_packed(state, tensors, {}))
        metadata = {"key": self._key, "state": packed, "digest": _digest(self._key, packed, tensors)}
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with replacing(self._path) as file:
                file.write(save(tensors, metadata=metadata))
        except (OSError, InputError) as error:
            if not self._warned:
                self._warned = True
                warnings.warn(
                    f"checkpoint {self._path} cannot be written ({error}); training goes on, and if it is stopped it "
                    "goes on from the last checkpoint that could be, if any",
                    stacklevel=2,
                )
        self._saved = time.monotonic()
        self._end_if_interrupted()

    def load(self) -> dict[str, Any] | None:
        """The state that was saved last; None where there is none.

        Raises InputError for a file that is damaged, or is the checkpoint of another training.
        """
        if not self.exists():
            return None
        try:
            with safe_open(str(self._path), framework="pt") as file:
                metadata = file.metadata()
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            key, packed = metadata["key"], metadata["state"]
            intact = metadata["digest"] == _digest(key, packed, tensors)
        except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
            raise self._damaged(str(error) or type(error).__name__) from error
        if not intact:
            raise self._damaged("its checksum is wrong")
        if key != self._key:
            raise InputError(
                f"checkpoint {self._path} is of another training, with key {key[:12]}, but this one has key "
                f"{self._key[:12]}: settings, data, versions or threads differ; remove the checkpoint, or give the "
                "same options"
            )
        state: dict[str, Any] = _unpacked(json.loads(packed), tensors)
        return state

    def _damaged(self, why: str) -> InputError:
        return InputError(
            f"checkpoint {self._path} cannot be used: {why}; allowed is a whole file as training wrote it; remove the "
            "checkpoint to train from the start"
        )


def _packed(value: Any, tensors: dict[str, Tensor], names: dict[Any, str]) -> Any:
    """The value as JSON values, in which {"tensor": name} stands for a tensor, put into `tensors` contiguously.

    names: of the tensors so far, by where they lie: weights that several modules share are kept once.
    """
    if isinstance(value, dict):
        return {"dict": {name: _packed(part, tensors, names) for name, part in value.items()}}
    if isinstance(value, list):
        return [_packed(part, tensors, names) for part in value]
    if not isinstance(value, Tensor):
        return value
    place = (value.data_ptr(), value.dtype, value.shape, value.stride())
    if place not in names:
        names[place] = str(len(tensors))
        tensors[names[place]] = value.detach().to("cpu", copy=True).contiguous()
    return {"tensor": names[place], "stride": value.stride()}


def _unpacked(value: Any, tensors: dict[str, Tensor]) -> Any:
    """The inverse of `_packed`. Every tensor is on the processor, in memory of its own."""
    if isinstance(value, list):
        return [_unpacked(part, tensors) for part in value]
    if not isinstance(value, dict):
        return value
    if "dict" in value:
        return {name: _unpacked(part, tensors) for name, part in value["dict"].items()}
    found = tensors[value["tensor"]]
    return torch.empty_strided(found.shape, value["stride"], dtype=found.dtype).copy_(found)


def _digest(key: str, packed: str, tensors: dict[str, Tensor]) -> str:
    """SHA-256 over everything a file holds."""
    digest = hashlib.sha256(json.dumps([key, packed]).encode())
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name}:{tensor.dtype}:{tuple(tensor.shape)}:".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


State = dict[str, Any]
"""Dictionaries by string, lists, numbers, None and tensors."""


@dataclass(frozen=True, eq=False)
class TrainerState:
    """What changes in the course of a pretraining, besides what `fit` tells of the phase that it trains.

    histories: of the phases that are over, by name, in order.
    """

    net: Autoencoder
    generator: torch.Generator
    snapshots: Snapshots
    histories: dict[str, History] = field(default_factory=dict)

    def resume(self, checkpoints: Checkpoints | None) -> LoopState | None:
        """Go where the checkpoint is; what is returned is for `fit`, of a phase in the middle.

        Raises InputError for a checkpoint that is damaged or of another training.
        """
        state = None if checkpoints is None else checkpoints.load()
        if state is None:
            return None
        self.net.load_state_dict(state["net"])
        self.net.eval()  # as the phases that are over have left their stages
        self.generator.set_state(state["generator"])
        self.snapshots.load_state(state["strip_steps"], state["strip_frames"])
        self.histories.update({name: _history_of(kept) for name, kept in state["histories"].items()})
        return None if state["loop"] is None else _loop_state(state["loop"])

    def checkpoint(self, checkpoints: Checkpoints | None, begun: LoopState | None) -> Checkpoint | None:
        """What `fit` needs to keep where it is."""
        if checkpoints is None:
            return None
        return Checkpoint(begun, checkpoints.due, lambda state: checkpoints.save(self.state(state)))

    def state(self, state: LoopState | None) -> State:
        """Everything, with the phase in training; None: between two phases, or at the end."""
        return {
            "steps": steps_of(self.histories) + (0 if state is None else len(state.history.loss)),
            "net": dict(self.net.state_dict()),
            "generator": self.generator.get_state(),
            "strip_steps": list(self.snapshots.steps),
            "strip_frames": self.snapshots.frames,
            "histories": {name: _state_of(history) for name, history in self.histories.items()},
            "loop": None if state is None else _state_of_loop(state),
        }


def _state_of_loop(state: LoopState) -> State:
    sampler = state.sampler
    return {
        "history": _state_of(state.history),
        "module": dict(state.module),
        "best": None if state.best is None else dict(state.best),
        "optimiser": {str(number): dict(values) for number, values in state.optimiser.items()},
        "drawn": list(sampler.drawn),
        "taken": sampler.taken,
        "left": sampler.left,
        "now": sampler.now,
    }


def _loop_state(state: Mapping[str, Any]) -> LoopState:
    return LoopState(
        _history_of(state["history"]),
        state["module"],
        state["best"],
        {int(number): own for number, own in state["optimiser"].items()},
        SamplerState(state["drawn"], state["taken"], state["left"], state["now"]),
    )


def _state_of(history: History) -> State:
    """The history of one phase; numbers as float64, which holds them exactly."""
    return {
        "loss": torch.tensor(history.loss, dtype=torch.float64),
        "terms": {name: torch.tensor(values, dtype=torch.float64) for name, values in history.terms.items()},
        "validation_step": torch.tensor(history.validation_step, dtype=torch.int64),
        "validation_loss": torch.tensor(history.validation_loss, dtype=torch.float64),
        "seconds": history.seconds,
    }


def _history_of(state: Mapping[str, Any]) -> History:
    return History(
        loss=state["loss"].tolist(),
        terms={name: values.tolist() for name, values in state["terms"].items()},
        validation_step=state["validation_step"].tolist(),
        validation_loss=state["validation_loss"].tolist(),
        seconds=state["seconds"],
    )
