"""An encoder and labels -> a classifier; how good it is, is estimated inside the labels."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from torch import nn

from fewlabels.core.errors import InputError
from fewlabels.core.provenance import installed_versions
from fewlabels.core.settings import to_json
from fewlabels.core.text import allowed
from fewlabels.data import UNLABELLED, Dataset, Preparation, digests, to_dataset
from fewlabels.metrics.calibration import fit_temperature
from fewlabels.metrics.class_counts import majority_share
from fewlabels.metrics.classification import Evaluation, evaluate
from fewlabels.models.classifier import ClassifierModel, on_device, trained_on
from fewlabels.models.config import CodeFeatures, Features, Head, check_class_names
from fewlabels.models.encoder import EncoderModel
from fewlabels.models.modules import ClassifierNet, Prepare, ready
from fewlabels.pipelines.choice import BEST, WAYS, accuracies, best_of, tried_facts
from fewlabels.pipelines.defaults import check_flips, measured
from fewlabels.training import Examples, Numerics, Recipe, choose_device
from fewlabels.transfer import (
    FINE_TUNING_RATE,
    LAYERS,
    TRANSFERS,
    Centring,
    EncoderClassifier,
    Outcome,
    Probe,
    Raw,
    Start,
    features_at,
    features_of,
    first_that_fit,
    fit_centring,
    tune_and_fit,
    width_at,
)

MOST_RAW_NUMBERS = 2**23
"""Of the labelled examples, for a probe of their raw inputs beside the classifier: more would take minutes."""

LEAST_LABELS_A_CLASS = 3
"""On average: with fewer, the classifiers of the folds have so many fewer labels than the one they stand for that what
they get right says little of it. On digits, 20 labels of 10 classes said 48 to 67% where the truth was 65 to 79%."""

CHOSEN = {"lr": "learning_rate", "C": "inverse_penalty"}
"""Settings chosen by validation, under the names that facts give them."""

Facts = Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class FeatureSource:
    """Where a classifier's features come from.

    kind: what a model folder says of it.
    layer: a scaled batch [B, *shape] -> features [B, D]; it and centring are None where there are no features.
    """

    preparation: Preparation
    kind: Features
    layer: nn.Module | None = None
    centring: Centring | None = None


def finetune(
    encoder: EncoderModel,
    data: Dataset | Any,
    transfer: str = BEST,
    seed: int = 0,
    device: str = "auto",
    layer: str | None = None,
    flips: bool | None = None,
    progress: Callable[[int, int, str], None] | None = None,
) -> ClassifierModel:
    """Make a classifier of an encoder and of the labelled examples of a data set of its signature.

    Settings are chosen by validation inside the labels; its temperature, and the estimate of its accuracy in `facts`,
    come from what was held out there. Where the data set has a test set, the classifier is measured there too, and
    nothing is chosen on it.

    Parameters
    ----------
    encoder
        That `pretrain` made or `load_encoder` read; it stays as it is.
    data
        A Dataset, or a name or path that `load` reads.
    transfer
        'best' keeps the best of `WAYS`, each validated inside the labels. 'student' trains the encoder, taught by the
        graph of its codes; 'graph' spreads labels over that graph; 'finetune' trains encoder and linear head on the
        labels; 'mlp' a hidden layer on the frozen codes; 'probe' a linear head on them.
    seed
        Of folds, weights and order.
    device
        'auto', 'cpu', 'cuda', 'mps'.
    layer
        'below' reads the layer below the code, a feature map or a hidden layer; 'below-pooled' each channel's mean and
        maxima of that map; None the code.
    flips
        Whether views of labelled images may exchange left and right; None: as it was told in pretraining.
    progress
        Called as each way of transfer begins, with its number from 1, how many there are, and its name.

    Returns
    -------
    ClassifierModel
        Ready to predict and to be saved.

    Raises
    ------
    InputError
        For another signature, fewer than two classes with a label, a class whose name has control characters, an
        unknown transfer, a layer unknown or not there, and flips of what is no image.
    """
    check_transfer(transfer)
    check_layer(encoder, layer)
    dataset = to_dataset(data, encoder.signature)
    encoder.signature.require_equal(dataset.signature, dataset.name)
    dataset.require_classes()
    check_class_names(dataset.classes)
    device = choose_device(device)
    encoder = on_device(encoder, device)
    labelled = np.flatnonzero(dataset.y != UNLABELLED)
    x, y = dataset.x[labelled], dataset.y[labelled]
    preparation = encoder.preparation
    examples = Examples(preparation.encode(x), preparation.scaling, Numerics(device))
    check_flips(flips, examples.shape)
    flips = encoder.facts.get("pretraining", {}).get("flips") if flips is None else flips
    kind = CodeFeatures(network=to_json(encoder.network), objective=to_json(encoder.objective), layer=layer)

    pool = Examples(preparation.encode(dataset.x), preparation.scaling, Numerics(device))
    features = features_at(encoder.start(), encoder.objective, layer)
    centring = encoder.centring
    if layer is not None:
        centring = fit_centring(features_of(features, first_that_fit(pool)))
    codes_of = encoder.start, encoder.objective, FINE_TUNING_RATE, layer

    def quick() -> Numerics:
        return measured({"": encoder.network}, examples.shape, {"": Recipe.batch_size}, device, {})[""]

    start = Start(len(dataset.classes), features, centring, lambda: pool, *codes_of, numerics=quick)
    outcomes: dict[str, Outcome] = {}
    ways = WAYS if transfer == BEST else (transfer,)
    for number, way in enumerate(ways, 1):
        if progress is not None:
            progress(number, len(ways), way)
        row = TRANSFERS[way]
        inputs = examples if row.reads == "examples" else start.features_of(examples)
        outcomes[way] = tune_and_fit(row.learner(start, flips), inputs, y, seed, row.folds)
        if outcomes[way].held_out is None:  # nothing to choose by
            break
    transfer = best_of(outcomes)
    source = FeatureSource(preparation, kind, features, centring)
    facts = {
        "data": encoder.facts.get("data", {}),
        "pretraining": encoder.facts.get("pretraining", {}),
        "settings": {
            "transfer": transfer,
            "seed": seed,
            **{name: value for name, value in (("layer", layer), ("flips", flips)) if value is not None},
        },
        "accuracy": {
            **_of_raw_probe(examples, y, len(dataset.classes), seed, outcomes[transfer]),
            **tried_facts(outcomes),
        },
    }
    return measured_on_test(assemble(source, transfer, outcomes[transfer], dataset, labelled, facts), dataset)


def _of_raw_probe(examples: Examples, y: np.ndarray, classes: int, seed: int, kept: Outcome) -> dict[str, Any]:
    """What the labels held out from `kept` say of a linear probe of the raw inputs, which needs no encoder at all."""
    if len(examples) * math.prod(examples.shape) > MOST_RAW_NUMBERS or len(y) < LEAST_LABELS_A_CLASS * classes:
        return {}
    raw = features_of(Raw(), examples)
    probe = tune_and_fit(Probe(classes), fit_centring(raw).apply(raw), y, seed)
    if probe.held_out is None:
        return {}
    return {"raw_probe": {"accuracy": accuracies({"kept": kept, "raw": probe})["raw"]}}


def check_transfer(transfer: str) -> None:
    """Raise InputError for a name that is no way of transfer, or one whose classifiers cannot be kept."""
    known = [BEST, *sorted(name for name, row in TRANSFERS.items() if row.deployable)]
    if transfer not in known:
        raise InputError(f"transfer {transfer!r} is unknown; {allowed(str(transfer), known)}")


def check_layer(encoder: EncoderModel, layer: str | None) -> None:
    """Raise InputError for a name that is no layer, or one that the encoder does not have."""
    if layer not in (None, *LAYERS):
        raise InputError(f"`layer` is {layer!r}; {allowed(str(layer), list(LAYERS))}, or None for the code")
    width_at(encoder.module.net, layer)


def assemble(
    source: FeatureSource, transfer: str, outcome: Outcome, dataset: Dataset, labelled: np.ndarray, facts: Facts
) -> ClassifierModel:
    """What was fitted to labels as a classifier in use, from examples as they come to calibrated probabilities.

    dataset: as it was read, with its table's rows not encoded. labelled: the numbers of the examples it was fitted on.
    """
    temperature = 1.0 if outcome.held_out is None else fit_temperature(*outcome.held_out)
    fitted, prepare = outcome.classifier.module, Prepare(source.preparation)
    if fitted is None:
        raise InputError(f"a classifier by {transfer} is no network, and cannot be kept; choose another method")
    head: Head | None = Head(transfer=transfer, settings=dict(outcome.classifier.head))
    if source.layer is None or source.centring is None:
        module, head = ClassifierNet(prepare, fitted, None, nn.Identity(), temperature), None
    elif isinstance(fitted, EncoderClassifier):
        module = ClassifierNet(prepare, fitted.features, fitted.centre, fitted.head, temperature)
    else:
        module = ClassifierNet(prepare, source.layer, source.centring.layer(), fitted, temperature)
    seen = np.frombuffer(b"".join(digests(dataset.x, labelled)), dtype=np.uint8).reshape(len(labelled), -1)
    y = dataset.y[labelled]
    chosen: dict[str, Any] = {CHOSEN.get(name, name): value for name, value in outcome.setting.items()}
    if outcome.classifier.taught_by:
        chosen["taught_by"] = dict(outcome.classifier.taught_by)
    facts = {
        **facts,
        "labels": {
            "name": dataset.name,
            "examples": len(y),
            "per_class": (counts := np.bincount(y, minlength=len(dataset.classes)).tolist()),
            "majority_share": majority_share(counts),
            "sha256": hashlib.sha256(seen.tobytes()).hexdigest(),
        },
        "settings": {**facts.get("settings", {}), **chosen, "attempts": outcome.attempts, "temperature": temperature},
        "accuracy": {**_estimate(outcome, dataset.classes, len(y)), **facts.get("accuracy", {})},
        "versions": installed_versions(),
    }
    return ClassifierModel(
        ready(module.cpu()), dataset.signature, dataset.classes, source.kind, head, seen.copy(), facts
    )


def measured_on_test(model: ClassifierModel, dataset: Dataset) -> ClassifierModel:
    """The classifier with its accuracy on the data set's own test set among its facts, where there is one."""
    if dataset.x_test is None or dataset.y_test is None:
        return model
    return with_test(model, dataset.x_test, dataset.y_test)


def with_test(model: ClassifierModel, x: np.ndarray, y: np.ndarray) -> ClassifierModel:
    """The classifier with its accuracy on test examples [n, *signature shape], labels [n], among its facts.

    Examples whose labels it was trained on are left out.
    """
    known = trained_on(model, x)
    figures = {} if known.all() else _figures(evaluate(model.log_proba(x[~known]), y[~known], model.classes))
    figures = {"examples": 0, **figures, "left_out": int(known.sum())}
    return replace(model, facts={**model.facts, "accuracy": {**model.facts.get("accuracy", {}), "test": figures}})


def _estimate(outcome: Outcome, classes: tuple[str, ...], labels: int) -> dict[str, Any]:
    """What the held-out labels say of the classifier: an estimate, by classifiers trained on fewer labels. Nothing
    where there are too few labels for any that is worth giving.
    """
    if outcome.held_out is None or labels < LEAST_LABELS_A_CLASS * len(classes):
        return {"held_out": {"examples": 0}}
    found = _figures(evaluate(*outcome.held_out, classes))
    found["uncalibrated_log_loss_nats"] = found.pop("log_loss_nats")
    left_out = [name for k, name in enumerate(classes) if k not in outcome.held_out.y]
    return {"held_out": {**found, "folds": outcome.folds, **({"classes_left_out": left_out} if left_out else {})}}


def _figures(found: Evaluation) -> dict[str, Any]:
    return {
        "examples": found.n,
        "accuracy": found.accuracy,
        "accuracy_interval": list(found.accuracy_interval),
        "balanced_accuracy": found.balanced_accuracy,
        "majority_share": found.majority_share,
        "log_loss_nats": found.as_json()["log_loss"],
    }
