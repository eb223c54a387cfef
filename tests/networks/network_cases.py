"""The networks of these tests by name, and the shapes of the examples they are built for."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from torch import Tensor, nn

from fewlabels.networks import PAPER_1, PAPER_2, PAPER_3, Conv, Dense, Network, PooledConv, Residual, default_network

IMAGES = [(1, 8, 8), (1, 28, 28), (3, 96, 96), (3, 31, 45), (1, 9, 17)]
VECTORS = [(64,), (5,)]
DENSE = {
    "dense": Dense(hidden=(9, 6), latent_dim=4),
    "dense-linear": Dense(hidden=(), latent_dim=3),
    "dense-relu": Dense(hidden=(7,), latent_dim=5, code="relu", output="relu"),
    "dense-overcomplete": Dense(hidden=(3,), latent_dim=70),
}
CONV = {
    "stride": Conv(channels=(4, 3), latent_dim=6),
    "stride-no-padding": Conv(channels=(3, 4), padding=0, latent_dim=2),
    "stride-even-kernel": Conv(channels=(2, 3), kernel=4, latent_dim=5),
    "stride-wide": Conv(channels=(2, 3), kernel=5, padding=(2, 4), hidden=(11, 7), latent_dim=6),
    "stride-feature-map": Conv(channels=(3, 4, 2), latent_dim=None),
    "stride-kernel-1": Conv(channels=(2,), kernel=1, padding=0, latent_dim=3),
    "pool": Conv(channels=(4, 3), down="pool", latent_dim=6),
    "pool-even-kernel": Conv(channels=(3, 2), kernel=4, down="pool", padding=(1, 2), hidden=(8,), latent_dim=4),
    "pool-no-padding": Conv(channels=(3,), kernel=5, down="pool", padding=0, latent_dim=7),
    "paper1": PAPER_1,
}
RESIDUAL = {
    "residual": Residual(channels=(4, 6), latent_dim=5),
    "residual-feature-map": Residual(channels=(4, 2, 9), blocks=2, groups=3, latent_dim=None),
    "residual-no-blocks": Residual(channels=(3,), blocks=0, latent_dim=2),
    "residual-default": Residual(),
}
POOLED = {
    "pooled": PooledConv(channels=(4, 6), norm="group"),
    "pooled-batch": PooledConv(channels=(3, 4, 2)),
    "pooled-bare": PooledConv(channels=(3,), norm=None),
}
TIED_DENSE = {f"tied-{name}": replace(spec, tied=True) for name, spec in DENSE.items()}
TIED_CONV = {f"tied-{name}": replace(spec, tied=True) for name, spec in CONV.items()}

CASES = [
    *[(name, spec, shape) for name, spec in (DENSE | TIED_DENSE).items() for shape in IMAGES + VECTORS],
    *[(name, spec, shape) for name, spec in (CONV | TIED_CONV | RESIDUAL | POOLED).items() for shape in IMAGES],
    *[("paper2", PAPER_2, shape) for shape in IMAGES if shape != (1, 8, 8)],
    ("tied-paper2", replace(PAPER_2, tied=True), (1, 28, 28)),
    ("paper3", PAPER_3, (1, 28, 28)),
    ("paper3", PAPER_3, (64,)),
    *[("default", default_network(shape), shape) for shape in IMAGES + VECTORS],
]


def by_name() -> dict[str, list[tuple[Network, tuple[int, ...]]]]:
    found: dict[str, list[tuple[Network, tuple[int, ...]]]] = {}
    for name, spec, shape in CASES:
        found.setdefault(name, []).append((spec, shape))
    return found


every_case = pytest.mark.parametrize(
    ("spec", "shape"), [pytest.param(spec, shape, id=f"{name}-{shape}") for name, spec, shape in CASES]
)
every_network = pytest.mark.parametrize("cases", [pytest.param(cases, id=name) for name, cases in by_name().items()])
both_widths = pytest.mark.parametrize("code_width", [1, 2])


def dense_count(*widths: int) -> int:
    """Weights and biases of linear layers of these widths."""
    return sum((fan_in + 1) * fan_out for fan_in, fan_out in pairwise(widths))


def noise(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def weight_count(module: nn.Module) -> int:
    """Parameters that are not biases."""
    return sum(tensor.numel() for name, tensor in module.named_parameters() if not name.endswith("bias"))
