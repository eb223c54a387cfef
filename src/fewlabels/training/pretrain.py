"""Pretraining: a network, an objective and a recipe become an autoencoder."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch

from fewlabels.networks import Autoencoder, Network, channels_last, seeded
from fewlabels.objectives import Objective
from fewlabels.training.examples import Examples
from fewlabels.training.history import History
from fewlabels.training.loop import Losses, Progress, fit
from fewlabels.training.recipe import Group, Recipe

VALIDATION_SEED = 1_000_003


@dataclass(frozen=True)
class Job:
    """Everything that determines an encoder, but for the data."""

    network: Network
    objective: Objective
    recipe: Recipe = field(default_factory=Recipe)
    seed: int = 0


def build(job: Job, input_shape: tuple[int, ...]) -> Autoencoder:
    """The job's network before training: weights drawn from the job's seed."""
    return channels_last(seeded(job.seed, lambda: job.network.build(input_shape, job.objective.code_width)))


def train(
    job: Job, x: Examples, validation: Examples | None = None, progress: Progress | None = None
) -> tuple[Autoencoder, History]:
    """Train the job's autoencoder on x. With `validation`, keep the weights of the lowest validation loss.

    The same job, data and number of threads give the same bits. Raises TrainingDiverged.
    """
    net = build(job, x.shape)
    generator = torch.Generator().manual_seed(job.seed)

    def loss_of(index: torch.Tensor) -> Losses:
        batch = x.batch(index)
        return job.objective.loss(net, batch, job.objective.draw(batch, net.latent_dim, generator))

    def validation_loss() -> float:
        assert validation is not None
        return mean_loss(job.objective, net, validation)

    history = fit(
        net,
        [Group(tuple(net.parameters()))],
        loss_of,
        len(x),
        job.recipe,
        generator,
        validation_loss if validation is not None else None,
        progress,
    )
    return net, history


@torch.no_grad()
def mean_loss(objective: Objective, net: Autoencoder, x: Examples) -> float:
    """The objective's loss over all of x, with the same noise at every call."""
    generator = torch.Generator().manual_seed(VALIDATION_SEED)
    total = 0.0
    for batch in x.batches():
        loss, _ = objective.loss(net, batch, objective.draw(batch, net.latent_dim, generator))
        total += loss.item() * len(batch)
    return total / len(x)
