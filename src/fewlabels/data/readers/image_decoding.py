"""Image files into pixels: one of them, or many by processes of one thread each."""

from __future__ import annotations

import queue
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

import numpy as np

from fewlabels.core.errors import FewlabelsError, InputError
from fewlabels.core.processes import Worker, WorkerDied, available_cores
from fewlabels.core.text import one_line
from fewlabels.data.dataset import Signature

if TYPE_CHECKING:
    from PIL.Image import Image

# The decoders that may run; that of JPEG covers the two-frame MPO that phones write.
_FORMATS = ("PNG", "JPEG", "BMP", "TIFF", "WEBP")
_GREY_MODES = ("1", "L", "LA", "La")


class Form(NamedTuple):
    """What all images of a set are read as.

    like: what they must be like: the first image's file, or the model; shape: its [1 or 3, H, W].
    size: (height, width) they are resized to; None: as they are.
    fixed: whether the channels are those of `shape`; else one image in colour makes all of them colour.
    """

    like: str
    shape: tuple[int, ...]
    size: tuple[int, int] | None = None
    fixed: bool = False


def model_form(signature: Signature, where: str, found: Callable[[], np.ndarray]) -> Form:
    """The form of the images that a model takes.

    found: gives an image [C, H, W] of those called `where`. Raises InputError where the model takes something else.
    """
    if not (signature.kind == "images" and signature.dtype == "uint8" and signature.shape[0] in (1, 3)):
        signature.require_equal(Signature(found().shape, "uint8"), where)
        raise AssertionError(signature)  # no image is like that
    size = (signature.shape[1], signature.shape[2]) if signature.resized else None
    return Form("the model", signature.shape, size, fixed=True)


def read_alike(file: str | BinaryIO, form: Form, name: str | None = None) -> np.ndarray:
    """As `read_image`, in that form: [1 or 3, H, W] uint8.

    Where the form has fixed channels, grey images are given colour, and colour images whose channels are all equal
    are made grey. Raises InputError where height, width or colour differ.
    """
    image, name = read_image(file, form.size, name), name or str(file)
    if image.shape[1:] != form.shape[1:]:
        hint = "give it images like those it was trained on" if form.fixed else "`size` resizes all of them to one"
        raise InputError(
            f"{name} is {_size_text(image.shape)}, {form.like} {'takes' if form.fixed else 'is'} "
            f"{_size_text(form.shape)} (width x height); images must be of one size: {hint}"
        )
    if not form.fixed or image.shape == form.shape:
        return image
    if image.shape[0] == 1:
        return np.repeat(image, 3, axis=0)
    if (image == image[:1]).all():
        return image[:1]
    raise InputError(f"{name} is in colour, {form.like} takes grey images; make it grey, or remove it")


def _size_text(shape: tuple[int, ...]) -> str:
    return f"{shape[-1]}x{shape[-2]}"


def read_image(file: str | BinaryIO, size: tuple[int, int] | None, name: str | None = None) -> np.ndarray:
    """[1, H, W] or [3, H, W] uint8; size: (height, width) to resize to. Raises InputError for what is no image.

    file: its path, or what is in it; name: what people call it, by default the path.
    """
    import PIL.Image
    from PIL import ImageOps

    path = name or str(file)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", PIL.Image.DecompressionBombWarning)
            with PIL.Image.open(file, formats=_FORMATS) as opened:
                image = _eight_bits(ImageOps.exif_transpose(opened), path)
        if size is not None and image.size != size[::-1]:
            image = image.resize(size[::-1], PIL.Image.Resampling.BILINEAR)
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
        raise InputError(f"{path}: damaged or unreadable image ({one_line(error)}); replace or remove it") from error
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


def decoded(lists: Iterable[list[str]], form: Form, processes: int | None = None) -> Iterator[np.ndarray]:
    """For each list of files, in order, [B, 1 or 3, H, W] uint8; decoded ahead by so many processes, one a core.

    Raises InputError for the first file that cannot be read.
    """
    import PIL.Image

    processes = processes or available_cores()
    idle: queue.SimpleQueue[Worker] = queue.SimpleQueue()
    decoders = [Worker(f"{__name__}:{decoder.__name__}", PIL.Image.MAX_IMAGE_PIXELS) for _ in range(processes)]
    for worker in decoders:
        idle.put(worker)

    def decode(paths: list[str]) -> np.ndarray:
        worker = idle.get()
        try:
            block: np.ndarray = worker(paths, form)
        except WorkerDied as death:
            raise FewlabelsError(
                f"decoding images: {death}; what it printed stands above; do the same again to go on"
            ) from None
        finally:
            idle.put(worker)
        return block

    threads = ThreadPoolExecutor(processes)
    todo = iter(lists)
    try:
        ahead: deque[Future[np.ndarray]] = deque(threads.submit(decode, paths) for paths in islice(todo, 2 * processes))
        while ahead:
            block = ahead.popleft().result()
            for paths in islice(todo, 1):
                ahead.append(threads.submit(decode, paths))
            yield block
    finally:
        threads.shutdown(wait=False, cancel_futures=True)
        for worker in decoders:
            worker.stop()


def decode_all(paths: list[str], form: Form) -> np.ndarray:
    """[B, 1 or 3, H, W] uint8; the first colour image widens the array, unless its form is fixed. Raises InputError."""
    pixels = np.empty((len(paths), *form.shape), dtype=np.uint8)
    for i, path in enumerate(paths):
        image = read_alike(path, form)  # [1 or 3, H, W]
        if image.shape[0] > pixels.shape[1]:
            pixels = np.repeat(pixels, 3, axis=1)
        pixels[i] = image
    return pixels


def decoder(most_pixels: int | None) -> Callable[[list[str], Form], np.ndarray]:
    """What a worker serves: `decode_all`, of images of so many pixels at most."""
    import PIL.Image

    PIL.Image.MAX_IMAGE_PIXELS = most_pixels
    return decode_all
