"""The data sets known by name: digits comes with scikit-learn, the MNIST family by a checked download."""

from __future__ import annotations

import hashlib
import logging
import math
import os
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fewlabels.core.errors import FewlabelsError, InputError
from fewlabels.core.files import cache_folder, data_folder, is_offline
from fewlabels.core.text import one_line
from fewlabels.data.dataset import Dataset
from fewlabels.data.readers.idx import gunzip, read_idx


def fetch(url: str, target: Path, check: Callable[[Path], object], known_hash: str | None = None) -> None:
    """Download `url` to `target`, with a progress bar on a terminal.

    The bytes go to a temporary folder beside `target`. `known_hash` ("md5:...") is verified by pooch and
    `check` is called with the temporary path; only when both are content is the file moved into place.

    Raises FewlabelsError when the download or its check fails; the temporary file is then deleted.
    """
    import pooch

    logger = pooch.get_logger()
    level = logger.level
    logger.setLevel(logging.WARNING)  # pooch would advise users to write down the hash
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".download-") as folder:
            path = Path(
                pooch.retrieve(url, known_hash, fname=target.name, path=folder, progressbar=sys.stderr.isatty())
            )
            check(path)
            os.replace(path, target)
    except (InputError, ValueError) as error:
        raise FewlabelsError(
            f"{url}: the download failed its check and was deleted ({one_line(error)}); try again, or put "
            f"the file in $FEWLABELS_DATA/{target.parent.name}/"
        ) from error
    except OSError as error:
        raise FewlabelsError(
            f"{url}: cannot be downloaded to {target.parent} ({one_line(error)}); check the network and the "
            f"folder's rights (FEWLABELS_CACHE chooses another), or put the file in "
            f"$FEWLABELS_DATA/{target.parent.name}/"
        ) from error
    finally:
        logger.setLevel(level)


_TEN = tuple("0123456789")

# The files of every MNIST-like set and the shape each must have.
FILES: dict[str, tuple[int, ...]] = {
    "train-images-idx3-ubyte.gz": (60_000, 28, 28),
    "train-labels-idx1-ubyte.gz": (60_000,),
    "t10k-images-idx3-ubyte.gz": (10_000, 28, 28),
    "t10k-labels-idx1-ubyte.gz": (10_000,),
}


@dataclass(frozen=True)
class IdxSet:
    """Where an MNIST-like set comes from and how to recognise its files; hashes are in the order of FILES."""

    url: str
    classes: tuple[str, ...]
    sha256: tuple[str, ...] = ()  # of the decompressed bytes, checked at every reading; () = unknown
    gz_md5: tuple[str, ...] = ()  # of the official .gz, checked after a download; () = unknown


IDX_SETS = {
    "mnist": IdxSet(
        url="https://ossci-datasets.s3.amazonaws.com/mnist/",
        classes=_TEN,
        sha256=(
            "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
            "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
            "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
            "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        ),
    ),
    "fashion-mnist": IdxSet(
        url="http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        classes=(
            "T-shirt/top",
            "Trouser",
            "Pullover",
            "Dress",
            "Coat",
            "Sandal",
            "Shirt",
            "Sneaker",
            "Bag",
            "Ankle boot",
        ),
        sha256=(
            "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
            "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
            "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
            "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
        ),
    ),
    "kmnist": IdxSet(
        url="http://codh.rois.ac.jp/kmnist/dataset/kmnist/",
        classes=("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"),
        gz_md5=(
            "bdb82020997e1d708af4cf47b453dcf7",
            "e144d726b3acfaa3e44228e80efcd344",
            "5c965bf0a639b31b8f53240b1b52f4d7",
            "7320c461ea6c1c855c0b718fb2a4b134",
        ),
    ),
}

NAMES = ("digits", *IDX_SETS)


def load_named(name: str) -> Dataset:
    """The data set of that name.

    It is looked for in `$FEWLABELS_DATA/NAME/`, then in the cache, then downloaded into it.

    Parameters
    ----------
    name
        One of `NAMES`. digits: x [1797, 1, 8, 8] uint8, no test set. mnist, fashion-mnist, kmnist: x [60000, 1, 28, 28]
        and x_test [10000, 1, 28, 28] uint8.

    Returns
    -------
    Dataset
        Every example labelled.

    Raises
    ------
    InputError
        For a damaged or incomplete copy, and where FEWLABELS_OFFLINE forbids a needed download.
    FewlabelsError
        Where a download fails.
    """
    if name == "digits":
        return _digits()
    if name not in IDX_SETS:
        raise InputError(f"{name}: no data set of this name; the known ones are {', '.join(NAMES)}")
    folder = _find(name)
    x, y, x_test, y_test = (_read(name, file, folder / file) for file in FILES)
    return Dataset(
        name=name,
        x=x[:, None],  # [N, 28, 28] -> [N, 1, 28, 28]
        y=y.astype(np.int64),
        classes=IDX_SETS[name].classes,
        x_test=x_test[:, None],
        y_test=y_test.astype(np.int64),
    )


def _digits() -> Dataset:
    from sklearn.datasets import load_digits

    bunch = load_digits()  # images: [1797, 8, 8] of 0..16
    x = np.rint(bunch.images * (255 / 16)).astype(np.uint8)[:, None]  # [1797, 1, 8, 8]
    return Dataset("digits", x, bunch.target.astype(np.int64), classes=_TEN)


def _find(name: str) -> Path:
    """The folder that holds all four files, after a download if need be."""
    own = data_folder()
    if own is not None and (own / name).is_dir():
        if missing := _missing(own / name):
            raise InputError(
                f"{own / name}: {', '.join(missing)} missing; FEWLABELS_DATA points here, so put all of "
                f"{', '.join(FILES)} in this folder, or remove the folder to use the cache"
            )
        return own / name
    cached = cache_folder() / "data" / name
    missing = _missing(cached)
    if missing and is_offline():
        raise InputError(
            f"{name}: not in FEWLABELS_DATA ({own or 'not set'}) nor whole in the cache, and "
            f"FEWLABELS_OFFLINE forbids the download; put {', '.join(FILES)} in "
            f"{(own / name) if own else cached}, or point FEWLABELS_DATA at the folder that holds {name}/, "
            f"or unset FEWLABELS_OFFLINE"
        )
    for file in missing:
        _download(name, file, cached / file)
    return cached


def _missing(folder: Path) -> list[str]:
    return [file for file in FILES if not (folder / file).is_file()]


def _download(name: str, file: str, target: Path) -> None:
    source = IDX_SETS[name]
    known_hash = f"md5:{source.gz_md5[list(FILES).index(file)]}" if source.gz_md5 else None
    fetch(source.url + file, target, lambda path: _read(name, file, path, what=file), known_hash)


def _read(name: str, file: str, path: Path, what: str | None = None) -> np.ndarray:
    """The checked array of one file; `what` (default: the path) names it in errors."""
    what = what or str(path)
    shape = FILES[file]
    data = gunzip(path, max_bytes=4 + 4 * len(shape) + math.prod(shape), what=what)
    array = read_idx(data, what)
    if array.shape != shape:
        raise InputError(f"{what}: holds shape {array.shape}, {name} has {shape}; get the file again")
    source = IDX_SETS[name]
    if source.sha256:
        expected, found = source.sha256[list(FILES).index(file)], hashlib.sha256(data).hexdigest()
        if found != expected:
            raise InputError(
                f"{what}: the decompressed bytes have SHA-256 {found[:12]}..., those of {name} "
                f"{expected[:12]}...; the file is damaged or of another set, delete it and get it again from "
                f"{source.url}{file}"
            )
    if len(shape) == 1 and array.max() >= len(source.classes):
        raise InputError(
            f"{what}: has the label {array.max()}, {name} has 0 to {len(source.classes) - 1}; get the file again"
        )
    return array
