"""The two tables of what labels are made use of with: ways of transfer, and whole classifiers as controls.

A row here, and a study, `finetune`, the estimators, saved models, the page and the lists know it. Its functions have
names, since rows travel to worker processes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from torch import nn

from fewlabels.core.errors import InputError
from fewlabels.networks import convnet, seeded, small_cnn
from fewlabels.transfer.base import Learner, Start
from fewlabels.transfer.classical import (
    BOOSTING_RATES,
    DEFAULT_BOOSTING_RATE,
    DEFAULT_SHARE,
    DEFAULT_SOFTNESS,
    SHARES,
    SOFTNESS,
    Classical,
    fit_boosting,
    fit_forest,
    fit_machine,
)
from fewlabels.transfer.coordinates import neighbour_vote
from fewlabels.transfer.finetune import FineTune, WholeNetwork
from fewlabels.transfer.mlp import MlpHead, mlp_head
from fewlabels.transfer.probe import DEFAULT_PENALTY, PENALTIES, Probe
from fewlabels.transfer.rows import Control, Shape, Transfer
from fewlabels.transfer.spreading import DEFAULT_GRAPH, GRAPHS, Spreading
from fewlabels.transfer.student import DEFAULT_STUDENT_RATE, STUDENT_RATES, Student
from fewlabels.transfer.supervised import AUGMENTED_RATES, DEFAULT_AUGMENTED_RATE, DEFAULT_RATE, RATES, described
from fewlabels.transfer.tuning import FOLDS, ONE_SPLIT_FROM


def _probe(start: Start) -> Learner:
    return Probe(start.classes)


def _mlp(start: Start) -> Learner:
    return MlpHead(start.classes)


def _fine_tuned(start: Start) -> Learner:
    assert start.network is not None
    assert start.objective is not None
    parts = start.network, start.objective, start.centring, start.encoder_rate, start.layer, start.numerics
    return FineTune(start.classes, *parts)


def _linear_head(width: int, classes: int, settings: Mapping[str, int]) -> nn.Module:
    return nn.Linear(width, classes)


def _mlp_head(width: int, classes: int, settings: Mapping[str, int]) -> nn.Module:
    return mlp_head(width, settings["hidden"], classes)


def _neighbour_vote(width: int, classes: int, settings: Mapping[str, int]) -> nn.Module:
    return neighbour_vote(width, classes, settings["nodes"], settings["dimensions"], settings["k"])


def _whole(network: Callable[[Shape, int], nn.Module], shape: Shape, classes: int) -> Learner:
    build = partial(network, shape, classes)
    seeded(0, build)
    return WholeNetwork(build)


def _svm(shape: Shape, classes: int) -> Learner:
    return Classical(classes, fit_machine, default=DEFAULT_SOFTNESS)


def _forest(shape: Shape, classes: int) -> Learner:
    return Classical(classes, fit_forest, default=DEFAULT_SHARE)


def _boosting(shape: Shape, classes: int) -> Learner:
    if len(shape) > 1:
        raise InputError("boosting is for tables and vectors, and these are images; leave it out, or take 'forest'")
    return Classical(classes, fit_boosting, default=DEFAULT_BOOSTING_RATE)


TRANSFERS: dict[str, Transfer] = {
    "probe": Transfer(
        label="linear probe",
        summary="softmax regression on frozen features, solved to convergence",
        reads="features",
        make=_probe,
        settings=PENALTIES,
        default=DEFAULT_PENALTY,
        cost=1,
        batched=True,
        head=_linear_head,
    ),
    "mlp": Transfer(
        label="MLP head",
        summary="one hidden layer on frozen features",
        reads="features",
        make=_mlp,
        settings=RATES,
        default=DEFAULT_RATE,
        cost=3,
        batched=True,
        head=_mlp_head,
    ),
    "finetune": Transfer(
        label="fine-tuned",
        summary="encoder and linear head trained together, the encoder at a smaller rate",
        reads="examples",
        make=_fine_tuned,
        settings=AUGMENTED_RATES,
        default=DEFAULT_AUGMENTED_RATE,
        cost=40,
        batched=False,
        head=_linear_head,
    ),
    "graph": Transfer(
        label="labels spread over the graph",
        summary="labels spread over the graph of nearest neighbours among the unlabelled examples' features",
        reads="features",
        make=Spreading,
        settings=GRAPHS,
        default=DEFAULT_GRAPH,
        cost=4,
        batched=True,
        head=_neighbour_vote,
    ),
    "student": Transfer(
        label="student of the graph",
        summary="encoder and linear head taught by the graph over their own codes",
        reads="examples",
        make=Student,
        settings=STUDENT_RATES,
        default=DEFAULT_STUDENT_RATE,
        cost=400,
        batched=False,
        head=_linear_head,
        folds=1,
        by_default=False,
    ),
}

CONTROLS: dict[str, Control] = {
    "cnn": Control(
        label="paper 1's small CNN from scratch",
        summary="a small convolutional network from scratch; images only",
        make=partial(_whole, small_cnn),
        settings=AUGMENTED_RATES,
        default=DEFAULT_AUGMENTED_RATE,
        cost=40,
        batched=False,
        network=small_cnn,
        by_default=False,
    ),
    "convnet": Control(
        label="two convolutions from scratch",
        summary="convolutions of 16 and 32 channels from scratch, seven times the size of cnn; images only",
        make=partial(_whole, convnet),
        settings=AUGMENTED_RATES,
        default=DEFAULT_AUGMENTED_RATE,
        cost=80,
        batched=False,
        network=convnet,
        by_default=False,
    ),
    "svm": Control(
        label="support-vector machine",
        summary="a support-vector machine with an RBF kernel, on at most 50 principal components",
        make=_svm,
        settings=SOFTNESS,
        default=DEFAULT_SOFTNESS,
        cost=2,
        batched=False,
        network=None,
    ),
    "forest": Control(
        label="random forest",
        summary="a random forest of 200 trees on the inputs",
        make=_forest,
        settings=SHARES,
        default=DEFAULT_SHARE,
        cost=10,
        batched=False,
        network=None,
        by_default=False,
    ),
    "boosting": Control(
        label="gradient boosting",
        summary="gradient boosting of trees, 100 rounds; tables and vectors only",
        make=_boosting,
        settings=BOOSTING_RATES,
        default=DEFAULT_BOOSTING_RATE,
        cost=20,
        batched=False,
        network=None,
    ),
}


def tried_settings() -> dict[str, Any]:
    """Equal effort: the settings tried inside the labels, by name, and how they are validated, as JSON values."""
    rows: dict[str, Transfer | Control] = {**TRANSFERS, **CONTROLS}
    tried: dict[str, dict[str, Any]] = {}
    for name, row in rows.items():
        tried[name] = {"tried": list(map(dict, row.settings)), "default": dict(row.default)}
        if row.folds < FOLDS:
            tried[name]["folds"] = row.folds
    return {
        **tried,
        "recipe": described(),
        "validation": f"{FOLDS} folds inside the labels; one of them from {ONE_SPLIT_FROM} labels on",
    }
