"""Where and how numbers are computed: device, precision, memory format; which is fastest here is measured once."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args

import torch
from torch import Tensor, nn

from fewlabels.core.errors import InputError
from fewlabels.core.files import replacing
from fewlabels.core.provenance import processor
from fewlabels.core.settings import require, to_json
from fewlabels.networks import Network, channels_last, outline, seeded

Precision = Literal["float32", "bfloat16"]
MemoryFormat = Literal["channels-last", "contiguous"]

PRECISIONS: tuple[Precision, ...] = get_args(Precision)
FORMATS: tuple[MemoryFormat, ...] = get_args(MemoryFormat)
DEVICES = ("auto", "cpu", "cuda", "mps")

ModuleT = TypeVar("ModuleT", bound=nn.Module)


@dataclass(frozen=True)
class Numerics:
    """How a training computes; `fastest` measures which is fastest here.

    Parameters
    ----------
    device
        'cpu', 'cuda', 'cuda:1', 'mps'.
    precision
        'float32', the reference; 'bfloat16' computes layers in bfloat16 where that is safe (autocast), and keeps
        weights, gradients, optimiser and validation in float32.
    memory_format
        Of convolution weights and images; 'channels-last' often doubles the speed of convolutions.
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

    def to(self, module: ModuleT) -> ModuleT:
        """The module, on the device and in the memory format."""
        module = module.to(self.device)
        return channels_last(module) if self.memory_format == "channels-last" else module

    def to_memory_format(self, batch: Tensor) -> Tensor:
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
        raise InputError(f"`device` is {name!r}; allowed are {', '.join(DEVICES)}")
    if not here[name]:
        found = ", ".join(device for device in DEVICES[1:] if here[device])
        raise InputError(f"`device` is {name!r}, which this machine or this build of torch lacks; here are: {found}")
    return name


ROUNDS = 7
"""Timed steps of each way, turn by turn; the fastest counts, since whatever else the machine does only slows."""

GAIN = 1.25
"""How much faster a way must be to be taken instead of the one before it: noise must not decide, and float32 is the
reference."""


def fastest(
    network: Network,
    input_shape: tuple[int, ...],
    batch_size: int,
    device: str = "cpu",
    precision: Precision | None = None,
    memory_format: MemoryFormat | None = None,
    folder: Path | None = None,
) -> Numerics:
    """The numerics that train the network fastest on this machine with this number of threads.

    precision, memory_format: forced where given; else float32 and channels-last, unless another is 1.25 times faster.
    folder: where measurements are kept, so that one is made once a machine, network and batch size; None: not kept.
    """
    formats = (memory_format,) if memory_format else FORMATS if _convolves(network, input_shape) else FORMATS[:1]
    ways = [Numerics(device, *way) for way in product((precision,) if precision else PRECISIONS, formats)]
    if len(ways) == 1:
        return ways[0]

    def measure() -> dict[str, float]:
        return dict(zip(map(_name, ways), seconds_a_step(network, input_shape, batch_size, ways), strict=True))

    asked = {"network": to_json(network), "shape": list(input_shape), "batch": batch_size, **_machine(device)}
    seconds = _kept(folder, asked, set(map(_name, ways)), measure)
    best = ways[0]
    for way in ways[1:]:
        if seconds[_name(way)] * GAIN < seconds[_name(best)]:
            best = way
    return best


def _convolves(network: Network, input_shape: tuple[int, ...]) -> bool:
    """Whether the memory format means anything to the network."""
    return any(parameter.dim() == 4 for parameter in outline(network, input_shape).parameters())


def seconds_a_step(
    network: Network, input_shape: tuple[int, ...], batch_size: int, ways: Sequence[Numerics]
) -> list[float]:
    """Seconds of one training step of plain reconstruction, each way, the fastest of a few taken turn by turn.

    On processors they are seconds of work, in which other programs' turns do not count.
    """
    steps = [_step(network, input_shape, batch_size, way) for way in ways]
    for step in steps:
        step()
    rounds = [[step() for step in steps] for _ in range(ROUNDS)]
    return [min(times) for times in zip(*rounds, strict=True)]


def _step(network: Network, input_shape: tuple[int, ...], batch_size: int, way: Numerics) -> Callable[[], float]:
    net = way.to(seeded(0, lambda: network.build(input_shape)))
    x = way.to_memory_format(
        torch.rand(batch_size, *input_shape, generator=torch.Generator().manual_seed(0)).to(way.device)
    )

    clock = time.process_time if way.device == "cpu" else time.perf_counter

    def step() -> float:
        started = clock()
        with way.autocast():
            loss = (net.decode(net.encode(x)) - x).square().mean()
        loss.backward()
        loss.item()  # waits for an accelerator
        return clock() - started

    return step


def _kept(
    folder: Path | None, asked: dict[str, Any], names: set[str], measure: Callable[[], dict[str, float]]
) -> dict[str, float]:
    """The measurement from the folder, if it is there whole, else made and kept."""
    if folder is None:
        return measure()
    path = folder / f"{hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()[:32]}.json"
    with suppress(OSError, ValueError, KeyError, TypeError):
        found = {name: float(json.loads(path.read_text())["seconds"][name]) for name in names}
        return found
    seconds = measure()
    with suppress(OSError, InputError):
        folder.mkdir(parents=True, exist_ok=True)
        with replacing(path) as file:
            file.write(json.dumps({"asked": asked, "seconds": seconds}, indent=2).encode())
    return seconds


def _machine(device: str) -> dict[str, Any]:
    name = torch.cuda.get_device_name(device) if device.startswith("cuda") else processor()
    return {"machine": name, "device": device, "threads": torch.get_num_threads(), "torch": torch.__version__}


def _name(way: Numerics) -> str:
    return f"{way.precision} {way.memory_format}"
