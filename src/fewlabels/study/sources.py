"""Where the features of a method come from: raw numbers, PCA, a random encoder, or a pretrained one."""

from __future__ import annotations

import copy
import time
from dataclasses import dataclass

import numpy as np

from fewlabels.data import cache_folder
from fewlabels.errors import FewlabelsError
from fewlabels.networks import Autoencoder, outline, state_hash
from fewlabels.objectives import Objective
from fewlabels.study.materials import Materials, StudyData
from fewlabels.study.plan import SourceKey
from fewlabels.study.ways import RANDOM, Way, parse_way
from fewlabels.training import EncoderStore, Pretrained, build
from fewlabels.transfer import (
    Centring,
    FeatureMap,
    codes,
    features_of,
    first_that_fit,
    fit_centring,
    fit_pca,
    raw,
    require_different,
    require_equal,
)


@dataclass(frozen=True, eq=False)
class Encoder:
    """A network at its post, random or pretrained.

    state: hash of its weights when it took up the post; they must never change.
    centring: of its codes, fitted on the unlabelled pool.
    """

    net: Autoencoder
    objective: Objective
    state: str
    centring: Centring
    pretrained: Pretrained | None
    promises: tuple[str, ...]

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
    """Centred features of every labelled and test example, [N, D] float32, and the encoder they come from, if any."""

    labelled: np.ndarray
    test: np.ndarray
    encoder: Encoder | None
    seconds: float
    """Spent on learning from the unlabelled pool."""


def make_source(key: SourceKey, materials: Materials, data: StudyData) -> Source:
    """Compute the features of a source; a pretrained encoder comes from the store, or is trained and kept there."""
    name, seed = key
    started = time.perf_counter()
    if name == "raw":
        return _source(raw, data, None, 0.0)
    if name == "pca":
        latent_dim = outline(materials.plan.network, data.shape).latent_dim
        feature_map = fit_pca(data.unlabelled, latent_dim, seed)
        return _source(feature_map, data, None, time.perf_counter() - started)

    way = parse_way(name)
    assert way is not None
    job = materials.plan.job(way, seed)
    objective = job.objective
    start = build(job, data.shape).eval()
    if way.objective == RANDOM:
        return _source(codes(start, objective), data, (start, objective, None, ()), 0.0)
    store = EncoderStore(cache_folder() / "encoders")
    pretrained = _pretrained(store, way, seed, materials, data)
    promise = require_different(
        state_hash(start), state_hash(pretrained.net), "a pretrained encoder differs from its random start"
    )
    parts = (pretrained.net, objective, pretrained, (promise,))
    return _source(codes(pretrained.net, objective), data, parts, pretrained.history.seconds)


def _pretrained(store: EncoderStore, way: Way, seed: int, materials: Materials, data: StudyData) -> Pretrained:
    """Trained in one go with those of other seeds; alone where that failed: a bad one costs itself only."""
    given, seeds = (data.unlabelled, data.validation, materials.data), materials.plan.seeds_together(way, seed)
    jobs = [materials.plan.job(way, each) for each in seeds]
    try:
        return store.get_or_train_all(jobs, *given)[seeds.index(seed)]
    except FewlabelsError:
        if len(jobs) == 1:
            raise
    return store.get_or_train(materials.plan.job(way, seed), *given)


Parts = tuple[Autoencoder, Objective, Pretrained | None, tuple[str, ...]]


def _source(feature_map: FeatureMap, data: StudyData, parts: Parts | None, seconds: float) -> Source:
    centring = fit_centring(features_of(feature_map, first_that_fit(data.unlabelled)))
    encoder = None
    if parts is not None:
        net, objective, pretrained, promises = parts
        encoder = Encoder(net, objective, state_hash(net), centring, pretrained, promises)
    labelled, test = (centring.apply(features_of(feature_map, x)) for x in (data.labelled, data.test))
    return Source(labelled, test, encoder, seconds)
