"""From examples as they come to what networks read, fitted on the unlabelled pool alone; it travels with the model."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from fewlabels.core.errors import InputError
from fewlabels.data.dataset import Dataset
from fewlabels.data.encoding import Encoding, fit_encoding
from fewlabels.data.scaling import Scaling, fit_scaling


@dataclass(frozen=True, eq=False)
class Preparation:
    """encoding: of a table's rows, else None. scaling: of what it gives, or of the examples themselves."""

    encoding: Encoding | None
    scaling: Scaling

    def encode(self, x: np.ndarray) -> np.ndarray:
        """[B, *signature shape] -> [B, *shape], not scaled yet: what `Examples` are made of."""
        return x if self.encoding is None else self.encoding.apply(x)


def encoded(dataset: Dataset, unlabelled: np.ndarray | None = None) -> tuple[Dataset, Encoding | None]:
    """The data set with the rows of its table as vectors; any other data set as it is.

    unlabelled: [U] the pool that the encoding is fitted on; None: all examples.

    Raises InputError where no column has a value in the pool.
    """
    if dataset.columns is None:
        return dataset, None
    encoding = fit_encoding(dataset.columns, dataset.x, unlabelled)
    if encoding.width == 0:
        raise InputError(f"{dataset.name}: every value of the unlabelled rows is missing; give rows with values")
    x_test = None if dataset.x_test is None else encoding.apply(dataset.x_test)
    return replace(dataset, x=encoding.apply(dataset.x), x_test=x_test, columns=None), encoding


def fit_preparation(dataset: Dataset, unlabelled: np.ndarray | None = None) -> tuple[Dataset, Preparation]:
    """The data set encoded, and how it was prepared: encoding and scaling from its unlabelled pool.

    unlabelled: [U] the pool; None: all examples.
    """
    vectors, encoding = encoded(dataset, unlabelled)
    return vectors, Preparation(encoding, fit_scaling(vectors.x, unlabelled))
