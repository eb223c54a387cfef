"""What both estimators make encoders with, and compute with."""

from __future__ import annotations

import copy
import threading
from dataclasses import replace
from typing import Any, Protocol, TypeVar

import numpy as np
from sklearn.utils import check_random_state

from fewlabels.data import Dataset
from fewlabels.models import ClassifierModel, EncoderModel
from fewlabels.networks import with_latent_dim
from fewlabels.pipelines.defaults import check_size, default_objective
from fewlabels.pipelines.pretrain import plan_pretraining
from fewlabels.training import History, progress_bar

AUTO = "auto"
"""The objective that suits the examples, by name."""

ModelT = TypeVar("ModelT", EncoderModel, ClassifierModel)


class Settings(Protocol):
    """The settings that both estimators have."""

    objective: Any
    network: Any
    flips: bool | None
    latent_dim: int | None
    steps: int | None
    batch_size: int | None
    lr: float | None
    device: str
    verbose: int


def pretrained(settings: Settings, dataset: Dataset, seed: int) -> tuple[EncoderModel, History]:
    """An encoder, in the reference precision: nothing is measured, so that equal seeds give equal encoders."""
    planned = plan_pretraining(
        dataset,
        _objective(settings, dataset),
        settings.network,
        steps=settings.steps,
        seed=seed,
        device=settings.device,
        precision="float32",
        memory_format="channels-last",
        flips=settings.flips,
    )
    job, network = planned.job, planned.job.network
    recipe = replace(
        job.recipe,
        batch_size=job.recipe.batch_size if settings.batch_size is None else settings.batch_size,
        lr=job.recipe.lr if settings.lr is None else settings.lr,
    )
    if settings.latent_dim is not None:
        network = check_size(with_latent_dim(network, settings.latent_dim), dataset.example_shape)
    planned = replace(planned, job=replace(job, recipe=recipe, network=network))
    if not settings.verbose:
        return planned.run_with_history()
    with progress_bar(recipe.steps, "pretraining") as progress:
        return planned.run_with_history(progress=progress)


def _objective(settings: Settings, dataset: Dataset) -> Any:
    """The objective asked for. Where it is to suit the examples, and so many codes: one whose network may have them."""
    if not isinstance(settings.objective, str) or settings.objective != AUTO:
        return settings.objective
    return default_objective(dataset.example_shape) if settings.latent_dim is None else "denoising"


def draw_seed(random_state: Any) -> int:
    """A seed from what scikit-learn takes as a random state: a whole number, a RandomState, or None."""
    return int(check_random_state(random_state).randint(np.iinfo(np.int32).max))


def as_precise(model: ModelT, x: np.ndarray) -> ModelT:
    """The model, computing in float64 where x is float64: then no answer depends on what else is in x."""
    return replace(model, module=copy.deepcopy(model.module).double()) if x.dtype == np.float64 else model


ONE_AT_A_TIME = threading.Lock()
"""Training draws from torch's global generators, which the threads of a process share."""
