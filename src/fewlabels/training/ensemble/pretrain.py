"""Pretraining many autoencoders of one architecture at once, with float settings of their own."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from fewlabels.core.errors import InputError
from fewlabels.networks import Autoencoder, seeded
from fewlabels.objectives import Objective
from fewlabels.training.ensemble.fit import Batch, Call, Watch, can_stack, fit_stacked
from fewlabels.training.examples import Examples
from fewlabels.training.history import History, steps_of
from fewlabels.training.layerwise import Phase
from fewlabels.training.loop import Losses
from fewlabels.training.pretrain import (
    VALIDATION_SEED,
    Job,
    as_drawn,
    build,
    merge_histories,
    phases_of,
    require_together,
    train,
    validation_batches,
)
from fewlabels.training.snapshots import SHOWN, Snapshots

Path = tuple[str, ...]
"""Where a setting stands in nested settings: names of fields, from the outermost in."""


class ObjectiveLoss(nn.Module):
    """(x, noise) -> the objective's loss for a network, and its terms.

    varying: float settings that differ between the models of a stack; they are buffers here, and stacked as such.
    """

    def __init__(self, objective: Objective, net: Autoencoder, varying: Sequence[Path] = ()) -> None:
        super().__init__()
        self.net = net
        self._objective = objective
        self._buffer_names = {path: "setting " + "/".join(path) for path in varying}
        for path, name in self._buffer_names.items():
            self.register_buffer(name, torch.tensor(_at(objective, path), device=next(net.parameters()).device))

    def forward(self, x: Tensor, noise: dict[str, Tensor]) -> Losses:
        return self._settled().loss(self.net, x, noise)

    def after_step(self) -> None:
        self._settled().after_step(self.net)

    def _settled(self) -> Objective:
        """The objective with this model's own settings."""
        own = {path: self.get_buffer(name) for path, name in self._buffer_names.items()}
        objective: Objective = _with(self._objective, own)
        return objective


def losses_of(objectives: Sequence[Objective], nets: Sequence[Autoencoder]) -> list[ObjectiveLoss]:
    """A loss for each network, alike in all but weights and settings that are numbers: ready to be stacked."""
    paths = float_settings(objectives[0])
    varying = [path for path in paths if len({_at(objective, path) for objective in objectives}) > 1]
    return [ObjectiveLoss(objective, net, varying) for objective, net in zip(objectives, nets, strict=True)]


def float_settings(settings: Any) -> list[Path]:
    """Where settings have floats, those of parts such as a corruption included."""
    return list(_floats(settings))


def apart_from_floats(settings: Any) -> Any:
    """What two settings must share to be stacked: their class, and all that is no float; hashable."""
    if not is_dataclass(settings):
        return settings
    kept = [(field.name, apart_from_floats(getattr(settings, field.name))) for field in fields(settings)]
    return type(settings), tuple((name, value) for name, value in kept if not isinstance(value, float))


def _floats(settings: Any) -> Iterator[Path]:
    for field in fields(settings):
        value = getattr(settings, field.name)
        if is_dataclass(value):
            yield from ((field.name, *path) for path in _floats(value))
        elif isinstance(value, float):
            yield (field.name,)


def _at(settings: Any, path: Path) -> float:
    for name in path:
        settings = getattr(settings, name)
    return float(settings)


def _with(settings: Any, values: Mapping[Path, Tensor]) -> Any:
    """A copy of settings with tensors in place of numbers, past the checks, which the numbers have passed before."""
    if not values:
        return settings
    changed = copy.copy(settings)
    for name in {path[0] for path in values}:
        inner = {path[1:]: value for path, value in values.items() if path[0] == name}
        value = inner[()] if () in inner else _with(getattr(settings, name), inner)
        object.__setattr__(changed, name, value)
    return changed


Trained = tuple[Autoencoder, History]


def train_stacked(
    jobs: Sequence[Job],
    x: Examples,
    validation: Examples | None = None,
    subsets: Sequence[np.ndarray] | None = None,
) -> list[Trained]:
    """What `train` gives for every job, within rounding, all jobs that are alike trained together.

    Alike are jobs that differ in seed, steps, patience and float settings of objective and recipe (learning rate,
    weight decay, clipping) alone; jobs of several kinds make several stacks.
    subsets: for every job the numbers of its examples in x, [n] int64; None: every job has all of them.

    On CUDA a single job is a stack too, whose steps are captured as a graph.
    What cannot be stacked is trained one after the other, with a warning: networks with running statistics, SOAP, and
    bfloat16 on processors. Raises TrainingDiverged and InputError as `train` does.
    """
    chosen = [np.arange(len(x))] * len(jobs) if subsets is None else [np.asarray(subset) for subset in subsets]
    if len(chosen) != len(jobs):
        raise InputError(f"train_stacked: {len(chosen)} subsets for {len(jobs)} jobs; give one a job, or none")
    trained: dict[int, Trained] = {}
    for alike in groups(jobs, [len(subset) for subset in chosen]):
        first, several = jobs[alike[0]], len(alike) > 1
        reason = why_apart(first, x.shape)
        if reason and several:
            warnings.warn(f"{reason}, so models are trained one after the other", stacklevel=2)
        if reason is None and (several or first.numerics.device.startswith("cuda")):
            parts = _train_alike([jobs[i] for i in alike], x, validation, [chosen[i] for i in alike])
        else:
            parts = [train(jobs[i], x if subsets is None else x.take(chosen[i]), validation) for i in alike]
        trained.update(zip(alike, parts, strict=True))
    return [trained[i] for i in range(len(jobs))]


def groups(jobs: Sequence[Job], sizes: Sequence[int]) -> list[list[int]]:
    """The numbers of the jobs of each kind, given each job's number of examples: a kind can be one stack."""
    found: dict[Any, list[int]] = {}
    for number, (job, size) in enumerate(zip(jobs, sizes, strict=True)):
        recipe, layerwise = job.recipe, job.layerwise
        kind = (
            (job.network, job.numerics, apart_from_floats(job.objective), min(size, recipe.batch_size)),
            (recipe.optimiser, recipe.schedule, recipe.momentum, recipe.epsilon, recipe.validate_every),
            recipe.clip_norm is None,
            layerwise and (layerwise.joint, tuple(map(apart_from_floats, layerwise.objectives)), recipe.steps),
        )
        found.setdefault(kind, []).append(number)
    return list(found.values())


def why_apart(job: Job, input_shape: tuple[int, ...]) -> str | None:
    """Why a stack does not do what `train` does; None where it does."""
    with torch.device("meta"):
        whole = seeded(0, lambda: as_drawn(job, input_shape))
    if not can_stack(whole):
        keeper = job.objective if can_stack(whole.without_heads()) else job.network
        return f"{type(keeper).__name__} keeps running statistics"
    if job.recipe.optimiser == "soap":
        return "soap has a basis for every weight"
    if (job.numerics.device, job.numerics.precision) == ("cpu", "bfloat16"):
        return "on processors, layers of a stack ignore bfloat16"
    return None


def _train_alike(
    jobs: Sequence[Job], x: Examples, validation: Examples | None, subsets: Sequence[np.ndarray]
) -> list[Trained]:
    numerics = jobs[0].numerics
    x, validation = x.on(numerics), validation and validation.on(numerics)
    nets = [build(job, x.shape) for job in jobs]
    plans = [phases_of(job, net) for job, net in zip(jobs, nets, strict=True)]
    generators = [numerics.generator(job.seed) for job in jobs]
    taken = [Snapshots(validation or x.take(subset[:SHOWN]), plan) for plan, subset in zip(plans, subsets, strict=True)]
    histories: list[dict[str, History]] = [{} for _ in jobs]
    for phases in zip(*plans, strict=True):
        trained = _Together(phases, jobs, x, subsets, generators).fit(validation, _recording(taken, phases, histories))
        for history, model in zip(trained, histories, strict=True):
            model[phases[0].name] = history
    return [
        (net.eval(), merge_histories(job, model, pictures, plan))
        for net, job, model, pictures, plan in zip(nets, jobs, histories, taken, plans, strict=True)
    ]


def _recording(taken: Sequence[Snapshots], phases: Sequence[Phase], histories: Sequence[dict[str, History]]) -> Watch:
    """What records, when it is due, all models that are still being trained."""
    begun = list(map(steps_of, histories))

    def watch(step: int, alive: Sequence[int], write_back: Callable[[], None]) -> None:
        due = [model for model in alive if taken[model].due(phases[model], step)]
        if due:
            write_back()
        for model in due:
            taken[model].record(phases[model], begun[model] + step)

    return watch


class _Together:
    """One phase of many alike jobs, trained as a stack."""

    def __init__(
        self,
        phases: Sequence[Phase],
        jobs: Sequence[Job],
        x: Examples,
        subsets: Sequence[np.ndarray],
        generators: Sequence[torch.Generator],
    ) -> None:
        self._phases, self._jobs, self._x, self._generators = phases, jobs, x, generators
        self._subsets = [torch.as_tensor(subset, device=x.numerics.device) for subset in subsets]
        self._step = 0

    def fit(self, validation: Examples | None, watch: Watch) -> list[History]:
        modules = losses_of([phase.objective for phase in self._phases], [phase.part for phase in self._phases])
        objective = self._phases[0].objective
        require_together(objective, self._batch_size, validation)
        return fit_stacked(
            modules,
            {name: 1.0 for name, parameter in modules[0].named_parameters() if parameter.requires_grad},
            self._inputs,
            list(map(len, self._subsets)),
            [replace(job.recipe, steps=phase.steps) for job, phase in zip(self._jobs, self._phases, strict=True)],
            self._generators,
            self._validation(validation) if validation is not None and objective.monitor is not None else None,
            watch,
            self._jobs[0].numerics.autocast,
            [self._x.order if len(subset) == len(self._x) else None for subset in self._subsets],
            None if type(objective).after_step is Objective.after_step else ObjectiveLoss.after_step,
        )

    @property
    def _batch_size(self) -> int:
        return min(len(self._subsets[0]), self._jobs[0].recipe.batch_size)

    def _inputs(self, alive: Sequence[int], index: Sequence[Tensor]) -> Batch:
        """Examples [m, B, ...] and noise for the next step."""
        numbers = torch.cat([self._own(model, numbers) for model, numbers in zip(alive, index, strict=True)])
        batch = self._below(alive, self._x.batch(numbers).unflatten(0, (len(alive), -1)))
        step, self._step = self._step, self._step + 1
        return batch, self._drawn(alive, batch, self._generators, step)

    def _own(self, model: int, numbers: Tensor) -> Tensor:
        """Numbers among the model's examples -> numbers in x."""
        subset = self._subsets[model]
        return numbers if len(subset) == len(self._x) else subset[numbers]

    def _below(self, alive: Sequence[int], batch: Tensor) -> Tensor:
        """What the parts are given of examples, [m, B, ...] both."""
        if self._phases[0].below is None:
            return batch
        return torch.stack([self._phases[model].inputs(own) for model, own in zip(alive, batch, strict=True)])

    def _drawn(
        self, alive: Sequence[int], batch: Tensor, generators: Sequence[torch.Generator], step: int | None = None
    ) -> dict[str, Tensor]:
        """The noise of every model, stacked; step: None once training is over."""
        drawn = []
        for model, own in zip(alive, batch, strict=True):
            phase = self._phases[model]
            progress = 1.0 if step is None else step / phase.steps
            drawn.append(phase.objective.draw(own, phase.part.latent_dim, generators[model], progress))
        return {name: torch.stack([noise[name] for noise in drawn]) for name in drawn[0]}

    def _validation(self, validation: Examples) -> Callable[[Sequence[int], Call], Tensor]:
        """What the objective watches, as `mean_loss` has it, for every model still in training."""

        def losses(alive: Sequence[int], call: Call) -> Tensor:
            generators = [validation.numerics.generator(VALIDATION_SEED) for _ in self._phases]
            objective, found = self._phases[0].objective, []
            for batch in validation_batches(objective, validation, self._batch_size):
                shared = self._below(alive, torch.stack([batch] * len(alive)))
                loss, terms = call((shared, self._drawn(alive, shared, generators)))
                found.append((terms.get(objective.monitor or "loss", loss), len(batch)))
            watched = sum(n for _, n in found)
            return torch.stack([loss * (n / watched) for loss, n in found]).sum(dim=0)

        return losses
