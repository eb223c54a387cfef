"""The contract of an objective: what an encoder is trained for, given any network."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from fewlabels.networks import Autoencoder

Noise = dict[str, Tensor]
Terms = dict[str, Tensor]


@dataclass(frozen=True)
class Objective(ABC):
    """Abstract; every objective is final. All randomness is in `draw`, so `loss` is a function of its arguments."""

    code_width: ClassVar[int] = 1
    """Numbers the encoder gives per latent dimension: 2 for a mean and a log-variance."""

    monitor: ClassVar[str | None] = "loss"
    """What validation watches: the whole loss, one of its terms, or None where none tells which weights are best."""

    decodes: ClassVar[Literal["reconstructions", "samples"] | None] = "reconstructions"
    """What the decoder makes, and `picture` shows; None: there is no decoder, and nothing to show."""

    coupled: ClassVar[bool] = False
    """Whether an example's loss means nothing without the others of its batch: two at least, and as many in validation
    as in training."""

    @property
    def why_not_greedy(self) -> str | None:
        """Why it cannot train a stage that others stand on, in words; None, by default, where a decoder is trained."""
        return None if self.decodes else "it has no decoder"

    def draw(self, x: Tensor, latent_dim: int, generator: torch.Generator, progress: float = 1.0) -> Noise:
        """Everything random that one `loss` needs for the batch x [B, *input_shape]. By default nothing.

        progress: share of training done, 0 to 1; what depends on it, such as a warm-up, stands in the noise too.
        Every part of the noise is [B, ...], one row an example.
        """
        return {}

    @abstractmethod
    def loss(self, net: Autoencoder, x: Tensor, noise: Noise) -> tuple[Tensor, Terms]:
        """The loss of a batch x [B, *input_shape], a scalar, and its terms by name (which add up to it)."""

    def heads(self, net: Autoencoder) -> dict[str, nn.Module]:
        """What is trained along with the network and left behind: `net.heads[name]` in `loss`. By default nothing.

        A critic, a projection head, a predictor; or, its parameters without gradient, a copy that `after_step` moves.
        """
        return {}

    def after_step(self, net: Autoencoder) -> None:  # noqa: B027
        """Called after every step of the optimiser, to change parameters and buffers in place. By default nothing.

        It may depend on them alone, not on the values of comparisons: it also runs on stacked networks (see `vmap`).
        """

    def corrupt(self, x: Tensor, noise: Noise) -> Tensor:
        """What the encoder is shown in place of x while training. By default x itself."""
        return x

    def embed(self, net: Autoencoder, x: Tensor) -> Tensor:
        """The code a classifier gets: [B, *input_shape] -> [B, latent_dim]."""
        return net.encode(x)

    def decode(self, net: Autoencoder, codes: Tensor) -> Tensor:
        """The inputs that codes [B, latent_dim] stand for, on the inputs' scale: [B, *input_shape]."""
        return net.decode(codes)

    def reconstruct(self, net: Autoencoder, x: Tensor) -> Tensor:
        """[B, *input_shape] -> [B, *input_shape], without noise."""
        return self.decode(net, self.embed(net, x))

    def picture(self, net: Autoencoder, x: Tensor, noise: Noise) -> Tensor:
        """What the network makes of x as it is trained, [B, *input_shape]: from a corrupted x if it sees such."""
        return self.reconstruct(net, self.corrupt(x, noise))


def equipped(net: Autoencoder, objective: Objective) -> Autoencoder:
    """The network as the objective trains it: without a decoder if it has no use for one, and with its heads."""
    net = net if objective.decodes else net.without_decoder()
    net.heads = nn.ModuleDict(objective.heads(net))
    return net


def mean_squared_error(output: Tensor, target: Tensor) -> Tensor:
    """(1 / (B D)) sum over examples and their D numbers of (output - target)^2."""
    return (output - target).square().mean()
