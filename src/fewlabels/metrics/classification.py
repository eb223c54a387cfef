"""How good a classifier is on labelled examples: accuracy, proper scores, classes one by one, calibration."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from fewlabels.core.errors import InputError
from fewlabels.core.printed_table import PrintedTable
from fewlabels.metrics.calibration import Array, as_labels, as_log_proba, blocks_of, wilson_interval
from fewlabels.metrics.class_counts import majority_share

BINS = 15
"""Of confidence, equally wide, as in Guo et al. (2017)."""


@dataclass(frozen=True)
class ClassFigures:
    """One class against all others. None where a figure is a share of nothing."""

    name: str
    precision: float | None
    """Of the examples predicted as it, the share that are; None where it was never predicted."""
    recall: float | None
    """Of its examples, the share that were found; None where it has no examples."""
    f1: float | None
    """Harmonic mean of the two, 2 TP / (2 TP + FP + FN); None where it has no examples and was never predicted."""
    support: int
    """Its examples."""


@dataclass(frozen=True)
class Reliability:
    """The examples whose confidence, the probability of the predicted class, lies in low < confidence <= high."""

    low: float
    high: float
    count: int
    confidence: float
    """Their mean confidence."""
    accuracy: float
    """The share of them that are right: equal to the confidence if it can be believed."""
    interval: tuple[float, float]
    """Wilson's, at 95%, of the accuracy."""


@dataclass(frozen=True, eq=False, repr=False)
class Evaluation:
    """The figures of a classifier on n labelled examples of K classes; printed, those of every class."""

    n: int
    classes: tuple[str, ...]
    accuracy: float
    accuracy_interval: tuple[float, float]
    """At 95% (Wilson 1927): over which examples came to be drawn, not over training again."""
    log_loss: float
    """Mean of -log p(true class) in nats; infinite where a true class has probability zero, for it is not clipped."""
    impossible: int
    """How many examples have a true class of probability zero: with one or more the log-loss is infinite."""
    brier: float
    """Mean over examples of the sum over classes of (p - [true])^2: 0 to 2 (Brier 1950)."""
    balanced_accuracy: float
    """Mean recall of the classes that have examples."""
    calibration_error: float
    """Expected calibration error: how far accuracy is from confidence, over 15 bins (Guo et al. 2017, eq. 3)."""
    per_class: tuple[ClassFigures, ...]
    """[K] in the order of the classes."""
    confusion: Array
    """[K, K] int64 counts, rows true, columns predicted."""
    reliability: tuple[Reliability, ...]
    """The bins that hold examples, least confident first."""

    @property
    def majority_share(self) -> float:
        """What always naming the most frequent class of these examples gets right, a fraction."""
        return majority_share([one.support for one in self.per_class])

    def printed(self) -> PrintedTable:
        """As it is printed."""
        low, high = (100 * end for end in self.accuracy_interval)
        rows = []
        for c in self.per_class:
            shares = ("-" if share is None else f"{share:.1%}" for share in (c.precision, c.recall, c.f1))
            rows.append((c.name, *shares, f"{c.support:,}"))
        title = f"Accuracy {self.accuracy:.1%} [{low:.1f}, {high:.1f}] on {self.n:,} examples"
        balanced = (
            f"Balanced accuracy {self.balanced_accuracy:.1%}; always the most frequent class {self.majority_share:.1%}."
        )
        calibration = f"Calibration error {100 * self.calibration_error:.1f} points, log-loss {self.log_loss:.4g} nats."
        return PrintedTable(title, ("class", "precision", "recall", "F1", "support"), rows, [balanced, calibration])

    def __repr__(self) -> str:
        return self.printed().text()

    def _repr_html_(self) -> str:
        return self.printed().html()

    def as_json(self) -> dict[str, Any]:
        """JSON values, never a NaN or an infinity: an infinite log-loss is null, and so is a share of nothing."""
        return {
            "n": self.n,
            "classes": list(self.classes),
            "accuracy": self.accuracy,
            "accuracy_interval": list(self.accuracy_interval),
            "log_loss": self.log_loss if math.isfinite(self.log_loss) else None,
            "impossible": self.impossible,
            "brier": self.brier,
            "balanced_accuracy": self.balanced_accuracy,
            "majority_share": self.majority_share,
            "calibration_error": self.calibration_error,
            "per_class": [asdict(figures) for figures in self.per_class],
            "confusion": self.confusion.tolist(),
            "reliability": [{**asdict(one), "interval": list(one.interval)} for one in self.reliability],
        }


def evaluate(log_proba: Array, y: Array, classes: Sequence[str]) -> Evaluation:
    """The figures of predictions beside the truth.

    The predicted class is the most likely one, the first of equals. Goes over the rows in blocks: beside the input it
    takes a few numbers an example.

    Parameters
    ----------
    log_proba
        [n, K] natural logarithms of probabilities; -inf is a probability of zero. Rows may miss a sum of one by 1e-3
        and are taken as they are.
    y
        [n] labels, 0 to K - 1.
    classes
        K names, which may repeat.

    Returns
    -------
    Evaluation
        Figures as fractions, losses in nats.

    Raises
    ------
    InputError
        For shapes that do not fit, no examples, labels out of range, a NaN, rows that do not sum to one.

    Examples
    --------
    >>> import numpy as np
    >>> from fewlabels.metrics import evaluate
    >>> found = evaluate(np.log([[0.8, 0.2], [0.6, 0.4]]), np.array([0, 1]), ["cat", "dog"])
    >>> found.accuracy, round(found.log_loss, 3), round(found.brier, 3)
    (0.5, 0.57, 0.4)
    """
    log_proba = as_log_proba(log_proba)
    y = as_labels(y, log_proba)
    n, k = log_proba.shape
    if n == 0:
        raise InputError("there are no examples to evaluate on; give at least one with a label")
    if len(classes) != k:
        raise InputError(f"{len(classes)} class names for {k} columns of log-probabilities; give one name a column")

    predicted, confidence = np.empty(n, dtype=np.int64), np.empty(n)
    loss = brier = 0.0
    impossible = 0
    for span, log_p, p in blocks_of(log_proba):
        rows, true = np.arange(len(p)), y[span]
        predicted[span] = log_p.argmax(axis=1)
        confidence[span] = np.minimum(p[rows, predicted[span]], 1)
        of_true = log_p[rows, true]
        loss -= float(of_true.sum())
        impossible += int(np.isneginf(of_true).sum())
        p[rows, true] -= 1
        brier += float(np.einsum("ij,ij->", p, p))

    confusion = np.bincount(y * k + predicted, minlength=k * k).reshape(k, k)
    right = int(np.trace(confusion))
    per_class = _per_class(confusion, [str(name) for name in classes])
    reliability = _reliability(confidence, predicted == y)
    return Evaluation(
        n=n,
        classes=tuple(figures.name for figures in per_class),
        accuracy=right / n,
        accuracy_interval=wilson_interval(right, n),
        log_loss=loss / n,
        impossible=impossible,
        brier=brier / n,
        balanced_accuracy=balanced_accuracy(confusion),
        calibration_error=sum(one.count * abs(one.accuracy - one.confidence) for one in reliability) / n,
        per_class=per_class,
        confusion=confusion,
        reliability=reliability,
    )


def balanced_accuracy(confusion: Array) -> float:
    """Mean recall of the classes that have examples. confusion: [K, K] counts, rows true, columns predicted."""
    hits, support = np.diag(confusion), confusion.sum(axis=1)
    return float(np.mean(hits[support > 0] / support[support > 0]))


def chance_calibration_error(bins: Sequence[Reliability]) -> float:
    """About what the calibration error would be, by chance alone, if all confidences could be believed.

    With n of N examples in a bin of mean confidence c, the share that are right then has standard deviation
    s = sqrt(c (1 - c) / n), and a normal one lies sqrt(2 / pi) s from c on average; bins weigh n / N.
    """
    spread = sum(math.sqrt(one.count * one.confidence * (1 - one.confidence)) for one in bins)
    return math.sqrt(2 / math.pi) * spread / sum(one.count for one in bins)


def frequent_confusions(confusion: Array, most: int) -> list[tuple[int, int, int]]:
    """The most frequent mistakes, most frequent first: true class, predicted class, count; equals in class order.

    confusion: [K, K], rows true, columns predicted. Mistakes that never happened are left out.
    """
    mistakes = confusion.copy()
    np.fill_diagonal(mistakes, 0)
    counts = mistakes.ravel()
    order = np.argsort(-counts, kind="stable")[: min(most, np.count_nonzero(counts))]
    return [(*(int(i) for i in np.unravel_index(at, confusion.shape)), int(counts[at])) for at in order]  # type: ignore[misc]


def worst_classes(per_class: Sequence[ClassFigures], most: int) -> list[ClassFigures]:
    """The classes of lowest F1, lowest first, of equals those with more examples; those without an F1 are left out."""
    judged = [(one.f1, -one.support, place) for place, one in enumerate(per_class) if one.f1 is not None]
    return [per_class[place] for _, _, place in sorted(judged)[:most]]


def _per_class(confusion: Array, names: Sequence[str]) -> tuple[ClassFigures, ...]:
    hits, support, predicted = np.diag(confusion), confusion.sum(axis=1), confusion.sum(axis=0)

    def share(part: int, whole: int) -> float | None:
        return part / whole if whole else None

    counts = zip(names, hits.tolist(), support.tolist(), predicted.tolist(), strict=True)
    return tuple(
        ClassFigures(name, share(hit, said), share(hit, there), share(2 * hit, there + said), there)
        for name, hit, there, said in counts
    )


def _reliability(confidence: Array, right: Array) -> tuple[Reliability, ...]:
    """Confidence [n] and whether the prediction was right [n] bool, in bins."""
    edges = np.arange(BINS + 1) / BINS
    bins = np.clip(np.searchsorted(edges, confidence, side="left") - 1, 0, BINS - 1)
    counts = np.bincount(bins, minlength=BINS).tolist()
    hits = np.bincount(bins[right], minlength=BINS).tolist()
    sums = np.bincount(bins, weights=confidence, minlength=BINS).tolist()
    return tuple(
        Reliability(
            low=float(edges[i]),
            high=float(edges[i + 1]),
            count=counts[i],
            confidence=sums[i] / counts[i],
            accuracy=hits[i] / counts[i],
            interval=wilson_interval(hits[i], counts[i]),
        )
        for i in range(BINS)
        if counts[i]
    )
