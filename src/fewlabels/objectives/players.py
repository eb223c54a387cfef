"""What adversarial objectives share: two players in one loss.

Each player's term reaches its own parameters alone, because the other player is held fixed in it; so the sum of the
terms has, in every parameter, the gradient of that parameter's player, and one loss, one backward pass and one
optimiser train both, a step of each at a time. Tied weights are the exception: they belong to both players at once.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F


def held_fixed(module: nn.Module) -> Callable[[Tensor], Tensor]:
    """The module as a function that passes gradients on to its input, but none to its parameters."""
    parameters = {name: parameter.detach() for name, parameter in module.named_parameters()}
    return lambda x: functional_call(module, parameters, (x,))


def calls_apart(real: Tensor, made: Tensor) -> Tensor:
    """The critic's loss, - ln s(real) - ln(1 - s(made)) with s the sigmoid: logits [B, 1] both -> mean, nats."""
    return F.softplus(-real).mean() + F.softplus(made).mean()


def passes_for_real(made: Tensor) -> Tensor:
    """The maker's non-saturating loss, - ln s(made): logits [B, 1] -> mean, nats (Goodfellow et al. 2014)."""
    return F.softplus(-made).mean()
