"""What a study will do: methods, budgets and seeds, and every setting that its results depend on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from fewlabels.data import Dataset, Pools, check_budgets, default_budgets
from fewlabels.errors import InputError
from fewlabels.networks import Network, default_network
from fewlabels.settings import to_json
from fewlabels.study.methods import Method, parse_methods
from fewlabels.training import Recipe
from fewlabels.transfer import tried_settings

DEFAULT_SEEDS = 5


class Run(NamedTuple):
    """One cell of the grid."""

    method: Method
    budget: int
    seed: int


SourceKey = tuple[str, int]
"""Name and seed of a source of features: runs that agree in both share them."""


def default_pretraining(examples: int) -> Recipe:
    """One-cycle AdamW at batch 128: 30 epochs of the unlabelled pool, though 1,000 to 2,000 steps; early stopping."""
    steps = min(2000, max(1000, 30 * examples // 128))
    return Recipe(
        steps=steps,
        batch_size=128,
        lr=1e-2,
        weight_decay=1e-4,
        clip_norm=1.0,
        schedule="one-cycle",
        patience=10,
    )


@dataclass(frozen=True)
class Plan:
    """stratified: budgets hold every class in proportion; False: as collected.

    pretraining_per_seed: a fresh encoder for every seed; False: one an objective, shared by all seeds.
    transductive: pretraining may see the test inputs (never their labels), and every page says so.
    """

    methods: tuple[Method, ...]
    budgets: tuple[int, ...]
    seeds: tuple[int, ...]
    network: Network
    pretraining: Recipe
    stratified: bool = True
    pretraining_per_seed: bool = False
    transductive: bool = False
    tried: dict[str, Any] = field(default_factory=tried_settings)

    def runs(self) -> list[Run]:
        """The whole grid, budgets within seeds within methods."""
        return [Run(method, budget, seed) for method in self.methods for seed in self.seeds for budget in self.budgets]

    def source_key(self, run: Run) -> SourceKey:
        """What the features of a run come from."""
        name = run.method.source
        if name in ("raw", "pca"):
            return name, 0
        if run.method.pretrained:
            return name, run.seed if self.pretraining_per_seed else self.seeds[0]
        return "random" if name == "scratch" else name, run.seed

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
            "recipe": to_json(self.pretraining),
            "tried": self.tried,
        }


def make_plan(
    dataset: Dataset,
    pools: Pools,
    methods: Sequence[str] = ("default",),
    budgets: Sequence[int] | None = None,
    seeds: int | Sequence[int] = DEFAULT_SEEDS,
    network: Network | None = None,
    pretraining: Recipe | None = None,
    stratified: bool = True,
    pretraining_per_seed: bool = False,
    transductive: bool = False,
) -> Plan:
    """Fill in the defaults and refuse what cannot be done with these data. Raises InputError."""
    y = pools.labelled_y(dataset)
    chosen = tuple(sorted(budgets)) if budgets else default_budgets(len(y), len(dataset.classes))
    check_budgets(chosen, y, stratified)
    if isinstance(seeds, int):
        if seeds < 1:
            raise InputError(f"--seeds is {seeds}; allowed is 1 or more, and a verdict takes 5")
        seeds = range(seeds)
    if len(set(seeds)) != len(seeds) or not seeds or min(seeds) < 0:
        raise InputError(f"seeds are {list(seeds)}; allowed are different whole numbers of 0 or more")
    return Plan(
        methods=parse_methods(methods, dataset.example_shape),
        budgets=chosen,
        seeds=tuple(seeds),
        network=network or default_network(dataset.example_shape),
        pretraining=pretraining or default_pretraining(len(pools.unlabelled)),
        stratified=stratified,
        pretraining_per_seed=pretraining_per_seed,
        transductive=transductive,
    )
