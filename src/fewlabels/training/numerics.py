"""Where and how numbers are computed: device, precision, memory format."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Literal, TypeVar, get_args

import torch
from torch import Tensor, nn

from fewlabels.core.errors import InputError
from fewlabels.core.settings import require
from fewlabels.networks import channels_last

Precision = Literal["float32", "bfloat16"]
MemoryFormat = Literal["channels-last", "contiguous"]

PRECISIONS: tuple[Precision, ...] = get_args(Precision)
FORMATS: tuple[MemoryFormat, ...] = get_args(MemoryFormat)
DEVICES = ("auto", "cpu", "cuda", "mps")

ModuleT = TypeVar("ModuleT", bound=nn.Module)


@dataclass(frozen=True)
class Numerics:
    """How a training computes; `fastest` measures which is fastest here.

    device: 'cpu', 'cuda', 'cuda:1', 'mps'.
    precision: 'float32', the reference; 'bfloat16' computes layers in bfloat16 where that is safe (autocast), and keeps
        weights, gradients, optimiser and validation in float32.
    memory_format: of convolution weights and images; 'channels-last' often doubles the speed of convolutions.
    """

    device: str = "cpu"
    precision: Precision = "float32"
    memory_format: MemoryFormat = "channels-last"

    def __post_init__(self) -> None:
        require(self.device.split(":")[0] in DEVICES[1:], self, "device", "'cpu', 'cuda' or 'mps'")
        require(self.precision in PRECISIONS, self, "precision", "'float32' or 'bfloat16'")
        require(self.memory_format in FORMATS, self, "memory_format", "'channels-last' or 'contiguous'")

    def autocast(self) -> AbstractContextManager[object]:
        """The context in which losses are computed."""
        if self.precision == "float32":
            return nullcontext()
        return torch.autocast(self.device.split(":")[0], dtype=torch.bfloat16)

    def place(self, module: ModuleT) -> ModuleT:
        """The module, on the device and in the memory format."""
        module = module.to(self.device)
        return channels_last(module) if self.memory_format == "channels-last" else module

    def lay(self, batch: Tensor) -> Tensor:
        """A batch in the memory format, where it is one of images."""
        if batch.dim() != 4 or self.memory_format == "contiguous":
            return batch
        return batch.contiguous(memory_format=torch.channels_last)

    def generator(self, seed: int) -> torch.Generator:
        """A generator of random numbers on the device."""
        return torch.Generator(self.device).manual_seed(seed)


def choose_device(name: str = "auto") -> str:
    """The device meant: 'auto' is cuda where there is one, else mps, else cpu. Raises InputError for one not here."""
    here = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if name == "auto":
        return next(device for device in ("cuda", "mps", "cpu") if here[device])
    if name not in DEVICES:
        raise InputError(f"--device is {name!r}; allowed are {', '.join(DEVICES)}")
    if not here[name]:
        found = ", ".join(device for device in DEVICES[1:] if here[device])
        raise InputError(f"--device is {name!r}, which this machine or this build of torch lacks; here are: {found}")
    return name
