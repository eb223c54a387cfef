"""What pretraining is made of where nothing else is asked for, and whether it can be done with the data at hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import is_dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from fewlabels.core.errors import InputError
from fewlabels.core.files import cache_folder
from fewlabels.core.text import allowed
from fewlabels.data import fit_scaling
from fewlabels.networks import VARIANTS, Network, default_network, outline, parameter_count
from fewlabels.objectives import Objective, seen_as_images
from fewlabels.pipelines.encoder_specs import SCHEDULES, EncoderSpec
from fewlabels.training import FORMATS, PRECISIONS, Examples, Numerics, Recipe, fastest, greedy
from fewlabels.transfer import width_at

PLANNING = "planning (the first time, which precision is fastest here is measured)"
"""What is under way before a training can begin, in words."""

FEW = 16
"""Examples on which objectives are asked whether they can have such inputs."""

FEWEST_COUPLED = 4
"""Examples that an objective which compares them needs: two to train on, and two to validate on."""

MOST_PARAMETERS = 200_000_000
"""Of a network: training takes sixteen bytes each, in every worker."""


def default_pretraining(examples: int, network: Network, objective: Objective) -> Recipe:
    """One-cycle AdamW at batch 128: 30 epochs of the unlabelled pool, though 1,000 to 2,000 steps; early stopping.

    Convolutional networks, whose steps cost more, take half as many with SOAP. Objectives that compare the examples of
    a batch take larger ones, of up to 512, and 8 epochs, though 300 to 940 steps, to the end.
    """
    if objective.coupled:
        batch_size = min(512, max(64, examples // 16))
        steps = min(940, max(300, 8 * examples // batch_size))
        return Recipe(steps, batch_size, lr=4e-3, weight_decay=1e-3, schedule="one-cycle")
    steps = min(2000, max(1000, 30 * examples // 128))
    recipe = Recipe(steps, batch_size=128, lr=1e-2, weight_decay=1e-4, clip_norm=1.0, schedule="one-cycle", patience=10)
    if network.convolutional:
        return replace(recipe, steps=steps // 2, optimiser="soap", validate_every=recipe.validate_every // 2)
    return recipe


SMALL = 16
"""Pixels a side of images that a dense network does as well."""


def pooled_for(input_shape: tuple[int, ...]) -> str | None:
    """The name of the network that the default methods, and objectives that decode nothing, have for such examples;
    None: the default network.
    """
    return "pooled" if len(input_shape) == 3 and max(input_shape[1:]) > SMALL else None


def default_objective(input_shape: tuple[int, ...]) -> str:
    """The name of what encoders of such examples are best trained for: see docs/pretraining.md."""
    return "contrastive" if pooled_for(input_shape) else "denoising"


def is_default(network: Network | str | None) -> bool:
    """Whether no network is named."""
    return network is None or network == "default"


def choose_network(
    network: Network | str | None, input_shape: tuple[int, ...], objective: Objective | None = None
) -> Network:
    """The network itself, the one of that name, or the default for such examples and objective. Raises InputError."""
    default = default_network(input_shape)
    if is_default(network) and objective is not None and objective.decodes is None:
        network = pooled_for(input_shape)
    if is_default(network):
        return default
    if is_dataclass(network) and not isinstance(network, type):
        return network
    if not isinstance(network, str) or network not in VARIANTS:
        raise InputError(f"`network` is {network!r}; {allowed(str(network), ('default', *VARIANTS))}")
    return VARIANTS[network](default, input_shape)


def check_flips(flips: bool | None, input_shape: tuple[int, ...]) -> None:
    """Raise InputError where views are told of flips, and examples are no images."""
    if flips is not None and not seen_as_images(input_shape):
        raise InputError(
            f"`flips` is {flips}, and only images can be flipped: these examples are of shape "
            f"{' x '.join(map(str, input_shape))}; leave it out"
        )


def check_size(network: Network, input_shape: tuple[int, ...]) -> Network:
    """The network, once it is known that it can be built for such examples. Raises InputError where it cannot."""
    size = parameter_count(outline(network, input_shape))
    if size > MOST_PARAMETERS:
        raise InputError(
            f"network {type(network).__name__} has {size:,} parameters for examples of shape {input_shape}; allowed "
            f"are {MOST_PARAMETERS:,}; give narrower layers, or smaller images (`size`)"
        )
    return network


def few(x: np.ndarray, unlabelled: np.ndarray) -> Tensor:
    """A few examples of the unlabelled pool, scaled: [n, *shape]."""
    chosen = x[unlabelled[:FEW]]
    return Examples(chosen, fit_scaling(chosen)).batch(slice(None))


def check_inputs(objective: Objective, few: Tensor) -> None:
    """Raise InputError where the objective cannot have such examples, scaled, [n, *shape], or so few."""
    if objective.coupled and len(few) < FEWEST_COUPLED:
        raise InputError(
            f"{type(objective).__name__} compares examples with each other: it needs {FEWEST_COUPLED} or more without "
            f"labels, two of them to validate on, and has {len(few)}; give more, or take denoising"
        )
    objective.draw(few, 1, torch.Generator())


def check_encoder_spec(spec: EncoderSpec, network: Network, few: Tensor, steps: int) -> None:
    """Raise InputError where the network cannot be pretrained this way.

    few: scaled examples [n, *shape]. steps: of the whole training.
    """
    objective = spec.trained_for
    check_inputs(objective, few)
    net = outline(network, tuple(few.shape[1:]), objective.code_width)
    width_at(net, spec.layer)
    if spec.schedule is None:
        return
    if objective.why_not_greedy and net.depth > 1:
        raise InputError(
            f"{spec.name}: {spec.objective} cannot train the layers below the last "
            f"({objective.why_not_greedy}); leave out '/{spec.schedule}'"
        )
    greedy(net, objective, steps, SCHEDULES[spec.schedule])


def forced_numerics(precision: str, memory_format: str) -> dict[str, Any]:
    """The choices that are not left to a measurement. Raises InputError for what cannot be chosen."""
    forced = {}
    for option, value, known in (("precision", precision, PRECISIONS), ("memory_format", memory_format, FORMATS)):
        if value not in ("auto", *known):
            raise InputError(f"`{option}` is {value!r}; allowed are auto, {', '.join(known)}")
        if value != "auto":
            forced[option] = value
    return forced


def measured(
    networks: Mapping[str, Network],
    shape: tuple[int, ...],
    batch_sizes: Mapping[str, int],
    device: str,
    forced: Mapping[str, Any],
) -> dict[str, Numerics]:
    """The numerics that pretrain each network, by name, fastest on one thread, as workers have it.

    batch_sizes: of each network's pretraining.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        folder = cache_folder() / "numerics"
        return {
            name: fastest(network, shape, batch_sizes[name], device, folder=folder, **forced)
            for name, network in networks.items()
        }
    finally:
        torch.set_num_threads(threads)
