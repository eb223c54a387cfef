"""The best method of a study, made into a classifier that can be used."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from fewlabels.core.errors import InputError
from fewlabels.core.files import cache_folder, scratch_folder
from fewlabels.core.provenance import installed_versions
from fewlabels.core.settings import to_json
from fewlabels.data import Dataset, Encoding, Pools, Preparation, draw_order, folds
from fewlabels.metrics.validation import comparable
from fewlabels.models import ClassifierModel
from fewlabels.models.config import CodeFeatures, Features, PcaFeatures, RawFeatures, WholeFeatures
from fewlabels.pipelines.finetune import FeatureSource, assemble, with_test
from fewlabels.pipelines.methods import Method
from fewlabels.study.data import identity, write_arrays
from fewlabels.study.plan import Plan, Run
from fewlabels.study.runner import Runner
from fewlabels.study.sources import Source
from fewlabels.transfer import PrincipalComponents, features_at
from fewlabels.transfer.tuning import FOLDS

Row = Mapping[str, Any]


def best_method(rows: Sequence[Row], methods: Sequence[Method]) -> Method:
    """The method with the best validation accuracy inside the labels, then log-loss, then order, of those that can be
    kept as a model; test data choose nothing. At the largest budget that a method has good records of, as a mean over
    its seeds, and by first folds where one method has fewer folds than another (`comparable`).

    Raises InputError where there is no good record, or no budget allows validation.
    """
    kept = {method.name for method in methods if method.row.deployable}
    good = [row for row in rows if row["status"] == "ok" and row["validation"] is not None and row["method"] in kept]
    if not good:
        raise InputError("no run of the study could be validated, so none is best; give a larger budget")
    largest = max(row["budget"] for row in good)
    validations: dict[str, list[Row]] = {}
    for row in good:
        if row["budget"] == largest:
            validations.setdefault(row["method"], []).append(row["validation"])

    shared = iter(comparable([v for found in validations.values() for v in found]))
    scores = {name: [next(shared) for _ in found] for name, found in validations.items()}

    def badness(method: Method) -> tuple[float, float]:
        found = scores[method.name]
        return -float(np.mean([v["accuracy"] for v in found])), float(np.mean([v["log_loss"] for v in found]))

    return min((method for method in methods if method.name in scores), key=badness)


def fit_best(
    plan: Plan, method: Method, dataset: Dataset, vectors: Dataset, encoding: Encoding | None, pools: Pools
) -> ClassifierModel:
    """The method fitted to all of the labelled pool, measured on the test pool, which has chosen nothing.

    dataset: as it was read; vectors, encoding: with its table's rows encoded. An encoder comes from the store.
    """
    run = Run(method, len(pools.labelled), plan.seeds[0])
    alone = replace(plan, methods=(method,), budgets=(run.budget,), seeds=(run.seed,))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # as workers have it: the store knows encoders by it
    try:
        with scratch_folder(cache_folder()) as folder:
            data = identity(plan, vectors, pools)
            materials = write_arrays(alone, vectors, pools, folder, data, installed_versions())
            source, outcome, _ = Runner(materials).fit(run)
    finally:
        torch.set_num_threads(threads)
    preparation = Preparation(encoding, materials.scaling)
    facts = {
        "data": {
            "name": dataset.name,
            "examples": len(pools.unlabelled),
            "signature": str(dataset.signature),
            "sha256": data["dataset"],
        },
        "settings": {
            "method": method.name,
            "seed": run.seed,
            **({} if plan.flips is None else {"flips": plan.flips}),
            "study": study_key(plan, data["dataset"]),
        },
        "pretraining": _pretraining(plan, method),
    }
    features = _feature_source(source, preparation, method, plan)
    model = assemble(features, method.transfer, outcome, dataset, pools.labelled, facts)
    return with_test(model, pools.test_x(dataset), pools.test_y(dataset))


def study_key(plan: Plan, fingerprint: str) -> str:
    """What identifies a study by its settings and data."""
    settings = json.dumps([plan.settings(), fingerprint], sort_keys=True)
    return hashlib.sha256(settings.encode()).hexdigest()


def _feature_source(source: Source | None, preparation: Preparation, method: Method, plan: Plan) -> FeatureSource:
    if source is None:
        return FeatureSource(preparation, WholeFeatures(control=method.source))
    kind: Features = RawFeatures()
    layer = source.features
    if isinstance(layer, PrincipalComponents):
        kind = PcaFeatures(components=len(layer.axes))
    elif source.encoder is not None:
        assert method.encoder_spec is not None
        job = plan.job(method.encoder_spec, plan.seeds[0])
        spec = method.encoder_spec
        kind = CodeFeatures(network=to_json(job.network), objective=to_json(job.objective), layer=spec.layer)
        layer = features_at(source.encoder.net, job.objective, spec.layer)
    return FeatureSource(preparation, kind, layer, source.centring)


def _pretraining(plan: Plan, method: Method) -> dict[str, Any]:
    if method.encoder_spec is None or not method.pretrained:
        return {}
    job = plan.job(method.encoder_spec, plan.seeds[0])
    transductive = {"test_inputs_seen": True} if plan.transductive else {}
    return {"objective": method.encoder_spec.trained_as, "network": to_json(job.network), **transductive}


def check_choice(plan: Plan, y: np.ndarray) -> None:
    """Raise InputError where no budget allows validation, so that no method could be chosen.

    y: [L] labels of the labelled pool.
    """
    largest = max(plan.budgets)
    draws = (draw_order(y, seed, plan.stratified)[:largest] for seed in plan.seeds)
    if not any(folds(y[drawn], FOLDS, seed) for drawn, seed in zip(draws, plan.seeds, strict=True)):
        raise InputError(
            f"`keep_best`: {largest} labels are too few to validate on, so no method could be chosen; give a larger "
            "budget"
        )
