"""What the record of an encoder shows of it: its error, pictures, and how a linear one stands to PCA."""

from __future__ import annotations

import base64
import math
from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from fewlabels.analysis.pca import align_with_covariance, describe_alignment
from fewlabels.networks import Autoencoder, linear_decoder
from fewlabels.objectives import Objective, TwoViews
from fewlabels.pipelines.diagnostics import spread_of
from fewlabels.study.data import StudyData
from fewlabels.training import Examples, History

SHOWN = 8
"""Validation examples whose pictures go into the record."""

LONGEST_SIDE = 64
"""Pixels a side of a picture in the record, at most: larger images are thinned out."""

WIDEST = 4096
"""Numbers an example may have to be compared with PCA, whose covariance takes the square of them."""

Record = dict[str, Any]


def encoder_record(net: Autoencoder, objective: Objective, history: History, data: StudyData) -> Record:
    """The figures and pictures of an encoder, as JSON values: error, images, alignment, how its codes are spread.

    None where there are none.
    """
    images = len(data.shape) == 3
    return {
        "error": error(net, objective, data) if objective.decodes == "reconstructions" else None,
        "images": pictures(net, objective, history, data) if images and shows(objective) else None,
        "alignment": alignment(net, objective, data),
        "spread": spread_of(net, objective, data.validation),
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
    squares = sum(
        (objective.reconstruct(net, batch) - batch).cpu().double().square().sum().item() for batch in x.batches()
    )
    return squares / (len(x) * x.batch(slice(0, 1)).numel())


def shows(objective: Objective) -> bool:
    """Whether there is something to see of an encoder of images: what is decoded, or the views it was shown."""
    return objective.decodes is not None or isinstance(objective, TwoViews)


@torch.no_grad()
def pictures(net: Autoencoder, objective: Objective, history: History, data: StudyData) -> Record:
    """A few validation images as they are, as the encoder was shown them, what it makes of them, and as it learned."""
    shown = data.validation.batch(slice(0, SHOWN))
    noise = objective.draw(shown, net.latent_dim, data.validation.numerics.generator(0))
    corrupted = objective.corrupt(shown, noise)
    low, high = shown.min(), shown.max()
    thinned = slice(None, None, -(-max(data.shape[1:]) // LONGEST_SIDE))

    def encoded(images: Tensor) -> list[str]:
        pixels = (
            ((images[..., thinned, thinned].float() - low) / (high - low).clamp(min=1e-12) * 255)
            .round()
            .clamp(0, 255)
            .byte()
            .cpu()
        )
        return [base64.b64encode(image.contiguous().numpy().tobytes()).decode() for image in pixels]

    if isinstance(objective, TwoViews):
        views = {name: encoded(noise[name]) for name in ("first", "second")}
        shape = list(shown[0, :, thinned, thinned].shape)
        return {"shape": shape, "shows": "views", "original": encoded(shown), **views}

    frames: Iterable[Tensor] = () if history.strip is None else history.strip
    return {
        "shape": list(shown[0, :, thinned, thinned].shape),
        "shows": objective.decodes,
        "original": encoded(shown),
        "input": None if torch.equal(corrupted, shown) else encoded(corrupted),
        "reconstructed": encoded(objective.picture(net, shown, noise)),
        "strip": {"step": history.strip_step, "frames": [encoded(frame) for frame in frames]},
    }


@torch.no_grad()
def alignment(net: Autoencoder, objective: Objective, data: StudyData) -> Record | None:
    """How a linear autoencoder's subspace and error stand to those of PCA on all the examples it was trained on.

    None for others: for objectives that do not decode the codes themselves, for examples too wide, and where they are
    too few to have as many components as there are codes.
    """
    weight, x = linear_decoder(net), data.unlabelled
    if weight is None or weight.shape[1] > min(len(x), weight.shape[0]) or weight.shape[0] > WIDEST:
        return None
    few = x.batch(slice(0, SHOWN))
    codes = net.encode(few)[:, : net.latent_dim]
    if objective.decodes != "reconstructions" or not torch.allclose(
        objective.reconstruct(net, few), net.decode(codes), atol=1e-5
    ):
        return None
    found = align_with_covariance(weight.cpu().numpy(), covariance(x), reconstruction_error(net, objective, x))
    return describe_alignment(found, data.shape if len(data.shape) == 3 else None)


def covariance(x: Examples) -> np.ndarray:
    """Of all examples, [D, D] float64, a batch at a time."""
    width = math.prod(x.shape)
    mean = torch.zeros(width, dtype=torch.float64)
    for batch in x.batches():
        mean += batch.flatten(1).cpu().double().sum(dim=0) / len(x)
    total = torch.zeros((width, width), dtype=torch.float64)
    for batch in x.batches():
        centred = batch.flatten(1).cpu().double() - mean
        total += centred.T @ centred / len(x)
    return total.numpy()
