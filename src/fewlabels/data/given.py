"""Whatever people have at hand, in the form that is needed."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from fewlabels.data.dataset import Dataset
from fewlabels.data.load import load
from fewlabels.data.readers.arrays import as_dataset
from fewlabels.data.signature import Signature


def to_dataset(data: Any, signature: Signature | None = None) -> Dataset:
    """A data set of what people have at hand: itself, what `load` reads by name or path, or an array or frame of
    examples without labels. signature: of a trained model. Raises InputError.
    """
    if isinstance(data, Dataset):
        return data
    if isinstance(data, str | os.PathLike):
        return load(data, signature=signature)
    return as_dataset(data, signature=signature)


def examples_like(x: Any, signature: Signature) -> np.ndarray:
    """Examples [n, *signature.shape] as a model takes them: x itself where it has that form already (in float64, too),
    else an array or frame read in that form. Raises InputError where it cannot be.
    """
    kinds = (np.uint8,) if signature.dtype == "uint8" else (np.float32, np.float64)
    if isinstance(x, np.ndarray) and len(x) and x.shape[1:] == signature.shape and x.dtype in kinds:
        return x
    return as_dataset(x, signature=signature).x
