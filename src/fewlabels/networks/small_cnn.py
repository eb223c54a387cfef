"""The supervised baseline of paper 1: a small convolutional classifier, trained from scratch."""

from __future__ import annotations

from torch import nn

from fewlabels.core.errors import InputError


def small_cnn(input_shape: tuple[int, ...], classes: int) -> nn.Sequential:
    """conv 5, ReLU, pool, conv 5, ReLU, pool, dropout 0.2, linear (Barletta & De Benedetti 2024).

    [B, C, H, W] -> logits [B, classes]; 2,740 parameters on 28x28x1 with ten classes.
    Raises InputError for anything but images of 4x4 and more.
    """
    if len(input_shape) != 3 or min(input_shape[1:]) < 4:
        raise InputError(
            f"the small CNN needs images of 4x4 pixels or more, got examples of shape {input_shape}; leave out 'cnn'"
        )
    channels, height, width = input_shape
    return nn.Sequential(
        nn.Conv2d(channels, 5, 3, padding=1),
        nn.MaxPool2d(2),
        nn.ReLU(),  # after pooling: the same numbers, since maximum and ReLU commute, and a quarter of the work
        nn.Conv2d(5, 5, 3, padding=1),
        nn.MaxPool2d(2),
        nn.ReLU(),
        nn.Dropout(0.2),
        nn.Flatten(),
        nn.Linear(5 * (height // 4) * (width // 4), classes),
    )
