"""Files and folders that appear whole, or not at all; who may write; and where data sets and the cache live."""

from __future__ import annotations

import errno
import glob
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, BinaryIO

from fewlabels.core.errors import InputError, StorageError

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS)
"""What the system says where a place cannot take what is written there."""

SCRATCH = "scratch"

LOOK_SECONDS = 0.2
"""Between looks at a lock that another process has."""


@contextmanager
def replacing(path: Path, follow: bool = True) -> Iterator[BinaryIO]:
    """A file that takes the place of `path` when the block ends well; otherwise what was there stays.

    follow: a link stays one, to the new file; else the file takes its place.

    What is no regular file, such as a pipe, is written to as it is. What killed processes had begun is removed.
    Raises StorageError where the disk is full, and InputError for a place that cannot be written.
    """
    place = Path(os.path.realpath(path)) if follow else path
    if place.exists() and not place.is_file():
        with writing(path), place.open("wb") as file, _filling(path):
            yield file
        return
    remove_parts(place)
    part = place.with_name(f"{_hidden(place)}.{os.getpid()}.part")
    try:
        with writing(path):
            file = part.open("wb")
        with _filling(path), file:  # closing it may write, too
            yield file
            file.flush()
            os.fsync(file.fileno())
        with writing(path):
            part.replace(place)
    finally:
        with suppress(OSError):  # it may be gone, or in a place that cannot be written
            part.unlink()


def remove_parts(path: Path) -> None:
    """Remove what processes that were killed had begun to write in the place of a file."""
    for left in path.parent.glob(f"{glob.escape(_hidden(path))}.*.part"):
        if not _is_alive(left.name.split(".")[-2]):
            with suppress(OSError):
                left.unlink()


def _hidden(path: Path) -> str:
    return f".{path.name.removeprefix('.')}"


@contextmanager
def _filling(path: Path) -> Iterator[None]:
    """As `writing`, for what can only be the fault of the place that is written to."""
    try:
        yield
    except OSError as error:
        if error.errno not in FULL:
            raise
        with writing(path):
            raise


def irregular(path: Path) -> str | None:
    """What stands there, in words, where it is neither a file nor a folder: it cannot be read twice."""
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):  # ValueError: a NUL within
        return None
    kinds = (
        (stat.S_ISFIFO, "a pipe"),
        (stat.S_ISSOCK, "a socket"),
        (stat.S_ISCHR, "a device"),
        (stat.S_ISBLK, "a device"),
    )
    return next((words for is_kind, words in kinds if is_kind(mode)), None)


def require_file(path: Path, what: str = "file") -> None:
    """Raise InputError unless a regular file stands there. what: it is to be, in words."""
    if (other := irregular(path)) is not None:
        raise InputError(f"{path}: is {other}, which cannot be read twice; write what comes out of it to a file")
    if path.is_dir():
        raise InputError(f"{path}: is a folder, where a {what} is to be; check the path")
    if not path.is_file():
        raise InputError(f"{path}: no such {what}; check the path")


@contextmanager
def scratch_folder(parent: Path) -> Iterator[Path]:
    """A folder in `parent` for as long as the block lasts. Those of processes that were killed are removed.

    Raises StorageError where the disk is full, and InputError for a place that cannot be written.
    """
    with writing(parent):
        parent.mkdir(parents=True, exist_ok=True)
        for left in parent.glob(f"{SCRATCH}-*"):
            if not _is_alive(left.name.split("-")[1]):
                shutil.rmtree(left, ignore_errors=True)
        folder = Path(tempfile.mkdtemp(dir=parent, prefix=f"{SCRATCH}-{os.getpid()}-"))
    try:
        with _filling(parent):
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _is_alive(process: str) -> bool:
    try:
        os.kill(int(process), 0)
    except (ProcessLookupError, ValueError):
        return False
    except PermissionError:
        return True
    return True


def check_new(path: Path, overwrite: bool) -> None:
    """Raise InputError where a file would take the place of another, or has no folder to be in."""
    if path.is_dir():
        raise InputError(f"{path}: is a folder, where a file is to be; name a file")
    if not path.parent.is_dir():
        raise InputError(f"{path}: there is no folder {path.parent}; make it, or name another place")
    if path.is_file() and not overwrite:
        raise InputError(f"{path}: is there already; name another, or replace it with `overwrite=True`")


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn what the system says of a failed write into one clear line: a StorageError where the disk is at fault, else
    an InputError.
    """
    try:
        yield
    except OSError as error:
        reason = f"{path}: cannot be written ({error.strerror or error})"
        if error.errno in FULL:
            raise StorageError(f"{reason}; free space or choose another place, then do the same again") from None
        raise InputError(f"{reason}; choose another place, then do the same again") from None


@contextmanager
def locked(path: Path, waiting: Callable[[], None]) -> Iterator[None]:
    """Hold the lock that is this file; it is released when the block or this process ends, and then removed.

    waiting: called again and again while another process has the lock; it may raise, so as not to wait.
    Raises StorageError where the disk is full, and InputError for a place that cannot be written.
    """
    while True:
        with writing(path.parent):
            path.parent.mkdir(parents=True, exist_ok=True)
        with writing(path):
            file = path.open("a")
        with file:
            while not _take(file):
                waiting()
                time.sleep(LOOK_SECONDS)
            if not _is_open(path, file):
                continue  # the one that had it has removed it
            try:
                yield
            finally:
                with suppress(OSError):  # where an open file cannot be removed, it stays
                    path.unlink()
            return


def _is_open(path: Path, file: IO[str]) -> bool:
    """Whether what lies at `path` is the open file."""
    try:
        return os.path.samestat(path.stat(), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False


def _take(file: IO[str]) -> bool:
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


def data_folder() -> Path | None:
    """`$FEWLABELS_DATA`, in which people keep their own copies of the named sets; None if unset."""
    value = os.environ.get("FEWLABELS_DATA", "").strip()
    return Path(value).expanduser() if value else None


def cache_folder() -> Path:
    """`$FEWLABELS_CACHE`, else the platform's cache folder for fewlabels. It need not exist yet."""
    value = os.environ.get("FEWLABELS_CACHE", "").strip()
    if value:
        return Path(value).expanduser()
    import platformdirs

    return Path(platformdirs.user_cache_dir("fewlabels", appauthor=False))


def is_offline() -> bool:
    """Whether `$FEWLABELS_OFFLINE` forbids the network: any value but nothing, 0, false and no."""
    return os.environ.get("FEWLABELS_OFFLINE", "").strip().lower() not in ("", "0", "false", "no")
