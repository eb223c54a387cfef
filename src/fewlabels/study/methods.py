"""Methods by name: where the features come from, and what is made of them with labels.

A name is `source+transfer`: `denoising+finetune`, `raw+probe`, `random+mlp`. Two have names of their own: `scratch`
(the same network from random weights, all of it trained) and `cnn` (paper 1's small CNN, from scratch).
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from fewlabels.errors import InputError
from fewlabels.objectives import OBJECTIVES

FIXED_SOURCES = {"raw": "raw features", "pca": "principal components", "random": "random frozen encoder"}
FROZEN_TRANSFERS = {"probe": "linear probe", "mlp": "MLP head"}
TRANSFERS = {**FROZEN_TRANSFERS, "finetune": "fine-tuned"}
WHOLE = {"scratch": "same network from scratch", "cnn": "paper 1's small CNN from scratch"}

CONTROLS = ("raw+probe", "pca+probe", "random+probe", "scratch", "cnn")
DEFAULT_OBJECTIVES = ("denoising", "reconstruction", "sparse")


@dataclass(frozen=True)
class Method:
    """source: an objective's name, 'raw', 'pca', 'random', or the name itself for whole networks."""

    source: str
    transfer: str

    @property
    def name(self) -> str:
        return self.source if self.source in WHOLE else f"{self.source}+{self.transfer}"

    @property
    def pretrained(self) -> bool:
        return self.source in OBJECTIVES

    @property
    def label(self) -> str:
        """In words, for tables and pages."""
        if self.source in WHOLE:
            return WHOLE[self.source]
        source = FIXED_SOURCES.get(self.source, f"{self.source} pretraining")
        return f"{source}, {TRANSFERS[self.transfer]}"


def all_names(objectives: Iterable[str] = OBJECTIVES) -> list[str]:
    """Every pretrained method of these objectives, then the controls: in order of preference without validation."""
    objectives = list(objectives)
    return [f"{o}+{t}" for t in ("probe", "finetune", "mlp") for o in objectives] + list(CONTROLS)


DEFAULT_METHODS = tuple(all_names(DEFAULT_OBJECTIVES))


def parse_methods(names: Sequence[str], input_shape: tuple[int, ...]) -> tuple[Method, ...]:
    """Methods by name, in the order given, each once.

    Besides methods, a name may be `default`, `all`, `controls`, or an objective, for all its transfers. What needs
    images is left out of such a group where there are none, and refused by name.

    Raises InputError for names unknown, combinations that make no sense, and nothing at all.
    """
    images = len(input_shape) == 3 and min(input_shape[1:]) >= 4
    methods: dict[Method, None] = {}
    for name in names:
        group = _group(name)
        for member in group or [name]:
            method = _parse(member)
            if method.source == "cnn" and not images:
                if group:
                    continue
                raise InputError(
                    f"method 'cnn' needs images of 4x4 or more, the examples have shape {input_shape}; leave it out"
                )
            methods[method] = None
    if not methods:
        raise InputError("no method given; name some, such as --methods default")
    return tuple(methods)


def _group(name: str) -> list[str] | None:
    if name in OBJECTIVES:
        return [f"{name}+{transfer}" for transfer in TRANSFERS]
    return {"default": list(DEFAULT_METHODS), "all": all_names(), "controls": list(CONTROLS)}.get(name)


def _parse(name: str) -> Method:
    if name in WHOLE:
        return Method(name, "finetune")
    source, plus, transfer = name.partition("+")
    if not plus or source not in {*FIXED_SOURCES, *OBJECTIVES} or transfer not in TRANSFERS:
        raise InputError(_unknown(name))
    if source == "random" and transfer == "finetune":
        raise InputError("method 'random+finetune' is training from scratch; it is called 'scratch'")
    if source in FIXED_SOURCES and transfer not in FROZEN_TRANSFERS:
        raise InputError(f"method {name!r}: {FIXED_SOURCES[source]} cannot be fine-tuned; allowed are +probe and +mlp")
    return Method(source, transfer)


def _unknown(name: str) -> str:
    near = difflib.get_close_matches(name, [*all_names(), *WHOLE, *OBJECTIVES, "default", "all", "controls"], n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return (
        f"unknown method {name!r}; {hint}allowed are default, all, controls, {', '.join(WHOLE)}, or SOURCE+TRANSFER "
        f"with SOURCE one of {', '.join([*FIXED_SOURCES, *OBJECTIVES])} and TRANSFER one of {', '.join(TRANSFERS)}"
    )
