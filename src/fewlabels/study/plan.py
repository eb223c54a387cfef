"""What a study will do: methods, budgets and seeds, and every setting that its results depend on."""

from __future__ import annotations

import pickle
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from numbers import Integral
from typing import Any, NamedTuple

from fewlabels.core.errors import InputError
from fewlabels.core.settings import to_json
from fewlabels.data import Dataset, Pools, check_budgets, default_budgets
from fewlabels.networks import VARIANTS, Network, outline, parameter_count
from fewlabels.objectives import Objective, Reconstruction, with_flips
from fewlabels.pipelines.defaults import (
    check_encoder_spec,
    check_flips,
    check_size,
    choose_network,
    default_pretraining,
    few,
    forced_numerics,
    is_default,
    measured,
    pooled_for,
)
from fewlabels.pipelines.encoder_specs import SCHEDULES, EncoderSpec
from fewlabels.pipelines.methods import Method, parse_methods
from fewlabels.training import Job, Numerics, Recipe, choose_device, stacking_pays, why_apart
from fewlabels.transfer import tried_settings

DEFAULT_SEEDS = 5

BASE = "default"
"""The name of the study's own network."""


class Run(NamedTuple):
    """One cell of the grid."""

    method: Method
    budget: int
    seed: int


SourceKey = tuple[str, int]
"""Name and seed of a source of features: runs that agree in both share them."""


@dataclass(frozen=True)
class Plan:
    """networks: those that methods name besides the study's own, by name.
    stratified: budgets hold every class in proportion; False: as collected.

    pretraining: how encoders are trained. recipes: likewise for objectives, by name, whose default is another.
    pretraining_per_seed: a fresh encoder for every seed; False: one an objective, shared by all seeds.
    transductive: pretraining may see the test inputs (never their labels), and every page says so.
    flips: whether views of images may exchange left and right; None: as `default_view` has it.
    device: that of everything trained in steps. numerics: those of every training of an encoder alone, for each network
    by name, the study's own under BASE; what is trained together on labels, and validation, are in float32. stacked:
    the networks that are small enough for encoders of several seeds to be pretrained together. looks: the numbers of
    seeds that were asked for one after the other, where a study went on with more; seeds asked for later are trained
    with one another, never with earlier ones.
    """

    methods: tuple[Method, ...]
    budgets: tuple[int, ...]
    seeds: tuple[int, ...]
    network: Network
    networks: Mapping[str, Network]
    pretraining: Recipe
    recipes: Mapping[str, Recipe] = field(default_factory=dict)
    stratified: bool = True
    pretraining_per_seed: bool = False
    transductive: bool = False
    flips: bool | None = None
    device: str = "cpu"
    numerics: Mapping[str, Numerics] = field(default_factory=dict)
    stacked: frozenset[str] = frozenset()
    tried: dict[str, Any] = field(default_factory=tried_settings)
    looks: tuple[int, ...] = ()

    def runs(self) -> list[Run]:
        """The whole grid, budgets within seeds within methods."""
        return [Run(method, budget, seed) for method in self.methods for seed in self.seeds for budget in self.budgets]

    def source_key(self, run: Run) -> SourceKey:
        """What the features of a run come from."""
        method = run.method
        if method.encoder_spec is None:
            return method.source, run.seed if method.whole else 0
        shared = method.pretrained and not self.pretraining_per_seed
        return method.encoder_spec.name, self.seeds[0] if shared else run.seed

    def seeds_together(self, spec: EncoderSpec, seed: int) -> tuple[int, ...]:
        """The seeds whose encoders are pretrained in one go with this one's: all asked for with it, where that pays."""
        stacked = self.pretraining_per_seed and (spec.network or BASE) in self.stacked
        return self.asked_with(seed) if stacked else (seed,)

    def asked_with(self, seed: int) -> tuple[int, ...]:
        """The seeds that were asked for together with this one, itself among them."""
        ends = [0, *self.looks, len(self.seeds)]
        return next((part for a, b in pairwise(ends) if seed in (part := self.seeds[a:b])), (seed,))

    def trained_as_one(self, key: SourceKey) -> SourceKey:
        """The same for sources that one worker trains in one go, and others must wait for."""
        pretrained = {
            method.encoder_spec.name: method.encoder_spec
            for method in self.methods
            if method.pretrained and method.encoder_spec
        }
        spec = pretrained.get(key[0])
        return key if spec is None else (spec.trained_as, self.seeds_together(spec, key[1])[0])

    def together(self, run: Run) -> list[Run]:
        """The runs that are fitted in one go with this one, itself among them, whether they are done already or not.

        They share method and source: all of them where fits are small, those of one budget where networks are trained.
        """
        budgets, source = self.budgets if run.method.row.batched else (run.budget,), self.source_key(run)
        runs = [Run(run.method, budget, seed) for seed in self.asked_with(run.seed) for budget in budgets]
        return [other for other in runs if self.source_key(other) == source]

    def job(self, spec: EncoderSpec, seed: int) -> Job:
        """How the encoder of a spec is pretrained, or, for 'random', only built."""
        layerwise = SCHEDULES[spec.schedule] if spec.schedule else None
        numerics = self._numerics(spec)
        recipe = self.recipes.get(spec.objective, self.pretraining)
        objective = with_flips(spec.trained_for, self.flips)
        return Job(self._network(spec.network), objective, recipe, seed, layerwise, numerics)

    def numerics_of(self, method: Method) -> Numerics:
        """Those in which the method's network is fastest, where it has one that is pretrained."""
        spec = method.encoder_spec
        return Numerics(self.device) if spec is None else self._numerics(spec)

    def _numerics(self, spec: EncoderSpec) -> Numerics:
        return self.numerics.get(spec.network or BASE, Numerics(self.device))

    def _network(self, variant: str | None) -> Network:
        return self.networks[variant] if variant else self.network

    def settings(self) -> dict[str, Any]:
        """Everything the results depend on besides the data, as JSON values."""
        return {
            "methods": [method.name for method in self.methods],
            "budgets": list(self.budgets),
            "seeds": list(self.seeds),
            "draw": "stratified" if self.stratified else "as collected",
            "pretraining": "per seed" if self.pretraining_per_seed else "shared",
            "transductive": self.transductive,
            "network": to_json(self.network),
            "networks": {name: to_json(network) for name, network in self.networks.items()},
            "device": self.device,
            "numerics": {name: to_json(numerics) for name, numerics in self.numerics.items()},
            "recipe": to_json(self.pretraining),
            "recipes": {name: to_json(recipe) for name, recipe in self.recipes.items()},
            "tried": self.tried,
            **({} if self.flips is None else {"flips": self.flips}),
        }


def make_plan(
    dataset: Dataset,
    pools: Pools,
    methods: str | Sequence[str] = ("default",),
    budgets: Sequence[int] | None = None,
    seeds: int | Sequence[int] = DEFAULT_SEEDS,
    network: Network | str | None = None,
    pretraining: Recipe | None = None,
    stratified: bool = True,
    pretraining_per_seed: bool = False,
    transductive: bool = False,
    flips: bool | None = None,
    device: str = "auto",
    precision: str = "auto",
    memory_format: str = "auto",
) -> Plan:
    """Fill in the defaults and refuse what cannot be done with these data. Raises InputError."""
    device, forced = choose_device(device), forced_numerics(precision, memory_format)
    check_flips(flips, dataset.example_shape)
    y = pools.labelled_y(dataset)
    chosen = default_budgets(len(y), len(dataset.classes)) if budgets is None else tuple(sorted(map(int, budgets)))
    check_budgets(chosen, y, stratified)
    base = check_network(choose_network(network, dataset.example_shape), dataset.example_shape)
    recipe = pretraining or default_pretraining(len(pools.unlabelled), base, Reconstruction())
    check = Check(base, recipe, dataset, pools)
    pooled = pooled_for(dataset.example_shape) if is_default(network) else None
    parsed = parse_methods([methods] if isinstance(methods, str) else methods, check, pooled)
    specs = [method.encoder_spec for method in parsed if method.encoder_spec is not None and method.pretrained]
    recipes: dict[str, Recipe] = {}
    batch_sizes: dict[str, int] = {}
    for spec in specs:
        own = pretraining or default_pretraining(len(pools.unlabelled), base, spec.trained_for)
        if own != recipe:
            recipes[spec.objective] = own
        name = spec.network or BASE
        batch_sizes[name] = max(own.batch_size, batch_sizes.get(name, 0))
    networks = {name: network for name, network in {BASE: base, **check.networks}.items() if name in batch_sizes}
    numerics = measured(networks, dataset.example_shape, batch_sizes, device, forced)
    return Plan(
        methods=parsed,
        budgets=chosen,
        seeds=check_seeds(seeds),
        network=base,
        networks=check.networks,
        pretraining=recipe,
        recipes=recipes,
        stratified=stratified,
        pretraining_per_seed=pretraining_per_seed,
        transductive=transductive,
        flips=flips,
        device=device,
        numerics=numerics,
        stacked=frozenset(
            name
            for name, network in networks.items()
            if stacks_well(Job(network, Reconstruction(), recipe, numerics=numerics[name]), dataset.example_shape)
        ),
    )


class Check:
    """Whether methods can be carried out with these data and this network; it builds the networks they name.

    networks: those that could be built and are needed, by name.
    """

    def __init__(self, network: Network, recipe: Recipe, dataset: Dataset, pools: Pools) -> None:
        self.networks: dict[str, Network] = {}
        self._base, self._recipe, self._shape = network, recipe, dataset.example_shape
        self._few = few(dataset.x, pools.unlabelled)

    def __call__(self, method: Method) -> None:
        """Raises InputError where the method cannot be carried out."""
        if method.control is not None:
            method.control.learner(self._shape, 2)
        check_row(method)
        if (spec := method.encoder_spec) is None:
            return
        check_importable(spec.trained_for, "objective")
        network = self._base
        if spec.network is not None:
            network = self.networks.get(spec.network) or self._variant(method, spec.network)
        check_encoder_spec(spec, network, self._few, self._recipe.steps)
        if spec.network is not None:
            self.networks[spec.network] = network

    def _variant(self, method: Method, name: str) -> Network:
        network = check_network(VARIANTS[name](self._base, self._shape), self._shape)
        if network == self._base:
            raise InputError(f"method {method.name!r}: the study's network is that already; leave out '/{name}'")
        return network


def check_seeds(seeds: int | Sequence[int]) -> tuple[int, ...]:
    """The seeds meant: 0, 1, ... for a number of them. Raises InputError for none, repeated or negative ones."""
    if isinstance(seeds, Integral):
        if seeds < 1:
            raise InputError(f"`seeds` is {seeds}; allowed is 1 or more, and a verdict takes 5")
        return tuple(range(int(seeds)))
    given = [int(seed) for seed in seeds]  # type: ignore[union-attr]
    if len(set(given)) != len(given) or not given or min(given) < 0:
        raise InputError(f"`seeds` are {given}; allowed are different whole numbers of 0 or more")
    return tuple(given)


def check_network(network: Network, input_shape: tuple[int, ...]) -> Network:
    """The network, once it is known that it can be built for such examples. Raises InputError where it, or a worker,
    cannot."""
    check_importable(network, "network")
    return check_size(network, input_shape)


def check_importable(settings: Network | Objective, what: str) -> None:
    """Raise InputError for settings of a class that a worker cannot import."""
    if type(settings).__module__ == "__main__" or "<locals>" in type(settings).__qualname__:
        raise InputError(
            f"{what} {type(settings).__name__} is defined in a script or notebook, where worker processes cannot find "
            "it; move its class into a module of its own and import it"
        )


def check_row(method: Method) -> None:
    """Raise InputError for a row whose functions cannot travel to a worker."""
    try:
        pickle.dumps(method.row)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise InputError(
            f"method {method.name!r}: its row cannot travel to worker processes ({error}); give the row functions that "
            "have a name in a module"
        ) from None


def stacks_well(job: Job, shape: tuple[int, ...]) -> bool:
    """Whether encoders of several seeds are pretrained faster together than one after the other."""
    size = parameter_count(outline(job.network, shape))
    return why_apart(job, shape) is None and stacking_pays(size, 2, job.numerics.device)
