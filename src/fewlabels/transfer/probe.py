"""The linear probe: softmax regression on fixed features, all fits solved together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import nn

from fewlabels.transfer.base import Classifier, Inputs, Setting, Task
from fewlabels.transfer.logistic import Regression, softmax_regressions

PENALTIES: tuple[Setting, ...] = ({"C": 0.01}, {"C": 0.1}, {"C": 1.0})
DEFAULT_PENALTY: Setting = {"C": 0.1}


@dataclass(frozen=True)
class Probe:
    """Softmax regression on fixed features, solved to convergence for each of a few C:
    ``min_W,b sum_i -log softmax(W x_i + b)[y_i] + |W|^2 / (2 C)``.
    """

    classes: int
    settings: tuple[Setting, ...] = PENALTIES
    default: Setting = field(default_factory=lambda: DEFAULT_PENALTY)

    def fit_all(self, x: Inputs, y: np.ndarray, tasks: Sequence[Task]) -> list[Classifier]:
        """x: [n, D] features. The problems are convex: seeds are not used."""
        assert isinstance(x, np.ndarray)
        sets = {id(task.index): (x[task.index], y[task.index]) for task in tasks}
        regressions = [Regression(*sets[id(task.index)], task.setting["C"]) for task in tasks]
        return [_classifier(*solution) for solution in softmax_regressions(regressions, self.classes)]


def _classifier(weights: np.ndarray, intercepts: np.ndarray) -> Classifier:
    def log_proba(features: Inputs) -> np.ndarray:
        assert isinstance(features, np.ndarray)
        return log_softmax(features @ weights.T + intercepts)

    size = weights.size + intercepts.size
    return Classifier(log_proba, linear(weights, intercepts), trained=size, total=size)


def linear(weights: np.ndarray, intercepts: np.ndarray) -> nn.Linear:
    """The layer x -> W x + b, float32. weights: [K, D]; intercepts: [K]."""
    layer: nn.Linear = nn.utils.skip_init(nn.Linear, weights.shape[1], weights.shape[0])
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(weights))
        layer.bias.copy_(torch.from_numpy(intercepts))
    return layer


def log_softmax(logits: np.ndarray) -> np.ndarray:
    """[n, K] -> [n, K] log-probabilities."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_proba: np.ndarray = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return log_proba
