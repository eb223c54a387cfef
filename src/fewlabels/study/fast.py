"""What makes a study's pretraining fast on this machine: its numerics, and which networks are trained together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from fewlabels.data import cache_folder
from fewlabels.errors import InputError
from fewlabels.networks import Network, outline, parameter_count
from fewlabels.training import FORMATS, PRECISIONS, Job, Numerics, fastest, stacking_pays, why_apart


def forced_numerics(precision: str, memory_format: str) -> dict[str, Any]:
    """The choices that are not left to a measurement. Raises InputError for what cannot be chosen."""
    forced = {}
    for option, value, allowed in (("precision", precision, PRECISIONS), ("memory_format", memory_format, FORMATS)):
        if value not in ("auto", *allowed):
            raise InputError(f"--{option.replace('_', '-')} is {value!r}; allowed are auto, {', '.join(allowed)}")
        if value != "auto":
            forced[option] = value
    return forced


def measured(
    networks: Mapping[str, Network], shape: tuple[int, ...], batch_size: int, device: str, forced: Mapping[str, Any]
) -> dict[str, Numerics]:
    """The numerics that pretrain each network fastest, on one thread, as workers have it."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        folder = cache_folder() / "numerics"
        return {
            name: fastest(network, shape, batch_size, device, folder=folder, **forced)
            for name, network in networks.items()
        }
    finally:
        torch.set_num_threads(threads)


def stacks_well(job: Job, shape: tuple[int, ...]) -> bool:
    """Whether encoders of several seeds are pretrained faster together than one after the other."""
    size = parameter_count(outline(job.network, shape))
    return why_apart(job, shape) is None and stacking_pays(size, 2, job.numerics.device)
