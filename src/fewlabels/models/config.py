"""What `config.json` of a model folder may hold."""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from fewlabels.data import Signature

VERSION: Literal[1] = 1
"""Of the format. A later version of fewlabels reads all earlier ones."""

LARGEST = 2**24
"""Of a side of an example, and of the numbers that a row is encoded to."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class RawFeatures(_Strict):
    """The scaled numbers themselves."""

    kind: Literal["raw"] = "raw"


class PcaFeatures(_Strict):
    """Principal components."""

    kind: Literal["pca"] = "pca"
    components: Annotated[int, Field(ge=1)]


class CodeFeatures(_Strict):
    """Codes of an encoder: its network and objective, as `settings.to_json` writes them."""

    kind: Literal["codes"] = "codes"
    network: dict[str, Any]
    objective: dict[str, Any]


class CnnFeatures(_Strict):
    """The logits of the small convolutional network."""

    kind: Literal["cnn"] = "cnn"


Features = RawFeatures | PcaFeatures | CodeFeatures | CnnFeatures


class Head(_Strict):
    """hidden: units of the hidden layer; None: a linear head."""

    hidden: Annotated[int, Field(ge=1)] | None = None


class Weights(_Strict):
    """The file of weights as it was written."""

    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    bytes: Annotated[int, Field(ge=0)]


class Config(_Strict):
    """signature: of the examples that the model takes. encoded: numbers that a table's row is encoded to.

    classes: in the order of the logits; none: an encoder.
    job: of an encoder, how it was pretrained. facts: what the model card tells; predictions do not depend on them.
    """

    format: Literal["fewlabels model"] = "fewlabels model"
    version: Literal[1] = VERSION
    kind: Literal["encoder", "classifier"]
    signature: Signature
    encoded: Annotated[int, Field(ge=1, le=LARGEST)] | None = None
    features: Annotated[Features, Field(discriminator="kind")]
    head: Head | None = None
    classes: tuple[str, ...] = ()
    job: dict[str, Any] | None = None
    facts: dict[str, Any] = {}
    weights: Weights

    @model_validator(mode="after")
    def _fits_together(self) -> Config:
        shape, columns = self.signature.shape, self.signature.columns
        if len(shape) not in (1, 3) or not all(1 <= side <= LARGEST for side in shape):
            raise ValueError(f"signature.shape is {shape}; allowed are (D,) and (C, H, W)")
        if (columns is None) != (self.encoded is None) or (columns is not None and shape != (len(columns),)):
            raise ValueError("signature.columns, signature.shape and encoded do not fit together")
        if self.kind == "encoder":
            if self.features.kind != "codes" or self.head is not None or self.classes or self.job is None:
                raise ValueError("an encoder has codes and a job, and neither head nor classes")
            return self
        if len(self.classes) < 2 or len(set(self.classes)) < len(self.classes):
            raise ValueError("classes are fewer than two, or not distinct")
        if (self.head is None) != (self.features.kind == "cnn"):
            raise ValueError("features and head do not fit together")
        return self

    def dumps(self) -> str:
        """As JSON, with a checksum over all of it."""
        values = self.model_dump(mode="json")
        return json.dumps({**values, "checksum": checksum(values)}, indent=2, ensure_ascii=False, allow_nan=False)


def checksum(values: dict[str, Any]) -> str:
    """SHA-256 of JSON values, however they were written down."""
    return hashlib.sha256(json.dumps(values, sort_keys=True, allow_nan=False).encode()).hexdigest()
