"""One image file into pixels."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from fewlabels.errors import InputError

if TYPE_CHECKING:
    from PIL.Image import Image

# The decoders that may run; that of JPEG covers the two-frame MPO that phones write.
_FORMATS = ("PNG", "JPEG", "BMP", "TIFF", "WEBP")
_GREY_MODES = ("1", "L", "LA", "La")


class First(NamedTuple):
    """The first image of many, which the others must be alike: its file, and its shape [1 or 3, H, W]."""

    path: str
    shape: tuple[int, ...]


def read_alike(path: str, shape: tuple[int, int] | None, first: First) -> np.ndarray:
    """As `read_image`. Raises InputError where height or width differ from those of the first image."""
    image = read_image(path, shape)
    if image.shape[1:] != first.shape[1:]:
        raise InputError(
            f"{path} is {_size_text(image.shape)}, {first.path} is {_size_text(first.shape)} (width x height); "
            "images must be of one size: --size N resizes all of them to N x N"
        )
    return image


def _size_text(shape: tuple[int, ...]) -> str:
    return f"{shape[-1]}x{shape[-2]}"


def read_image(path: str, shape: tuple[int, int] | None) -> np.ndarray:
    """[1, H, W] or [3, H, W] uint8; shape: (height, width) to resize to. Raises InputError for what is no image."""
    import PIL.Image
    from PIL import ImageOps

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", PIL.Image.DecompressionBombWarning)
            with PIL.Image.open(path, formats=_FORMATS) as file:
                image = _eight_bits(ImageOps.exif_transpose(file), path)
        if shape is not None and image.size != shape[::-1]:
            image = image.resize(shape[::-1], PIL.Image.Resampling.BILINEAR)
        pixels = np.asarray(image)  # [H, W] or [H, W, 3]
    except InputError:
        raise
    except (PIL.Image.DecompressionBombWarning, PIL.Image.DecompressionBombError) as error:
        raise InputError(
            f"{path}: declares more than the {PIL.Image.MAX_IMAGE_PIXELS} pixels an image may have; scale it "
            f"down or remove it"
        ) from error
    except PIL.UnidentifiedImageError:
        raise InputError(f"{path}: not a readable image, whatever its name says; replace or remove it") from None
    except Exception as error:  # Pillow's decoders raise OSError, SyntaxError, ValueError, struct.error, ...
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InputError(f"{path}: damaged or unreadable image ({reason}); replace or remove it") from error
    return pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)


def _eight_bits(image: Image, path: str) -> Image:
    """The image in mode L or RGB."""
    import PIL.Image

    if image.mode.startswith("I;16"):
        values = np.asarray(image).astype(np.uint32)  # [H, W] of 0..65535
        return PIL.Image.fromarray(((values * 255 + 32767) // 65535).astype(np.uint8))
    if image.mode in ("I", "F"):
        raise InputError(f"{path}: has 32 bits a pixel, allowed are 8 and 16; convert it or remove it")
    mode = "L" if image.mode in _GREY_MODES else "RGB"
    if image.has_transparency_data:
        over = image.convert("RGBA")
        image = PIL.Image.alpha_composite(PIL.Image.new("RGBA", over.size, "white"), over)
    return image.convert(mode)
