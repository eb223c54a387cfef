"""What `config.json` of a model folder may hold."""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import fields
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from fewlabels.core.errors import InputError
from fewlabels.data import Column, Signature

VERSION: Literal[2] = 2
"""Of the format. A later version of fewlabels reads all earlier ones."""

LARGEST = 2**24
"""Of a side of an example, of the numbers that a row is encoded to, and of labelled examples."""

MOST_WEIGHT_BYTES = 2**32

SENTENCES = {
    ("data", "unlabelled examples"): ("examples",),
    ("pretraining", "batch size"): ("batch_size",),
    ("pretraining", "validation loss"): ("validation_loss",),
    ("pretraining", "test inputs"): ("test_inputs_seen",),
    ("settings", "lr"): ("learning_rate",),
    ("settings", "C"): ("inverse_penalty",),
    ("labels", "of each class"): ("per_class",),
    ("accuracy", "folds"): ("held_out", "folds"),
    ("accuracy", "held-out accuracy"): ("held_out", "accuracy"),
    ("accuracy", "held-out accuracy, 95% interval"): ("held_out", "accuracy_interval"),
    ("accuracy", "held-out examples"): ("held_out", "examples"),
    ("accuracy", "held-out log-loss, before the temperature"): ("held_out", "uncalibrated_log_loss_nats"),
    ("accuracy", "held-out accuracy of a linear probe of the raw inputs"): ("raw_probe", "accuracy"),
    ("accuracy", "test accuracy"): ("test", "accuracy"),
    ("accuracy", "test accuracy, 95% interval"): ("test", "accuracy_interval"),
    ("accuracy", "test examples"): ("test", "examples"),
    ("accuracy", "test log-loss"): ("test", "log_loss_nats"),
    ("accuracy", "test examples left out, being trained on"): ("test", "left_out"),
}
"""Names that facts had at first, by section, and where their values stand now."""

CONTROLS = ("Cc", "Zl", "Zp")
"""Kinds of characters that would move a terminal's cursor, or break a line."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class RawFeatures(_Strict):
    """The scaled numbers themselves."""

    kind: Literal["raw"] = "raw"


class PcaFeatures(_Strict):
    """Principal components."""

    kind: Literal["pca"] = "pca"
    components: Annotated[int, Field(ge=1, le=LARGEST)]


class CodeFeatures(_Strict):
    """Codes of an encoder, or another of its layers, by name: its network and objective, as `settings.to_json` writes
    them."""

    kind: Literal["codes"] = "codes"
    network: dict[str, Any]
    objective: dict[str, Any]
    layer: str | None = None


class WholeFeatures(_Strict):
    """The logits of a network that stands alone. control: its name in the table of controls."""

    kind: Literal["whole"] = "whole"
    control: str


Features = RawFeatures | PcaFeatures | CodeFeatures | WholeFeatures


class Head(_Strict):
    """transfer: its name in the table of ways of transfer. settings: what it is made of besides the widths."""

    transfer: str
    settings: dict[str, Annotated[int, Field(ge=1, le=LARGEST)]] = {}


class Weights(_Strict):
    """The file of weights as it was written."""

    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    bytes: Annotated[int, Field(ge=0, le=MOST_WEIGHT_BYTES)]


class Config(_Strict):
    """signature: of the examples that the model takes. encoded: numbers that a table's row is encoded to.

    classes: in the order of the logits; none: an encoder.
    labelled: examples whose digests stand in the file of weights; of an encoder 0.
    job: of an encoder, how it was pretrained.
    facts: what the model card tells, by section; predictions do not depend on them.
    """

    format: Literal["fewlabels model"] = "fewlabels model"
    version: Literal[2] = VERSION
    kind: Literal["encoder", "classifier"]
    signature: Signature
    encoded: Annotated[int, Field(ge=1, le=LARGEST)] | None = None
    features: Annotated[Features, Field(discriminator="kind")]
    head: Head | None = None
    classes: tuple[str, ...] = ()
    labelled: Annotated[int, Field(ge=0, le=LARGEST)] = 0
    job: dict[str, Any] | None = None
    facts: dict[str, dict[str, Any]] = {}
    weights: Weights

    @model_validator(mode="after")
    def _fits_together(self) -> Config:
        _check_signature(self.signature)
        if (self.signature.columns is None) != (self.encoded is None):
            raise ValueError("signature.columns and encoded do not fit together")
        if self.kind == "encoder":
            if self.features.kind != "codes" or self.head or self.classes or self.labelled or self.job is None:
                raise ValueError("an encoder has codes and a job, and neither head nor classes nor labels")
            return self
        if self.job is not None:
            raise ValueError("a classifier has no job")
        if len(self.classes) < 2 or len(set(self.classes)) < len(self.classes):
            raise ValueError("classes are fewer than two, or not distinct")
        check_class_names(self.classes)
        if (self.head is None) != (self.features.kind == "whole"):
            raise ValueError("features and head do not fit together")
        return self

    def dumps(self) -> str:
        """As JSON, with a checksum over all of it."""
        unset = {"signature": {"target"}} if self.signature.target is None else {}
        if isinstance(self.features, CodeFeatures) and self.features.layer is None:
            unset["features"] = {"layer"}
        values = self.model_dump(mode="json", exclude=unset)  # so that it stays what earlier versions wrote
        return json.dumps({**values, "checksum": checksum(values)}, indent=2, ensure_ascii=False, allow_nan=False)


def check_class_names(classes: tuple[str, ...]) -> None:
    """Raise InputError for a name that would do something to the terminal it is shown on, or break a line."""
    for name in classes:
        if any(unicodedata.category(mark) in CONTROLS for mark in name):
            raise InputError(f"the name of class {name[:40]!r} has control characters; rename it")


def loads(content: bytes) -> dict[str, Any]:
    """The values of a config, its checksum among them. Raises ValueError or RecursionError for what JSON is not, or
    leaves open: names given twice, NaN.
    """
    values = json.loads(content, object_pairs_hook=_distinct, parse_constant=_refuse)
    if not isinstance(values, dict):
        raise ValueError("not a JSON object")
    return values


def parse(values: dict[str, Any]) -> Config:
    """Raises ValueError for values that are no config; nothing is taken for something else, such as "5" for 5."""
    if type(values.get("version")) is not int:
        raise ValueError(f"version is {values.get('version')!r}")
    signature = values.get("signature")
    if isinstance(signature, dict):
        _only("signature", signature, Signature)
        columns = signature.get("columns")
        for column in columns if isinstance(columns, list) else ():
            _only("a column", column, Column)
    if values["version"] == 1:
        values = _from_version_1(values)
    config = Config.model_validate_json(json.dumps(values, allow_nan=False), strict=True)
    return config.model_copy(update={"facts": renamed(config.facts)})


def renamed(facts: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Facts under the names they have now, whichever they had; a network as its settings, and not as their JSON."""
    found: dict[str, dict[str, Any]] = {}
    for section, values in facts.items():
        found[section] = {}
        for name, value in values.items():
            *above, last = SENTENCES.get((section, name), (name,))
            place = found[section]
            for part in above:
                if not isinstance(place.get(part), dict):
                    place[part] = {}
                place = place[part]
            place[last] = value
    network = found.get("pretraining", {}).get("network")
    if isinstance(network, str):
        with suppress(ValueError, RecursionError):
            found["pretraining"]["network"] = json.loads(network)
    return found


def _from_version_1(values: dict[str, Any]) -> dict[str, Any]:
    """Version 1 knew a linear head, one with a hidden layer, and one network that stood alone."""
    values = {**values, "version": VERSION}
    match values.get("head"):
        case {"hidden": int() as hidden, **others} if not others:
            values["head"] = {"transfer": "mlp", "settings": {"hidden": hidden}}
        case {**others} if others in ({}, {"hidden": None}):
            values["head"] = {"transfer": "probe"}
    if values.get("features") == {"kind": "cnn"}:
        values["features"] = {"kind": "whole", "control": "cnn"}
    return values


def checksum(values: dict[str, Any]) -> str:
    """SHA-256 of JSON values, however they were written down."""
    return hashlib.sha256(json.dumps(values, sort_keys=True, allow_nan=False).encode()).hexdigest()


def _check_signature(signature: Signature) -> None:
    shape, columns = signature.shape, signature.columns
    if len(shape) not in (1, 3) or not all(1 <= side <= LARGEST for side in shape):
        raise ValueError(f"signature.shape is {shape[:4]}; allowed are (D,) and (C, H, W)")
    if signature.resized and len(shape) != 3:
        raise ValueError("only images are resized")
    if columns is None and signature.target is not None:
        raise ValueError("only a table has a column of labels")
    if columns is None:
        return
    if shape != (len(columns),) or signature.dtype != "float32":
        raise ValueError("signature.columns, signature.shape and signature.dtype do not fit together")
    if any(column.categories and len(set(column.categories)) < len(column.categories) for column in columns):
        raise ValueError("the categories of a column are not distinct")


def _only(what: str, values: Any, kind: type) -> None:
    """Raise ValueError for a name that the dataclass lacks; pydantic would leave it out."""
    known = {field.name for field in fields(kind)}
    if isinstance(values, dict) and (extra := sorted(values.keys() - known)):
        raise ValueError(f"{what} has no {extra[0]!r}")


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        raise ValueError("a name is given twice")
    return values


def _refuse(constant: str) -> None:
    raise ValueError(f"it holds {constant}")
