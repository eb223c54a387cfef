"""`python -m benchmarks.temperatures`: what the prior on the temperature does to probabilities.

Mean log-loss (nats) on the test digits of several methods, over draws of few labels and of many: as fitted, with the
temperature that held-out labels give under the gamma prior alone and under the whole prior, and with the best there is
for the test data.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from unittest import mock

import numpy as np

from fewlabels.core.provenance import installed_versions
from fewlabels.data import load, make_pools
from fewlabels.metrics import calibration
from fewlabels.metrics.calibration import apply_temperature, fit_temperature
from fewlabels.study.data import identity, write_arrays
from fewlabels.study.plan import make_plan
from fewlabels.study.runner import Runner

Array = np.ndarray

QUICK = ("raw+probe", "random+probe", "denoising+probe", "denoising+mlp")
TRAINED = ("denoising+finetune", "scratch")
BUDGETS = (20, 30, 50, 100, 300)
HEADINGS = (
    "labels",
    "fits",
    "T = 1",
    "gamma alone",
    "whole prior",
    "best",
    "largest T, gamma",
    "whole",
    "held-out",
    "true",
)


def fits(methods: Sequence[str], draws: int) -> Iterator[tuple[int, list[float]]]:
    """For each method, budget and draw that could be validated: the budget, and what `figures` tells."""
    dataset = load("digits")
    pools = make_pools(dataset)
    plan = make_plan(dataset, pools, methods, BUDGETS, draws, device="cpu", precision="float32")
    with tempfile.TemporaryDirectory() as folder:
        data = identity(plan, dataset, pools)
        runner = Runner(write_arrays(plan, dataset, pools, Path(folder), data, installed_versions()))
        y = pools.test_y(dataset)
        for run in sorted(plan.runs(), key=lambda run: (run.method.name, run.budget)):
            _, outcome, test = runner.fit(run)
            if outcome.held_out is not None:
                yield run.budget, figures(*outcome.held_out, outcome.classifier.log_proba(test), y)


def figures(held_out: Array, held_out_y: Array, test: Array, y: Array) -> list[float]:
    """Those under HEADINGS, from the third on."""
    with mock.patch.object(calibration, "TRUSTED_FROM", 0.0):
        alone, best = fit_temperature(held_out, held_out_y), fit_temperature(test, y)
    whole = fit_temperature(held_out, held_out_y)
    losses = [
        -float(apply_temperature(test, temperature)[np.arange(len(y)), y].mean())
        for temperature in (1.0, alone, whole, best)
    ]
    shares = [float((found.argmax(1) == true).mean()) for found, true in ((held_out, held_out_y), (test, y))]
    return [*losses, alone, whole, *shares]


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser("python -m benchmarks.temperatures", description=__doc__)
    parser.add_argument("--draws", type=int, default=20, help="of labels; networks are trained for a third as many")
    draws = parser.parse_args(arguments).draws
    found: dict[int, list[list[float]]] = {budget: [] for budget in BUDGETS}
    for methods, count in ((QUICK, draws), (TRAINED, max(1, draws // 3))):
        for budget, row in fits(methods, count):
            found[budget].append(row)
    print(" | ".join(HEADINGS))
    for budget, rows in found.items():
        table = np.array(rows)
        error = (table[:, 2] - table[:, 1]).std(ddof=1) / len(table) ** 0.5
        losses = " | ".join(f"{loss:.3f}" for loss in table[:, :4].mean(0))
        largest = " | ".join(f"{temperature:.1f}" for temperature in table[:, 4:6].max(0))
        shares = " | ".join(f"{share:.1%}" for share in table[:, 6:].mean(0))
        print(f"{budget} | {len(table)} | {losses} (change ± {error:.3f}) | {largest} | {shares}")


if __name__ == "__main__":
    main()
