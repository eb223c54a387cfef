"""One checked download: the file appears in its place whole and verified, or not at all."""

from __future__ import annotations

import logging
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from fewlabels.core.errors import FewlabelsError, InputError


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
            f"{url}: the download failed its check and was deleted ({_one_line(error)}); try again, or put "
            f"the file in $FEWLABELS_DATA/{target.parent.name}/"
        ) from error
    except OSError as error:
        raise FewlabelsError(
            f"{url}: cannot be downloaded to {target.parent} ({_one_line(error)}); check the network and the "
            f"folder's rights (FEWLABELS_CACHE chooses another), or put the file in "
            f"$FEWLABELS_DATA/{target.parent.name}/"
        ) from error
    finally:
        logger.setLevel(level)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
