"""Encoding and predicting: images a second, from Python and from the command line."""

from __future__ import annotations

import atexit
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader

from benchmarks.child import environment, in_process
from benchmarks.pretraining import FloatImages
from benchmarks.rows import Row, agreement, ratio
from benchmarks.side_by_side import Effort, Measure, take_turns
from benchmarks.workloads import WORKLOADS, fresh_network, mnist_train, standardising
from fewlabels.data import Dataset, load_named
from fewlabels.models import save_model
from fewlabels.networks import Autoencoder, channels_last
from fewlabels.objectives import Reconstruction
from fewlabels.pipelines.finetune import finetune
from fewlabels.pipelines.pretrain import pretrain
from fewlabels.training import Examples
from fewlabels.transfer import Centring, Codes, Probe, features_of, fit_centring, fit_one, softmax_regression
from fewlabels.transfer.probe import DEFAULT_PENALTY

OURS, PLAIN = "fewlabels", "plain PyTorch"
LABELLED = 1000
ANSWERS = "sum of answers"
COMMANDS = {"encode": ("embed", "encoder", "codes.npy"), "predict": ("predict", "classifier", "predictions.csv")}
SHELL = "fewlabels, command line"


def run(effort: Effort) -> Iterator[Row]:
    n = effort.either(4000, 60_000)
    for task in ("encode", "predict"):
        arms = [
            in_process(arm, f"benchmarks.throughput:{function}", {"task": task, "n": n}, effort.threads)
            for arm, function in ((OURS, "ours"), (PLAIN, "plain"))
        ]
        arms.append(
            in_process(SHELL, "benchmarks.throughput:shell", {"task": task, "n": n, "threads": effort.threads}, 1)
        )
        measured = take_turns(arms, effort.either(2, 3))
        comparisons = [ratio(measured, OURS, PLAIN, "more"), agreement(measured, OURS, PLAIN, ANSWERS, 1e-3)]
        title = f"{task.capitalize()} {n:,} MNIST images (bytes in memory) with paper 1's encoder"
        title += f" and a linear probe of {LABELLED:,} labels" if task == "predict" else ""
        plain = "Plain PyTorch is a DataLoader of batches of 256 and the modules under no_grad, in float32."
        command = f"The command line reads a .npy file and writes {COMMANDS[task][-1]}; starting Python is included."
        yield Row(task, title, "images/s", effort.threads, measured, comparisons, [plain, command])


def ours(task: str, n: int) -> Measure:
    net, features, labels, centring = labelled()
    classifier = fit_one(Probe(classes=10), centring.apply(features), labels, DEFAULT_PENALTY, seed=0)
    x = Examples(mnist_train(n), standardising())

    def answers() -> np.ndarray:
        encoded = features_of(Codes(net, Reconstruction()), x)
        return encoded if task == "encode" else classifier.log_proba(centring.apply(encoded))

    return timed(answers, n)


def plain(task: str, n: int) -> Measure:
    _, features, labels, centring = labelled()
    weights, intercepts = softmax_regression(centring.apply(features), labels, 10, DEFAULT_PENALTY["C"])
    model: nn.Module = fresh_network(WORKLOADS["paper1"], 0).eval().encoder
    if task == "predict":
        head = nn.Linear(features.shape[1], 10)
        with torch.no_grad():
            head.weight.copy_(torch.from_numpy(weights / centring.scale))
            head.bias.copy_(torch.from_numpy(intercepts - weights @ centring.mean / centring.scale))
        model = nn.Sequential(model, head, nn.LogSoftmax(dim=1))
    loader = DataLoader(FloatImages(mnist_train(n)), batch_size=256)

    @torch.no_grad()
    def answers() -> np.ndarray:
        return torch.cat([model(batch) for batch in loader]).numpy()

    return timed(answers, n)


def shell(task: str, n: int, threads: int) -> Measure:
    """The same with a command, on an encoder of the same network after one step."""
    folder = Path(tempfile.mkdtemp(prefix="fewlabels-bench-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    mnist = load_named("mnist")
    few = Dataset("mnist", mnist.x[:LABELLED], mnist.y[:LABELLED], mnist.classes)
    encoder = pretrain(few, "reconstruction", "paper1", steps=1)
    save_model(encoder, folder / "encoder")
    save_model(finetune(encoder, few, "probe"), folder / "classifier")
    np.save(folder / "x.npy", mnist_train(n))
    name, model, out = COMMANDS[task]
    command = [sys.executable, "-m", "fewlabels", name, model, "x.npy", "-o", out]

    def measure(repeat: int) -> dict[str, Any]:
        started = time.perf_counter()
        subprocess.run(command, cwd=folder, env=environment(threads), check=True, capture_output=True)
        return {"value": n / (time.perf_counter() - started)}

    return measure


def timed(answers: Callable[[], np.ndarray], n: int) -> Measure:
    def measure(repeat: int) -> dict[str, Any]:
        started = time.perf_counter()
        given = answers()
        return {"value": n / (time.perf_counter() - started), ANSWERS: float(given.sum(dtype=np.float64))}

    answers()
    return measure


def labelled() -> tuple[Autoencoder, np.ndarray, np.ndarray, Centring]:
    """The encoder, before any training; the features [n, D] and labels [n] of the probe; and their centring."""
    mnist = load_named("mnist")
    net = channels_last(fresh_network(WORKLOADS["paper1"], 0)).eval()
    features = features_of(Codes(net, Reconstruction()), Examples(mnist.x[:LABELLED], standardising()))
    return net, features, mnist.y[:LABELLED], fit_centring(features)
