"""Pretrain on many unlabelled examples, classify with few labels, and measure honestly whether it paid."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fewlabels.core.former import find_former_names

__version__ = "0.1.0"

if TYPE_CHECKING:
    from fewlabels.data import Dataset, as_dataset, load
    from fewlabels.estimators import AutoencoderTransformer, PretrainedClassifier
    from fewlabels.models import load_classifier, load_encoder, save_model
    from fewlabels.pipelines.finetune import finetune
    from fewlabels.pipelines.pretrain import pretrain
    from fewlabels.study.study import Study, open_study, run_study

__all__ = [
    "AutoencoderTransformer",
    "Dataset",
    "PretrainedClassifier",
    "Study",
    "__version__",
    "as_dataset",
    "finetune",
    "load",
    "load_classifier",
    "load_encoder",
    "open_study",
    "pretrain",
    "run_study",
    "save_model",
]

_HOME = {
    "AutoencoderTransformer": "fewlabels.estimators",
    "Dataset": "fewlabels.data",
    "PretrainedClassifier": "fewlabels.estimators",
    "as_dataset": "fewlabels.data",
    "finetune": "fewlabels.pipelines.finetune",
    "load": "fewlabels.data",
    "load_classifier": "fewlabels.models",
    "load_encoder": "fewlabels.models",
    "pretrain": "fewlabels.pipelines.pretrain",
    "save_model": "fewlabels.models",
    "Study": "fewlabels.study.study",
    "open_study": "fewlabels.study.study",
    "run_study": "fewlabels.study.study",
}


def __getattr__(name: str) -> Any:
    """Import on first use, so that `fewlabels --help` need not wait for torch."""
    if name not in _HOME:
        raise AttributeError(f"module 'fewlabels' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    """The public names, before they are first used too: for `dir` and tab completion."""
    return sorted({*(name for name in globals() if name.startswith("__")), *__all__})


find_former_names()
