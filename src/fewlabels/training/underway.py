"""A pretraining under way, as a state that a checkpoint can hold, and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch

from fewlabels.networks import Autoencoder
from fewlabels.training.checkpoint import Checkpoints
from fewlabels.training.history import History, steps_of
from fewlabels.training.loop import Checkpoint, Midway
from fewlabels.training.sampler import Place
from fewlabels.training.snapshots import Strip

State = dict[str, Any]
"""Dictionaries by string, lists, numbers, None and tensors."""


@dataclass(frozen=True, eq=False)
class Underway:
    """What changes in the course of a pretraining, besides what `fit` tells of the phase that it trains.

    histories: of the phases that are over, by name, in order.
    """

    net: Autoencoder
    generator: torch.Generator
    strip: Strip
    histories: dict[str, History] = field(default_factory=dict)

    def resume(self, checkpoints: Checkpoints | None) -> Midway | None:
        """Go where the checkpoint is; what is returned is for `fit`, of a phase in the middle.

        Raises InputError for a checkpoint that is damaged or of another training.
        """
        state = None if checkpoints is None else checkpoints.load()
        if state is None:
            return None
        self.net.load_state_dict(state["net"])
        self.net.eval()  # as the phases that are over have left their stages
        self.generator.set_state(state["generator"])
        self.strip.go_to(state["strip_steps"], state["strip_frames"])
        self.histories.update({name: _history_of(told) for name, told in state["histories"].items()})
        return None if state["midway"] is None else _midway_of(state["midway"])

    def checkpoint(self, checkpoints: Checkpoints | None, begun: Midway | None) -> Checkpoint | None:
        """What `fit` needs to keep where it is."""
        if checkpoints is None:
            return None
        return Checkpoint(begun, checkpoints.due, lambda midway: checkpoints.save(self.state(midway)))

    def state(self, midway: Midway | None) -> State:
        """Everything, with the phase in training; None: between two phases, or at the end."""
        return {
            "steps": steps_of(self.histories) + (0 if midway is None else len(midway.history.loss)),
            "net": dict(self.net.state_dict()),
            "generator": self.generator.get_state(),
            "strip_steps": list(self.strip.steps),
            "strip_frames": self.strip.frames,
            "histories": {name: _state_of(history) for name, history in self.histories.items()},
            "midway": None if midway is None else _state_midway(midway),
        }


def _state_midway(midway: Midway) -> State:
    place = midway.place
    return {
        "history": _state_of(midway.history),
        "module": dict(midway.module),
        "best": None if midway.best is None else dict(midway.best),
        "optimiser": {str(number): dict(state) for number, state in midway.optimiser.items()},
        "drawn": list(place.drawn),
        "taken": place.taken,
        "left": place.left,
        "now": place.now,
    }


def _midway_of(state: Mapping[str, Any]) -> Midway:
    return Midway(
        _history_of(state["history"]),
        state["module"],
        state["best"],
        {int(number): own for number, own in state["optimiser"].items()},
        Place(state["drawn"], state["taken"], state["left"], state["now"]),
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
