"""Which networks of a study are pretrained together."""

from __future__ import annotations

from fewlabels.networks import outline, parameter_count
from fewlabels.training import Job, stacking_pays, why_apart


def stacks_well(job: Job, shape: tuple[int, ...]) -> bool:
    """Whether encoders of several seeds are pretrained faster together than one after the other."""
    size = parameter_count(outline(job.network, shape))
    return why_apart(job, shape) is None and stacking_pays(size, 2, job.numerics.device)
