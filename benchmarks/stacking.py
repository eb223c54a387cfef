"""Many autoencoders trained at once, against a loop that trains one after the other."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import fmean
from typing import Any

import numpy as np

from benchmarks.child import in_process
from benchmarks.rows import Row, agreement, compact, ratio
from benchmarks.side_by_side import Effort, Measure, take_turns
from benchmarks.workloads import mnist_train
from fewlabels.data import fit_scaling, load_named
from fewlabels.networks import Dense
from fewlabels.objectives import Reconstruction
from fewlabels.training import Examples, Job, Recipe, train, train_stacked

OURS, LOOP = "stacked", "one after the other"
TIMES = 8
SAME_LOSS = 0.01
LOOPED = 3
MODELS = (1, 10, 100)
KEYS = tuple(f"{models} models" for models in MODELS)
LOSS = "loss of the first models"


@dataclass(frozen=True)
class Problem:
    """A network of a size, on data. steps: of a quick and of a full run. target: times the loop, at 100 models."""

    title: str
    network: Dense
    data: str
    batch: int
    steps: tuple[int, int]
    target: float | None
    bound: str


PROBLEMS = {
    "small": Problem(
        "a dense 64-32-8 autoencoder on digits",
        Dense(hidden=(32,), latent_dim=8),
        "digits",
        32,
        (20, 200),
        TIMES,
        "Alone, a step of this network is nearly all overhead, which the stack pays once for all models.",
    ),
    "larger": Problem(
        "a dense 784-128-32 autoencoder on MNIST",
        Dense(hidden=(128,), latent_dim=32),
        "mnist",
        128,
        (3, 20),
        None,
        "Alone, a step of this network is mostly arithmetic already, which stacking cannot save.",
    ),
}


def run(effort: Effort) -> Iterator[Row]:
    for name, problem in PROBLEMS.items():
        if effort.quick and problem.target is None:
            continue
        settings = {"name": name, "steps": problem.steps[0] if effort.quick else problem.steps[1]}
        arms = [
            in_process(OURS, "benchmarks.stacking:stacked", settings, effort.threads),
            in_process(LOOP, "benchmarks.stacking:looped", settings, effort.threads),
        ]
        measured = take_turns(arms, effort.either(2, 3))
        comparisons = [
            ratio(measured, OURS, LOOP, "less", problem.target if models == MODELS[-1] else None, key, f"times, {key}")
            for models, key in zip(MODELS, KEYS, strict=True)
        ]
        comparisons.append(agreement(measured, OURS, LOOP, LOSS, SAME_LOSS))
        losses = [f"{arm}: {compact(figures, [*KEYS, LOSS])}" for arm, figures in measured.items() if figures.repeats]
        notes = [
            f"After {settings['steps']} steps, {'; '.join(losses)}. The value is that of {MODELS[-1]} models. The loop "
            f"trains {LOOPED} models, since the next would take as long.",
            problem.bound,
        ]
        title = f"{', '.join(map(str, MODELS))} of {problem.title}, batch {problem.batch}, time a model-step"
        yield Row(f"stacking {name}", title, "microseconds", effort.threads, measured, comparisons, notes)


def jobs_of(problem: Problem, models: int, steps: int, repeat: int) -> list[Job]:
    """Jobs that differ in seed alone, others at every repeat."""
    recipe = Recipe(steps=steps, batch_size=problem.batch)
    return [Job(problem.network, Reconstruction(), recipe, seed=1000 * repeat + model) for model in range(models)]


def examples_of(problem: Problem) -> Examples:
    """Flat vectors, [n, D]."""
    images = load_named("digits").x if problem.data == "digits" else mnist_train(10_000)
    vectors = np.ascontiguousarray(images.reshape(len(images), -1))
    return Examples(vectors, fit_scaling(vectors))


def stacked(name: str, steps: int) -> Measure:
    problem = PROBLEMS[name]
    x = examples_of(problem)

    def measure(repeat: int) -> dict[str, Any]:
        figures: dict[str, Any] = {}
        for models, key in zip(MODELS, KEYS, strict=True):
            started = time.perf_counter()
            trained = train_stacked(jobs_of(problem, models, steps, repeat), x)
            figures[key] = 1e6 * (time.perf_counter() - started) / (models * steps)
        last = fmean(history.loss[-1] for _, history in trained[:LOOPED])
        return {"value": figures[KEYS[-1]], LOSS: last, **figures}

    train_stacked(jobs_of(problem, MODELS[-1], 2, 0), x)
    return measure


def looped(name: str, steps: int) -> Measure:
    problem = PROBLEMS[name]
    x = examples_of(problem)

    def measure(repeat: int) -> dict[str, Any]:
        started = time.perf_counter()
        trained = [train(job, x) for job in jobs_of(problem, LOOPED, steps, repeat)]
        value = 1e6 * (time.perf_counter() - started) / (LOOPED * steps)
        last = fmean(history.loss[-1] for _, history in trained)
        return {"value": value, LOSS: last, **dict.fromkeys(KEYS, value)}

    train(jobs_of(problem, 1, 5, 0)[0], x)
    return measure
