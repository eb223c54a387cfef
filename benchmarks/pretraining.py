"""Pretraining throughput: fewlabels, the loop people write with a DataLoader, and a library's trainer."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from benchmarks.child import in_process
from benchmarks.rivals import PYTHAE, RivalMissing, python_of
from benchmarks.rows import Comparison, Row, agreement, compact, ratio
from benchmarks.side_by_side import Arm, Effort, Measure, take_turns
from benchmarks.workloads import (
    DEVIATION,
    MEAN,
    WORKLOADS,
    fresh_network,
    held_out_loss,
    mnist_train,
    standardising,
)
from fewlabels.networks import Autoencoder, state_hash
from fewlabels.objectives import Reconstruction
from fewlabels.training import Examples, Job, Recipe, build, fastest, train

OURS, PLAIN = "fewlabels", "plain PyTorch"
TIMES = 3
SAME_LOSS = 0.03
WARM_UP_STEPS = 5
EPOCHS = 2
LOSS = "held-out loss"
BOUNDS = {
    "paper1": "Bound by the memory traffic of its feature maps, of few channels, and by torch's overhead a layer.",
    "dense": "Bound by matrix products that all arms share, and by Adam's passes over 1.1 million parameters: what can "
    "be saved is the loading of examples.",
    "conv": "Bound by convolutions that all arms share, in better or worse memory formats.",
}


def run(effort: Effort) -> Iterator[Row]:
    try:
        rival, missing = str(python_of(PYTHAE, may_install=not effort.quick)), None
    except RivalMissing as error:
        rival, missing = None, str(error)
    for name in WORKLOADS:
        if effort.quick and name == "conv":
            continue  # a step takes too long
        if effort.quick and name != "paper1":
            rival, missing = None, None  # only a full run compares the other networks with it
        yield _row(name, effort, rival, missing)


def _row(name: str, effort: Effort, rival: str | None, missing: str | None) -> Row:
    workload = WORKLOADS[name]
    settings = {"name": name, "n": workload.batch * effort.either(5, 60)}
    arms = [
        in_process(OURS, "benchmarks.pretraining:ours", settings, effort.threads),
        in_process(PLAIN, "benchmarks.pretraining:plain", settings, effort.threads),
    ]
    if rival is not None:
        arms.append(_rival(settings, effort, rival))
    measured = take_turns(arms, effort.either(2, 3))
    comparisons: list[Comparison] = []
    for arm in arms[1:]:
        comparisons.append(ratio(measured, OURS, arm.name, "more", at_least=TIMES))
        comparisons.append(agreement(measured, OURS, arm.name, LOSS, SAME_LOSS))
    if missing is not None:
        comparisons.append(Comparison(f"times {PYTHAE.name}", target=f"at least {TIMES}", failure=missing))
    losses = [f"{arm}: {compact(figures, [LOSS])}" for arm, figures in measured.items() if figures.repeats]
    starts = {figures["start"] for arm in measured.values() for figures in arm.repeats[:1]}
    same = "All arms start from the same weights." if len(starts) == 1 else "The arms START FROM DIFFERENT WEIGHTS."
    title = (
        f"Pretraining {workload.title}: batch {workload.batch}, Adam {workload.lr:g}, {EPOCHS} epochs of "
        f"{settings['n']:,} standardised MNIST images after a warm-up"
    )
    notes = [f"{same} Mean squared error on 1,000 held-out images, {'; '.join(losses)}.", BOUNDS[name]]
    return Row(f"pretraining {name}", title, "images/s", effort.threads, measured, comparisons, notes)


def _rival(settings: dict[str, Any], effort: Effort, python: str) -> Arm:
    return in_process(
        PYTHAE.name, "benchmarks.pythae_arm:trainer", {**settings, "epochs": EPOCHS}, effort.threads, python
    )


def ours(name: str, n: int) -> Measure:
    """The arm of `fewlabels.training.train`, in the numerics that are fastest here."""
    workload, x = WORKLOADS[name], Examples(mnist_train(n), standardising())
    numerics = fastest(workload.network, x.shape, workload.batch)
    steps = EPOCHS * n // workload.batch

    def job(seed: int, steps: int) -> Job:
        recipe = Recipe(steps=steps, batch_size=workload.batch, optimiser="adam", lr=workload.lr)
        return Job(workload.network, Reconstruction(), recipe, seed, numerics=numerics)

    def measure(repeat: int) -> dict[str, Any]:
        start = state_hash(build(job(repeat, 1), x.shape))
        net, history = train(job(repeat, steps), x)
        return {"value": steps * workload.batch / history.seconds, LOSS: held_out_loss(net), "start": start}

    train(job(0, WARM_UP_STEPS), x)
    return measure


class FloatImages(Dataset[Tensor]):
    """Images as people load them: one at a time, made float32 and standardised."""

    def __init__(self, images: np.ndarray) -> None:
        self._images = images

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, number: int) -> Tensor:
        return (torch.from_numpy(self._images[number]).float() / 255 - float(MEAN)) / float(DEVIATION)


def plain(name: str, n: int) -> Measure:
    """The arm of a loop over a DataLoader, in float32 and torch's default memory format."""
    workload = WORKLOADS[name]
    images = FloatImages(mnist_train(n))
    loss_function = nn.MSELoss()

    def epochs(net: Autoencoder, number: int, most_steps: int) -> float:
        """Seconds of training."""
        loader = DataLoader(images, batch_size=workload.batch, shuffle=True)
        optimiser = torch.optim.Adam(net.parameters(), lr=workload.lr)
        started, steps = time.perf_counter(), 0
        for _ in range(number):
            for batch in loader:
                optimiser.zero_grad()
                loss = loss_function(net.decode(net.encode(batch)), batch)
                loss.backward()
                optimiser.step()
                steps += 1
                if steps == most_steps:
                    break
        return time.perf_counter() - started

    def measure(repeat: int) -> dict[str, Any]:
        torch.manual_seed(repeat)
        net = fresh_network(workload, repeat)
        start = state_hash(net)
        seconds = epochs(net, EPOCHS, EPOCHS * n)
        return {"value": EPOCHS * n / seconds, LOSS: held_out_loss(net), "start": start}

    epochs(fresh_network(workload, 0), 1, WARM_UP_STEPS)
    return measure
