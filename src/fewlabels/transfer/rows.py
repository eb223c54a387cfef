"""What a row of the two tables says: a way of transfer, or a whole classifier as a control."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from torch import nn

from fewlabels.objectives.views import with_flips
from fewlabels.transfer.base import Learner, Setting, Start
from fewlabels.transfer.tuning import FOLDS

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Transfer:
    """A way of transfer: `SOURCE+NAME`.

    Attributes
    ----------
    label
        In words, after those of the source.
    summary
        What it does, for lists.
    reads
        'features', which any source has; or 'examples', with an encoder that it trains.
    make
        The learner, a frozen dataclass with fields for its settings. Any may use the pool, `Start.unlabelled`.
    settings
        What the learner tries inside the labels.
    default
        What it takes where they cannot say.
    cost
        Of a run, as a multiple of a probe's, as measured on MNIST; what costs most is begun first.
    batched
        Whether fits are so small that all budgets and seeds of a source are fitted at once.
    head
        (width of the features, K, `Classifier.head`) -> a module for the weights of a saved one; None: cannot be kept
        as a model.
    folds
        On so many of the FOLDS, the first, its settings are validated: fewer where a fit costs minutes.
    by_default
        Whether `all` and an objective's name alone stand for it, too.
    """

    label: str
    summary: str
    reads: Literal["features", "examples"]
    make: Callable[[Start], Learner]
    settings: tuple[Setting, ...]
    default: Setting
    cost: int
    batched: bool
    head: Callable[[int, int, Mapping[str, int]], nn.Module] | None
    folds: int = FOLDS
    by_default: bool = True

    def learner(self, start: Start, flips: bool | None = None) -> Learner:
        """What fits, trying the settings of this row. flips: see `with_flips`."""
        return with_flips(with_settings(self.make(start), self), flips)

    @property
    def deployable(self) -> bool:
        return self.head is not None


@dataclass(frozen=True)
class Control:
    """A classifier of its own, without an encoder, from scratch: a method by its name alone. It reads examples.

    The rest as `Transfer` has it.

    Attributes
    ----------
    make
        (shape of an example, K) -> the learner; raises InputError for examples that it cannot have.
    network
        Likewise -> a module for the weights of a saved one; None: it cannot be kept as a model.
    by_default
        Whether the default methods have it; `controls` and `all` do.
    """

    label: str
    summary: str
    make: Callable[[Shape, int], Learner]
    settings: tuple[Setting, ...]
    default: Setting
    cost: int
    batched: bool
    network: Callable[[Shape, int], nn.Module] | None
    by_default: bool = True
    folds: int = FOLDS

    def learner(self, shape: Shape, classes: int, flips: bool | None = None) -> Learner:
        """What fits, trying the settings of this row. flips: see `with_flips`.

        Raises InputError for examples that it cannot have.
        """
        return with_flips(with_settings(self.make(shape, classes), self), flips)

    @property
    def deployable(self) -> bool:
        return self.network is not None


def with_settings(learner: Any, row: Transfer | Control) -> Learner:
    """The learner, a frozen dataclass, with the settings that its row tells: what is recorded is what is tried."""
    fitted: Learner = replace(learner, settings=row.settings, default=row.default)
    return fitted
