"""Every objective by name on every network by name: the pairs of the contract's tests."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from typing import Any

import pytest
import torch
from torch import Tensor

from fewlabels import training
from fewlabels.networks import Autoencoder, Conv, Dense, Network, PooledConv, Residual
from fewlabels.objectives import OBJECTIVES, Objective
from fewlabels.training import Job

NETWORKS: dict[str, tuple[Network, tuple[int, ...]]] = {
    "dense": (Dense(hidden=(8,), latent_dim=4), (12,)),
    "linear": (Dense(hidden=(), latent_dim=3), (12,)),
    "relu": (Dense(hidden=(16,), latent_dim=8, code="relu", output="relu"), (1, 4, 5)),
    "tied": (Dense(hidden=(8,), latent_dim=4, tied=True), (12,)),
    "overcomplete": (Dense(hidden=(), latent_dim=16), (12,)),
    "stride": (Conv(channels=(4, 3), latent_dim=5), (2, 7, 8)),
    "tied-stride": (Conv(channels=(4, 3), latent_dim=5, tied=True), (2, 7, 8)),
    "pool": (Conv(channels=(4, 3), down="pool", latent_dim=None), (1, 8, 8)),
    "residual": (Residual(channels=(4, 8), latent_dim=5), (2, 9, 8)),
    "pooled": (PooledConv(channels=(4, 8), norm="group"), (2, 9, 8)),
}
B = 16

every_network = pytest.mark.parametrize("network", NETWORKS)
every_objective = pytest.mark.parametrize("name", OBJECTIVES)


def float_settings() -> list[Any]:
    cases = {(name, path): None for name, objective in OBJECTIVES.items() for path in floats_of(objective)}
    return [pytest.param(name, path, id=f"{name}-{'.'.join(path)}") for name, path in cases]


def floats_of(settings: Any) -> Iterator[tuple[str, ...]]:
    """The paths of all settings that are floats, those of parts such as a corruption among them."""
    for field in fields(settings):
        value = getattr(settings, field.name)
        if is_dataclass(value):
            yield from ((field.name, *path) for path in floats_of(value))
        elif isinstance(value, float):
            yield (field.name,)


def changed(settings: Any, path: tuple[str, ...], value: float) -> Any:
    first, *rest = path
    return replace(settings, **{first: changed(getattr(settings, first), tuple(rest), value) if rest else value})


def value_at(settings: Any, path: tuple[str, ...]) -> float:
    for name in path:
        settings = getattr(settings, name)
    return settings


every_float_setting = pytest.mark.parametrize(("name", "path"), float_settings())


def setup(name: str, network: str, seed: int = 0) -> tuple[Objective, Autoencoder, Tensor]:
    """The objective, an untrained network with its critic, and B examples."""
    objective = OBJECTIVES[name]
    spec, shape = NETWORKS[network]
    return objective, build(spec, shape, objective, seed), examples(*shape)


def examples(*shape: int, seed: int = 1) -> Tensor:
    """B examples, [B, *shape], between 0 and 1, with lighter and darker places."""
    return uniform(B, *shape, seed=seed) * uniform(*shape, seed=0)


def build(spec: Network, shape: tuple[int, ...], objective: Objective, seed: int = 0) -> Autoencoder:
    """The network with the objective's critic, weights drawn from the seed, in memory as it is trained."""
    return training.build(Job(spec, objective, seed=seed), shape)


def uniform(*shape: int, seed: int = 1) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def normal(*shape: int, seed: int = 1) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def draw(objective: Objective, net: Autoencoder, x: Tensor, seed: int = 2) -> dict[str, Tensor]:
    return objective.draw(x, net.latent_dim, torch.Generator().manual_seed(seed))


def learn(objective: Objective, net: Autoencoder, x: Tensor, steps: int, lr: float, batch_size: int = 64) -> None:
    """Train the network in place with Adam on random batches of x."""
    generator = torch.Generator().manual_seed(3)
    optimiser = torch.optim.Adam(net.parameters(), lr=lr, betas=(0.5, 0.999), fused=True)
    for _ in range(steps):
        batch = x[torch.randint(len(x), (batch_size,), generator=generator)]
        loss, _ = objective.loss(net, batch, objective.draw(batch, net.latent_dim, generator))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
