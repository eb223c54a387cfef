"""How much may be read into memory: asked before reading, as a small file can declare any size."""

from __future__ import annotations

import os

from fewlabels.core.errors import InputError

SHARE = 0.25
"""Of the machine's memory that what is read may take: it is copied a few times on its way to a model."""


def memory_bytes() -> int:
    """Of this machine; 8 GiB where the system does not tell."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return 8 * 2**30


def require_memory(where: str, what: str, needed: int, remedy: str) -> None:
    """Raise InputError where so many bytes are more than this machine's memory allows.

    what: was found, in words; remedy: what to do instead.
    """
    allowed = int(SHARE * memory_bytes())
    if needed > allowed:
        raise InputError(
            f"{where}: holds {what}, which need {needed / 2**30:,.1f} GiB of memory; allowed are "
            f"{allowed / 2**30:,.1f} GiB, a quarter of this machine's: {remedy}"
        )
