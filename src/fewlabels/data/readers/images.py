"""Images on disk, a folder or one file, into a data set."""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from fewlabels.core.errors import InputError
from fewlabels.data import cache
from fewlabels.data.cache import Progress, Source, converted
from fewlabels.data.dataset import UNLABELLED, Dataset
from fewlabels.data.decoding import decode_all, decoded
from fewlabels.data.image_folders import find_images
from fewlabels.data.labels import sort_names
from fewlabels.data.readers.image_decoding import Form, model_form, read_image
from fewlabels.data.signature import Signature

Size = int | tuple[int, int] | None


def read_image_folder(
    folder: str | os.PathLike[str],
    size: Size = None,
    progress: Progress | None = None,
    labels: str | os.PathLike[str] | None = None,
    signature: Signature | None = None,
) -> Dataset:
    """The images under `folder`, in sorted order, in one of the layouts of `find_images`.

    A class folder named `unlabelled` or `unlabeled` holds unlabelled images. Hidden files are ignored. labels: a CSV
    that says which image has which label (`image_labels`); subfolders mean nothing then.

    x: [N, 1, H, W] uint8 where all images, those of the test set too, are grey, else [N, 3, H, W]. EXIF
    orientation is applied, transparency is laid on white, 16 bits are scaled to 8, only the first frame is
    read. size: N (square) or (height, width) to resize to, without regard to the aspect ratio; None = as they
    are. signature: of a trained model, whose shape and channels they are given instead, see `read_alike`.

    More pixels than `cache.IN_MEMORY_BYTES` are converted once, by several processes, to a memory-mapped array in
    the cache, found again while names, sizes and times of the files are the same; progress is told meanwhile.

    Raises InputError for other layouts, files that are no images, damaged or giant images, unequal sizes
    without `size`, and a cache that cannot be written.
    """
    folder = Path(folder)
    images, test = find_images(folder, None if labels is None else Path(labels).expanduser())
    texts = [*images.labels, *([] if test is None else test.labels)]
    classes = sort_names(set(texts) - {""})
    index = {"": UNLABELLED} | {label: i for i, label in enumerate(classes)}
    y = np.array([index[text] for text in texts], dtype=np.int64)
    paths, n = [*images.paths, *([] if test is None else test.paths)], len(images.paths)
    form = _form(paths[0], str(folder), size, signature)
    pixels = _pixels(folder, paths, form, progress)
    return Dataset(
        name=folder.resolve().name,
        x=pixels[:n],
        y=y[:n],
        classes=classes,
        x_test=None if test is None else pixels[n:],
        y_test=None if test is None else y[n:],
        resized=form.size is not None,
    )


def read_image_file(path: Path, size: Size = None, signature: Signature | None = None) -> Dataset:
    """A data set of one image, unlabelled; size and signature as of a folder. Raises InputError."""
    form = _form(str(path), str(path), size, signature)
    x = decode_all([str(path)], form)
    return Dataset(path.stem, x, np.full(1, UNLABELLED, dtype=np.int64), (), resized=form.size is not None)


def _form(path: str, where: str, size: Size, signature: Signature | None) -> Form:
    """What the images are read as, the first of which is at `path`."""
    if signature is not None:
        if size is not None:
            raise InputError(f"--size {size}: the model settles the size of images; leave it out")
        return model_form(signature, where, lambda: read_image(path, None))
    shape = target_shape(size)
    return Form(path, read_image(path, shape).shape, shape)


def target_shape(size: Size) -> tuple[int, int] | None:
    """(height, width), or None for None. Raises InputError."""
    if size is None:
        return None
    shape = size if isinstance(size, tuple) else (size, size)
    if len(shape) != 2 or not all(isinstance(side, int) and 1 <= side <= 4096 for side in shape):
        raise InputError(f"--size {size}: allowed are a whole number from 1 to 4096, or a (height, width) of such")
    return shape


def _pixels(folder: Path, paths: list[str], form: Form, progress: Progress | None) -> np.ndarray:
    """[N, 1 or 3, H, W] uint8, memory-mapped where they are many."""
    shape = (len(paths), *form.shape)
    if math.prod(shape) <= cache.IN_MEMORY_BYTES:
        return decode_all(paths, form)

    def read(spans: list[slice]) -> Iterator[np.ndarray]:
        return decoded((paths[span] for span in spans), form)

    place = f"{folder.resolve()} size={form.size} {form.shape if form.fixed else ''}"
    return converted(Source(str(folder), place, lambda: _state(paths), shape, read), progress)


def _state(paths: list[str]) -> str:
    """SHA-256 over names, sizes and times of change of files."""
    digest = hashlib.sha256(b"1;")  # the version of what is made of them
    for path in paths:
        try:
            known = os.stat(path)
        except OSError as error:
            raise InputError(f"{path}: cannot be read ({error.strerror}); do the same again") from error
        digest.update(f"{path}:{known.st_size}:{known.st_mtime_ns};".encode(errors="surrogateescape"))
    return digest.hexdigest()
