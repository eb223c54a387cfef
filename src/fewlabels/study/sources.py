"""Where features come from: raw numbers, PCA, a random or a pretrained encoder; what is promised of them, by hashes."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from torch import nn

from fewlabels.core.errors import FewlabelsError, IntegrityError
from fewlabels.core.files import cache_folder
from fewlabels.networks import Autoencoder, outline, state_hash
from fewlabels.objectives import Objective
from fewlabels.pipelines.encoder_specs import RANDOM, EncoderSpec, parse_encoder_spec
from fewlabels.study.data import Materials, StudyData
from fewlabels.study.plan import SourceKey
from fewlabels.training import EncoderStore, Examples, Pretrained, build
from fewlabels.transfer import (
    FINE_TUNING_RATE,
    Centring,
    Raw,
    Start,
    features_at,
    features_of,
    first_that_fit,
    fit_centring,
    fit_pca,
)

FROM_SCRATCH_RATE = 1.0
"""The encoder's learning rate as a share of the head's, where there is nothing to keep."""


@dataclass(frozen=True, eq=False)
class Encoder:
    """A frozen encoder, random or pretrained.

    state: the SHA-256 of its weights and buffers, which must not change.
    centring: of its codes, fitted on the unlabelled pool.
    trained: parameters that pretraining trained: the encoder's, the decoder's and the heads'.
    """

    net: Autoencoder
    objective: Objective
    state: str
    centring: Centring
    pretrained: Pretrained | None
    promises: tuple[str, ...]
    trained: int

    def copy(self) -> Autoencoder:
        """A copy to fine-tune. Raises IntegrityError unless it equals the encoder as it was."""
        net = copy.deepcopy(self.net)
        require_equal(self.state, state_hash(net), "a transferred encoder equals its source")
        return net

    def verify(self) -> str:
        """The promise kept. Raises IntegrityError when the weights have changed since."""
        return require_equal(self.state, state_hash(self.net), "the encoder is unchanged after the run")


@dataclass(frozen=True, eq=False)
class Source:
    """Centred features of every labelled and test example, [N, D] float32, what gives them, and the encoder, if any.

    features: a scaled batch [B, *input_shape] -> [B, D], not centred yet.
    """

    labelled: np.ndarray
    test: np.ndarray
    features: nn.Module
    centring: Centring
    encoder: Encoder | None
    seconds: float
    """Spent on learning from the unlabelled pool."""
    layer: str | None = None
    """Of the encoder, that the features are read from; None: its code."""

    def start(self, classes: int, unlabelled: Callable[[], Examples]) -> Start:
        """What ways of transfer begin with."""
        if self.encoder is None:
            return Start(classes, self.features, self.centring, unlabelled)
        rate = FROM_SCRATCH_RATE if self.encoder.pretrained is None else FINE_TUNING_RATE
        encoder = self.encoder.copy, self.encoder.objective, rate, self.layer
        return Start(classes, self.features, self.centring, unlabelled, *encoder)


def make_source(key: SourceKey, materials: Materials, data: StudyData) -> Source:
    """Compute the features of a source; a pretrained encoder comes from the store, or is trained and kept there."""
    name, seed = key
    started = time.perf_counter()
    if name == "raw":
        return _source(Raw(), data, None, 0.0)
    if name == "pca":
        latent_dim = outline(materials.plan.network, data.shape).latent_dim
        components = fit_pca(data.unlabelled, latent_dim, seed)
        return _source(components, data, None, time.perf_counter() - started)

    spec = parse_encoder_spec(name)
    assert spec is not None
    job = materials.plan.job(spec, seed)
    objective = job.objective
    whole = build(job, data.shape).eval()
    start, trained = whole.without_heads(), sum(p.numel() for p in whole.parameters() if p.requires_grad)
    if spec.objective == RANDOM:
        features = features_at(start, objective, spec.layer)
        return _source(features, data, (start, objective, None, (), 0), 0.0, spec.layer)
    store = EncoderStore(cache_folder() / "encoders")
    pretrained = _pretrained(store, spec, seed, materials, data)
    promise = require_different(
        state_hash(start), state_hash(pretrained.net), "a pretrained encoder differs from its random start"
    )
    parts = (pretrained.net, objective, pretrained, (promise,), trained)
    features = features_at(pretrained.net, objective, spec.layer)
    return _source(features, data, parts, pretrained.history.seconds, spec.layer)


def _pretrained(store: EncoderStore, spec: EncoderSpec, seed: int, materials: Materials, data: StudyData) -> Pretrained:
    """Trained in one go with those of other seeds; alone where that failed: a bad one costs itself only."""
    given, seeds = (data.unlabelled, data.validation, materials.data), materials.plan.seeds_together(spec, seed)
    jobs = [materials.plan.job(spec, each) for each in seeds]
    try:
        return store.get_or_train_all(jobs, *given)[seeds.index(seed)]
    except FewlabelsError:
        if len(jobs) == 1:
            raise
    return store.get_or_train(materials.plan.job(spec, seed), *given)


Parts = tuple[Autoencoder, Objective, Pretrained | None, tuple[str, ...], int]


def _source(
    features: nn.Module, data: StudyData, parts: Parts | None, seconds: float, layer: str | None = None
) -> Source:
    centring = fit_centring(features_of(features, first_that_fit(data.unlabelled)))
    encoder = None
    if parts is not None:
        net, objective, pretrained, promises, trained = parts
        encoder = Encoder(net, objective, state_hash(net), centring, pretrained, promises, trained)
    labelled, test = (centring.apply(features_of(features, x)) for x in (data.labelled, data.test))
    return Source(labelled, test, features, centring, encoder, seconds, layer)


def require_equal(first: str, second: str, promise: str) -> str:
    """Return the promise kept; raise IntegrityError where two hashes differ."""
    if first != second:
        raise IntegrityError(f"broken promise: {promise}; weights hash to {first[:12]} and {second[:12]}")
    return promise


def require_different(first: str, second: str, promise: str) -> str:
    """Return the promise kept; raise IntegrityError where two hashes are equal."""
    if first == second:
        raise IntegrityError(f"broken promise: {promise}; weights hash to {first[:12]} both times")
    return promise
