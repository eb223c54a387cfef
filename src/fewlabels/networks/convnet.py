"""Small convolutional classifiers: paper 1's, and what one would try first on images."""

from __future__ import annotations

from itertools import pairwise

from torch import nn

from fewlabels.core.errors import InputError

SMALLEST = 4
"""Pixels a side."""


def small_cnn(input_shape: tuple[int, ...], classes: int) -> nn.Sequential:
    """conv 5, ReLU, pool, conv 5, ReLU, pool, dropout 0.2, linear: the control of Barletta & De Benedetti 2024.

    Parameters
    ----------
    input_shape
        (C, H, W), 4x4 pixels and more.
    classes
        K.

    Returns
    -------
    Sequential
        [B, C, H, W] -> logits [B, K]; 2,740 parameters on 28x28x1 with ten classes.

    Raises
    ------
    InputError
        For anything but images, and for smaller ones.
    """
    _check(input_shape, "small CNN", "cnn")
    return nn.Sequential(*_convolutions(input_shape[0], 5, 5), nn.Dropout(0.2), *_answer(input_shape, 5, classes))


def convnet(input_shape: tuple[int, ...], classes: int) -> nn.Sequential:
    """conv 16, ReLU, pool, conv 32, ReLU, pool, linear; examples, answers and errors as `small_cnn` has them.

    It has 20,490 parameters on 28x28x1 with ten classes.
    """
    _check(input_shape, "convnet", "convnet")
    return nn.Sequential(*_convolutions(input_shape[0], 16, 32), *_answer(input_shape, 32, classes))


def _check(input_shape: tuple[int, ...], what: str, name: str) -> None:
    if len(input_shape) != 3 or min(input_shape[1:]) < SMALLEST:
        raise InputError(
            f"the {what} needs images of 4x4 pixels or more, got examples of shape {input_shape}; leave out {name!r}"
        )


def _convolutions(*channels: int) -> list[nn.Module]:
    """3x3 each, its result pooled before the ReLU: the same numbers, since maximum and ReLU commute, for less work."""
    return [
        layer
        for below, above in pairwise(channels)
        for layer in (nn.Conv2d(below, above, 3, padding=1), nn.MaxPool2d(2), nn.ReLU())
    ]


def _answer(input_shape: tuple[int, ...], channels: int, classes: int) -> list[nn.Module]:
    _, height, width = input_shape
    return [nn.Flatten(), nn.Linear(channels * (height // 4) * (width // 4), classes)]
