"""Made up for tests: run records with any accuracy, and a data set that is easy to learn."""

from collections.abc import Callable

import numpy as np

from fewlabels.data import Dataset
from fewlabels.metrics.verdict import pack_hits

N_TEST = 200


def row(method: str, budget: int, seed: int, accuracy: float, validation: float | None = 0.5, log_loss: float = 1.0):
    """A record whose hits agree with the accuracy, rounded to whole test examples."""
    right = round(accuracy * N_TEST)
    hits = np.arange(N_TEST) < right
    return {
        "kind": "run",
        "method": method,
        "budget": budget,
        "seed": seed,
        "status": "ok",
        "accuracy": right / N_TEST,
        "n_test": N_TEST,
        "hits": pack_hits(hits),
        "validation": None if validation is None else {"accuracy": validation, "log_loss": log_loss, "folds": 3},
    }


def study(gain: Callable[[int, int], float], budgets=(10, 100, 1000), seeds=5, spread=0.01, base=0.7):
    """Two methods, `new+probe` (pretrained) and `old` (control), apart by gain(budget, seed) at every cell."""
    rng = np.random.default_rng(0)
    rows = []
    for budget in budgets:
        for seed in range(seeds):
            level = base + rng.normal(0, spread)
            rows += [row("old", budget, seed, level), row("new+probe", budget, seed, level + gain(budget, seed))]
    return rows


def stripes(n=160, side=8, seed=0):
    """Images of horizontal (0) or vertical (1) stripes under noise: [n, 1, side, side] uint8."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 2
    pattern = np.indices((side, side))[:, :] % 2 * 180  # [2, side, side]
    x = pattern[y] + rng.integers(0, 76, (n, side, side))
    return Dataset("stripes", x[:, None].astype(np.uint8), y.astype(np.int64), ("horizontal", "vertical"))
