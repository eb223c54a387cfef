"""Image files into pixels: one of them, or many by processes of one thread each."""

from __future__ import annotations

import queue
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

import numpy as np

from fewlabels.core.errors import FewlabelsError, InputError
from fewlabels.core.files import cache_folder, irregular, replacing
from fewlabels.core.processes import Worker, WorkerDied, available_cores
from fewlabels.core.text import one_line
from fewlabels.data.dataset import Signature

if TYPE_CHECKING:
    from PIL.Image import Image

# The decoders that may run; that of JPEG covers the two-frame MPO that phones write.
_FORMATS = ("PNG", "JPEG", "BMP", "TIFF", "WEBP")
_GREY_MODES = ("1", "L", "LA", "La")

NAMED = 3
"""So many broken images are named in a message; all of them in a file."""


class BrokenImage(InputError):
    """A file that holds no image, or one that cannot be read."""


class BrokenImages(InputError):
    """Some of many images are broken. `broken`: what is wrong with each, by its number among all of them."""

    def __init__(self, where: str, broken: Mapping[int, str], n: int) -> None:
        super().__init__(
            f"{where}: {told_broken(broken, n)}; replace or remove them, or `skip_broken=True` goes on without them"
        )
        self.broken = dict(broken)


def told_broken(broken: Mapping[int, str], n: int) -> str:
    """How many of n images are broken, and which: the first by name, all of them in a file of the cache."""
    texts = list(broken.values())
    words = f"{len(texts):,} of {n:,} images cannot be read: {'; '.join(texts[:NAMED])}"
    if len(texts) <= NAMED:
        return words
    listed = cache_folder() / "broken-images.txt"
    listed.parent.mkdir(parents=True, exist_ok=True)
    with replacing(listed) as file:
        file.write("".join(f"{text}\n" for text in texts).encode(errors="surrogateescape"))
    return f"{words}; and {len(texts) - NAMED:,} more, all listed in {listed}"


def warn_of_broken(where: str, broken: Mapping[int, str], n: int, skip: bool) -> None:
    """Warn of images that are left out. Raises BrokenImages where they are not to be, or nothing would be left."""
    if broken and not skip:
        raise BrokenImages(where, broken, n)
    if len(broken) == n:
        raise InputError(f"{where}: {told_broken(broken, n)}; none is left, replace them")
    if broken:
        warnings.warn(f"{where}: {told_broken(broken, n)}; they are left out", stacklevel=2)


Block = tuple[np.ndarray, dict[int, str]]
"""The pixels of those images of a list that can be read, and what is wrong with the others, by number in the list."""


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
    """[1, H, W] or [3, H, W] uint8; size: (height, width) to resize to. Raises BrokenImage for what is no image.

    file: its path, or what is in it; name: what people call it, by default the path.
    """
    import PIL.Image
    from PIL import ImageOps

    path = name or str(file)
    if isinstance(file, str) and (other := irregular(Path(file))):
        raise BrokenImage(f"{path}: is {other}, no image file; replace or remove it")
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
        raise BrokenImage(
            f"{path}: declares more than the {PIL.Image.MAX_IMAGE_PIXELS} pixels an image may have; scale it "
            f"down or remove it"
        ) from error
    except PIL.UnidentifiedImageError:
        raise BrokenImage(f"{path}: not a readable image, whatever its name says; replace or remove it") from None
    except Exception as error:  # Pillow's decoders raise OSError, SyntaxError, ValueError, struct.error, ...
        raise BrokenImage(f"{path}: damaged or unreadable image ({one_line(error)}); replace or remove it") from error
    return pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)


def _eight_bits(image: Image, path: str) -> Image:
    """The image in mode L or RGB."""
    import PIL.Image

    if image.mode.startswith("I;16"):
        values = np.asarray(image).astype(np.uint32)  # [H, W] of 0..65535
        return PIL.Image.fromarray(((values * 255 + 32767) // 65535).astype(np.uint8))
    if image.mode in ("I", "F"):
        raise BrokenImage(f"{path}: has 32 bits a pixel, allowed are 8 and 16; convert it or remove it")
    mode = "L" if image.mode in _GREY_MODES else "RGB"
    if image.has_transparency_data:
        over = image.convert("RGBA")
        image = PIL.Image.alpha_composite(PIL.Image.new("RGBA", over.size, "white"), over)
    return image.convert(mode)


def decoded(lists: Iterable[list[str]], form: Form, processes: int | None = None) -> Iterator[Block]:
    """`decode_all` of each list of files, in order, ahead by so many processes, one a core. Raises InputError."""
    import PIL.Image

    processes = processes or available_cores()
    idle: queue.SimpleQueue[Worker] = queue.SimpleQueue()
    decoders = [Worker(f"{__name__}:{decoder.__name__}", PIL.Image.MAX_IMAGE_PIXELS) for _ in range(processes)]
    for worker in decoders:
        idle.put(worker)

    def decode(paths: list[str]) -> Block:
        worker = idle.get()
        try:
            block: Block = worker(paths, form)
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
        ahead: deque[Future[Block]] = deque(threads.submit(decode, paths) for paths in islice(todo, 2 * processes))
        while ahead:
            block = ahead.popleft().result()
            for paths in islice(todo, 1):
                ahead.append(threads.submit(decode, paths))
            yield block
    finally:
        threads.shutdown(wait=False, cancel_futures=True)
        for worker in decoders:
            worker.stop()


def decode_all(paths: list[str], form: Form) -> Block:
    """[B, 1 or 3, H, W] uint8; the first colour image widens the array, unless its form is fixed.

    Images that cannot be read are left out of it. Raises InputError for one that has another form.
    """
    pixels, broken = np.empty((len(paths), *form.shape), dtype=np.uint8), dict[int, str]()
    for i, path in enumerate(paths):
        try:
            image = read_alike(path, form)  # [1 or 3, H, W]
        except BrokenImage as error:
            broken[i] = str(error).rpartition("; ")[0]
            continue
        if image.shape[0] > pixels.shape[1]:
            pixels = np.repeat(pixels, 3, axis=1)
        pixels[i - len(broken)] = image
    return pixels[: len(paths) - len(broken)], broken


def decoder(most_pixels: int | None) -> Callable[[list[str], Form], Block]:
    """What a worker serves: `decode_all`, of images of so many pixels at most."""
    import PIL.Image

    PIL.Image.MAX_IMAGE_PIXELS = most_pixels
    return decode_all
