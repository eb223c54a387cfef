"""Arrays of examples in the layouts people keep them in, into those of a `Dataset`."""

from __future__ import annotations

import numpy as np

from fewlabels.core.errors import InputError
from fewlabels.data.blocks import block_length, spans


def as_examples(where: str, x: np.ndarray) -> np.ndarray:
    """[N, D] float32 vectors, or [N, C, H, W] uint8 or float32 images, channels first.

    where: what people call the array, such as 'mine.npz: x'.
    x: [N, D] vectors; [N, H, W] grey images; [N, C, H, W] with C of 1 or 3; [N, H, W, C] with C of 1, 3 or 4. Where
    four axes fit both ways, such as [N, 3, 8, 3], they are channels first. uint8 images stay uint8, and memory-mapped
    where they are; all other numbers, and all vectors, become float32.

    Raises InputError for other shapes and types, and for numbers that float32 cannot hold.
    """
    x = channels_first(where, x)
    if x.dtype == np.uint8 and x.ndim == 4:
        return x if isinstance(x, np.memmap) else np.ascontiguousarray(x)
    if x.dtype == np.float32 and x.dtype.isnative:
        return x if isinstance(x, np.memmap) else np.ascontiguousarray(x)
    with np.errstate(over="ignore"):
        converted = np.ascontiguousarray(x, dtype=np.float32)
    for span in spans(len(x), block_length(x.shape[1:], x.itemsize)):
        overflow = np.isinf(converted[span]) & np.isfinite(x[span])
        if overflow.any():
            raise InputError(
                f"{where} has values float32 cannot hold, such as {x[span][overflow][0]:g}; allowed are magnitudes up "
                "to 3.4e38: rescale them"
            )
    return converted


def has_channels_last(shape: tuple[int, ...]) -> bool:
    """Whether an image of that shape has its channels last: [H, W, C], and not [C, H, W] with C of 1 or 3."""
    return len(shape) == 3 and shape[0] not in (1, 3)


def channels_first(where: str, x: np.ndarray) -> np.ndarray:
    """A view of an array in one of the layouts of `as_examples`, [N, D] or [N, C, H, W]. Raises InputError."""
    if x.dtype.kind not in "buif":
        raise InputError(f"{where} is {x.dtype}; allowed are real numbers: float, integer, bool")
    if x.ndim == 3:
        return x[:, None]  # [N, H, W] -> [N, 1, H, W]
    if x.ndim == 4:
        if not has_channels_last(x.shape[1:]):
            return x
        if x.shape[3] not in (1, 3, 4):
            raise InputError(
                f"{where} has shape {x.shape}, in which no axis can be the channels; allowed are [N, H, W], "
                "[N, H, W, C] with C of 1, 3 or 4, and [N, C, H, W] with C of 1 or 3"
            )
        return x.transpose(0, 3, 1, 2)  # [N, H, W, C] -> [N, C, H, W]
    if x.ndim != 2:
        raise InputError(
            f"{where} has shape {x.shape}; allowed are vectors [N, D] and images [N, H, W], [N, H, W, C] or "
            "[N, C, H, W]"
        )
    return x
