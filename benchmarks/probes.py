"""Linear probes solved to convergence: all of a study's at once, against scikit-learn one after the other."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression

from benchmarks.child import in_process
from benchmarks.rows import Row, agreement, compact, ratio
from benchmarks.side_by_side import Effort, Measure, take_turns
from benchmarks.workloads import WORKLOADS, fresh_network, standardising
from fewlabels.data import load_named
from fewlabels.objectives import Reconstruction
from fewlabels.training import Examples
from fewlabels.transfer import Codes, Probe, Task, features_of, fit_centring

OURS, THEIRS = "fewlabels", "scikit-learn"
BUDGETS = (10, 30, 100, 300, 1000)
PENALTIES = (0.01, 0.1, 1.0)
FITS = 600
TESTED = 1000
LOSS = "test log-loss"


def run(effort: Effort) -> Iterator[Row]:
    fits = effort.either(FITS // 20, FITS)
    draws = fits // (len(BUDGETS) * len(PENALTIES))
    arms = [
        in_process(OURS, "benchmarks.probes:ours", {"draws": draws}, effort.threads),
        in_process(THEIRS, "benchmarks.probes:scikit_learn", {"draws": draws}, effort.threads),
    ]
    measured = take_turns(arms, effort.either(1, 2))
    comparisons = [ratio(measured, OURS, THEIRS, "less"), agreement(measured, OURS, THEIRS, LOSS, 1e-3)]
    losses = "; ".join(f"{arm}: {compact(figures, [LOSS, 'test accuracy'])}" for arm, figures in measured.items())
    notes = [
        f"Means over all fits, {losses}.",
        "scikit-learn is LogisticRegression (lbfgs), its gradient held to 1e-4.",
    ]
    title = (
        f"{fits} softmax regressions on paper 1's 196 codes: {len(BUDGETS)} budgets of {BUDGETS[0]} to {BUDGETS[-1]}"
    )
    title += f" labels, {draws} draws, {len(PENALTIES)} penalties"
    yield Row("probes", title, "seconds", effort.threads, measured, comparisons, notes)


Solved = list[tuple[np.ndarray, np.ndarray]]
"""A fit's log-probabilities [TESTED, 10] and the classes its columns stand for."""

Solve = Callable[[np.ndarray, np.ndarray, Sequence[np.ndarray], np.ndarray], Solved]
"""Features, labels, the examples of every draw, and features to test on -> a fit for each draw and penalty."""


def ours(draws: int) -> Measure:
    probe = Probe(classes=10)

    def solve(x: np.ndarray, y: np.ndarray, indices: Sequence[np.ndarray], tested: np.ndarray) -> Solved:
        tasks = [Task(index, {"C": penalty}, len(index), seed=0) for index in indices for penalty in PENALTIES]
        return [(fitted.log_proba(tested), np.arange(10)) for fitted in probe.fit_all(x, y, tasks)]

    return timed(solve, draws)


def scikit_learn(draws: int) -> Measure:
    def solve(x: np.ndarray, y: np.ndarray, indices: Sequence[np.ndarray], tested: np.ndarray) -> Solved:
        fits = []
        for index in indices:
            for penalty in PENALTIES:
                model = LogisticRegression(C=penalty, max_iter=10_000).fit(x[index], y[index])
                fits.append((model.predict_log_proba(tested), model.classes_))
        return fits

    return timed(solve, draws)


def timed(solve: Solve, draws: int) -> Measure:
    """Both arms: features are computed beforehand, predictions of 1,000 examples are part of the time."""
    mnist = load_named("mnist")
    net = fresh_network(WORKLOADS["paper1"], 0).eval()
    features = features_of(Codes(net, Reconstruction()), Examples(mnist.x[: 10_000 + TESTED], standardising()))
    features = fit_centring(features).apply(features)
    x, tested, answers = features[:10_000], features[10_000:], mnist.y[10_000 : 10_000 + TESTED]

    def measure(repeat: int) -> dict[str, Any]:
        random = np.random.default_rng(repeat)
        indices = [drawn(random, mnist.y[: len(x)], budget) for budget in BUDGETS for _ in range(draws)]
        started = time.perf_counter()
        fits = solve(x, mnist.y[: len(x)], indices, tested)
        seconds = time.perf_counter() - started
        losses = [-log_proba[np.arange(TESTED), answers].mean() for log_proba, _ in fits]
        hits = [(classes[log_proba.argmax(axis=1)] == answers).mean() for log_proba, classes in fits]
        return {"value": seconds, LOSS: float(np.mean(losses)), "test accuracy": float(np.mean(hits))}

    solve(x, mnist.y[: len(x)], [drawn(np.random.default_rng(0), mnist.y[: len(x)], 30)], tested)
    return measure


def drawn(random: np.random.Generator, y: np.ndarray, budget: int) -> np.ndarray:
    """`budget` examples, equally many of each of the ten classes."""
    return np.concatenate([random.choice(np.flatnonzero(y == k), budget // 10, replace=False) for k in range(10)])
