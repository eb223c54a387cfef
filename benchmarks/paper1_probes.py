"""Paper 1's probes, as published: 50 label counts, 3 repeats, 100 epochs of batch 16 on a frozen encoder."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks.child import in_process, in_processes
from benchmarks.rows import Row, compact, limit, ratio
from benchmarks.side_by_side import Effort, Measure, take_turns
from benchmarks.workloads import WORKLOADS, fresh_network, standardised, standardising
from fewlabels.data import load_named
from fewlabels.networks import Autoencoder, seeded
from fewlabels.objectives import Reconstruction
from fewlabels.training import Examples, Recipe, fit_stacked
from fewlabels.transfer import Codes, features_of
from fewlabels.transfer.supervised import CrossEntropy

COUNTS = tuple(range(160, 8001, 160))
REPEATS = 3
EPOCHS = 100
BATCH = 16
CODES, CLASSES = 196, 10
TESTED = slice(8000, 8350)
"""The test images the paper tests on; it trains on the ones before."""

OURS, LOOP, LOADER = "fewlabels", "loop through the encoder", "the same with a DataLoader"
TIMES, MOST_SECONDS = 100, 90
ENCODER_SEED = 0
LR, CLIP = 1e-3, 1.0


def run(effort: Effort) -> Iterator[Row]:
    counts, epochs = COUNTS[9::10] if effort.quick else COUNTS, effort.either(5, EPOCHS)
    models = [(count, repeat) for count in counts for repeat in range(REPEATS)]
    steps = sum(count // BATCH * epochs for count, _ in models)
    shares = [{"models": models[worker :: effort.threads], "epochs": epochs} for worker in range(effort.threads)]
    timed = effort.either(300, 1000)
    arms = [in_processes(OURS, "benchmarks.paper1_probes:stacked", shares)]
    for name, function in ((LOOP, "loop"), (LOADER, "loop_with_loader")):
        settings = {"timed": timed, "steps": steps}
        arms.append(in_process(name, f"benchmarks.paper1_probes:{function}", settings, effort.threads))
    measured = take_turns(arms, effort.either(1, 2))
    comparisons = [
        ratio(measured, OURS, LOOP, "less", at_least=TIMES),
        ratio(measured, OURS, LOADER, "less"),
        limit(measured, OURS, "seconds in all", None if effort.quick else MOST_SECONDS),
    ]
    correct = f"{compact(measured[OURS], ['correct'])} of {len(models) * 350:,} test answers (all models together)"
    each = [
        f"{1e6 * measured[arm.name].median() / steps:.1f} for {arm.name}" for arm in arms if measured[arm.name].repeats
    ]
    notes = [
        f"{len(models)} probes, {steps:,} model-steps in all. The loops were timed for {timed:,} steps of batch 16 "
        "after a warm-up, and extrapolated to all of them.",
        f"Microseconds a model-step: {', '.join(each)}. Ours is wall time over {effort.threads} processes of one "
        "thread each, encoding included; the loops have as many threads.",
        "As published: a softmax layer, then cross-entropy on its output; Adam 1e-3, gradient norm clipped at 1, "
        f"short batches dropped; MNIST test images 0 to n - 1; the encoder is a random one. {correct}.",
        "Bound by the number of torch operations a stacked step takes, and the memory traffic of Adam's state.",
    ]
    title = f"Paper 1's probes as published: {len(counts)} label counts, {REPEATS} repeats, {epochs} epochs of batch 16"
    yield Row("paper 1 probes", title, "seconds", effort.threads, measured, comparisons, notes)


def stacked(models: Sequence[tuple[int, int]], epochs: int) -> Measure:
    """A worker's share: examples are encoded once, probes are fitted together."""
    images, labels = test_set()
    net = frozen_encoder()
    tested = features_of(Codes(net, Reconstruction()), Examples(images[TESTED], standardising()))

    def measure(repeat: int) -> dict[str, Any]:
        highest = max(count for count, _ in models)
        encoded = features_of(Codes(net, Reconstruction()), Examples(images[:highest], standardising()))
        seeds = [1_000_000 * repeat + 10 * count + number for count, number in models]
        heads = fit_probes(encoded, labels, [count for count, _ in models], epochs, seeds)
        with torch.no_grad():
            answers = torch.stack([head(torch.from_numpy(tested)).argmax(1) for head in heads])
        return {"correct": int((answers == torch.from_numpy(labels[TESTED])).sum())}

    fit_probes(np.zeros((160, CODES), np.float32), labels, [160] * len(models), 1, range(len(models)))
    return measure


def fit_probes(
    encoded: np.ndarray, labels: np.ndarray, counts: Sequence[int], epochs: int, seeds: Sequence[int]
) -> list[nn.Module]:
    """A probe a count and seed, each trained on the first `count` codes, all together."""
    x, y = torch.from_numpy(encoded), torch.from_numpy(labels)
    heads: list[nn.Module] = [fresh_head(seed) for seed in seeds]
    models = [CrossEntropy(head) for head in heads]
    recipes = [
        Recipe(steps=count // BATCH * epochs, batch_size=BATCH, optimiser="adam", lr=LR, clip_norm=CLIP)
        for count in counts
    ]

    def inputs_of(alive: Sequence[int], indices: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        index = torch.stack(list(indices))
        return x[index], y[index]  # [M, B, D], [M, B]

    generators = [torch.Generator().manual_seed(seed) for seed in seeds]
    rates = {name: 1.0 for name, _ in models[0].named_parameters()}
    fit_stacked(models, rates, inputs_of, counts, recipes, generators)
    return heads


def loop(timed: int, steps: int) -> Measure:
    """As people write it: every batch passes through the frozen encoder, then the linear layer learns."""
    images, labels = test_set()
    net = frozen_encoder()
    x, y = standardised(images[: max(COUNTS)]), torch.from_numpy(labels)

    def measure(repeat: int) -> dict[str, Any]:
        return {"value": steps * train_sequentially(net, fresh_head(repeat), x, y, timed, repeat) / timed}

    train_sequentially(net, fresh_head(0), x, y, timed // 10, 0)
    return measure


def train_sequentially(net: Autoencoder, head: nn.Module, x: Tensor, y: Tensor, steps: int, seed: int) -> float:
    """Trains the head in place on examples x [n, 1, 28, 28] of labels y, batches drawn by indexing: seconds."""
    generator = torch.Generator().manual_seed(seed)
    optimiser = torch.optim.Adam(head.parameters(), lr=LR)
    done, started = 0, time.perf_counter()
    while done < steps:
        order = torch.randperm(len(x), generator=generator)
        for index in order[: len(x) // BATCH * BATCH].split(BATCH)[: steps - done]:
            step_through(net, head, optimiser, x[index], y[index])
            done += 1
    return time.perf_counter() - started


def step_through(net: Autoencoder, head: nn.Module, optimiser: torch.optim.Optimizer, x: Tensor, y: Tensor) -> None:
    with torch.no_grad():
        encoded = net.encoder(x)
    optimiser.zero_grad()
    F.cross_entropy(head(encoded), y).backward()
    nn.utils.clip_grad_norm_(head.parameters(), CLIP)
    optimiser.step()


def loop_with_loader(timed: int, steps: int) -> Measure:
    """The same, its batches from a shuffling DataLoader over tensors in memory, as the paper's own code has it."""
    images, labels = test_set()
    net = frozen_encoder()
    examples = torch.utils.data.TensorDataset(
        standardised(images[: max(COUNTS)]), torch.from_numpy(labels[: max(COUNTS)])
    )
    loader = torch.utils.data.DataLoader(examples, batch_size=BATCH, shuffle=True, drop_last=True)

    def seconds(head: nn.Module, steps: int) -> float:
        optimiser = torch.optim.Adam(head.parameters(), lr=LR)
        done, started = 0, time.perf_counter()
        while done < steps:
            for x, y in loader:
                step_through(net, head, optimiser, x, y)
                done += 1
                if done == steps:
                    break
        return time.perf_counter() - started

    seconds(fresh_head(0), timed // 10)
    return lambda repeat: {"value": steps * seconds(fresh_head(repeat), timed) / timed}


def test_set() -> tuple[np.ndarray, np.ndarray]:
    """MNIST's test images [10000, 1, 28, 28] uint8 and labels."""
    mnist = load_named("mnist")
    assert mnist.x_test is not None
    assert mnist.y_test is not None
    return mnist.x_test, mnist.y_test


def frozen_encoder() -> Autoencoder:
    return fresh_network(WORKLOADS["paper1"], ENCODER_SEED).eval()


def fresh_head(seed: int) -> nn.Module:
    """196 codes -> probabilities, a softmax layer at the end as published."""
    return seeded(seed, lambda: nn.Sequential(nn.Linear(CODES, CLASSES), nn.Softmax(dim=-1)))
