"""Promises about encoders, checked on hashes of every weight and buffer."""

from __future__ import annotations

from fewlabels.core.errors import IntegrityError


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
