"""Pretrain on many unlabelled examples, classify with few labels, and measure honestly whether it paid."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from fewlabels.data import Dataset, as_dataset, load
    from fewlabels.estimators import AutoencoderTransformer, PretrainedClassifier
    from fewlabels.studies import Study, open_study, run_study

__all__ = [
    "AutoencoderTransformer",
    "Dataset",
    "PretrainedClassifier",
    "Study",
    "__version__",
    "as_dataset",
    "load",
    "open_study",
    "run_study",
]

_HOME = {
    "AutoencoderTransformer": "fewlabels.estimators",
    "Dataset": "fewlabels.data",
    "PretrainedClassifier": "fewlabels.estimators",
    "as_dataset": "fewlabels.data",
    "load": "fewlabels.data",
    "Study": "fewlabels.studies",
    "open_study": "fewlabels.studies",
    "run_study": "fewlabels.studies",
}


def __getattr__(name: str) -> Any:
    """Import on first use, so that `fewlabels --help` need not wait for torch."""
    if name not in _HOME:
        raise AttributeError(f"module 'fewlabels' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOME[name]), name)
