"""A folder of images, one subfolder a class, into a data set."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from fewlabels.data.dataset import UNLABELLED, Dataset
from fewlabels.errors import InputError

if TYPE_CHECKING:
    from PIL.Image import Image

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp")
# The decoders that may run; that of JPEG covers the two-frame MPO that phones write.
_FORMATS = ("PNG", "JPEG", "BMP", "TIFF", "WEBP")
_GREY_MODES = ("1", "L", "LA", "La")
_UNLABELLED_FOLDERS = ("unlabelled", "unlabeled")
_CLUTTER = ("thumbs.db", "desktop.ini", "__macosx")


class _Example(NamedTuple):
    path: Path
    label: str  # the class folder's name; "" = unlabelled


def read_image_folder(folder: str | os.PathLike[str], size: int | tuple[int, int] | None = None) -> Dataset:
    """The images under `folder`, one subfolder a class, in sorted order.

    Folders `train/` and `test/` at the top, with the class folders in them, give a test set of its own (a
    `train` that holds images is a class like any other). A class folder named `unlabelled` or `unlabeled`
    holds unlabelled images. Hidden files are ignored.

    x: [N, 1, H, W] uint8 where all images, those of the test set too, are grey, else [N, 3, H, W]. EXIF
    orientation is applied, transparency is laid on white, 16 bits are scaled to 8, only the first frame is
    read. size: N (square) or (height, width) to resize to, without regard to the aspect ratio; None = as they
    are.

    Raises InputError for other layouts, files that are no images, damaged or giant images, unequal sizes
    without `size`.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; check the path")
    shape = _target_shape(size)
    train, test = _splits(folder)
    examples = _examples(train)
    examples_test = [] if test is None else _examples(test)
    for example in examples_test:
        if not example.label:
            raise InputError(f"{example.path.parent}: a test set has no unlabelled images; move the folder to train/")
    pixels = _read_all([example.path for example in (*examples, *examples_test)], shape)
    classes = sorted({example.label for example in (*examples, *examples_test)} - {""})
    index = {"": UNLABELLED} | {label: i for i, label in enumerate(classes)}
    y = np.array([index[example.label] for example in (*examples, *examples_test)], dtype=np.int64)
    n = len(examples)
    return Dataset(
        name=folder.resolve().name,
        x=pixels[:n],
        y=y[:n],
        classes=tuple(classes),
        x_test=pixels[n:] if examples_test else None,
        y_test=y[n:] if examples_test else None,
    )


def _target_shape(size: int | tuple[int, int] | None) -> tuple[int, int] | None:
    if size is None:
        return None
    shape = size if isinstance(size, tuple) else (size, size)
    if len(shape) != 2 or not all(isinstance(side, int) and 1 <= side <= 4096 for side in shape):
        raise InputError(f"--size {size}: allowed are a whole number from 1 to 4096, or a (height, width) of such")
    return shape


def _entries(folder: Path) -> tuple[list[Path], list[Path]]:
    """Sorted subfolders and files, without the hidden ones."""
    try:
        entries = sorted(folder.iterdir(), key=lambda entry: entry.name)
    except OSError as error:
        raise InputError(f"{folder}: cannot be read ({error.strerror}); check the folder's rights") from error
    seen = [entry for entry in entries if not (entry.name.startswith(".") or entry.name.lower() in _CLUTTER)]
    return [entry for entry in seen if entry.is_dir()], [entry for entry in seen if not entry.is_dir()]


def _splits(folder: Path) -> tuple[Path, Path | None]:
    """The folder of class folders, and that of the test set where there is one."""
    folders = {entry.name: entry for entry in _entries(folder)[0]}
    split = {name for name in ("train", "test") if name in folders and _entries(folders[name])[0]}
    if not split:
        return folder, None
    if "train" not in split:
        raise InputError(f"{folder}: has test/ with class folders but no such train/; move the classes into train/")
    if others := sorted(set(folders) - split):
        raise InputError(
            f"{folder}: {others[0]}/ stands beside train/, where only test/ with class folders may; move it "
            f"away (unlabelled images go into train/unlabelled/)"
        )
    if files := _entries(folder)[1]:
        raise InputError(f"{files[0]}: a file beside train/; only folders may stand there, move it away")
    return folders["train"], folders.get("test")


def _examples(folder: Path) -> list[_Example]:
    folders, files = _entries(folder)
    if not folders:
        found = f"holds {len(files)} files but no class folders" if files else "is empty"
        raise InputError(f"{folder}: {found}; put the images of each class in a subfolder named after the class")
    if files:
        raise InputError(
            f"{files[0]}: a file beside the class folders; move it into one (or into unlabelled/), or away"
        )
    examples: list[_Example] = []
    for entry in folders:
        label = "" if entry.name.lower() in _UNLABELLED_FOLDERS else entry.name
        nested, images = _entries(entry)
        if nested:
            raise InputError(f"{nested[0]}: a folder within a class folder; put the images directly in {entry}")
        if not images:
            raise InputError(f"{entry}: holds no images; add some ({', '.join(SUFFIXES)}) or remove the folder")
        for image in images:
            if image.suffix.lower() not in SUFFIXES:
                raise InputError(f"{image}: not an image file; allowed are {', '.join(SUFFIXES)}: move it away")
        examples += [_Example(image, label) for image in images]
    return examples


def _read_all(paths: Sequence[Path], shape: tuple[int, int] | None) -> np.ndarray:
    """[N, 1 or 3, H, W] uint8. Each file is decoded once; the first colour image widens the array."""
    from PIL.Image import DecompressionBombWarning

    pixels = _allocate((0,))
    with warnings.catch_warnings():
        warnings.simplefilter("error", DecompressionBombWarning)
        for i, path in enumerate(paths):
            image = _read_image(path, shape)  # [1 or 3, H, W]
            if i == 0:
                pixels = _allocate((len(paths), *image.shape))
            elif image.shape[1:] != pixels.shape[2:]:
                raise InputError(
                    f"{path} is {_size_text(image.shape)}, {paths[0]} is {_size_text(pixels.shape)} (width x "
                    f"height); images must be of one size: --size N resizes all of them to N x N"
                )
            elif image.shape[0] > pixels.shape[1]:
                grey, pixels = pixels, _allocate((len(paths), 3, *image.shape[1:]))
                pixels[:i] = grey[:i]
            pixels[i] = image
    return pixels


def _size_text(shape: tuple[int, ...]) -> str:
    return f"{shape[-1]}x{shape[-2]}"


def _allocate(shape: tuple[int, ...]) -> np.ndarray:
    try:
        return np.empty(shape, dtype=np.uint8)
    except MemoryError as error:
        raise InputError(
            f"{shape[0]} images of {_size_text(shape)} need {np.prod(shape, dtype=float) / 2**30:.1f} GiB of "
            f"memory, more than there is; --size N resizes them to N x N"
        ) from error


def _read_image(path: Path, shape: tuple[int, int] | None) -> np.ndarray:
    """[1, H, W] or [3, H, W] uint8."""
    import PIL.Image
    from PIL import ImageOps

    try:
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


def _eight_bits(image: Image, path: Path) -> Image:
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
