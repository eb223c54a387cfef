"""Methods by name: where the features come from, and what is made of them with labels.

A name is `source+transfer`: `denoising+finetune`, `raw+probe`, `random+mlp`. Two have names of their own: `scratch`
(the same network from random weights, all of it trained) and `cnn` (paper 1's small CNN, from scratch). Sources that
are networks may name another network than the study's, and another schedule of pretraining, as `fewlabels.study.ways`
spells them: `reconstruction/tied+probe`, `denoising/greedy+finetune`, `scratch/residual`.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from fewlabels.errors import InputError
from fewlabels.networks import VARIANTS
from fewlabels.objectives import OBJECTIVES
from fewlabels.study.ways import RANDOM, SCHEDULES, Way, network_label, parse_way

FIXED_SOURCES = {"raw": "raw features", "pca": "principal components"}
FROZEN_TRANSFERS = {"probe": "linear probe", "mlp": "MLP head"}
TRANSFERS = {**FROZEN_TRANSFERS, "finetune": "fine-tuned"}
SCRATCH, CNN = "scratch", "cnn"
WHOLE = {SCRATCH: "same network from scratch", CNN: "paper 1's small CNN from scratch"}

CONTROLS = ("raw+probe", "pca+probe", "random+probe", SCRATCH, CNN)
DEFAULT_OBJECTIVES = ("denoising", "reconstruction", "sparse")
FURTHER_WAYS = (
    "reconstruction/linear",
    "reconstruction/tied",
    "reconstruction/greedy",
    "reconstruction/greedy-joint",
    "denoising/overcomplete",
    "denoising/residual",
)
"""Other networks and schedules than the study's own, as `all` has them."""

FURTHER_CONTROLS = tuple(
    control
    for network in ("linear", "overcomplete", "residual")
    for control in (f"random/{network}+probe", f"scratch/{network}")
)
"""Without pretraining, those of the networks above whose encoder differs from the study's."""


@dataclass(frozen=True)
class Method:
    """source: the name of a way, 'raw', 'pca', or the method's own name for whole networks from scratch."""

    source: str
    transfer: str

    @property
    def name(self) -> str:
        return self.source if self.whole else f"{self.source}+{self.transfer}"

    @property
    def whole(self) -> str | None:
        """'scratch' or 'cnn' where that is what the method is."""
        base = self.source.partition("/")[0]
        return base if base in WHOLE else None

    @property
    def way(self) -> Way | None:
        """How the encoder that the method begins with comes about; None where it has none."""
        return parse_way(RANDOM + self.source.removeprefix(SCRATCH) if self.whole == SCRATCH else self.source)

    @property
    def pretrained(self) -> bool:
        return self.way is not None and self.way.objective != RANDOM

    @property
    def label(self) -> str:
        """In words, for tables and pages."""
        if self.whole:
            network = network_label(self.way.network) if self.way else None
            return ", ".join(filter(None, (WHOLE[self.whole] if not network else "from scratch", network)))
        source = self.way.label if self.way else FIXED_SOURCES[self.source]
        return f"{source}, {TRANSFERS[self.transfer]}"


def default_names() -> list[str]:
    """The default methods in order of preference without validation, the controls last."""
    return [*_each(DEFAULT_OBJECTIVES, ("probe", "finetune", "mlp")), *CONTROLS]


def all_names() -> list[str]:
    """Every objective with every transfer, further ways with a probe and fine-tuned, and the controls of them all."""
    return [
        *_each(
            [*DEFAULT_OBJECTIVES, *(o for o in OBJECTIVES if o not in DEFAULT_OBJECTIVES)], ("probe", "finetune", "mlp")
        ),
        *_each(FURTHER_WAYS, ("probe", "finetune")),
        *CONTROLS,
        *FURTHER_CONTROLS,
    ]


def _each(sources: Iterable[str], transfers: Iterable[str]) -> list[str]:
    sources = list(sources)
    return [f"{source}+{transfer}" for transfer in transfers for source in sources]


def parse_methods(names: Sequence[str], check: Callable[[Method], None]) -> tuple[Method, ...]:
    """Methods by name, in the order given, each once.

    Besides methods, a name may be `default`, `all`, `controls`, or a way of pretraining, for all its transfers.
    check: raises InputError for what cannot be done with the study's data; a group of GROUPS leaves that out.

    Raises InputError for names unknown, combinations that make no sense, and nothing at all.
    """
    methods: dict[Method, None] = {}
    for name in names:
        for method in map(_parse, _members(name)):
            try:
                check(method)
            except InputError:
                if name not in GROUPS:
                    raise
            else:
                methods[method] = None
    if not methods:
        raise InputError("no method given; name some, such as --methods default")
    return tuple(methods)


GROUPS = {"default": default_names, "all": all_names, "controls": lambda: list(CONTROLS)}


def _members(name: str) -> list[str]:
    """The methods that a name stands for."""
    if name in GROUPS:
        return GROUPS[name]()
    way = parse_way(name)
    return _each([name], TRANSFERS) if way is not None and way.objective != RANDOM else [name]


def _parse(name: str) -> Method:
    source, plus, transfer = name.partition("+")
    method = Method(source, transfer or "finetune")
    if method.whole and not plus and (source == CNN or method.way):
        return method
    if not plus or transfer not in TRANSFERS or method.whole or not (method.way or source in FIXED_SOURCES):
        raise InputError(_unknown(name))
    if transfer == "finetune" and not method.pretrained:
        if method.way is not None:
            scratch = SCRATCH + source.removeprefix(RANDOM)
            raise InputError(f"method {name!r} is training from scratch; it is called {scratch!r}")
        raise InputError(f"method {name!r}: {FIXED_SOURCES[source]} cannot be fine-tuned; allowed are +probe and +mlp")
    return method


def _unknown(name: str) -> str:
    near = difflib.get_close_matches(name, [*all_names(), *WHOLE, *OBJECTIVES, *GROUPS], n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return (
        f"unknown method {name!r}; {hint}allowed are {', '.join(GROUPS)}, {', '.join(WHOLE)}, or SOURCE+TRANSFER "
        f"with SOURCE one of {', '.join([*FIXED_SOURCES, RANDOM, *OBJECTIVES])} and TRANSFER one of "
        f"{', '.join(TRANSFERS)}; after the SOURCE, or scratch, may stand a network (/{', /'.join(VARIANTS)}), and "
        f"after an objective a schedule (/{', /'.join(SCHEDULES)})"
    )
