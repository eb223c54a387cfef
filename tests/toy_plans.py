"""Made up for tests of plans: small data sets of any shape, and whatever check of methods a test needs."""

import numpy as np

from fewlabels.data import Dataset, make_pools
from fewlabels.networks import Conv, default_network
from fewlabels.study.plan import Check, check_network, make_plan
from fewlabels.training import Recipe

IMAGE, VECTOR = (1, 16, 16), (64,)
CONV = Conv(channels=(4,), latent_dim=8)


def blobs(n=120, shape=VECTOR, dtype=np.float32):
    """Three classes around different means; uint8 lies within 0 and 255."""
    rng = np.random.default_rng(0)
    y = np.arange(n) % 3
    x = rng.normal(size=(n, *shape)) + y.reshape(-1, *(1,) * len(shape))
    if dtype == np.uint8:
        x = (40 * x + 80).clip(0, 255)
    return Dataset("blobs", x.astype(dtype), y, ("a", "b", "c"))


def plan_of(dataset, **options):
    return make_plan(dataset, make_pools(dataset), **options)


def check_of(shape=IMAGE, dtype=np.uint8, network=None):
    """What `make_plan` asks of every method, for such data."""
    base = check_network(network or default_network(shape), shape)
    dataset = blobs(shape=shape, dtype=dtype)
    return Check(base, Recipe(steps=9), dataset, make_pools(dataset))


def names(methods):
    return [method.name for method in methods]


def images(**options):
    """A plan for small images."""
    return plan_of(blobs(shape=IMAGE, dtype=np.uint8), **options)
