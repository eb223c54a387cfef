"""Classifiers of scikit-learn as controls: what anybody would try first, on the scaled numbers themselves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from fewlabels.training import Examples
from fewlabels.transfer.base import ABSENT, Classifier, Inputs, Setting, Task
from fewlabels.transfer.features import Raw, features_of
from fewlabels.transfer.probe import log_softmax

SOFTNESS: tuple[Setting, ...] = ({"C": 1.0}, {"C": 10.0}, {"C": 100.0})
DEFAULT_SOFTNESS: Setting = {"C": 10.0}

SHARES: tuple[Setting, ...] = ({"features": 0.5}, {"features": 1.0}, {"features": 2.0})
"""Of the square root of the number of features, how many a split of a tree chooses among."""
DEFAULT_SHARE: Setting = {"features": 1.0}

BOOSTING_RATES: tuple[Setting, ...] = ({"lr": 0.03}, {"lr": 0.1}, {"lr": 0.3})
DEFAULT_BOOSTING_RATE: Setting = {"lr": 0.1}

COMPONENTS = 50
TREES = 200
ROUNDS = 100
MOST_IN_LEAF = 20


class Fitted(Protocol):
    """What is fitted to labelled features and gives logits."""

    @property
    def size(self) -> int:
        """Numbers that were fitted."""
        ...

    def logits(self, x: np.ndarray) -> np.ndarray:
        """Features [n, D] -> [n, c] of the c classes that had labels, in their order."""
        ...


Fit = Callable[[np.ndarray, np.ndarray, Setting, int], Fitted]
"""Features [n, D] float32, labels [n] of at least two classes 0, 1, ..., a setting and a seed."""


@dataclass(frozen=True)
class Classical:
    """Fits a model of scikit-learn a task, on the scaled numbers. Where labels are of one class, that is the answer."""

    classes: int
    fit: Fit
    default: Setting
    settings: tuple[Setting, ...] = ()

    def fit_all(self, x: Inputs, y: np.ndarray, tasks: Sequence[Task]) -> list[Classifier]:
        """x: examples."""
        assert isinstance(x, Examples)
        raw = features_of(Raw(), x)
        return [self._fitted(raw[task.index], y[task.index], task) for task in tasks]

    def _fitted(self, x: np.ndarray, y: np.ndarray, task: Task) -> Classifier:
        present, own = np.unique(y, return_inverse=True)
        model = self.fit(x, own, task.setting, task.seed) if len(present) > 1 else None

        def log_proba(given: Inputs) -> np.ndarray:
            assert isinstance(given, Examples)
            found = np.full((len(given), self.classes), ABSENT)
            found[:, present] = 0 if model is None else model.logits(features_of(Raw(), given))
            return log_softmax(found)

        size = 0 if model is None else model.size
        return Classifier(log_proba, None, trained=size, total=size)


@dataclass(frozen=True)
class Machine:
    """A support-vector machine; `components`: what comes before it, or None."""

    model: Any
    components: Any

    @property
    def size(self) -> int:
        return int(self.model.dual_coef_.size + self.model.intercept_.size)

    def logits(self, x: np.ndarray) -> np.ndarray:
        found = self.model.decision_function(x if self.components is None else self.components.transform(x))
        both: np.ndarray = found if found.ndim == 2 else np.stack([-found, found], axis=1)
        return both


def fit_machine(x: np.ndarray, y: np.ndarray, setting: Setting, seed: int) -> Machine:
    """With the kernel exp(-|a - b|^2 / (D var x)) on the numbers, or, of more than 50, on as many principal components
    of the labelled examples. Logits are the decision values of one class against the rest.
    """
    from sklearn.decomposition import PCA  # takes longer to import than most fits
    from sklearn.svm import SVC

    components = None
    if x.shape[1] > COMPONENTS:
        components = PCA(min(COMPONENTS, len(x)), random_state=0).fit(x)
        x = components.transform(x)
    return Machine(SVC(C=setting["C"], random_state=seed).fit(x, y), components)


@dataclass(frozen=True)
class Trees:
    """model: gives probabilities. smoothing: what is added to each, so that none is zero."""

    model: Any
    size: int
    smoothing: float

    def logits(self, x: np.ndarray) -> np.ndarray:
        found: np.ndarray = np.log(self.model.predict_proba(x) + self.smoothing)
        return found


def fit_forest(x: np.ndarray, y: np.ndarray, setting: Setting, seed: int) -> Trees:
    """A random forest of 200 trees (Breiman 2001); each class has the vote of one tree more."""
    from sklearn.ensemble import RandomForestClassifier

    features = min(x.shape[1], max(1, round(setting["features"] * x.shape[1] ** 0.5)))
    forest = RandomForestClassifier(TREES, max_features=features, random_state=seed, n_jobs=1).fit(x, y)
    return Trees(forest, sum(tree.tree_.node_count for tree in forest.estimators_), 1 / TREES)


def fit_boosting(x: np.ndarray, y: np.ndarray, setting: Setting, seed: int) -> Trees:
    """Gradient boosting of trees over histograms (Friedman 2001; Ke et al. 2017), 100 rounds; a leaf has a tenth of the
    labels of a class or more, 20 at most. Its size is that of leaves at most.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier

    smallest = int(np.clip(len(y) // (10 * len(np.unique(y))), 1, MOST_IN_LEAF))
    model = HistGradientBoostingClassifier(
        learning_rate=setting["lr"], max_iter=ROUNDS, min_samples_leaf=smallest, early_stopping=False, random_state=seed
    ).fit(x, y)
    return Trees(model, model.n_iter_ * model.n_trees_per_iteration_ * 31, 1e-6)
