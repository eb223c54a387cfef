"""Made up for tests of checkpoints: trainings that end in the middle, and what resuming them must lead to."""

from __future__ import annotations

import shutil
from pathlib import Path

from toy_training import patterns

from fewlabels.networks import Autoencoder, Dense, state_hash
from fewlabels.objectives import Denoising
from fewlabels.training import Checkpoints, Examples, History, Job, Layerwise, Recipe, train

SHAPE = (1, 6, 6)
X, VALIDATION = patterns(SHAPE, n=21), patterns(SHAPE, n=8, seed=1)

RECIPE = Recipe(steps=24, batch_size=8, lr=1e-2, schedule="one-cycle", clip_norm=1.0, validate_every=5)
JOB = Job(Dense(hidden=(24,), latent_dim=3), Denoising(), RECIPE, seed=3, layerwise=Layerwise(joint=True))
KEY = "of this training"


class Killed(BaseException):
    """Nothing may catch it."""


class Dying(Checkpoints):
    """Is killed right after so many checkpoints were written."""

    def __init__(self, path: Path, saves: int, every: float = 0.0) -> None:
        super().__init__(path, KEY, every)
        self.left = saves

    def save(self, state):
        super().save(state)
        self.left -= 1
        if not self.left:
            raise Killed


class KeepingAll(Checkpoints):
    """Keeps a copy of every checkpoint that is written."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, KEY, every=0)
        self.kept: list[Path] = []

    def save(self, state):
        super().save(state)
        self.kept.append(self._path.with_name(f"{len(self.kept)}"))
        shutil.copy(self._path, self.kept[-1])


def every_step(path: Path) -> Checkpoints:
    return Checkpoints(path, KEY, every=0)


def told(trained: tuple[Autoencoder, History]) -> dict[str, object]:
    """Bits of the weights, and all of the history but its seconds."""
    net, history = trained
    facts = {name: value for name, value in vars(history).items() if name not in ("seconds", "strip")}
    strip = None if history.strip is None else history.strip.numpy().tobytes()
    return {"weights": state_hash(net), "strip": strip, "terms in order": list(history.terms), **facts}


def die_after(saves: int, path: Path, job: Job, x: Examples, validation: Examples | None) -> bool:
    """Train, or go on, and be killed after so many checkpoints; False where training was over before."""
    try:
        train(job, x, validation, checkpoints=Dying(path, saves))
    except Killed:
        return True
    return False
