"""Made up for tests of training: a few examples, and objectives that write down what they are asked."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor

from fewlabels.data import Scaling
from fewlabels.networks import Autoencoder
from fewlabels.objectives import Objective
from fewlabels.training import Examples, Job, pretrain

ONE = Scaling(np.zeros(1, np.float32), np.ones(1, np.float32))


def examples(shape: tuple[int, ...] = (5,), n: int = 20, seed: int = 0) -> Examples:
    """Uniform noise within 0 and 1."""
    return Examples(np.random.default_rng(seed).random((n, *shape), dtype=np.float32), ONE)


def patterns(shape: tuple[int, ...], n: int = 64, seed: int = 0) -> Examples:
    """Mixtures of three smooth patterns, within 0 and 1: few codes are enough for them."""
    rng = np.random.default_rng(seed)
    places = np.linspace(0, 1, int(np.prod(shape)), dtype=np.float32)
    waves = np.stack([np.sin(k * np.pi * places) ** 2 for k in (1, 2, 3)])  # [3, D]
    mixed = rng.random((n, 3), dtype=np.float32) @ waves / 3
    return Examples(mixed.reshape(n, *shape).astype(np.float32), ONE)


def state(net: torch.nn.Module) -> dict[str, Tensor]:
    """A copy of all weights."""
    return {name: tensor.clone() for name, tensor in net.state_dict().items()}


def changed(before: dict[str, Tensor], after: dict[str, Tensor]) -> set[str]:
    """The names of the weights that are not the same bits."""
    assert before.keys() == after.keys()
    return {name for name in before if not torch.equal(before[name], after[name])}


def names_of_stages(net: Autoencoder) -> list[set[str]]:
    """The names, in the whole, of the weights of each stage."""
    names = {parameter.data_ptr(): name for name, parameter in net.named_parameters()}
    return [
        {names[parameter.data_ptr()] for parameter in net.part(stage, stage + 1).parameters()}
        for stage in range(net.depth)
    ]


@pytest.fixture
def built_nets(monkeypatch: pytest.MonkeyPatch) -> list[Autoencoder]:
    """The networks that `train` builds, to be looked at while it works on them."""
    nets: list[Autoencoder] = []
    build = pretrain.build

    def kept(job: Job, shape: tuple[int, ...]) -> Autoencoder:
        nets.append(build(job, shape))
        return nets[-1]

    monkeypatch.setattr(pretrain, "build", kept)
    return nets


@dataclass(frozen=True, eq=False)
class Spy(Objective):
    """Plain reconstruction. Writes down how far training was at every draw, and the shape of what it was given."""

    heard: list[float] = field(default_factory=list)
    shapes: list[tuple[int, ...]] = field(default_factory=list)

    def draw(self, x, latent_dim, generator, progress=1.0):
        self.heard.append(progress)
        self.shapes.append(tuple(x.shape))
        return {}

    def loss(self, net, x, noise):
        error = (net.decode(net.encode(x)) - x).square().mean()
        return error, {"error": error, "contrary": -error}


@dataclass(frozen=True, eq=False)
class Contrary(Spy):
    """What it watches only gets worse while the loss falls."""

    monitor: ClassVar[str | None] = "contrary"


@dataclass(frozen=True, eq=False)
class Blind(Spy):
    """Watches nothing."""

    monitor: ClassVar[str | None] = None
