"""Seeds into NumPy generators: one independent stream for each purpose."""

from __future__ import annotations

import zlib

import numpy as np

from fewlabels.core.errors import InputError


def generator(seed: int, purpose: str) -> np.random.Generator:
    """A generator for one purpose ("pools", "budgets", ...): equal seeds do not correlate across purposes.

    Raises InputError for a negative seed.
    """
    if seed < 0:
        raise InputError(f"seed {seed}: seeds are whole numbers from 0 up; choose one")
    return np.random.default_rng((seed, zlib.crc32(purpose.encode())))
