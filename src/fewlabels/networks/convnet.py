"""The small convolutional classifier that one would try first on images."""

from __future__ import annotations

from torch import nn

from fewlabels.core.errors import InputError


def convnet(input_shape: tuple[int, ...], classes: int) -> nn.Sequential:
    """conv 16, pool, ReLU, conv 32, pool, ReLU, linear; kernels 3x3.

    Parameters
    ----------
    input_shape
        (C, H, W), 4x4 pixels and more.
    classes
        K.

    Returns
    -------
    Sequential
        [B, C, H, W] -> logits [B, K]; 20,490 parameters on 28x28x1 with ten classes.

    Raises
    ------
    InputError
        For anything but images, and for smaller ones.
    """
    if len(input_shape) != 3 or min(input_shape[1:]) < 4:
        raise InputError(
            f"the convnet needs images of 4x4 pixels or more, got examples of shape {input_shape}; leave out 'convnet'"
        )
    channels, height, width = input_shape
    return nn.Sequential(
        nn.Conv2d(channels, 16, 3, padding=1),
        nn.MaxPool2d(2),
        nn.ReLU(),
        nn.Conv2d(16, 32, 3, padding=1),
        nn.MaxPool2d(2),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(32 * (height // 4) * (width // 4), classes),
    )
