"""A folder of images, one subfolder a class, into a data set."""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from fewlabels.data import conversion
from fewlabels.data.conversion import Progress, Source, converted
from fewlabels.data.dataset import UNLABELLED, Dataset
from fewlabels.data.decoding import decode_all, decoded
from fewlabels.data.image_files import First, read_image
from fewlabels.errors import InputError

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp")
_UNLABELLED_FOLDERS = ("unlabelled", "unlabeled")
_CLUTTER = ("thumbs.db", "desktop.ini", "__macosx")


def read_image_folder(
    folder: str | os.PathLike[str], size: int | tuple[int, int] | None = None, progress: Progress | None = None
) -> Dataset:
    """The images under `folder`, one subfolder a class, in sorted order.

    Folders `train/` and `test/` at the top, with the class folders in them, give a test set of its own (a
    `train` that holds images is a class like any other). A class folder named `unlabelled` or `unlabeled`
    holds unlabelled images. Hidden files are ignored.

    x: [N, 1, H, W] uint8 where all images, those of the test set too, are grey, else [N, 3, H, W]. EXIF
    orientation is applied, transparency is laid on white, 16 bits are scaled to 8, only the first frame is
    read. size: N (square) or (height, width) to resize to, without regard to the aspect ratio; None = as they
    are.

    More pixels than `conversion.IN_MEMORY_BYTES` are converted once, by several processes, to a memory-mapped array in
    the cache, found again while names, sizes and times of the files are the same; progress is told meanwhile.

    Raises InputError for other layouts, files that are no images, damaged or giant images, unequal sizes
    without `size`, and a cache that cannot be written.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; check the path")
    shape = _target_shape(size)
    train, test = _splits(folder)
    examples = _examples(train)
    examples_test = {} if test is None else _examples(test)
    for name in examples_test:
        if test is not None and not _label(name):
            raise InputError(f"{test / name}: a test set has no unlabelled images; move the folder to train/")
    groups = [*examples.items(), *examples_test.items()]
    paths = [path for _, group in groups for path in group]
    classes = sorted({_label(name) for name, _ in groups} - {""})
    index = {"": UNLABELLED} | {label: i for i, label in enumerate(classes)}
    y = np.repeat([index[_label(name)] for name, _ in groups], [len(group) for _, group in groups]).astype(np.int64)
    n = sum(map(len, examples.values()))
    pixels = _pixels(folder, paths, shape, progress)
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


def _entries(folder: Path) -> tuple[list[str], list[str]]:
    """Sorted names of subfolders and files, without the hidden ones."""
    folders: list[str] = []
    files: list[str] = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if not (entry.name.startswith(".") or entry.name.lower() in _CLUTTER):
                    (folders if entry.is_dir() else files).append(entry.name)
    except OSError as error:
        raise InputError(f"{folder}: cannot be read ({error.strerror}); check the folder's rights") from error
    return sorted(folders), sorted(files)


def _splits(folder: Path) -> tuple[Path, Path | None]:
    """The folder of class folders, and that of the test set where there is one."""
    folders, files = _entries(folder)
    split = {name for name in ("train", "test") if name in folders and _entries(folder / name)[0]}
    if not split:
        return folder, None
    if "train" not in split:
        raise InputError(f"{folder}: has test/ with class folders but no such train/; move the classes into train/")
    if others := sorted(set(folders) - split):
        raise InputError(
            f"{folder}: {others[0]}/ stands beside train/, where only test/ with class folders may; move it "
            f"away (unlabelled images go into train/unlabelled/)"
        )
    if files:
        raise InputError(f"{folder / files[0]}: a file beside train/; only folders may stand there, move it away")
    return folder / "train", folder / "test" if "test" in folders else None


def _label(name: str) -> str:
    """The class of the images in a folder of that name; "" = unlabelled."""
    return "" if name.lower() in _UNLABELLED_FOLDERS else name


def _examples(folder: Path) -> dict[str, list[str]]:
    """The paths of the images in each class folder, by its name."""
    folders, files = _entries(folder)
    if not folders:
        found = f"holds {len(files)} files but no class folders" if files else "is empty"
        raise InputError(f"{folder}: {found}; put the images of each class in a subfolder named after the class")
    if files:
        raise InputError(
            f"{folder / files[0]}: a file beside the class folders; move it into one (or into unlabelled/), or away"
        )
    examples = {}
    for name in folders:
        entry = folder / name
        nested, images = _entries(entry)
        if nested:
            raise InputError(f"{entry / nested[0]}: a folder within a class folder; put the images directly in {entry}")
        if not images:
            raise InputError(f"{entry}: holds no images; add some ({', '.join(SUFFIXES)}) or remove the folder")
        for image in images:
            if os.path.splitext(image)[1].lower() not in SUFFIXES:
                raise InputError(f"{entry / image}: not an image file; allowed are {', '.join(SUFFIXES)}: move it away")
        examples[name] = [os.path.join(entry, image) for image in images]
    return examples


def _pixels(folder: Path, paths: list[str], size: tuple[int, int] | None, progress: Progress | None) -> np.ndarray:
    """[N, 1 or 3, H, W] uint8, memory-mapped where they are many."""
    first = First(paths[0], read_image(paths[0], size).shape)
    shape = (len(paths), *first.shape)
    if math.prod(shape) <= conversion.IN_MEMORY_BYTES:
        return decode_all(paths, size, first)

    def read(spans: list[slice]) -> Iterator[np.ndarray]:
        return decoded((paths[span] for span in spans), size, first)

    place = f"{folder.resolve()} size={size}"
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
