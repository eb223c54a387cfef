"""The floor: what a step must compute and move, at the machine's own rates, and how far above it we are."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.child import in_process
from benchmarks.paper1_probes import BATCH, CLASSES, CODES, COUNTS, EPOCHS, REPEATS
from benchmarks.rows import Row, ratio
from benchmarks.side_by_side import Effort, Measure, Measured, take_turns
from benchmarks.workloads import SHAPE, WORKLOADS, fresh_network

FLOAT = 4  # bytes
ADAM_PASSES = 7
"""Over the parameters: gradient, both moments and parameter read; both moments and parameter written."""

OURS, FLOOR = "fewlabels", "floor"
MATRIX_SIDE = 1024
REPEATS_OF_RATES = 20


@dataclass(frozen=True)
class Step:
    """What one step must do. multiply_adds: of forward and backward pass. bytes: read and written. largest: bytes of
    the largest tensor that is read and written."""

    multiply_adds: int
    bytes: int
    largest: int


@dataclass(frozen=True)
class Layer:
    """One layer's share of a forward pass: numbers in, numbers out, multiply-adds, parameters."""

    inputs: int
    outputs: int
    multiply_adds: int
    parameters: int


def layers_of(net: nn.Sequential, x: Tensor) -> tuple[list[Layer], Tensor]:
    """The layers of a network on x, and its output. Raises TypeError for a layer whose work is not known."""
    layers = []
    for module in net:
        y = module(x)
        parameters = sum(parameter.numel() for parameter in module.parameters())
        if not isinstance(module, nn.Flatten | nn.Unflatten):  # which move nothing
            layers.append(Layer(x.numel(), y.numel(), multiply_adds(module, x, y), parameters))
        x = y
    return layers, x


def multiply_adds(layer: nn.Module, x: Tensor, y: Tensor) -> int:
    """Of a forward pass x -> y; a bias is not counted."""
    if isinstance(layer, nn.Linear):
        return y.numel() * layer.in_features
    if isinstance(layer, nn.Conv2d):
        return y.numel() * layer.weight[0].numel()
    if isinstance(layer, nn.ConvTranspose2d):
        return x.numel() * layer.weight[0].numel()
    if any(True for _ in layer.parameters()):
        raise TypeError(f"the multiply-adds of a {type(layer).__name__} are not known")
    return 0


def training_step(layers: list[Layer]) -> Step:
    """A step of Adam on these layers, each run by itself.

    Forwards a layer reads its input and writes its output. Backwards it reads the output's gradient and its input,
    and writes the input's gradient, except at the network's input. Each of the two costs as many multiply-adds as
    forwards.
    """
    first, rest = layers[0], layers[1:]
    products = 2 * first.multiply_adds + 3 * sum(layer.multiply_adds for layer in rest)
    moved = 2 * (first.inputs + first.outputs) + sum(3 * layer.inputs + 2 * layer.outputs for layer in rest)
    weights = (2 + 1 + ADAM_PASSES) * sum(layer.parameters for layer in layers)  # read twice, gradient written, Adam
    largest = max(max(layer.inputs, layer.outputs) for layer in layers)
    return Step(products, FLOAT * (moved + weights), FLOAT * largest)


def autoencoder_step(name: str) -> Step:
    """A step of one of the workloads, of its batch."""
    workload = WORKLOADS[name]
    net = fresh_network(workload, 0).to("meta")
    encoder, code = layers_of(net.encoder, torch.empty(workload.batch, *SHAPE, device="meta"))
    decoder, _ = layers_of(net.decoder, code)
    return training_step([*encoder, *decoder])


def probe_step() -> Step:
    """A step of one of paper 1's probes on codes that are there already."""
    head = nn.Sequential(nn.Linear(CODES, CLASSES, device="meta"))
    return training_step(layers_of(head, torch.empty(BATCH, CODES, device="meta"))[0])


def run(effort: Effort) -> Iterator[Row]:
    for name, workload in WORKLOADS.items():
        if effort.quick and name != "paper1":
            continue
        settings = {"name": name, "n": workload.batch * effort.either(5, 30)}
        yield _row(
            f"floor {name}",
            f"A training step of {workload.title}, batch {workload.batch}",
            autoencoder_step(name),
            ("benchmarks.pretraining:ours", settings, workload.batch),
            effort,
        )
    yield _row(
        "floor paper 1 probes",
        f"A model-step of paper 1's probes; there are {REPEATS * EPOCHS * sum(c // BATCH for c in COUNTS):,} of them",
        probe_step(),
        ("benchmarks.floor:probes", {"models": 75, "epochs": effort.either(1, 5)}, 1),
        effort,
    )


def _row(name: str, title: str, step: Step, ours: tuple[str, dict[str, Any], int], effort: Effort) -> Row:
    """ours: an arm that gives how many a second, its settings, and how many make a step."""
    target, settings, per_step = ours
    cost = {"products": step.multiply_adds, "moved": step.bytes, "largest": step.largest, "per_step": per_step}
    measured = take_turns(
        [
            in_process(OURS, target, settings, effort.threads),
            in_process(FLOOR, "benchmarks.floor:rates", cost, effort.threads),
        ],
        effort.either(1, 3),
    )
    comparisons = [ratio(measured, FLOOR, OURS, "more", what="times the floor")]
    counted = f"Counted: {step.multiply_adds / 1e6:.4g} million multiply-adds and {step.bytes / 1e6:.4g} MB a step"
    notes = [f"{counted}, every layer run by itself.", *_bound(measured[FLOOR])]
    unit = "images/s" if per_step > 1 else "model-steps/s"
    return Row(name, title, unit, effort.threads, measured, comparisons, notes)


def _bound(floor: Measured) -> list[str]:
    if not floor.repeats:
        return []
    compute, memory = floor.median("compute seconds"), floor.median("copy seconds")
    which = "arithmetic" if compute > memory else "memory traffic"
    rates = f"{floor.median('multiply-adds/s') / 1e9:.4g} billion float32 multiply-adds/s and "
    rates += (
        f"{floor.median('copied bytes/s') / 1e9:.4g} GB/s read and written, the latter in tensors of the step's size"
    )
    return [f"Measured: {rates}. The floor is {which}: {1e6 * compute:.4g} and {1e6 * memory:.4g} microseconds a step."]


def rates(products: int, moved: int, largest: int, per_step: int) -> Measure:
    """The arm of the floor: the machine's rates of this moment, and what they make of a step."""
    a, b = torch.rand(2, MATRIX_SIDE, MATRIX_SIDE)
    out = torch.empty_like(a)
    source = torch.rand(max(largest // FLOAT, 1024))
    target = torch.empty_like(source)
    copies = max(1, 2**27 // (FLOAT * len(source)))

    def measure(repeat: int) -> dict[str, Any]:
        matrix = fastest(lambda: torch.mm(a, b, out=out), 1)
        copy = fastest(lambda: target.copy_(source), copies)
        rate, copied = MATRIX_SIDE**3 / matrix, 2 * FLOAT * len(source) / copy
        compute, memory = products / rate, moved / copied
        return {
            "value": per_step / max(compute, memory),
            "multiply-adds/s": rate,
            "copied bytes/s": copied,
            "compute seconds": compute,
            "copy seconds": memory,
        }

    return measure


def fastest(work: Any, times: int) -> float:
    """Seconds of the work, done so many times in a row, at its fastest."""
    seconds = []
    for _ in range(REPEATS_OF_RATES):
        started = time.perf_counter()
        for _ in range(times):
            work()
        seconds.append((time.perf_counter() - started) / times)
    return min(seconds)


def probes(models: int, epochs: int) -> Measure:
    """The arm of our probes: model-steps a second of one stack, in one process."""
    import numpy as np

    from benchmarks.paper1_probes import fit_probes

    encoded = np.random.default_rng(0).random((1600, CODES), dtype=np.float32)
    labels = np.arange(1600) % CLASSES

    def measure(repeat: int) -> dict[str, Any]:
        started = time.perf_counter()
        fit_probes(encoded, labels, [1600] * models, epochs, range(models))
        return {"value": models * epochs * 1600 // BATCH / (time.perf_counter() - started)}

    fit_probes(encoded, labels, [160] * models, 1, range(models))
    return measure
