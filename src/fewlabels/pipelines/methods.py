"""Ways to come by an encoder, by name: `objective[/network][/schedule]`, such as `denoising` or `sparse/tied`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fewlabels.networks import VARIANTS
from fewlabels.objectives import OBJECTIVES, Objective, Reconstruction
from fewlabels.training import Layerwise

RANDOM = "random"

SCHEDULES: Mapping[str, Layerwise] = {"greedy": Layerwise(), "greedy-joint": Layerwise(joint=True)}
"""Layer-wise schedules; without one, all stages are trained together."""


@dataclass(frozen=True)
class Way:
    """objective: of OBJECTIVES, or 'random' for none.

    network: of VARIANTS, or None for the study's own. schedule: of SCHEDULES, or None for all stages together.
    """

    objective: str
    network: str | None = None
    schedule: str | None = None

    @property
    def name(self) -> str:
        return "/".join(filter(None, (self.objective, self.network, self.schedule)))

    @property
    def trained_for(self) -> Objective:
        """The objective; for 'random', plain reconstruction, whose codes are the encoder's own."""
        return OBJECTIVES.get(self.objective, Reconstruction())

    @property
    def label(self) -> str:
        """In words, for tables and pages."""
        base = "random frozen encoder" if self.objective == RANDOM else f"{self.objective} pretraining"
        return ", ".join([base, *filter(None, (network_label(self.network), self.schedule))])


def network_label(network: str | None) -> str | None:
    return network and f"{network} network"


def parse_way(name: str) -> Way | None:
    """The way of that name, or None where there is none."""
    objective, *rest = name.split("/")
    network = rest.pop(0) if rest and rest[0] in VARIANTS else None
    schedule = rest.pop(0) if rest and rest[0] in SCHEDULES else None
    known = objective in OBJECTIVES or (objective == RANDOM and schedule is None)
    return Way(objective, network, schedule) if known and not rest else None
