"""Where data sets and the cache live: the three environment variables, read in one place."""

from __future__ import annotations

import os
from pathlib import Path


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
