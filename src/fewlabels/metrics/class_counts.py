"""Classes with their counts, in words, and how often always naming the most frequent one is right."""

from __future__ import annotations

from collections.abc import Sequence

MOST_LISTED = 12
"""Of more classes, only the most and the least frequent are named."""


def majority_share(counts: Sequence[int]) -> float:
    """The share of examples that are of the most frequent class: what always naming it gets right. Of none, 0."""
    return max(counts) / sum(counts) if any(counts) else 0.0


def classes_in_words(names: Sequence[str], counts: Sequence[int]) -> str:
    """One sentence for K classes, by their names and their numbers of examples.

    Examples
    --------
    >>> from fewlabels.metrics.class_counts import classes_in_words
    >>> classes_in_words(["cat", "dog"], [3, 9])
    '2 classes: cat (3), dog (9); always naming dog is right in 75.0%.'
    """
    order = sorted(range(len(names)), key=lambda k: counts[k])
    least, most = order[0], max(order, key=lambda k: (counts[k], -k))
    if len(names) <= MOST_LISTED:
        told = ": " + ", ".join(f"{name} ({count:,})" for name, count in zip(names, counts, strict=True))
    else:
        told = f", from {names[least]} ({counts[least]:,}) to {names[most]} ({counts[most]:,})"
    return f"{len(names):,} classes{told}; always naming {names[most]} is right in {majority_share(counts):.1%}."
