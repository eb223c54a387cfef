"""An objective's loss as a module, so that stacked models may have float settings of their own."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any

import torch
from torch import Tensor, nn

from fewlabels.networks import Autoencoder
from fewlabels.objectives import Objective
from fewlabels.training.loop import Losses

Path = tuple[str, ...]
"""Where a setting stands in nested settings: names of fields, from the outermost in."""


class ObjectiveLoss(nn.Module):
    """(x, noise) -> the objective's loss for a network, and its terms.

    varying: float settings that differ between the models of a stack; they are buffers here, and stacked as such.
    """

    def __init__(self, objective: Objective, net: Autoencoder, varying: Sequence[Path] = ()) -> None:
        super().__init__()
        self.net = net
        self._objective = objective
        self._buffer_names = {path: "setting " + "/".join(path) for path in varying}
        for path, name in self._buffer_names.items():
            self.register_buffer(name, torch.tensor(_at(objective, path), device=next(net.parameters()).device))

    def forward(self, x: Tensor, noise: dict[str, Tensor]) -> Losses:
        own = {path: self.get_buffer(name) for path, name in self._buffer_names.items()}
        return _with(self._objective, own).loss(self.net, x, noise)


def losses_of(objectives: Sequence[Objective], nets: Sequence[Autoencoder]) -> list[ObjectiveLoss]:
    """A loss for each network, alike in all but weights and settings that are numbers: ready to be stacked."""
    paths = float_settings(objectives[0])
    varying = [path for path in paths if len({_at(objective, path) for objective in objectives}) > 1]
    return [ObjectiveLoss(objective, net, varying) for objective, net in zip(objectives, nets, strict=True)]


def float_settings(settings: Any) -> list[Path]:
    """Where settings have floats, those of parts such as a corruption included."""
    return list(_floats(settings))


def apart_from_floats(settings: Any) -> Any:
    """What two settings must share to be stacked: their class, and all that is no float; hashable."""
    if not is_dataclass(settings):
        return settings
    kept = [(field.name, apart_from_floats(getattr(settings, field.name))) for field in fields(settings)]
    return type(settings), tuple((name, value) for name, value in kept if not isinstance(value, float))


def _floats(settings: Any) -> Iterator[Path]:
    for field in fields(settings):
        value = getattr(settings, field.name)
        if is_dataclass(value):
            yield from ((field.name, *path) for path in _floats(value))
        elif isinstance(value, float):
            yield (field.name,)


def _at(settings: Any, path: Path) -> float:
    for name in path:
        settings = getattr(settings, name)
    return float(settings)


def _with(settings: Any, values: Mapping[Path, Tensor]) -> Any:
    """A copy of settings with tensors in place of numbers, past the checks, which the numbers have passed before."""
    if not values:
        return settings
    changed = copy.copy(settings)
    for name in {path[0] for path in values}:
        inner = {path[1:]: value for path, value in values.items() if path[0] == name}
        value = inner[()] if () in inner else _with(getattr(settings, name), inner)
        object.__setattr__(changed, name, value)
    return changed
