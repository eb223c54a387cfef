"""Which files under a folder are images, what their labels are, and which of them are for testing."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from fewlabels.core.errors import InputError
from fewlabels.data.labels import UNLABELLED_TEXTS
from fewlabels.data.readers.delimited import image_labels

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp")
LABELS_FILE = "labels.csv"
_UNLABELLED_FOLDERS = ("unlabelled", "unlabeled")
_CLUTTER = ("thumbs.db", "desktop.ini", "__macosx")
_NOTES = (".csv", ".json", ".md", ".txt", ".xml", ".xmp")
"""What stands beside images to describe them."""


@dataclass(frozen=True)
class Images:
    """Paths of images, and the label of each; "" = unlabelled."""

    paths: list[str]
    labels: list[str]


def find_images(folder: Path, labels: Path | None = None) -> tuple[Images, Images | None]:
    """The images of a folder, and those of its test set where it has one.

    labels: a file of labels (`image_labels`); by default `labels.csv` in the folder, if there is one. With it, or
    where images stand in the folder itself, all images under it belong, and subfolders mean nothing. Else each
    subfolder is a class; and folders `train` and `test`, with class folders or a `labels.csv` in them, are two parts,
    each laid out in one of these ways.

    Raises InputError for other layouts.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; check the path")
    if labels is not None or (folder / LABELS_FILE).is_file():
        return _flat(folder, labels), None
    train, test = _splits(folder)
    if test is None:
        return _part(train), None
    images = _part(test)
    for path, label in zip(images.paths, images.labels, strict=True):
        if not label:
            raise InputError(
                f"{path}: a test set has no unlabelled images; label it, or move {os.path.dirname(path)} to train/"
            )
    return _part(train), images


def images_under(folder: Path) -> list[str]:
    """The paths of all images under a folder, relative to it, with /, in sorted order of their parts.

    Hidden files, and those that describe images (such as .txt and .json), are passed over. A folder is read once, even
    where links lead to it again. Raises InputError for other files, and where there is no image at all.
    """
    found = [path for path in _walk(folder, (), {os.path.realpath(folder)}) if not _is_note(folder, path)]
    if not found:
        raise InputError(f"{folder}: holds no images; allowed are {', '.join(SUFFIXES)}: check the path")
    return ["/".join(path) for path in sorted(found)]


def _walk(folder: Path, parts: tuple[str, ...], seen: set[str]) -> list[tuple[str, ...]]:
    folders, files = _entries(folder.joinpath(*parts))
    found = [(*parts, name) for name in files]
    for name in folders:
        real = os.path.realpath(folder.joinpath(*parts, name))
        if real not in seen:
            seen.add(real)
            found += _walk(folder, (*parts, name), seen)
    return found


def _is_note(folder: Path, path: tuple[str, ...]) -> bool:
    """Whether the file describes images and is none. Raises InputError where it is neither."""
    suffix = os.path.splitext(path[-1])[1].lower()
    if suffix not in SUFFIXES + _NOTES:
        raise _foreign(folder.joinpath(*path))
    return suffix in _NOTES


def _foreign(path: Path) -> InputError:
    return InputError(f"{path}: not an image file; allowed are {', '.join(SUFFIXES)}: move it away")


def _part(folder: Path) -> Images:
    """The images of a folder that is not split."""
    if (folder / LABELS_FILE).is_file() or any(_is_image(name) for name in _entries(folder)[1]):
        return _flat(folder, None)
    return _classes(folder)


def _is_image(name: str) -> bool:
    return os.path.splitext(name)[1].lower() in SUFFIXES


def _flat(folder: Path, labels: Path | None) -> Images:
    """All images under the folder."""
    if labels is None and (folder / LABELS_FILE).is_file():
        labels = folder / LABELS_FILE
    images = images_under(folder)
    found = [""] * len(images) if labels is None else image_labels(labels, images)
    found = ["" if label in UNLABELLED_TEXTS else label for label in found]
    return Images([os.path.join(folder, *path.split("/")) for path in images], found)


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
    """The folder of the examples, and that of the test set where there is one."""
    folders, files = _entries(folder)
    split = {name for name in ("train", "test") if name in folders and _is_split(folder / name)}
    if not split or any(_is_image(name) for name in files):
        return folder, None
    if "train" not in split:
        raise InputError(f"{folder}: has test/ with class folders but no such train/; move the classes into train/")
    if others := sorted(set(folders) - split):
        raise InputError(
            f"{folder}: {others[0]}/ stands beside train/, where only test/, with class folders or {LABELS_FILE}, may; "
            f"move it away (unlabelled images go into train/unlabelled/)"
        )
    if files:
        raise InputError(f"{folder / files[0]}: a file beside train/; only folders may stand there, move it away")
    return folder / "train", folder / "test" if "test" in folders else None


def _is_split(folder: Path) -> bool:
    """Whether a folder called train or test is a part, and not a class."""
    folders, files = _entries(folder)
    return bool(folders) or LABELS_FILE in files


def _label(name: str) -> str:
    """The class of the images in a folder of that name; "" = unlabelled."""
    return "" if name.lower() in (*_UNLABELLED_FOLDERS, *UNLABELLED_TEXTS) else name


def _classes(folder: Path) -> Images:
    """The images in the class folders."""
    folders, files = _entries(folder)
    if not folders:
        found = f"holds {len(files)} files but no images" if files else "is empty"
        raise InputError(
            f"{folder}: {found}; put the images of each class in a subfolder named after the class, or unlabelled "
            "images in the folder"
        )
    if files:
        raise InputError(
            f"{folder / files[0]}: a file beside the class folders; move it into one (or into unlabelled/), or away"
        )
    images = Images([], [])
    for name in folders:
        entry = folder / name
        nested, paths = _entries(entry)
        if nested:
            raise InputError(f"{entry / nested[0]}: a folder within a class folder; put the images directly in {entry}")
        if not paths:
            raise InputError(f"{entry}: holds no images; add some ({', '.join(SUFFIXES)}) or remove the folder")
        for path in paths:
            if not _is_image(path):
                raise _foreign(entry / path)
        images.paths.extend(os.path.join(entry, path) for path in paths)
        images.labels.extend([_label(name)] * len(paths))
    return images
