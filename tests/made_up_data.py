"""Data sets with a few labels, and encoders pretrained on them in no time."""

from __future__ import annotations

from functools import cache

import numpy as np

from fewlabels.data import Column, Dataset
from fewlabels.models import EncoderModel
from fewlabels.networks import Conv, Dense
from fewlabels.pipelines.pretrain import pretrain
from fewlabels.training import Recipe

SMALL = Dense(hidden=(12,), latent_dim=4)
RECIPE = Recipe(steps=60, batch_size=32, lr=1e-2)
CLASSES = ("low", "middle", "high")


def blobs(n: int = 150, labelled: int = 60, seed: int = 0, tested: int = 40) -> Dataset:
    """[n, 6] vectors around three means, some of them labelled, and a test set."""
    rng = np.random.default_rng(seed)
    kinds = rng.permutation(np.arange(n + tested) % 3)
    x = (rng.normal(size=(n + tested, 6)) + 2 * kinds[:, None]).astype(np.float32)
    y = np.where(np.arange(n) < labelled, kinds[:n], -1)
    return Dataset("blobs", x[:n], y, CLASSES, x[n:], kinds[n:])


def shades(n: int = 90, labelled: int = 45) -> Dataset:
    """[n, 1, 16, 16] uint8 images, dark, grey and bright."""
    rng = np.random.default_rng(0)
    kinds = np.arange(n) % 3
    x = rng.integers(0, 60, (n, 1, 16, 16)) + 80 * kinds[:, None, None, None]
    return Dataset("shades", x.astype(np.uint8), np.where(np.arange(n) < labelled, kinds, -1), CLASSES)


def table(n: int = 120) -> Dataset:
    """Rows of a number, some of them missing, and a colour that tells the class."""
    rng = np.random.default_rng(0)
    kinds = np.arange(n) % 2
    height = np.where(rng.random(n) < 0.2, np.nan, rng.normal(size=n) + kinds)
    x = np.stack([height, np.where(kinds, rng.integers(0, 2, n), 2)], axis=1).astype(np.float32)
    columns = (Column("height"), Column("colour", ("blue", "green", "red")))
    return Dataset("table", x, np.where(np.arange(n) < 50, kinds, -1), ("no", "yes"), columns=columns)


@cache
def encoder(kind: str = "blobs") -> EncoderModel:
    """Pretrained for a moment on data of that kind."""
    if kind == "shades":
        return pretrain(shades(), "reconstruction", Conv((4,), latent_dim=4), RECIPE)
    return pretrain({"blobs": blobs, "table": table}[kind](), "reconstruction", SMALL, RECIPE)
