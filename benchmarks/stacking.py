"""Many autoencoders trained at once, against a loop that trains one after the other."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

import numpy as np

from benchmarks.child import in_process
from benchmarks.rows import Comparison, Row, agreement, compact, ratio
from benchmarks.side_by_side import Effort, Measure, take_turns
from benchmarks.workloads import mnist_train
from fewlabels.data import fit_scaling, load_named
from fewlabels.networks import Dense
from fewlabels.objectives import Reconstruction
from fewlabels.training import Examples, Job, Recipe, train

OURS, LOOP = "stacked", "one after the other"
TIMES = 8
SAME_LOSS = 0.01
LOOPED = 3
"""Models that the loop trains at most: the next one would take as long."""


@dataclass(frozen=True)
class Problem:
    """A network of a size, on data. target: times the loop, at 100 models."""

    title: str
    network: Dense
    data: str
    batch: int
    target: float | None
    bound: str


PROBLEMS = {
    "small": Problem(
        "a dense 64-32-8 autoencoder on digits",
        Dense(hidden=(32,), latent_dim=8),
        "digits",
        32,
        TIMES,
        "Alone, a step of this network is nearly all overhead, which the stack pays once for all models.",
    ),
    "larger": Problem(
        "a dense 784-128-32 autoencoder on MNIST",
        Dense(hidden=(128,), latent_dim=32),
        "mnist",
        128,
        None,
        "Alone, a step of this network is mostly arithmetic already, which stacking cannot save.",
    ),
}


def run(effort: Effort) -> Iterator[Row]:
    for name, problem in PROBLEMS.items():
        for models in (1, 10, 100):
            yield _row(name, problem, models, effort)


def _row(name: str, problem: Problem, models: int, effort: Effort) -> Row:
    most = effort.either(2000, 20_000) if name == "small" else effort.either(200, 2000)  # model-steps
    settings = {"name": name, "models": models, "steps": max(10, min(200, most // models))}
    arms = [
        in_process(OURS, "benchmarks.stacking:stacked", settings, effort.threads),
        in_process(LOOP, "benchmarks.stacking:looped", settings, effort.threads),
    ]
    measured = take_turns(arms, effort.either(2, 5))
    target = problem.target if models == 100 else None
    comparisons: list[Comparison] = [ratio(measured, OURS, LOOP, "less", at_least=target)]
    comparisons.append(agreement(measured, OURS, LOOP, "loss of the first models", SAME_LOSS))
    losses = [f"{arm}: {compact(figures, ['loss of the first models'])}" for arm, figures in measured.items()]
    notes = [
        f"After {settings['steps']} steps, {'; '.join(losses)}. The loop trains {min(LOOPED, models)}.",
        problem.bound,
    ]
    title = f"{models} of {problem.title}, batch {problem.batch}, time a model-step"
    return Row(f"stacking {name} {models}", title, "microseconds", effort.threads, measured, comparisons, notes)


def jobs_of(problem: Problem, models: int, steps: int, repeat: int) -> list[Job]:
    """Jobs that differ in seed alone, others at every repeat."""
    recipe = Recipe(steps=steps, batch_size=problem.batch)
    return [Job(problem.network, Reconstruction(), recipe, seed=1000 * repeat + model) for model in range(models)]


def examples_of(problem: Problem) -> Examples:
    """Flat vectors, [n, D]."""
    images = load_named("digits").x if problem.data == "digits" else mnist_train(10_000)
    vectors = np.ascontiguousarray(images.reshape(len(images), -1))
    return Examples(vectors, fit_scaling(vectors))


def stacked(name: str, models: int, steps: int) -> Measure:
    from fewlabels.training import train_stacked  # type: ignore[attr-defined]

    problem = PROBLEMS[name]
    x = examples_of(problem)

    def measure(repeat: int) -> dict[str, Any]:
        started = time.perf_counter()
        trained = train_stacked(jobs_of(problem, models, steps, repeat), x)
        seconds = time.perf_counter() - started
        return _figures(seconds / (models * steps), [history.loss for _, history in trained[:LOOPED]])

    train_stacked(jobs_of(problem, models, 5, 0), x)
    return measure


def looped(name: str, models: int, steps: int) -> Measure:
    problem = PROBLEMS[name]
    x = examples_of(problem)
    looped = min(LOOPED, models)

    def measure(repeat: int) -> dict[str, Any]:
        started = time.perf_counter()
        trained = [train(job, x) for job in jobs_of(problem, looped, steps, repeat)]
        seconds = time.perf_counter() - started
        return _figures(seconds / (looped * steps), [history.loss for _, history in trained])

    train(jobs_of(problem, 1, 5, 0)[0], x)
    return measure


def _figures(seconds: float, losses: Sequence[Sequence[float]]) -> dict[str, Any]:
    return {"value": 1e6 * seconds, "loss of the first models": fmean(loss[-1] for loss in losses)}
