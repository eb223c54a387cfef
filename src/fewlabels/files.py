"""Files that appear whole, or not at all; and who may write."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, BinaryIO

from fewlabels.errors import InputError, StorageError


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A file that takes the place of `path` when the block ends well; otherwise what was there stays.

    A link stays one, to the new file. What is no regular file, such as a pipe, is written to as it is.
    Raises StorageError where it cannot be written.
    """
    place = Path(os.path.realpath(path))
    if place.exists() and not place.is_file():
        with writing(path), place.open("wb") as file:
            yield file
        return
    part = place.with_name(f".{place.name}.{os.getpid()}.part")
    try:
        with writing(path), part.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        with writing(path):
            part.replace(place)
    finally:
        part.unlink(missing_ok=True)


def check_new(path: Path, overwrite: bool, option: str = "-o") -> None:
    """Raise InputError where a file would take the place of another, or has no folder to be in.

    option: that names the file, for the message.
    """
    if path.is_dir():
        raise InputError(f"{path}: is a folder, where a file is to be; name a file with {option}")
    if not path.parent.is_dir():
        raise InputError(f"{path}: there is no folder {path.parent}; make it, or name another place with {option}")
    if path.is_file() and not overwrite:
        raise InputError(f"{path}: is there already; name another file with {option}, or replace it: --overwrite")


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn what the system says of a failed write into one clear line: a StorageError."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise StorageError(
            f"{path}: cannot be written ({reason}); free space or choose another place, then do the same again"
        ) from None


def take_lock(file: IO[str]) -> bool:
    """Lock an open file until it is closed, or this process ends; False where another process has it."""
    try:
        import fcntl
    except ImportError:  # Windows: no advisory locks, processes are not told apart there
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
