"""Greedy layer-wise pretraining: a stage of a network at a time, each on the codes of the one below (paper 4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from fewlabels.core.errors import InputError
from fewlabels.networks import Autoencoder
from fewlabels.objectives import Objective, equipped


@dataclass(frozen=True)
class Layerwise:
    """The stages of a network trained one after the other, from the input up (Bengio et al. 2007).

    The job's steps are shared equally by the stages and the joint phase: a schedule costs no more steps than another.

    Parameters
    ----------
    objectives
        What each stage below the last is trained for, on the codes of the stage below it; () is the job's objective for
        all. The last stage always has the job's.
    joint
        At the end, all stages together are trained for the job's objective.
    """

    objectives: tuple[Objective, ...] = ()
    joint: bool = False


@dataclass(frozen=True, eq=False)
class Phase:
    """One training within a job.

    part: what is trained. below: the stages whose codes it is trained on, if any; they stay as they are.
    first: the steps done before; steps: those of this phase.
    """

    name: str
    objective: Objective
    part: Autoencoder
    below: Autoencoder | None
    first: int
    steps: int

    @property
    def whole(self) -> Autoencoder:
        """The part with all that is below it, as one autoencoder."""
        return self.part if self.below is None else self.part.stacked_on(self.below)

    @torch.no_grad()
    def inputs(self, batch: Tensor) -> Tensor:
        """What the part is given of a batch [B, *input_shape] of examples: [B, *its own input_shape]."""
        if self.below is None:
            return batch
        return self.below.encode(batch).view(len(batch), *self.part.input_shape)


def as_one(net: Autoencoder, objective: Objective, steps: int) -> list[Phase]:
    """The whole network in a single phase."""
    return [Phase("joint", objective, net, None, 0, steps)]


def greedy(net: Autoencoder, objective: Objective, steps: int, layerwise: Layerwise) -> list[Phase]:
    """A phase a stage, then perhaps a joint one. Raises InputError for objectives that do not fit, or few steps."""
    objectives = _one_a_stage(layerwise, objective, net.depth)
    ends = _shared(steps, net.depth + layerwise.joint)
    phases = []
    for stage, wanted in enumerate(objectives):
        part = net.part(stage, stage + 1)
        if stage + 1 == net.depth:
            part.heads = net.heads
        else:
            part = part.with_log_variances() if wanted.code_width == 2 else part
            part = equipped(part, wanted)
        below = net.part(0, stage) if stage else None
        phases.append(Phase(f"layer {stage + 1}", wanted, part, below, ends[stage], ends[stage + 1] - ends[stage]))
    if layerwise.joint:
        phases.append(Phase("joint", objective, net, None, ends[-2], ends[-1] - ends[-2]))
    return phases


def _one_a_stage(layerwise: Layerwise, last: Objective, depth: int) -> Sequence[Objective]:
    below = layerwise.objectives or (last,) * (depth - 1)
    if len(below) != depth - 1:
        raise InputError(
            f"Layerwise: objectives are {len(below)}; allowed is one for each of the {depth - 1} stages below the "
            f"network's last, or none, for the job's objective everywhere"
        )
    for objective in below:
        if objective.why_not_greedy:
            raise InputError(
                f"{type(objective).__name__} cannot train a stage below another: {objective.why_not_greedy}; give "
                "Layerwise objectives for the stages below the last, or train without a schedule"
            )
    if below and not last.decodes:
        raise InputError(
            f"{type(last).__name__} cannot train a stage above others: it has no decoder; train without a schedule"
        )
    return (*below, last)


def _shared(steps: int, phases: int) -> list[int]:
    """Where each of so many phases begins, and the last ends."""
    if steps < phases:
        raise InputError(f"Recipe: steps is {steps}; allowed is {phases} or more, one for each layer-wise phase")
    return [steps * phase // phases for phase in range(phases + 1)]
