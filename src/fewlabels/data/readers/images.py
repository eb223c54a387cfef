"""Images on disk, a folder or one file, into a data set."""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import numpy as np

from fewlabels.core.errors import InputError
from fewlabels.core.files import replacing
from fewlabels.data import cache
from fewlabels.data.cache import Progress, Source, converted
from fewlabels.data.dataset import UNLABELLED, Dataset, Signature
from fewlabels.data.labels import sort_names
from fewlabels.data.readers.image_decoding import (
    BrokenImage,
    BrokenImages,
    Form,
    decode_all,
    decoded,
    model_form,
    read_alike,
    read_image,
    warn_of_broken,
)
from fewlabels.data.readers.image_layouts import find_images

Size = int | tuple[int, int] | None


def read_image_folder(
    folder: str | os.PathLike[str],
    size: Size = None,
    progress: Progress | None = None,
    labels: str | os.PathLike[str] | None = None,
    signature: Signature | None = None,
    skip_broken: bool = False,
) -> Dataset:
    """The images under a folder, in sorted order, in one of the layouts of the guide's page on data.

    A class folder named `unlabelled` or `unlabeled` holds unlabelled images. Hidden files are ignored. EXIF orientation
    is applied, transparency is laid on white, 16 bits are scaled to 8, only the first frame is read. More pixels than
    256 MiB are converted once, by several processes, to a memory-mapped array in the cache, found again while names,
    sizes and times of the files are the same.

    Parameters
    ----------
    folder
        Of images.
    size
        N (square) or (height, width) to resize to, without regard to the aspect ratio; None: as they are.
    progress
        As `load` has it.
    labels
        A CSV that says which image has which label; subfolders mean nothing then.
    signature
        Of a trained model, whose shape and channels the images are given.
    skip_broken
        Whether images that cannot be read, damaged or giant ones, are left out with their labels, and a warning names
        them; else the error does, and has all of them in its `broken`.

    Returns
    -------
    Dataset
        x: [N, 1, H, W] uint8 where all images, those of the test set too, are grey, else [N, 3, H, W].

    Raises
    ------
    InputError
        For other layouts, files that are no images, damaged or giant images, unequal sizes without `size`, and a cache
        that cannot be written.
    """
    folder = Path(folder)
    images, test = find_images(folder, None if labels is None else Path(labels).expanduser())
    paths, n = [*images.paths, *([] if test is None else test.paths)], len(images.paths)
    form = _form(paths, str(folder), size, signature)
    pixels, broken = _pixels(folder, paths, form, progress, skip_broken)
    warn_of_broken(str(folder), broken, len(paths), skip_broken)
    texts = [text for i, text in enumerate([*images.labels, *([] if test is None else test.labels)]) if i not in broken]
    n -= sum(i < n for i in broken)
    classes = sort_names(set(texts) - {""})
    index = {"": UNLABELLED} | {label: i for i, label in enumerate(classes)}
    y = np.array([index[text] for text in texts], dtype=np.int64)
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
    form = _form([str(path)], str(path), size, signature)
    x = read_alike(str(path), form)[None]
    return Dataset(path.stem, x, np.full(1, UNLABELLED, dtype=np.int64), (), resized=form.size is not None)


def _form(paths: list[str], where: str, size: Size, signature: Signature | None) -> Form:
    """What the images are read as: like the first of them that can be read."""
    if signature is not None:
        if size is not None:
            raise InputError(f"`size` {size}: the model settles the size of images; leave it out")
        return model_form(signature, where, lambda: read_image(paths[0], None))
    shape, broken = target_shape(size), dict[int, str]()
    for i, path in enumerate(paths):
        try:
            return Form(path, read_image(path, shape).shape, shape)
        except BrokenImage as error:
            if len(paths) == 1:
                raise
            broken[i] = str(error).rpartition("; ")[0]
    warn_of_broken(where, broken, len(paths), skip=True)
    raise AssertionError(where)  # none is left


def target_shape(size: Size) -> tuple[int, int] | None:
    """(height, width), or None for None. Raises InputError."""
    if size is None:
        return None
    shape = size if isinstance(size, tuple) else (size, size)
    if len(shape) != 2 or not all(isinstance(side, int) and 1 <= side <= 4096 for side in shape):
        raise InputError(f"`size` {size}: allowed are a whole number from 1 to 4096, or a (height, width) of such")
    return shape


def _pixels(
    folder: Path, paths: list[str], form: Form, progress: Progress | None, skip_broken: bool
) -> tuple[np.ndarray, dict[int, str]]:
    """[N, 1 or 3, H, W] uint8 of those that can be read, memory-mapped where they are many; and the others.

    A conversion that meets a broken one looks through the rest, and keeps what it found beside the array, so that it is
    done again without them, and never a third time.
    """
    if math.prod((len(paths), *form.shape)) <= cache.IN_MEMORY_BYTES:
        return decode_all(paths, form)
    place = f"{folder.resolve()} size={form.size} {form.shape if form.fixed else ''}"
    listed = cache.folder_of(place) / f"{_state(paths)}.broken"
    broken: dict[int, str] = {}
    with suppress(OSError, ValueError):
        broken = {int(i): str(text) for i, text in json.loads(listed.read_text()).items()}
    while not broken or (skip_broken and len(broken) < len(paths)):
        good = [path for i, path in enumerate(paths) if i not in broken]
        source = Source(
            str(folder), place, lambda: _state(paths), (len(good), *form.shape), partial(_decoded, folder, good, form)
        )
        try:
            return converted(source, progress), broken
        except BrokenImages as error:
            at = [i for i in range(len(paths)) if i not in broken]
            broken |= {at[i]: text for i, text in error.broken.items()}
            with replacing(listed) as file:
                file.write(json.dumps(broken).encode())
    return np.empty((0, *form.shape), dtype=np.uint8), broken


def _decoded(folder: Path, paths: list[str], form: Form, spans: list[slice]) -> Iterator[np.ndarray]:
    """The images of consecutive slices. Raises BrokenImages, once all have been seen, where some cannot be read."""
    broken: dict[int, str] = {}
    for span, (block, found) in zip(spans, decoded((paths[span] for span in spans), form), strict=True):
        broken |= {span.start + at: text for at, text in found.items()}
        if not broken:
            yield block
    if broken:
        raise BrokenImages(str(folder), broken, len(paths))


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
