"""The way of transfer `graph`: labels spread over the neighbour graph of the unlabelled pool's features."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from fewlabels.transfer.base import ABSENT, Classifier, Inputs, Setting, Start, Task
from fewlabels.transfer.coordinates import NeighbourVote, Readings, anchors
from fewlabels.transfer.graph import Graph, Labelled, neighbour_graph, poisson, spread
from fewlabels.transfer.neighbours import Nearest
from fewlabels.transfer.nodes import Nodes, Pool, check_finite, make_nodes, project
from fewlabels.transfer.probe import log_softmax

GRAPHS: tuple[Setting, ...] = (
    {"k": 10, "alpha": 0.99, "whitening": 0.5},
    {"k": 10, "alpha": 1.0, "whitening": 0.0},
    {"k": 10, "alpha": 0.9, "whitening": 0.5},
)
DEFAULT_GRAPH: Setting = GRAPHS[1]

AT_ONCE = 2**26
"""Numbers of the solutions that are found together: 256 MB."""

MARGIN = 5.0
"""Mean difference of the two largest logits over the nodes: what they are scaled to, before any temperature."""

ALIGNED = 4000
"""Nodes that the shares of the classes are counted on, evenly spread over all."""

MOST_ROUNDS, CLOSE = 30, 0.01
"""Of the search for offsets that align the shares, which ends where none is further off than 1%."""

FARTHEST = 1.0
"""Of such an offset: where the parts of a graph are far apart, labels that were drawn by other shares than the pool
must not rename a whole part."""

Priors = Literal["labels", "uniform"]


@dataclass(frozen=True)
class Spreading:
    """Labels spread over the graph of nearest neighbours whose nodes are the unlabelled pool.

    A labelled input that is no node has its label at its k nearest ones, in shares by the weights of these neighbours.
    With `alpha` 1 by Poisson learning, below by label spreading, whose rows are scaled to sum to 1; the labels of a
    class weigh the same together, whatever their number, as class mass normalisation has it (Zhu et al. 2003). Logits
    are these scores scaled so that the two largest are MARGIN apart on average. Where a connected component has m >= 1
    labels, none of them of class k, that class loses log(1 + m), which is Laplace's rule of succession; where it has
    none, the logits are the logarithms of b, what is believed of the classes' shares among the nodes. At last a number
    for each class is added, so that the mean of softmax(logits) over the nodes is t_k, proportional to sqrt(v_k b_k),
    where v is that mean without it, or as near to that as numbers from -FARTHEST to FARTHEST come: an alignment of the
    distribution (Berthelot et al. 2020, ReMixMatch) that goes halfway.

    New inputs are read off their k nearest nodes.

    Attributes
    ----------
    priors
        b: 'labels', (n_k + 1) / (n + K) of n labels; or 'uniform'. Classes without a label have none.

    References
    ----------
    Zhu, Ghahramani, Lafferty 2003, Semi-supervised learning using Gaussian fields and harmonic functions. Berthelot
    et al. 2020, ReMixMatch: semi-supervised learning with distribution alignment and augmentation anchoring.
    """

    start: Start
    priors: Priors = "labels"
    settings: tuple[Setting, ...] = GRAPHS
    default: Setting = field(default_factory=lambda: DEFAULT_GRAPH)
    known: dict[float, Nodes] = field(default_factory=dict, repr=False, compare=False)

    def fit_all(self, x: Inputs, y: np.ndarray, tasks: Sequence[Task]) -> list[Classifier]:
        """x: [n, D] features. Seeds are not used."""
        assert isinstance(x, np.ndarray)
        check_finite(x)
        by_setting: dict[tuple[tuple[str, float], ...], list[int]] = {}
        for number, task in enumerate(tasks):
            by_setting.setdefault(tuple(sorted(task.setting.items())), []).append(number)
        fitted: dict[int, Classifier] = {}
        for setting, numbers in by_setting.items():
            found = self._fit(x, y, [tasks[number] for number in numbers], dict(setting))
            fitted.update(zip(numbers, found, strict=True))
        return [fitted[number] for number in range(len(tasks))]

    def _fit(self, x: np.ndarray, y: np.ndarray, tasks: Sequence[Task], setting: Setting) -> list[Classifier]:
        nodes = self._nodes(setting["whitening"])
        graph, classes = _graph(nodes, setting), self.start.classes
        labelled = _labelled(nodes, x, y, [task.index for task in tasks], _neighbours(nodes, setting))
        reader = Reader(Readings(nodes.coordinates, nodes.points, _neighbours(nodes, setting)))
        together = max(1, AT_ONCE // (len(nodes.points) * classes))
        classifiers = []
        for first in range(0, len(tasks), together):
            part = labelled[first : first + together]
            values = node_logits(graph, part, classes, setting["alpha"], self.priors)
            classifiers += [_classifier(reader, torch.from_numpy(own)) for own in values]
        return classifiers

    def pool_logits(self, x: np.ndarray, y: np.ndarray, setting: Setting) -> np.ndarray:
        """What labels say of every example of `pool_of`: logits [U, K] float32. x: [m, D] features; y: [m]."""
        nodes = self._nodes(setting["whitening"])
        labelled = _labelled(nodes, x, y, [np.arange(len(y))], _neighbours(nodes, setting))
        values = node_logits(_graph(nodes, setting), labelled, self.start.classes, setting["alpha"], self.priors)
        pool: np.ndarray = values[0, nodes.place]
        return pool

    @cached_property
    def _pool(self) -> Pool:
        return project(self.start)

    def _nodes(self, whitening: float) -> Nodes:
        """Made once: settings are first tried and then chosen."""
        if whitening not in self.known:
            most = max(int(setting["k"]) for setting in (*self.settings, self.default))
            self.known[whitening] = make_nodes(self._pool, whitening, most)
        return self.known[whitening]


def _neighbours(nodes: Nodes, setting: Setting) -> int:
    return min(int(setting["k"]), nodes.found.numbers.shape[1])


def _graph(nodes: Nodes, setting: Setting) -> Graph:
    k = _neighbours(nodes, setting)
    return neighbour_graph(Nearest(nodes.found.squared[:, :k], nodes.found.numbers[:, :k]), nodes.cell)


def _labelled(nodes: Nodes, x: np.ndarray, y: np.ndarray, indices: Sequence[np.ndarray], k: int) -> list[Labelled]:
    """The labels of each task at the nodes that stand for its inputs. x: [n, D]; y: [n]; indices: of each task, [m]."""
    anchor, share = (part.numpy() for part in anchors(nodes.coordinates(torch.from_numpy(x)), nodes.points, k))
    tasks = []
    for index in indices:
        some = share[index] > 0
        tasks.append(Labelled(anchor[index][some], y[index].repeat(some.sum(axis=1)), share[index][some]))
    return tasks


def node_logits(graph: Graph, tasks: Sequence[Labelled], classes: int, alpha: float, priors: Priors) -> np.ndarray:
    """[T, N, K] float32, as `Spreading` says."""
    scores = poisson(graph, tasks, classes) if alpha == 1 else spread(graph, tasks, classes, alpha).clip(0)
    for number, task in enumerate(tasks):
        counts = task.counts(classes)
        present = counts > 0
        scores[number] /= np.where(present, counts, 1).astype(scores.dtype)
        if alpha < 1:
            scores[number] /= scores[number].sum(axis=1, keepdims=True).clip(np.finfo(scores.dtype).tiny)
        believed = present * ((counts + 1) if priors == "labels" else 1)
        believed = believed / believed.sum()
        scores[number, ~np.isin(graph.component, graph.component[task.nodes])] = 0  # not what rounding has left there
        scores[number] = _scaled(scores[number], present) + _offsets(graph, task, believed)[graph.component]
        scores[number, :, present] += _alignment(scores[number][:, present], believed[present])[:, None]
    return scores.astype(np.float32, copy=False)


def _alignment(logits: np.ndarray, believed: np.ndarray) -> np.ndarray:
    """a [K], to be added to logits [N, K], so that the mean of softmax(logits + a) is halfway, by logarithms, from that
    of softmax(logits) to what is believed of the classes' shares, [K]. Found on at most ALIGNED of the nodes.
    """
    logits = logits[:: -(-len(logits) // ALIGNED)].astype(np.float64)
    added = np.zeros(len(believed))

    def shares() -> np.ndarray:
        odds = np.exp(logits + added - (logits + added).max(axis=1, keepdims=True))
        mean: np.ndarray = (odds / odds.sum(axis=1, keepdims=True)).mean(axis=0)
        return mean.clip(1e-9)

    wanted = np.sqrt(shares() * believed)
    wanted /= wanted.sum()
    for _ in range(MOST_ROUNDS):
        apart = np.log(wanted / shares())
        if np.abs(apart).max() < CLOSE:
            break
        added = (added + apart).clip(-FARTHEST, FARTHEST)
    return added


def _scaled(scores: np.ndarray, present: np.ndarray) -> np.ndarray:
    """The scores [N, K] times what makes the mean margin of the classes that are present MARGIN."""
    if present.sum() < 2:
        return np.zeros_like(scores)
    largest = np.partition(scores[:, present], -2, axis=1)[:, -2:]
    margin = float((largest[:, 1] - largest[:, 0]).mean())
    scaled: np.ndarray = scores * scores.dtype.type(MARGIN / margin if margin > 0 else 0.0)
    return scaled


def _offsets(graph: Graph, task: Labelled, believed: np.ndarray) -> np.ndarray:
    """[components, K]: what the labels of a component say by being there. believed: [K], 0 where there is no label."""
    counts = np.zeros((graph.component.max() + 1, len(believed)))
    np.add.at(counts, (graph.component[task.nodes], task.y), task.share)
    total = counts.sum(axis=1, keepdims=True)
    prior = np.log(np.maximum(believed, 1e-30))
    offsets = np.where(total == 0, prior, np.where(counts == 0, -np.log1p(total), 0))
    offsets[:, believed == 0] = ABSENT
    return offsets


class Reader:
    """`Readings` of arrays; the last are kept, since many classifiers read the same inputs off the same nodes."""

    def __init__(self, readings: Readings) -> None:
        self.readings = readings
        self._last: tuple[bytes, tuple[Tensor, Tensor]] | None = None

    def __call__(self, x: np.ndarray) -> tuple[Tensor, Tensor]:
        key = hashlib.sha256(x.tobytes()).digest()
        if self._last is None or self._last[0] != key:
            self._last = key, self.readings(torch.from_numpy(x))
        return self._last[1]


def _classifier(reader: Reader, values: Tensor) -> Classifier:
    vote = NeighbourVote(reader.readings, values)

    def log_proba(features: Inputs) -> np.ndarray:
        assert isinstance(features, np.ndarray)
        index, weights = reader(features)
        parts = zip(index.split(1000), weights.split(1000), strict=True)
        return log_softmax(torch.cat([vote.vote(*part) for part in parts]).double().numpy())

    readings = reader.readings
    head = {"nodes": len(values), "dimensions": readings.nodes.shape[1], "k": readings.k}
    total = sum(buffer.numel() for buffer in vote.buffers())
    return Classifier(log_proba, vote, trained=values.numel(), total=total, head=head)
