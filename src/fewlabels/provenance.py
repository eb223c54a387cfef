"""What produced a result: the versions of packages, and of fewlabels' own code; the processor."""

from __future__ import annotations

import hashlib
import platform
import sys
from functools import cache
from importlib.metadata import version
from pathlib import Path

from fewlabels import __version__

PACKAGES = ("torch", "numpy", "scikit-learn", "scipy")


@cache
def installed_versions() -> dict[str, str]:
    """Versions of everything figures depend on; fewlabels' own carries a hash of its source files."""
    own = f"{__version__} (code {code_hash()[:12]})"
    return {"fewlabels": own, "python": platform.python_version(), **{name: version(name) for name in PACKAGES}}


@cache
def code_hash() -> str:
    """SHA-256 over the source files of what computes: an edit there must not be served results from before."""
    root = Path(__file__).parent
    digest = hashlib.sha256()
    for room in ("data", "networks", "objectives", "training", "transfer", "analysis", "models", "study"):
        for path in sorted((root / room).glob("*.py")):
            digest.update(f"{room}/{path.name}:".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()


def processor() -> str:
    """The processor's name where the system tells, else its architecture."""
    if sys.platform == "linux":
        try:
            for line in Path("/proc/cpuinfo").read_text().splitlines():
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
        except OSError:
            pass
    return platform.processor() or platform.machine()
