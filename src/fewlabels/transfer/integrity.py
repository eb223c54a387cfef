"""Promises about encoders, checked by hashing every weight and buffer."""

from __future__ import annotations

import hashlib

from torch import nn

from fewlabels.errors import IntegrityError


def state_hash(module: nn.Module) -> str:
    """SHA-256 over names, types, shapes and values of all weights and buffers."""
    digest = hashlib.sha256()
    for name, tensor in sorted(module.state_dict().items()):
        array = tensor.detach().contiguous().cpu().numpy()
        digest.update(f"{name}:{array.dtype}:{array.shape}:".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def require_equal(first: str, second: str, promise: str) -> str:
    """Return the promise kept; raise IntegrityError where two hashes differ."""
    if first != second:
        raise IntegrityError(f"broken promise: {promise}; weights hash to {first[:12]} and {second[:12]}")
    return promise


def require_different(first: str, second: str, promise: str) -> str:
    """Return the promise kept; raise IntegrityError where two hashes are equal."""
    if first == second:
        raise IntegrityError(f"broken promise: {promise}; weights hash to {first[:12]} both times")
    return promise
