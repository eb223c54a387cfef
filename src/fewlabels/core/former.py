"""Modules by the names they had before their rooms were moved, so that what was pickled then still loads."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

MOVED = {
    "fewlabels.data.encoding": "fewlabels.data.preprocessing",
    "fewlabels.data.preparation": "fewlabels.data.preprocessing",
    "fewlabels.data.scaling": "fewlabels.data.preprocessing",
    "fewlabels.data.signature": "fewlabels.data.dataset",
    "fewlabels.estimator_inputs": "fewlabels.estimators.inputs",
    "fewlabels.models.layers": "fewlabels.models.modules",
    "fewlabels.models.nets": "fewlabels.models.modules",
    "fewlabels.networks.tied": "fewlabels.networks.layers",
    "fewlabels.objectives.corruption": "fewlabels.objectives.views.noise",
    "fewlabels.objectives.denoising": "fewlabels.objectives.reconstruction",
    "fewlabels.objectives.generative": "fewlabels.objectives.adversarial",
    "fewlabels.objectives.masked": "fewlabels.objectives.reconstruction",
    "fewlabels.objectives.noise": "fewlabels.objectives.views.noise",
    "fewlabels.studies": "fewlabels.study.study",
}
"""Of every module whose classes stand in what people pickle: estimators, models, data sets and studies."""


class _Former(MetaPathFinder, Loader):
    """Finds a module by its former name: another module with the contents of the one that took its place."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        return ModuleSpec(fullname, self) if fullname in MOVED else None

    def exec_module(self, module: ModuleType) -> None:
        contents = vars(import_module(MOVED[module.__name__]))
        vars(module).update({name: value for name, value in contents.items() if not name.startswith("__")})


def find_former_names() -> None:
    """Let the import system find modules by their former names, after all others."""
    sys.meta_path.append(_Former())
