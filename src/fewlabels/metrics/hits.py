"""Which test examples a run classified correctly, packed into its record."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

import numpy as np


def pack_hits(hits: np.ndarray) -> str:
    """[n_test] bool as a base64 string of bits."""
    return base64.b64encode(np.packbits(hits).tobytes()).decode()


def unpack_hits(row: Mapping[str, Any]) -> np.ndarray:
    """The hits of a run record, [n_test] float64 of 0 and 1."""
    bits = np.frombuffer(base64.b64decode(row["hits"]), dtype=np.uint8)
    return np.unpackbits(bits, count=row["n_test"]).astype(float)
