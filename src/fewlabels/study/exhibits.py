"""What the record of an encoder shows of it: its error, pictures, and how a linear one stands to PCA."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from fewlabels.analysis.principal import align_with_pca, describe_alignment
from fewlabels.networks import Autoencoder, linear_decoder
from fewlabels.objectives import Objective
from fewlabels.study.materials import StudyData
from fewlabels.training import Examples, History
from fewlabels.transfer import features_of, raw

SHOWN = 8
"""Validation examples whose pictures go into the record."""

MEASURED = 5000
"""Unlabelled examples on which the error and the alignment are measured, at most."""

Record = dict[str, Any]


def exhibits(net: Autoencoder, objective: Objective, history: History, data: StudyData) -> Record:
    """The figures and pictures of an encoder, as JSON values: error, images, alignment; None where there are none."""
    images = len(data.shape) == 3
    return {
        "error": error(net, objective, data) if objective.shows == "reconstructions" else None,
        "images": pictures(net, objective, history, data) if images else None,
        "alignment": alignment(net, objective, data),
    }


def error(net: Autoencoder, objective: Objective, data: StudyData) -> dict[str, float]:
    """Mean squared error of reconstructing clean examples, as many seen in training as held out of it.

    Unlike the losses, it compares encoders of different objectives and schedules.
    """
    seen = min(len(data.validation), len(data.unlabelled))
    return {
        "training": reconstruction_error(net, objective, data.unlabelled.first(seen)),
        "validation": reconstruction_error(net, objective, data.validation),
    }


@torch.no_grad()
def reconstruction_error(net: Autoencoder, objective: Objective, x: Examples) -> float:
    squares = sum((objective.reconstruct(net, batch) - batch).double().square().sum().item() for batch in x.batches())
    return squares / (len(x) * x.batch(slice(0, 1)).numel())


@torch.no_grad()
def pictures(net: Autoencoder, objective: Objective, history: History, data: StudyData) -> Record:
    """A few validation images as they are, as the encoder was shown them, what it makes of them, and as it learned."""
    shown = data.validation.batch(slice(0, SHOWN))
    noise = objective.draw(shown, net.latent_dim, torch.Generator().manual_seed(0))
    corrupted = objective.corrupt(shown, noise)
    low, high = shown.min(), shown.max()

    def encoded(images: Tensor) -> list[str]:
        pixels = ((images.float() - low) / (high - low).clamp(min=1e-12) * 255).round().clamp(0, 255).byte()
        return [base64.b64encode(image.contiguous().numpy().tobytes()).decode() for image in pixels]

    frames: Iterable[Tensor] = () if history.strip is None else history.strip
    return {
        "shape": list(data.shape),
        "shows": objective.shows,
        "original": encoded(shown),
        "input": None if torch.equal(corrupted, shown) else encoded(corrupted),
        "reconstructed": encoded(objective.picture(net, shown, noise)),
        "strip": {"step": history.strip_step, "frames": [encoded(frame) for frame in frames]},
    }


@torch.no_grad()
def alignment(net: Autoencoder, objective: Objective, data: StudyData) -> Record | None:
    """How a linear autoencoder's subspace and error stand to those of PCA on the same examples.

    None for others, and where the code is so wide, or the examples so few, that there are not as many components.
    """
    weight, x = linear_decoder(net), data.unlabelled.first(MEASURED)
    if weight is None or weight.shape[1] > min(len(x), weight.shape[0]):
        return None
    reconstructed = features_of(lambda batch: raw(objective.reconstruct(net, batch)), x)
    found = align_with_pca(weight.double().numpy(), features_of(raw, x), reconstructed)
    return describe_alignment(found, data.shape if len(data.shape) == 3 else None)
