"""The statistics of a study: small functions of arrays, each with a known answer in the tests.

Throughout, `values` holds one number a seed, and a pair of arrays is paired by seed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import stats

MOST_ENUMERATED = 12


class Interval(NamedTuple):
    low: float
    high: float

    def excludes_zero(self) -> bool:
        return self.low > 0 or self.high < 0


def bootstrap_interval(
    values: Sequence[float], level: float = 0.95, resamples: int = 10_000, seed: int = 0
) -> Interval:
    """Percentile bootstrap interval of the mean. With few seeds it is narrow: it describes, it does not decide."""
    array = np.asarray(values, dtype=float)
    draws = np.random.default_rng(seed).integers(len(array), size=(resamples, len(array)))
    low, high = np.quantile(array[draws].mean(axis=1), [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(low), float(high))


def paired_interval(differences: Sequence[float], level: float = 0.95, comparisons: int = 1) -> Interval:
    """Student's t interval of the mean paired difference.

    With `comparisons` m > 1 the interval is widened to level 1 - (1 - level) / m (Bonferroni), so that all m
    intervals hold together at `level`. Needs two differences or more; all equal, it is a single point.
    """
    array = np.asarray(differences, dtype=float)
    mean, error = float(array.mean()), float(array.std(ddof=1)) / math.sqrt(len(array))
    reach = float(stats.t.ppf(1 - (1 - level) / (2 * comparisons), df=len(array) - 1)) * error
    return Interval(mean - reach, mean + reach)


def next_draw_interval(values: Sequence[float], level: float = 0.95) -> Interval:
    """Student's prediction interval: where one more value, drawn like these, falls with probability `level`.

    Exact for normal values. Needs two values or more. It holds the spread between draws as well as the error of the
    mean, so it does not shrink to a point as seeds are added.
    """
    array = np.asarray(values, dtype=float)
    reach = float(stats.t.ppf((1 + level) / 2, df=len(array) - 1) * array.std(ddof=1)) * math.sqrt(1 + 1 / len(array))
    return Interval(float(array.mean()) - reach, float(array.mean()) + reach)


def win_probability(differences: Sequence[float]) -> float:
    """Share of seeds in which the first wins; a tie counts half."""
    array = np.asarray(differences, dtype=float)
    return float((array > 0).mean() + (array == 0).mean() / 2)


def wilcoxon_p(differences: Sequence[float]) -> float:
    """Two-sided Wilcoxon signed-rank p-value, exact up to 12 seeds, ties and all; 1 when every difference is zero.

    Zeros are left out. With n seeds it cannot fall below 2 / 2**n: 0.0625 at five seeds.
    """
    array = np.asarray(differences, dtype=float)
    array = array[array != 0]
    if len(array) == 0:
        return 1.0
    if len(array) > MOST_ENUMERATED:
        return float(stats.wilcoxon(array).pvalue)
    ranks = stats.rankdata(np.abs(array))
    signs = (np.arange(2 ** len(array))[:, None] >> np.arange(len(array))) & 1  # every way the signs could fall
    distance = np.abs(signs @ ranks - ranks.sum() / 2)  # of the positive rank sum from its expectation
    return float((distance >= abs((array > 0) @ ranks - ranks.sum() / 2) - 1e-9).mean())


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down adjustment, in the order given."""
    p = np.asarray(p_values, dtype=float)
    order = np.argsort(p)
    adjusted = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    result = np.empty(len(p))
    result[order] = np.minimum(adjusted, 1.0)
    return [float(value) for value in result]


def sampling_error(scores: np.ndarray) -> float:
    """Standard error of a mean over test examples. scores: [n_test], one value an example.

    For an accuracy the scores are hits (0 or 1, or averaged over seeds); for a paired difference, differences of hits.
    """
    return float(np.std(scores, ddof=1) / math.sqrt(len(scores)))


def equivalent_labels(accuracy: float, budgets: Sequence[int], curve: Sequence[float]) -> float:
    """How many labels a learning curve needs to reach `accuracy`, linear in log(labels) between budgets.

    `curve` holds mean accuracies at increasing `budgets`; dips are levelled by the running maximum.
    Returns 0.0 where the first budget already reaches it with something to spare (fewer than the first), and
    math.inf where no budget does (more than the last).
    """
    best = np.maximum.accumulate(np.asarray(curve, dtype=float))
    if accuracy > best[-1]:
        return math.inf
    if accuracy < best[0]:
        return 0.0
    right = int(np.argmax(best >= accuracy))
    if right == 0 or best[right] == accuracy:
        return float(budgets[right])
    share = (accuracy - best[right - 1]) / (best[right] - best[right - 1])
    left, end = math.log(budgets[right - 1]), math.log(budgets[right])
    return math.exp(left + share * (end - left))
