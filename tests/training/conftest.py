"""Fixtures of the tests of training."""

from toy_training import built_nets

__all__ = ["built_nets"]
