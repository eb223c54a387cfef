"""What candidates are chosen by inside their labels: figures on examples that all of them have answered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Validation = Mapping[str, Any]
"""Of a run record: `accuracy` and `log_loss` (nats) over its `folds`, and, under `first_fold`, both over the first."""

UNVALIDATED: Validation = {"accuracy": 0.0, "log_loss": 0.0, "folds": 0}
"""In place of the figures of a run whose labels allow no validation."""


def comparable(found: Sequence[Validation]) -> list[Validation]:
    """The figures that candidates are compared by, in their order: `accuracy` and `log_loss`.

    Over all folds where all have as many. Where one has fewer than another, over the first fold, which all share: of
    equally good ones, those with fewer examples held out would come out best too often. Records that do not tell it,
    of studies made before it was kept, are compared over the folds they have.
    """
    if len({one["folds"] for one in found}) > 1 and all("first_fold" in one for one in found):
        return [one["first_fold"] for one in found]
    return list(found)
