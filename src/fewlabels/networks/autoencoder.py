"""The contract between networks and everything that uses them."""

from __future__ import annotations

import copy
import hashlib
from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from math import prod
from typing import Any, ClassVar, Protocol, TypeVar

import torch
from torch import Tensor, nn

from fewlabels.networks.layers import ElementwiseAffine, SideBySide

Affine = ElementwiseAffine  # its name in pickles of before

Shape = tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Stage:
    """One storey of a stack: layers up to its codes, and layers back.

    Parameters
    ----------
    down
        [B, *shape of the codes below] -> [B, *shape].
    up
        The way back.
    shape
        Of one example's codes here, a feature map (C, H, W) or a vector (D,).
    """

    down: Sequence[nn.Module]
    up: Sequence[nn.Module]
    shape: Shape


class Autoencoder(nn.Module):
    """An encoder and a decoder, stacked of stages.

    Its `encoder` maps [B, *input_shape] to [B, code_width * latent_dim], its `decoder` [B, latent_dim] to [B,
    *input_shape]. Codes are always flat vectors. `heads` are what an objective trains along with both and leaves
    behind, by name (see `Objective.heads`).

    Parameters
    ----------
    stages
        From the input to the code, whose shape is (latent_dim,).
    input_shape
        Of one example, channels first: (1, 28, 28) or (64,).
    code_width
        1, or 2 where an objective needs two numbers a latent dimension (mean and log-variance).
    """

    def __init__(self, stages: Sequence[Stage], input_shape: Shape, code_width: int = 1) -> None:
        super().__init__()
        self.encoder = nn.Sequential(*chain.from_iterable(stage.down for stage in stages))
        self.decoder = nn.Sequential(*chain.from_iterable(stage.up for stage in reversed(stages)))
        self.heads = nn.ModuleDict()
        self.input_shape = input_shape
        self.latent_dim = size_of(stages[-1].shape)
        self.code_width = code_width
        self._stages = [(len(stage.down), len(stage.up), stage.shape) for stage in stages]

    @property
    def depth(self) -> int:
        """How many stages the stack has."""
        return len(self._stages)

    def encode(self, x: Tensor) -> Tensor:
        """x: [B, *input_shape] float -> codes [B, code_width * latent_dim]."""
        codes: Tensor = self.encoder(x)
        return codes

    def decode(self, z: Tensor) -> Tensor:
        """z: [B, latent_dim] -> [B, *input_shape]."""
        reconstructed: Tensor = self.decoder(z)
        return reconstructed

    def part(self, first: int, last: int) -> Autoencoder:
        """Stages `first` up to, not including, `last`, as an autoencoder that shares their weights with this one. Its
        codes are flat, whatever their shape inside the stack.
        """
        downs, ups = zip(*((down, up) for down, up, _ in self._stages), strict=True)
        below, shape = self._shape_below(first), self._shape_below(last)
        down = list(self.encoder)[sum(downs[:first]) : sum(downs[:last])]
        up = list(self.decoder)[sum(ups[last:]) : sum(ups[first:])]
        if len(shape) > 1:
            down, up = [*down, nn.Flatten()], [nn.Unflatten(1, shape), *up]
        width = self.code_width if last == self.depth else 1
        return Autoencoder([Stage(down, up, (size_of(shape),))], below, width)

    @property
    def shape_below(self) -> Shape | None:
        """The shape of one example just below the code; None where nothing but the input is there."""
        return self._shape_below(self.depth - 1) if self.depth > 1 else None

    def below(self) -> Autoencoder:
        """All stages but the last, which makes the code, sharing their weights: what leads to the layer below it."""
        return self.part(0, self.depth - 1)

    def stacked_on(self, below: Autoencoder) -> Autoencoder:
        """This autoencoder on the codes of another, as one that shares the weights of both."""
        down = [*below.encoder, nn.Unflatten(1, self.input_shape), *self.encoder]
        up = [*self.decoder, nn.Flatten(), *below.decoder]
        return Autoencoder([Stage(down, up, (self.latent_dim,))], below.input_shape, self.code_width)

    def without_decoder(self) -> Autoencoder:
        """The encoder alone, sharing its weights: what a classifier needs."""
        alone = self._sharing(decoder=nn.Sequential(), heads=nn.ModuleDict())
        alone._stages = [(down, 0, shape) for down, _, shape in self._stages]
        return alone

    def without_heads(self) -> Autoencoder:
        """Encoder and decoder, sharing their weights: what is left of a training."""
        return self._sharing(heads=nn.ModuleDict())

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)  # type: ignore[no-untyped-call]
        self._modules.pop("critic", None)  # of pickles made when it was the only head
        self._modules.setdefault("heads", nn.ModuleDict())

    def _sharing(self, **other: nn.Module) -> Autoencoder:
        """A copy that shares all modules but these."""
        twin = copy.copy(self)
        twin._modules = {**self._modules, **other}
        return twin

    def with_log_variances(self) -> Autoencoder:
        """The same with two numbers a code, (mean, log-variance): the means by the shared encoder, the log-variances
        by a twin of its own, whose outputs are stretched and shifted, since a stage may end in a ReLU.
        """
        twin = nn.Sequential(copy.deepcopy(self.encoder), ElementwiseAffine(self.latent_dim))
        both = SideBySide(self.encoder, twin)
        return Autoencoder([Stage([both], list(self.decoder), (self.latent_dim,))], self.input_shape, 2)

    def _shape_below(self, stage: int) -> Shape:
        return self._stages[stage - 1][2] if stage else self.input_shape


class Network(Protocol):
    """A network spec: a frozen dataclass that builds modules. Hashable, JSON both ways, no tensors.

    convolutional: whether its steps are those of convolutions, which cost more than their parameters say.
    latent_dim: width of the code; None where the feature map is the code, whatever its size.
    depth: layers, or blocks of them, on the way down.
    """

    convolutional: ClassVar[bool]

    @property
    def latent_dim(self) -> int | None: ...

    @property
    def depth(self) -> int: ...

    @abstractmethod
    def build(self, input_shape: Shape, code_width: int = 1) -> Autoencoder:
        """A fresh module, initialised from torch's global generator (see `seeded`). Raises InputError for examples of a
        shape that it cannot take.
        """
        ...


ModuleT = TypeVar("ModuleT", bound=nn.Module)


def channels_last(module: ModuleT) -> ModuleT:
    """The module with its convolution weights in channels-last memory, in which they run about twice as fast."""
    for parameter in module.parameters():
        if parameter.dim() == 4:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
    return module


def parameter_count(module: nn.Module) -> int:
    """How many numbers are trained, each once."""
    return sum(parameter.numel() for parameter in module.parameters())


def state_hash(module: nn.Module) -> str:
    """SHA-256 over names, types, shapes and values of all weights and buffers."""
    digest = hashlib.sha256()
    for name, tensor in sorted(module.state_dict().items()):
        array = tensor.detach().contiguous().cpu().numpy()
        digest.update(f"{name}:{array.dtype}:{array.shape}:".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def size_of(shape: Shape) -> int:
    """How many numbers one example of this shape holds."""
    return prod(shape)


def outline(network: Network, input_shape: Shape, code_width: int = 1) -> Autoencoder:
    """The network's layers and sizes alone, its parameters without memory or values. Raises InputError as `build`."""
    with torch.device("meta"):
        return seeded(0, lambda: network.build(input_shape, code_width))


Made = TypeVar("Made")


def seeded(seed: int, build: Callable[[], Made]) -> Made:
    """What `build` returns when torch's global generators start from `seed`; they are left as they were."""
    accelerators = range(torch.cuda.device_count()) if torch.cuda.is_initialized() else ()
    with torch.random.fork_rng(devices=accelerators):
        torch.manual_seed(seed)
        return build()
