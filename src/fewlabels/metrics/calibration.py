"""Whether confidence can be believed, and what to do about it: temperature, abstention, an interval for a share."""

from __future__ import annotations

import math
from collections.abc import Iterator
from statistics import NormalDist

import numpy as np

from fewlabels.core.errors import InputError
from fewlabels.data.blocks import block_length, spans

LEAST_TEMPERATURE, MOST_TEMPERATURE = 0.05, 20.0
PRIOR_WEIGHT = 1.0
"""How much the gamma prior on the temperature weighs, in examples: see `fit_temperature`."""
TRUSTED_FROM = 8.0
"""Held-out labels a class from which on they may move log T by about one: see `fit_temperature`."""
LEAST_LOG = math.log(np.finfo(np.float64).smallest_subnormal)
"""A probability that was rounded to zero counts as the smallest float64 above zero, in fitting alone."""


def wilson_interval(hits: int, n: int, level: float = 0.95) -> tuple[float, float]:
    """The score interval of a share: it keeps its level near 0 and 1, and stays within them.

    Parameters
    ----------
    hits, n
        The share is hits of n.
    level
        Of confidence, between 0 and 1.

    Returns
    -------
    tuple
        Its lower and upper end, fractions.

    Raises
    ------
    InputError
        For n < 1, hits outside 0 to n, and a level outside 0 to 1.

    References
    ----------
    E. B. Wilson (1927), Probable inference, the law of succession, and statistical inference.

    Examples
    --------
    >>> from fewlabels.metrics import wilson_interval
    >>> low, high = wilson_interval(9, 10)
    >>> round(low, 3), round(high, 3)
    (0.596, 0.982)
    """
    if not (n >= 1 and 0 <= hits <= n and 0 < level < 1):
        raise InputError(
            f"{hits} of {n} at level {level} has no interval; allowed are 0 to n hits of n >= 1 and a level between 0 "
            "and 1: count the examples again"
        )
    z = NormalDist().inv_cdf((1 + level) / 2)
    share, scale = hits / n, 1 + z * z / n
    centre = (share + z * z / (2 * n)) / scale
    reach = z / scale * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    low = 0.0 if hits == 0 else max(0.0, centre - reach)  # exactly, where rounding would miss it
    high = 1.0 if hits == n else min(1.0, centre + reach)
    return low, high


def constant_confidence_loss(accuracy: float, classes: int) -> float:
    """The log-loss in nats of a classifier that is right this often and always claims just that.

    It gives its class probability `accuracy`, and the others of K `classes` equal shares of the rest:
    -a log(a) - (1 - a) log((1 - a) / (K - 1)). A classifier with a higher log-loss, as often right, has confidences
    that say less than its accuracy alone.
    """
    wrong = 1 - accuracy
    right_part = -accuracy * math.log(accuracy) if accuracy else 0.0
    return right_part - (wrong * math.log(wrong / (classes - 1)) if wrong else 0.0)


def fit_temperature(log_proba: Array, y: Array) -> float:
    """The temperature T, 0.05 to 20, that makes softmax(log_proba / T) fit held-out labels.

    The mean log-loss alone has no minimum where all examples are right (T -> 0) or where guessing would do better (T ->
    infinity), and a handful of held-out examples often are. So T has a prior of mode 1 with two factors, and minimised
    is the sum of the log-losses plus, with b = 1/T,

        PRIOR_WEIGHT * (b - 1 - log b) + log(T)^2 / (2 s^2),  s = n / (TRUSTED_FROM * K).

    The first is a gamma density of b that weighs as much as one example; 95% of it lies between T = 0.18 and 4.1, and
    its pull fades as 1/n. The second is a Gaussian density of log T, and what it doubts is not the number of examples
    but who answered: with few labels a class, the classifiers of the folds had far fewer than the one that the
    temperature is for, and were wrong more often than it will be. So its deviation s grows with the held-out labels a
    class: with 2 it is 1/4, and 95% lies between T = 0.61 and 1.6; with 8 it is 1; its pull fades as 1/n^3. What both
    do to the probabilities of digits, `python -m benchmarks.temperatures` tells.

    Parameters
    ----------
    log_proba
        [n, K] of examples the classifier was not trained on. A probability of zero stays evidence against confidence:
        it counts as 5e-324.
    y
        [n] their labels, 0 to K - 1.

    Returns
    -------
    float
        1.0 for fewer than two examples, and, by the prior, where no temperature changes the loss (all classes equally
        likely in every row).

    Raises
    ------
    InputError
        For what `evaluate` refuses, except that there may be no examples.

    References
    ----------
    Guo et al. (2017), On calibration of modern neural networks, section 4.2.
    """
    from scipy.optimize import minimize_scalar

    log_proba = as_log_proba(log_proba)
    y = as_labels(y, log_proba)
    gaps = np.empty(log_proba.shape)  # log-odds of each class against the true one: all that the loss depends on
    for span, log_p, _ in blocks_of(log_proba):
        np.maximum(log_p, LEAST_LOG, out=gaps[span])
        gaps[span] -= gaps[span][np.arange(len(log_p)), y[span]][:, None]
    if len(y) < 2:
        return 1.0
    scaled = np.empty_like(gaps)
    doubt: float = (TRUSTED_FROM * log_proba.shape[1] / len(y)) ** 2

    def cost(log_inverse: float) -> float:
        b = math.exp(log_inverse)
        np.multiply(gaps, b, out=scaled)
        prior = PRIOR_WEIGHT * (b - 1 - log_inverse) + doubt * log_inverse * log_inverse / 2
        return (float(_log_sum_exp(scaled).sum()) + prior) / len(y)

    bounds = (-math.log(MOST_TEMPERATURE), -math.log(LEAST_TEMPERATURE))
    found = minimize_scalar(cost, bounds=bounds, method="bounded", options={"xatol": 1e-6})
    return float(math.exp(-found.x))


def apply_temperature(log_proba: Array, temperature: float) -> Array:
    """[n, K] float64 log-probabilities of softmax(log_proba / temperature); the order of classes never changes. Raises
    InputError for a temperature that is not a positive number, and for rows that are no log-probabilities.
    """
    log_proba = as_log_proba(log_proba)
    if not (math.isfinite(temperature) and temperature > 0):
        raise InputError(
            f"the temperature is {temperature!r}; allowed are numbers above 0: fit it with fit_temperature"
        )
    tempered = np.empty(log_proba.shape)
    for span, log_p, _ in blocks_of(log_proba):
        scaled = (log_p - log_p.max(axis=1, keepdims=True)) / temperature
        tempered[span] = scaled
        tempered[span] -= _log_sum_exp(scaled)[:, None]
    return tempered


def abstain(log_proba: Array, threshold: float) -> Array:
    """[n] bool, true where the most likely class has a probability below the threshold: better ask a person. Raises
    InputError for a threshold outside 0 to 1, and for rows that are no log-probabilities.
    """
    log_proba = as_log_proba(log_proba)
    if not 0 <= threshold <= 1:
        raise InputError(f"the threshold is {threshold!r}; allowed are probabilities, 0 to 1; 0 never abstains")
    mask = np.empty(len(log_proba), dtype=bool)
    for span, _, p in blocks_of(log_proba):
        mask[span] = p.max(axis=1) < threshold
    return mask


def _log_sum_exp(scaled: Array) -> Array:
    """[B] of [B, K], whose values are lost."""
    top = scaled.max(axis=1, keepdims=True)
    scaled -= top
    np.exp(scaled, out=scaled)
    sums: Array = top[:, 0] + np.log(scaled.sum(axis=1))
    return sums


Array = np.ndarray

TOLERANCE = 1e-3
"""How far from one the probabilities of an example may sum: float32 over many classes, never a forgotten softmax."""


def as_log_proba(log_proba: Array) -> Array:
    """[n, K] floats of two classes or more, as given. Raises InputError for anything else; looks at no value."""
    array = np.asarray(log_proba)
    if array.ndim != 2 or array.shape[1] < 2 or array.dtype.kind != "f":
        raise InputError(
            f"log-probabilities have shape {array.shape} and type {array.dtype}; they must be floats [n, K] of K >= 2 "
            "classes: give one row an example, one column a class"
        )
    return array


def as_labels(y: Array, log_proba: Array) -> Array:
    """[n] int64 labels for log-probabilities [n, K]. Raises InputError for other shapes and types, and out of range."""
    array, (n, k) = np.asarray(y), log_proba.shape
    if array.shape != (n,) or array.dtype.kind not in "iu":
        raise InputError(
            f"labels have shape {array.shape} and type {array.dtype} beside {n} rows of log-probabilities; they must "
            f"be [{n}] whole numbers: give one label a row"
        )
    outside = np.flatnonzero((array < 0) | (array >= k))
    if len(outside):
        raise InputError(
            f"the label of example {outside[0]} is {array[outside[0]]}; allowed are 0 to {k - 1}: leave out examples "
            "without a label, and number the labels as the classes are"
        )
    return array.astype(np.int64, copy=False)


def blocks_of(log_proba: Array) -> Iterator[tuple[slice, Array, Array]]:
    """Rows of [n, K] log-probabilities a few megabytes at a time, so that no copy of all is ever made.

    Yields the slice, its log-probabilities [B, K] float64 and their exponentials, an array that the caller may change.
    Raises InputError on reaching a row that holds a NaN or whose probabilities do not sum to one.
    """
    for span in spans(len(log_proba), block_length(log_proba.shape[1:], itemsize=8)):
        log_p = log_proba[span].astype(np.float64, copy=False)
        with np.errstate(over="ignore"):
            p = np.exp(log_p)
        sums = p.sum(axis=1)
        bad = np.flatnonzero(~(np.abs(sums - 1) <= TOLERANCE))  # NaN is bad, too
        if len(bad):
            found = "hold a NaN" if np.isnan(sums[bad[0]]) else f"have exponentials that sum to {sums[bad[0]]:.6g}"
            raise InputError(
                f"the log-probabilities of example {span.start + bad[0]} {found}; a row must sum to one within "
                f"{TOLERANCE:g}: give natural logarithms of softmax outputs, not raw scores, and look at the training"
            )
        yield span, log_p, p
