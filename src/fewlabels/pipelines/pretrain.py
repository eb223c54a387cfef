"""Examples without labels -> an encoder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch

from fewlabels.core.errors import InputError
from fewlabels.core.files import cache_folder, scratch_folder
from fewlabels.core.provenance import installed_versions
from fewlabels.core.settings import to_json
from fewlabels.core.text import did_you_mean
from fewlabels.data import (
    UNLABELLED,
    Dataset,
    Preparation,
    Scaling,
    Signature,
    fit_preparation,
    save_shuffled,
    to_dataset,
)
from fewlabels.data.cache import IN_MEMORY_BYTES
from fewlabels.models.encoder import EncoderModel
from fewlabels.models.modules import EncoderNet, Prepare, ready
from fewlabels.networks import VARIANTS, Network, parameter_count
from fewlabels.objectives import OBJECTIVES, Objective, with_flips
from fewlabels.pipelines.defaults import (
    FEWEST_COUPLED,
    check_encoder_spec,
    check_flips,
    check_inputs,
    check_size,
    choose_network,
    default_objective,
    default_pretraining,
    few,
    forced_numerics,
    measured,
)
from fewlabels.pipelines.diagnostics import spread_of
from fewlabels.pipelines.encoder_specs import SCHEDULES, EncoderSpec, parse_encoder_spec
from fewlabels.training import EncoderStore, Examples, History, Job, Numerics, Recipe, choose_device, train
from fewlabels.training.checkpoint import Checkpoints
from fewlabels.training.loop import Progress
from fewlabels.transfer import Codes, features_of, first_that_fit, fit_centring

VALIDATION_SHARE, MOST_VALIDATION = 0.1, 1000
"""The part of the unlabelled pool that pretraining is validated on."""


@dataclass(frozen=True, eq=False)
class Pretraining:
    """A pretraining that can be done: data, prepared, and a job.

    signature: of the examples as they came; dataset: with its table's rows encoded. asked: the objective, its
        name or its settings. flips: likewise.
    """

    dataset: Dataset
    signature: Signature
    preparation: Preparation
    job: Job
    asked: str | dict[str, Any]
    flips: bool | None = None

    def carry_out(self, checkpoint: Path | None = None, progress: Progress | None = None) -> EncoderModel:
        """The encoder; arguments and errors as `run_with_history` has them."""
        return self.run_with_history(checkpoint, progress)[0]

    def run_with_history(
        self, checkpoint: Path | None = None, progress: Progress | None = None
    ) -> tuple[EncoderModel, History]:
        """The encoder, and what happened as it was trained.

        checkpoint: a file that tells, every half minute, how far the training is; where there is one, training goes on
            from it, and ends with the weights it would have had. It is not removed.
        progress: called with the steps done, the latest loss and the examples a second.

        Raises TrainingDiverged, and InputError for a checkpoint that is damaged or of another training.
        """
        job, scaling = self.job, self.preparation.scaling
        checkpoints = None if checkpoint is None else self.checkpoints(checkpoint)
        with _shuffled(self.dataset.x) as pool:
            x, validation = split(pool, scaling, job.numerics)
            net, history = train(job, x, validation, progress, checkpoints)
            centring = fit_centring(features_of(Codes(net, job.objective), first_that_fit(x)))
            spread = spread_of(net, job.objective, x)
        module = EncoderNet(Prepare(self.preparation), net, job.objective, centring.layer())
        flips = {} if self.flips is None else {"flips": self.flips}
        data = {"name": self.dataset.name, "examples": len(self.dataset.x), "signature": str(self.signature)}
        facts = {
            "data": {**data, "sha256": self.fingerprint},
            "pretraining": {**_facts(self.asked, job, history, parameter_count(net)), **flips, "spread": spread},
            "versions": installed_versions(),
        }
        model = EncoderModel(ready(module), self.signature, job.network, job.objective, to_json(job), facts)
        return model, history

    def checkpoints(self, path: Path) -> Checkpoints:
        """Those of this training, and of no other, in that file."""
        return Checkpoints(path, EncoderStore.key(self.job, {"examples": self.fingerprint}))

    @cached_property
    def fingerprint(self) -> str:
        """Of the examples alone: labels and test set do not matter."""
        x = self.dataset.x
        alone = replace(self.dataset, y=np.full(len(x), UNLABELLED), classes=(), x_test=None, y_test=None)
        return alone.fingerprint()


def plan_pretraining(
    data: Dataset | Any,
    objective: Objective | str | None = None,
    network: Network | str | None = None,
    recipe: Recipe | None = None,
    steps: int | None = None,
    seed: int = 0,
    *,
    device: str = "auto",
    precision: str = "auto",
    memory_format: str = "auto",
    flips: bool | None = None,
) -> Pretraining:
    """What `pretrain` with the same arguments will do. Raises InputError for what cannot be done."""
    dataset = to_dataset(data)
    if len(dataset.x) < 2:
        raise InputError(f"{dataset.name}: holds one example; pretraining needs 2 or more, one of them to validate on")
    vectors, preparation = fit_preparation(dataset)
    objective = objective or default_objective(vectors.example_shape)
    check_flips(flips, vectors.example_shape)
    job = _job(vectors, objective, network, recipe, steps, seed, device, precision, memory_format)
    job = replace(job, objective=with_flips(job.objective, flips))
    asked = objective if isinstance(objective, str) else to_json(objective)
    return Pretraining(vectors, dataset.signature, preparation, job, asked, flips)


def pretrain(
    data: Dataset | Any,
    objective: Objective | str | None = None,
    network: Network | str | None = None,
    recipe: Recipe | None = None,
    steps: int | None = None,
    seed: int = 0,
    *,
    device: str = "auto",
    precision: str = "auto",
    memory_format: str = "auto",
    flips: bool | None = None,
    checkpoint: Path | None = None,
    progress: Progress | None = None,
) -> EncoderModel:
    """Pretrain an encoder on all of the data set's x; neither its labels nor its x_test are looked at.

    Parameters
    ----------
    data
        A Dataset, a name or path that `load` reads, or an array or frame of examples.
    objective
        A way of pretraining, `objective[/network][/schedule]`, such as 'denoising' or 'sparse/tied'; or an `Objective`
        with settings of its own; by default 'contrastive' for images of more than 16 pixels a side, else 'denoising'.
    network
        A spec, or a name of `fewlabels.networks.VARIANTS`; by default chosen from the shape of the examples, and from
        whether the objective decodes.
    recipe
        By default chosen from the number of examples, the network and the objective.
    steps
        Of the recipe, where they are to differ.
    seed
        Of initial weights, order and noise.
    device, precision, memory_format
        As in `run_study`.
    flips
        Whether views of images may exchange left and right; by default those of colour images may.
    checkpoint
        A file that the training goes on from, where it is there, and writes every half minute.
    progress
        Called as training goes on with the step and the figures at it.

    Returns
    -------
    EncoderModel
        Ready to embed, to be saved and to be fine-tuned.

    Raises
    ------
    InputError
        For what cannot be done, before any training.
    TrainingDiverged
        Where a loss becomes NaN or infinite.

    Examples
    --------
    >>> from fewlabels import pretrain
    >>> encoder = pretrain("digits", "denoising", steps=10, precision="float32", memory_format="channels-last")
    >>> encoder.signature.shape, encoder.latent_dim
    ((1, 8, 8), 32)
    """
    planned = plan_pretraining(
        data,
        objective,
        network,
        recipe,
        steps,
        seed,
        device=device,
        precision=precision,
        memory_format=memory_format,
        flips=flips,
    )
    return planned.carry_out(checkpoint, progress)


def _job(
    dataset: Dataset,
    objective: Objective | str,
    network: Network | str | None,
    recipe: Recipe | None,
    steps: int | None,
    seed: int,
    device: str,
    precision: str,
    memory_format: str,
) -> Job:
    spec, trained_for = _asked(objective)
    shape, device = dataset.example_shape, choose_device(device)
    base = choose_network(network, shape, None if spec and spec.network else trained_for)
    chosen = check_size(VARIANTS[spec.network](base, shape) if spec and spec.network else base, shape)
    recipe = recipe or default_pretraining(len(dataset.x), chosen, trained_for)
    if steps is not None:
        recipe = replace(recipe, steps=steps, validate_every=max(1, min(recipe.validate_every, steps // 10)))
    shown = few(dataset.x, np.arange(len(dataset.x)))
    if spec is not None:
        check_encoder_spec(spec, chosen, shown, recipe.steps)
    else:
        check_inputs(trained_for, shown)
    schedule = SCHEDULES[spec.schedule] if spec and spec.schedule else None
    forced = forced_numerics(precision, memory_format)
    numerics = measured({"": chosen}, shape, {"": recipe.batch_size}, device, forced)[""]
    return Job(chosen, trained_for, recipe, seed, schedule, numerics)


def _asked(objective: Objective | str) -> tuple[EncoderSpec | None, Objective]:
    """The spec of that name, where it is one, and what is trained for."""
    if isinstance(objective, Objective):
        return None, objective
    spec = parse_encoder_spec(objective) if isinstance(objective, str) else None
    if spec is None or spec.objective not in OBJECTIVES:
        hint = did_you_mean(str(objective), OBJECTIVES, "such as denoising, sparse/tied or denoising/greedy")
        raise InputError(f"objective {objective!r} is unknown; allowed are {', '.join(OBJECTIVES)}; {hint}")
    if spec.layer is not None:
        raise InputError(
            f"objective {objective!r}: what reads an encoder has a layer, not its training; leave out '@{spec.layer}'"
        )
    return spec, spec.trained_for


def split(pool: np.ndarray, scaling: Scaling, numerics: Numerics) -> tuple[Examples, Examples]:
    """A shuffled unlabelled pool [U, *shape] as what is trained on, and its first part, for validation.

    Of FEWEST_COUPLED examples or more, each part has two at least: some objectives compare them with each other.
    """
    least = 1 if len(pool) < FEWEST_COUPLED else 2
    held_out = min(len(pool) - 1, max(least, min(MOST_VALIDATION, int(VALIDATION_SHARE * len(pool)))))
    return Examples(pool[held_out:], scaling, numerics), Examples(pool[:held_out], scaling, numerics)


@contextmanager
def _shuffled(x: np.ndarray) -> Iterator[np.ndarray]:
    """The examples in random order: in memory, or in the cache where they are too many for that."""
    everything = np.arange(len(x))
    if x.nbytes <= IN_MEMORY_BYTES:
        yield x[np.random.default_rng(0).permutation(everything)]
        return
    with scratch_folder(cache_folder()) as folder:
        path = folder / "x.npy"
        save_shuffled(path, [(x, everything)])
        yield np.load(path, mmap_mode="r")


def _facts(objective: str | dict[str, Any], job: Job, history: History, parameters: int) -> dict[str, Any]:
    return {
        "objective": objective,
        "network": to_json(job.network),
        "parameters": parameters,
        "steps": len(history.loss),
        "batch_size": job.recipe.batch_size,
        "optimiser": job.recipe.optimiser,
        "learning_rate": job.recipe.lr,
        "schedule": job.recipe.schedule,
        "seed": job.seed,
        "validation_loss": min(history.validation_loss, default=None),
        "seconds": round(history.seconds, 1),
        "device": job.numerics.device,
        "precision": job.numerics.precision,
        "threads": torch.get_num_threads(),
    }
