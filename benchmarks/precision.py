"""bfloat16 against float32: the same training in both, what is gained, and what it does to loss and accuracy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from statistics import fmean, stdev
from typing import Any

from scipy import stats

from benchmarks.child import in_process
from benchmarks.rows import Comparison, Row, agreement, compact, ratio
from benchmarks.side_by_side import Effort, Measure, Measured, take_turns
from benchmarks.workloads import WORKLOADS, held_out_loss, mnist_train, standardising
from fewlabels.data import load_named
from fewlabels.objectives import Reconstruction
from fewlabels.training import Examples, Job, Numerics, Recipe, train
from fewlabels.training.numerics import Precision
from fewlabels.transfer import Codes, Probe, features_of, fit_centring, fit_one

HALF: Precision = "bfloat16"
FULL: Precision = "float32"
LOSS, ACCURACY = "held-out loss", "probe accuracy"
WITHIN = 0.02
LABELLED, TESTED = 1000, 10_000


def run(effort: Effort) -> Iterator[Row]:
    settings = {"steps": effort.either(20, 300)}
    arms = [
        in_process(arm, "benchmarks.precision:trained", {**settings, "precision": arm}, effort.threads)
        for arm in (HALF, FULL)
    ]
    measured = take_turns(arms, effort.either(2, 3))
    comparisons = [
        ratio(measured, HALF, FULL, "more"),
        agreement(measured, HALF, FULL, LOSS, WITHIN),
        accuracy_within_seeds(measured),
    ]
    results = "; ".join(f"{arm}: {compact(figures, [LOSS, ACCURACY])}" for arm, figures in measured.items())
    notes = [
        f"Means over seeds, {results}. Both evaluate in float32.",
        "Fast where the processor multiplies bfloat16 itself, slow where it does not.",
    ]
    title = f"Pretraining paper 1's autoencoder for {settings['steps']} steps of batch 256 in both precisions"
    title += f"; a probe of {LABELLED:,} labels on its codes"
    yield Row("precision", title, "images/s", effort.threads, measured, comparisons, notes)


def accuracy_within_seeds(arms: Mapping[str, Measured]) -> Comparison:
    """Whether the paired difference in accuracy is within its 95% interval over the seeds, that is, may be zero."""
    what, target = f"{ACCURACY}, {HALF} less {FULL}", "the seeds' interval holds 0"
    paired = zip(arms[HALF].repeats, arms[FULL].repeats, strict=False)
    apart = [half[ACCURACY] - full[ACCURACY] for half, full in paired]
    if len(apart) < 2:
        return Comparison(what, target=target, failure=arms[HALF].failure or arms[FULL].failure or "one seed alone")
    reach = float(stats.t.ppf(0.975, len(apart) - 1)) * stdev(apart) / len(apart) ** 0.5
    middle = fmean(apart)
    return Comparison(what, middle, middle - reach, middle + reach, target, abs(middle) <= reach)


def trained(steps: int, precision: Precision) -> Measure:
    workload, mnist = WORKLOADS["paper1"], load_named("mnist")
    x = Examples(mnist_train(50_000), standardising())
    labelled, tested = x.first(LABELLED), Examples(mnist.x[-TESTED:], standardising())

    def measure(repeat: int) -> dict[str, Any]:
        recipe = Recipe(steps=steps, batch_size=workload.batch, optimiser="adam", lr=workload.lr)
        net, history = train(job_in(precision, recipe, repeat), x)
        encode = Codes(net, Reconstruction())
        features = features_of(encode, labelled)
        centring, probe = fit_centring(features), Probe(classes=10)
        fitted = fit_one(probe, centring.apply(features), mnist.y[:LABELLED], probe.default, repeat)
        answers = fitted.log_proba(centring.apply(features_of(encode, tested))).argmax(axis=1)
        return {
            "value": steps * workload.batch / history.seconds,
            LOSS: held_out_loss(net),
            ACCURACY: float((answers == mnist.y[-TESTED:]).mean()),
        }

    train(job_in(precision, Recipe(steps=10, batch_size=workload.batch), 0), x)
    return measure


def job_in(precision: Precision, recipe: Recipe, seed: int) -> Job:
    """Training of paper 1's network in a precision."""
    numerics = Numerics(precision=precision)
    return Job(WORKLOADS["paper1"].network, Reconstruction(), recipe, seed, numerics=numerics)
