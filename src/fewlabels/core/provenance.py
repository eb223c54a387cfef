"""What produced a result: the versions of packages, and of fewlabels' own code; the processor."""

from __future__ import annotations

import hashlib
import platform
import sys
from functools import cache
from importlib.metadata import version
from pathlib import Path

PACKAGES = ("torch", "numpy", "scikit-learn", "scipy")


@cache
def installed_versions() -> dict[str, str]:
    """Versions of everything figures depend on; fewlabels' own carries a hash of its source files."""
    own = f"{version('fewlabels')} (code {code_hash()[:12]})"
    return {"fewlabels": own, "python": platform.python_version(), **{name: version(name) for name in PACKAGES}}


@cache
def code_hash() -> str:
    """SHA-256 over all our source files: after an edit, nothing is served that was computed before it."""
    root = Path(__file__).parents[1]
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        digest.update(f"{path.relative_to(root).as_posix()}:".encode())
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
