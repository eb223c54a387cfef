"""The grammar of ways to come by an encoder: `objective[/network][/schedule][@layer]`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fewlabels.networks import VARIANTS
from fewlabels.objectives import OBJECTIVES, Objective, Reconstruction
from fewlabels.training import Layerwise
from fewlabels.transfer import LAYERS

RANDOM = "random"

SCHEDULES: Mapping[str, Layerwise] = {"greedy": Layerwise(), "greedy-joint": Layerwise(joint=True)}
"""Layer-wise schedules; without one, all stages are trained together."""


@dataclass(frozen=True)
class EncoderSpec:
    """objective: of OBJECTIVES, or 'random' for none.

    network: of VARIANTS, or None for the study's own. schedule: of SCHEDULES, or None for all stages together.
    layer: of LAYERS, from which classifiers read; None for the code.
    """

    objective: str
    network: str | None = None
    schedule: str | None = None
    layer: str | None = None

    @property
    def trained_as(self) -> str:
        """The name of all that pretraining depends on."""
        return "/".join(filter(None, (self.objective, self.network, self.schedule)))

    @property
    def name(self) -> str:
        return self.trained_as + (f"@{self.layer}" if self.layer else "")

    @property
    def trained_for(self) -> Objective:
        """The objective; for 'random', plain reconstruction, whose codes are the encoder's own."""
        return OBJECTIVES.get(self.objective, Reconstruction())

    @property
    def label(self) -> str:
        """In words, for tables and pages."""
        base = "random frozen encoder" if self.objective == RANDOM else f"{self.objective} pretraining"
        return ", ".join([base, *self.parts])

    @property
    def parts(self) -> list[str]:
        """What is not the study's own, in words."""
        network, layer = self.network and f"{self.network} network", self.layer and f"layer {self.layer}"
        return [part for part in (network, self.schedule, layer) if part]


def parse_encoder_spec(name: str) -> EncoderSpec | None:
    """The spec of that name, or None where there is none."""
    trained_as, at, layer = name.partition("@")
    objective, *rest = trained_as.split("/")
    network = rest.pop(0) if rest and rest[0] in VARIANTS else None
    schedule = rest.pop(0) if rest and rest[0] in SCHEDULES else None
    known = objective in OBJECTIVES or (objective == RANDOM and schedule is None)
    known = known and not rest and (layer in LAYERS or not at)
    return EncoderSpec(objective, network, schedule, layer or None) if known else None
