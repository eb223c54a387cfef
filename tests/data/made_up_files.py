"""Files that tests of the readers write, and what they say when they refuse."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from fewlabels.core.errors import InputError


def grey(value: int, height: int = 4, width: int = 5) -> np.ndarray:
    """[height, width] uint8, no two values of which give the same image."""
    return (np.arange(height * width).reshape(height, width) * 3 + value).astype(np.uint8)


def save_image(path: Path, pixels: np.ndarray, **options: object) -> Path:
    """options: of Pillow's save."""
    path.parent.mkdir(parents=True, exist_ok=True)
    PIL.Image.fromarray(pixels).save(path, **options)
    return path


def write(path: Path, text: str | bytes) -> Path:
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def refusal(function: Callable[..., object], *arguments: object, **options: object) -> str:
    """The one line with which it refuses."""
    with pytest.raises(InputError) as caught:
        function(*arguments, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)
