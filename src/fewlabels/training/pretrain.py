"""Pretraining: a network, an objective and a recipe become an autoencoder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import count

import torch
from torch import Tensor

from fewlabels.networks import Autoencoder, Network, channels_last, seeded
from fewlabels.objectives import Objective
from fewlabels.training.examples import Examples
from fewlabels.training.history import History, joined
from fewlabels.training.layerwise import Layerwise, Phase, as_one, greedy
from fewlabels.training.loop import Losses, Progress, fit
from fewlabels.training.recipe import Group, Recipe
from fewlabels.training.strip import Strip

VALIDATION_SEED = 1_000_003


@dataclass(frozen=True)
class Job:
    """Everything that determines an encoder, but for the data.

    layerwise: trains the stages of the network one after the other; None: all of them together.
    """

    network: Network
    objective: Objective
    recipe: Recipe = field(default_factory=Recipe)
    seed: int = 0
    layerwise: Layerwise | None = None


def build(job: Job, input_shape: tuple[int, ...]) -> Autoencoder:
    """The job's network before training: weights drawn from the job's seed."""

    def drawn() -> Autoencoder:
        net = job.network.build(input_shape, job.objective.code_width)
        net.critic = job.objective.critic(net.latent_dim)
        return net

    return channels_last(seeded(job.seed, drawn))


def train(
    job: Job, x: Examples, validation: Examples | None = None, progress: Progress | None = None
) -> tuple[Autoencoder, History]:
    """Train the job's autoencoder on x. With `validation`, keep the weights that are best on what the objective
    watches, in every phase.

    The same job, data and number of threads give the same bits. Raises TrainingDiverged, and InputError where a
    layerwise schedule does not fit the network.
    """
    net = build(job, x.shape)
    steps = job.recipe.steps
    layerwise = job.layerwise
    phases = (
        as_one(net, job.objective, steps)
        if layerwise is None
        else seeded(job.seed, lambda: greedy(net, job.objective, steps, layerwise))  # critics of inner stages are drawn
    )
    generator = torch.Generator().manual_seed(job.seed)
    strip = Strip(validation or x, steps, [phase.first for phase in phases])
    histories: dict[str, History] = {}
    for phase in phases:
        begun = sum(len(history.loss) for history in histories.values())
        watch = partial(strip.pass_by, phase, begun=begun)
        histories[phase.name] = _train_phase(phase, job.recipe, x, validation, generator, watch, progress)
    history = joined(histories)
    if job.layerwise is None:
        history.phases = {}
    strip.look(phases[-1], len(history.loss))
    history.strip_step, history.strip = strip.steps, strip.frames
    return net.eval(), history


def _train_phase(
    phase: Phase,
    recipe: Recipe,
    x: Examples,
    validation: Examples | None,
    generator: torch.Generator,
    watch: Callable[[int], None],
    progress: Progress | None,
) -> History:
    objective, part, done = phase.objective, phase.part, count()

    def loss_of(index: Tensor) -> Losses:
        step = next(done)
        watch(step)
        batch = phase.inputs(x.batch(index))
        return objective.loss(part, batch, objective.draw(batch, part.latent_dim, generator, step / phase.steps))

    def validation_loss() -> float:
        assert validation is not None
        return mean_loss(objective, part, validation, phase.inputs)

    return fit(
        part,
        [Group(tuple(part.parameters()))],
        loss_of,
        len(x),
        replace(recipe, steps=phase.steps),
        generator,
        validation_loss if validation is not None and objective.watched is not None else None,
        progress and (lambda done, loss, speed: progress(phase.first + done, loss, speed)),
        x.order,
    )


@torch.no_grad()
def mean_loss(
    objective: Objective, net: Autoencoder, x: Examples, inputs: Callable[[Tensor], Tensor] = lambda batch: batch
) -> float:
    """What the objective watches, its loss or a term of it, over all of x, with the same noise at every call.

    inputs: from a batch of x to what the network is given.
    """
    generator = torch.Generator().manual_seed(VALIDATION_SEED)
    total = 0.0
    for batch in map(inputs, x.batches()):
        loss, terms = objective.loss(net, batch, objective.draw(batch, net.latent_dim, generator))
        watched = terms.get(objective.watched or "loss", loss)
        total += watched.item() * len(batch)
    return total / len(x)
