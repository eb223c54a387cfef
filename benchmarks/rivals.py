"""Other libraries, each in a virtual environment of its own, made on first use."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
HOME = Path(__file__).parent / ".rivals"
MARK = ".complete"


class RivalMissing(Exception):
    """The library is not there; the message says why, in one line."""


@dataclass(frozen=True)
class Rival:
    """A library and what is installed for it, exact; what is not named here is as constraints.txt has it."""

    name: str
    requirements: Sequence[str]


PYTHAE = Rival(
    "pythae",
    (
        "pythae==0.1.2",
        "torch==2.13.0",
        "pydantic==2.14.3",
        "imageio==2.38.1",
    ),
)


def python_of(rival: Rival, may_install: bool, limit_s: float = 600) -> Path:
    """The interpreter of the rival's environment.

    may_install: whether it is made where it does not exist; limit_s: seconds that may take.
    Raises RivalMissing.
    """
    folder = HOME / rival.name
    python = folder / "bin" / "python"
    mark = folder / MARK
    wanted = "\n".join(rival.requirements)
    if mark.exists() and mark.read_text() == wanted:
        return python
    if not may_install:
        raise RivalMissing(f"{rival.name} is not installed; a run without --quick installs it")
    pip = [str(python), "-m", "pip", "install", "--quiet", "-c", str(ROOT / "constraints.txt")]
    try:
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True, capture_output=True, timeout=60)
        subprocess.run([*pip, *rival.requirements], check=True, capture_output=True, text=True, timeout=limit_s)
    except subprocess.TimeoutExpired as error:
        raise RivalMissing(f"installing {rival.name} took more than {error.timeout:g} s") from None
    except subprocess.CalledProcessError as error:
        last = (error.stderr or "no message").strip().splitlines()[-1]
        raise RivalMissing(f"{rival.name} could not be installed: {last}") from None
    mark.write_text(wanted)
    return python
