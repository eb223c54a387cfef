"""The contract between networks and everything that uses them."""

from __future__ import annotations

import hashlib
from abc import abstractmethod
from collections.abc import Callable
from math import prod
from typing import Protocol, TypeVar

import torch
from torch import Tensor, nn


class Autoencoder(nn.Module):
    """An encoder and a decoder.

    encoder: [B, *input_shape] -> [B, code_width * latent_dim]. Codes are always flat vectors.
    decoder: [B, latent_dim]   -> [B, *input_shape].
    code_width: 1, or 2 where an objective needs two numbers a latent dimension (mean and log-variance).
    """

    def __init__(
        self,
        encoder: nn.Module,
        decoder: nn.Module,
        input_shape: tuple[int, ...],
        latent_dim: int,
        code_width: int = 1,
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder
        self.input_shape = input_shape
        self.latent_dim = latent_dim
        self.code_width = code_width

    def encode(self, x: Tensor) -> Tensor:
        """x: [B, *input_shape] float -> codes [B, code_width * latent_dim]."""
        return self.encoder(x)

    def decode(self, z: Tensor) -> Tensor:
        """z: [B, latent_dim] -> [B, *input_shape]."""
        return self.decoder(z)


class Network(Protocol):
    """A network spec: a frozen dataclass that builds modules. Hashable, JSON both ways, no tensors."""

    @abstractmethod
    def build(self, input_shape: tuple[int, ...], code_width: int = 1) -> Autoencoder:
        """A fresh module, initialised from torch's global generator (see `seeded`)."""
        ...


ModuleT = TypeVar("ModuleT", bound=nn.Module)


def channels_last(module: ModuleT) -> ModuleT:
    """The module with its convolution weights in channels-last memory, in which they run about twice as fast."""
    for parameter in module.parameters():
        if parameter.dim() == 4:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
    return module


def parameter_count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def state_hash(module: nn.Module) -> str:
    """SHA-256 over names, types, shapes and values of all weights and buffers."""
    digest = hashlib.sha256()
    for name, tensor in sorted(module.state_dict().items()):
        array = tensor.detach().contiguous().cpu().numpy()
        digest.update(f"{name}:{array.dtype}:{array.shape}:".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def size_of(shape: tuple[int, ...]) -> int:
    """How many numbers one example of this shape holds."""
    return prod(shape)


Made = TypeVar("Made")


def seeded(seed: int, build: Callable[[], Made]) -> Made:
    """What `build` returns when torch's global generator starts from `seed`; it is left as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build()
