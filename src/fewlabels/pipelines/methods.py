"""The grammar of names: `objective[/network][/schedule][@layer]` for an encoder, `source+transfer` for a method.

`denoising`, `sparse/tied` and `denoising/greedy` name ways to come by an encoder, `denoising@below` what is read of it;
`denoising+finetune`, `raw+probe` and `random+mlp` what is made of features with labels. Some methods have names of
their own: `scratch` (the same network from random weights, all of it trained), and those of CONTROLS, such as `cnn`
(paper 1's small CNN, from scratch).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from fewlabels.core.errors import InputError
from fewlabels.core.text import allowed, did_you_mean
from fewlabels.networks import VARIANTS
from fewlabels.objectives import ENTRIES, OBJECTIVES
from fewlabels.pipelines.encoder_specs import RANDOM, SCHEDULES, EncoderSpec, parse_encoder_spec
from fewlabels.transfer import CONTROLS, LAYERS, TRANSFERS, Control, Transfer

FIXED_SOURCES = {"raw": "raw features", "pca": "principal components"}
SCRATCH = "scratch"
FROM_SCRATCH = "finetune"
"""The way of transfer that trains a network from random weights."""

DEFAULT_OBJECTIVES = ("contrastive", "denoising")
DEFAULT_TRANSFERS = ("graph", "probe")
FURTHER_WAYS = (
    "reconstruction/linear",
    "reconstruction/tied",
    "reconstruction/greedy",
    "reconstruction/greedy-joint",
)
"""Other networks and schedules than the study's own, as `all` has them; `residual` and `overcomplete`, which cost
several times as much, go by name only."""


@dataclass(frozen=True)
class Method:
    """source: the name of a spec, 'raw', 'pca', or the method's own name for whole networks from scratch."""

    source: str
    transfer: str

    @property
    def name(self) -> str:
        return self.source if self.whole else f"{self.source}+{self.transfer}"

    @property
    def whole(self) -> str | None:
        """'scratch', or the name of a control, where that is what the method is."""
        base = self.source.partition("@")[0].partition("/")[0]
        return base if base == SCRATCH or base in CONTROLS else None

    @property
    def control(self) -> Control | None:
        """The row of a classifier that has no encoder."""
        return CONTROLS.get(self.source)

    @property
    def row(self) -> Transfer | Control:
        """What is made of the labels."""
        return self.control or TRANSFERS[self.transfer]

    @property
    def encoder_spec(self) -> EncoderSpec | None:
        """How the encoder that the method begins with comes about; None where it has none."""
        return parse_encoder_spec(RANDOM + self.source.removeprefix(SCRATCH) if self.whole == SCRATCH else self.source)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of rows, in whichever tables, that it is made of."""
        spec = self.encoder_spec
        return (self.source, self.transfer, *((spec.objective, spec.network or "") if spec else ()))

    @property
    def pretrained(self) -> bool:
        return self.encoder_spec is not None and self.encoder_spec.objective != RANDOM

    @property
    def label(self) -> str:
        """In words, for tables and pages."""
        if self.control:
            return self.control.label
        if self.whole:
            parts = self.encoder_spec.parts if self.encoder_spec else []
            return ", ".join(["from scratch", *parts]) if parts else "same network from scratch"
        spec, row = self.encoder_spec, TRANSFERS[self.transfer]
        if spec is not None and not self.pretrained and row.reads == "examples":  # trained, so not frozen
            return ", ".join(["random weights", *spec.parts, row.label])
        return f"{spec.label if spec is not None else FIXED_SOURCES[self.source]}, {row.label}"


def default_names(network: str | None = None) -> list[str]:
    """The default methods in order of preference without validation, the controls last.

    network: of VARIANTS, for all of them; None: the study's own.
    """
    on = f"/{network}" if network else ""
    pretrained = _each([f"{objective}{on}" for objective in DEFAULT_OBJECTIVES], DEFAULT_TRANSFERS)
    pretrained.append(f"{DEFAULT_OBJECTIVES[0]}{on}+finetune")  # one alone: on images it costs more than all the others
    controls = ["raw+graph", "raw+probe", f"{RANDOM}{on}+probe", f"{SCRATCH}{on}"]
    return [*pretrained, *controls, *(name for name, row in CONTROLS.items() if row.by_default)]


def control_names() -> list[str]:
    """The controls of a study's own network, and those that need none."""
    return ["raw+graph", "pca+graph", "raw+probe", "pca+probe", "random+probe", SCRATCH, *CONTROLS]


def quick_transfers() -> list[str]:
    """All but those that take minutes, which go by name only; in order of preference without validation."""
    others = (name for name, row in TRANSFERS.items() if row.by_default and name not in DEFAULT_TRANSFERS)
    return [*DEFAULT_TRANSFERS, *others]


def all_names() -> list[str]:
    """Every objective with every transfer but those that take minutes, further ways with a probe and fine-tuned, and
    the controls."""
    objectives = [*DEFAULT_OBJECTIVES, *(name for name in OBJECTIVES if name not in DEFAULT_OBJECTIVES)]
    pretrained = [*_each(objectives, quick_transfers()), *_each(FURTHER_WAYS, ("probe", "finetune"))]
    return [*pretrained, *control_names()]


def controls_of(methods: Iterable[Method]) -> list[str]:
    """The controls that belong to networks and layers which pretrained methods name, where their encoder, or what is
    read from it, is not the study's."""
    named: dict[str, None] = {}
    for spec in (method.encoder_spec for method in methods if method.pretrained):
        assert spec is not None
        other = f"/{spec.network}" if spec.network and not VARIANTS[spec.network].own_encoder else ""
        named[other + (f"@{spec.layer}" if spec.layer else "")] = None
    named.pop("", None)
    return [control for name in named for control in (f"{RANDOM}{name}+probe", f"{SCRATCH}{name}")]


def _each(sources: Iterable[str], transfers: Iterable[str]) -> list[str]:
    sources = list(sources)
    return [f"{source}+{transfer}" for transfer in transfers for source in sources]


def parse_methods(
    names: Sequence[str], check: Callable[[Method], None], pooled: str | None = None
) -> tuple[Method, ...]:
    """Methods by name, in the order given, each once.

    Besides methods, a name may be `default`, `all`, `controls`, or a way of pretraining, for all its transfers but
    those that take minutes. The three groups bring the controls of every network that a method names.
    pooled: the network of VARIANTS, if any, that the default methods have, and those that decode nothing and name none:
    for them the study's own is a bottleneck to no end.
    check: raises InputError for what cannot be done with the study's data; a group leaves that out.

    Raises InputError for names unknown, combinations that make no sense, and nothing at all.
    """
    methods: dict[Method, None] = {}
    for name in names:
        for method in (_suited(_parse(member), pooled) for member in _members(name, pooled)):
            if name not in GROUPS:
                check(method)
            elif not _can_be_done(method, check):
                continue
            methods[method] = None
    if any(name in GROUPS for name in names):
        methods |= dict.fromkeys(map(_parse, controls_of(methods)))
    if not methods:
        raise InputError("no method given; name some in `methods`, such as default")
    return tuple(methods)


def _can_be_done(method: Method, check: Callable[[Method], None]) -> bool:
    try:
        check(method)
    except InputError:
        return False
    return True


GROUPS: Mapping[str, Callable[[str | None], list[str]]] = {
    "default": default_names,
    "all": lambda pooled: all_names(),
    "controls": lambda pooled: control_names(),
}


def _suited(method: Method, pooled: str | None) -> Method:
    """The method on the network `pooled`, if its encoder decodes nothing and names no network."""
    spec = method.encoder_spec
    if pooled is None or spec is None or not method.pretrained or spec.network or spec.trained_for.decodes:
        return method
    return replace(method, source=replace(spec, network=pooled).name)


def _members(name: str, pooled: str | None) -> list[str]:
    """The methods that a name stands for."""
    if name in GROUPS:
        return GROUPS[name](pooled)
    spec = parse_encoder_spec(name)
    return _each([name], quick_transfers()) if spec is not None and spec.objective != RANDOM else [name]


def _parse(name: str) -> Method:
    source, plus, transfer = name.partition("+")
    method = Method(source, transfer or FROM_SCRATCH)
    if method.whole and not plus and (method.control or method.encoder_spec):
        return method
    if not plus or transfer not in TRANSFERS or method.whole or not (method.encoder_spec or source in FIXED_SOURCES):
        raise InputError(_unknown(name))
    if TRANSFERS[transfer].reads == "examples" and not method.pretrained:
        if method.encoder_spec is None:
            frozen = [f"+{name}" for name, row in TRANSFERS.items() if row.reads == "features"]
            refused = f"{FIXED_SOURCES[source]} cannot be {TRANSFERS[transfer].label}"
            raise InputError(f"method {name!r}: {refused}; allowed are {', '.join(frozen)}")
        if transfer == FROM_SCRATCH:
            scratch = SCRATCH + source.removeprefix(RANDOM)
            raise InputError(f"method {name!r} is training from scratch; it is called {scratch!r}")
    return method


def _misplaced(first: str, rest: Sequence[str], layer: str | None) -> str:
    """What is wrong with the parts after the first word of a spec."""
    schedules = list(SCHEDULES) if first in OBJECTIVES else []
    for part in rest:
        if part not in (*VARIANTS, *schedules):
            then = f", and schedules {', '.join(schedules)}" if schedules else ""
            words = f"{did_you_mean(part, [*VARIANTS, *schedules])} networks are {', '.join(VARIANTS)}{then}".lstrip()
            return f"{part!r} cannot stand after {first}/; {words}"
    if layer not in (None, *LAYERS):
        return f"{layer!r} is no layer; {allowed(str(layer), list(LAYERS))}"
    then = ", then one schedule" if schedules else ""
    return f"after {first}/ may stand one network{then}; write them once, in this order"


def _unknown(name: str) -> str:
    """What is wrong with a name, part by part, and what is allowed there."""
    source, _, transfer = name.partition("+")
    trained_as, at, layer = source.partition("@")
    first, *rest = trained_as.split("/")
    sources = [*FIXED_SOURCES, RANDOM, *OBJECTIVES]
    if first in (*VARIANTS, *SCHEDULES):
        kind, other = ("network", ", or name it as `network`") if first in VARIANTS else ("schedule", "")
        return f"method {name!r}: {first!r} is a {kind}; write OBJECTIVE/{first}+TRANSFER{other}"
    whole = [SCRATCH, *CONTROLS]
    if first not in {*sources, *whole}:
        words = [*all_names(), *sources, *whole, *GROUPS]
        return (
            f"unknown method {name!r}; {did_you_mean(name, words, 'such as raw+probe:')} allowed are "
            f"{', '.join(GROUPS)}, {', '.join(whole)}, and SOURCE+TRANSFER with SOURCE one of "
            f"{', '.join(sources)} and TRANSFER one of {', '.join(TRANSFERS)}"
        )
    after = source.removeprefix(first)
    if after and first in (*FIXED_SOURCES, *CONTROLS):
        what = "no network and no schedule" if rest else "no layer"
        return f"method {name!r}: {first} takes {what}; leave out {after!r}"
    if after and parse_encoder_spec((RANDOM if first == SCRATCH else first) + after) is None:
        return f"method {name!r}: {_misplaced(first, rest, layer if at else None)}"
    if first in whole:
        return f"method {name!r}: {first} has no transfer; leave out '+{transfer}'"
    return f"method {name!r}: allowed after {source}+ are {', '.join(TRANSFERS)}"


def summaries() -> dict[str, dict[str, str]]:
    """What the names of methods are made of, by their place: each name, and what it stands for in a line."""
    return {
        "sources": {**FIXED_SOURCES, RANDOM: "an encoder with random weights"}
        | {name: entry.summary for name, entry in ENTRIES.items()},
        "networks": {name: variant.summary for name, variant in VARIANTS.items()},
        "schedules": {"greedy": "layer by layer", "greedy-joint": "layer by layer, then all together"},
        "layers": {name: row.summary for name, row in LAYERS.items()},
        "transfers": {name: row.summary for name, row in TRANSFERS.items()},
        "controls": {SCRATCH: "the study's network from random weights"}
        | {name: row.summary for name, row in CONTROLS.items()},
        "groups": {
            "default": "a few of each kind",
            "controls": "all that need no pretraining",
            "all": "all but what takes minutes",
        },
    }
