"""Pretraining: a network, an objective and a recipe become an autoencoder."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import count

import torch
from torch import Tensor

from fewlabels.core.errors import InputError
from fewlabels.networks import Autoencoder, Network, seeded
from fewlabels.objectives import Objective, equipped
from fewlabels.training.checkpoint import Checkpoints, TrainerState
from fewlabels.training.examples import Examples
from fewlabels.training.history import History, joined, steps_of
from fewlabels.training.layerwise import Layerwise, Phase, as_one, greedy
from fewlabels.training.loop import Checkpoint, Losses, Progress, fit
from fewlabels.training.numerics import Numerics
from fewlabels.training.recipe import Group, Recipe
from fewlabels.training.snapshots import Snapshots

VALIDATION_SEED = 1_000_003


@dataclass(frozen=True)
class Job:
    """Everything that determines an encoder, but for the data.

    Parameters
    ----------
    network, objective
        Any of the one with any of the other.
    recipe
        Steps, batch size, optimiser and rates.
    seed
        Of initial weights, order and noise.
    layerwise
        Trains the stages of the network one after the other; None: all of them together.
    numerics
        The device, precision and memory format of the training.
    """

    network: Network
    objective: Objective
    recipe: Recipe = field(default_factory=Recipe)
    seed: int = 0
    layerwise: Layerwise | None = None
    numerics: Numerics = field(default_factory=Numerics)


def build(job: Job, input_shape: tuple[int, ...]) -> Autoencoder:
    """The job's network before training, on its device: weights drawn from the job's seed, equal on every device."""
    return job.numerics.to(seeded(job.seed, lambda: as_drawn(job, input_shape)))


def as_drawn(job: Job, input_shape: tuple[int, ...]) -> Autoencoder:
    """The job's network with all that its objective trains, from torch's global generator, wherever that makes it."""
    return equipped(job.network.build(input_shape, job.objective.code_width), job.objective)


def phases_of(job: Job, net: Autoencoder) -> list[Phase]:
    """The phases of the job's training. Raises InputError where a layerwise schedule does not fit the network."""
    steps, layerwise = job.recipe.steps, job.layerwise
    if layerwise is None:
        return as_one(net, job.objective, steps)
    phases = seeded(job.seed, lambda: greedy(net, job.objective, steps, layerwise))  # heads of inner stages are drawn
    for phase in phases:
        job.numerics.to(phase.part)
    return phases


def train(
    job: Job,
    x: Examples,
    validation: Examples | None = None,
    progress: Progress | None = None,
    checkpoints: Checkpoints | None = None,
) -> tuple[Autoencoder, History]:
    """Train the job's autoencoder on x. With `validation`, keep the weights that are best on what the objective
    watches, in every phase.

    checkpoints: where the training is kept every so often, at the end of each phase, and at Ctrl-C; one that was
        stopped goes on from there, and ends with the same bits as if it had not been.

    The same job, data and number of threads give the same bits. Raises TrainingDiverged, and InputError where a
    layerwise schedule does not fit the network, and for a checkpoint that is damaged or of another training.
    """
    x, validation = x.on(job.numerics), validation and validation.on(job.numerics)
    net = build(job, x.shape)
    phases = phases_of(job, net)
    run = TrainerState(net, job.numerics.generator(job.seed), Snapshots(validation or x, phases))
    begun = run.resume(checkpoints)
    with nullcontext() if checkpoints is None else checkpoints.saved_at_interrupt():
        for phase in phases[len(run.histories) :]:
            watch = partial(run.snapshots.maybe_record, phase, begun=steps_of(run.histories))
            keep = run.checkpoint(checkpoints, begun)
            run.histories[phase.name] = _train_phase(phase, job, x, validation, run.generator, watch, progress, keep)
            begun = None
            if checkpoints is not None:
                checkpoints.save(run.state(None))
    return net.eval(), merge_histories(job, run.histories, run.snapshots, phases)


def merge_histories(job: Job, histories: Mapping[str, History], taken: Snapshots, phases: Sequence[Phase]) -> History:
    """What happened in all phases, as one history, and a last picture."""
    history = joined(histories)
    if job.layerwise is None:
        history.phases = {}
    taken.record(phases[-1], len(history.loss))
    history.strip_step, history.strip = taken.steps, taken.frames
    return history


def _train_phase(
    phase: Phase,
    job: Job,
    x: Examples,
    validation: Examples | None,
    generator: torch.Generator,
    watch: Callable[[int], None],
    progress: Progress | None,
    checkpoint: Checkpoint | None,
) -> History:
    objective, part = phase.objective, phase.part
    begun = checkpoint and checkpoint.begun
    done = count(len(begun.history.loss) if begun else 0)

    def loss_of(index: Tensor) -> Losses:
        step = next(done)
        watch(step)
        batch = phase.inputs(x.batch(index))
        noise = objective.draw(batch, part.latent_dim, generator, step / phase.steps)
        with job.numerics.autocast():
            return objective.loss(part, batch, noise)

    def validation_loss() -> float:
        assert validation is not None
        return mean_loss(objective, part, validation, phase.inputs, batch_size)

    batch_size = min(len(x), job.recipe.batch_size)
    require_together(objective, batch_size, validation)
    return fit(
        part,
        [Group(tuple(parameter for parameter in part.parameters() if parameter.requires_grad))],
        loss_of,
        len(x),
        replace(job.recipe, steps=phase.steps),
        generator,
        validation_loss if validation is not None and objective.monitor is not None else None,
        progress and (lambda done, loss, speed: progress(phase.first + done, loss, speed)),
        x.order,
        checkpoint,
        lambda: objective.after_step(part),
    )


def require_together(objective: Objective, batch_size: int, validation: Examples | None) -> None:
    """Raise InputError where a coupled objective would be given a single example, in training or in validation."""
    watched = len(validation) if validation is not None and objective.monitor is not None else batch_size
    if objective.coupled and min(batch_size, watched) < 2:
        what = "a batch" if batch_size < 2 else "the validation set"
        raise InputError(
            f"{type(objective).__name__} compares the examples of a batch with each other: {what} has 1; give 2 or more"
        )


def validation_batches(objective: Objective, x: Examples, batch_size: int) -> Iterator[Tensor]:
    """All of x, to be watched a batch at a time; for a coupled objective, as many whole batches of training's size as
    there are, since its loss depends on the size.
    """
    if not objective.coupled:
        return x.batches()
    size = min(batch_size, len(x))
    return x.first(len(x) // size * size).batches(size)


@torch.no_grad()
def mean_loss(
    objective: Objective,
    net: Autoencoder,
    x: Examples,
    inputs: Callable[[Tensor], Tensor] = lambda batch: batch,
    batch_size: int = Recipe.batch_size,
) -> float:
    """What the objective watches, its loss or a term of it, over all of x, with the same noise at every call.

    inputs: from a batch of x to what the network is given. batch_size: of the training.
    """
    generator = x.numerics.generator(VALIDATION_SEED)
    found = []
    for batch in map(inputs, validation_batches(objective, x, batch_size)):
        loss, terms = objective.loss(net, batch, objective.draw(batch, net.latent_dim, generator))
        found.append((terms.get(objective.monitor or "loss", loss), len(batch)))
    return sum(watched.item() * n for watched, n in found) / sum(n for _, n in found)
