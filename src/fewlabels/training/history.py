"""What happened in training, step by step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor


@dataclass
class History:
    """What happened in training: the loss and its terms at every step, validation where there was any.

    phases: where a training has several, the name of each and its first step, counted from 0.
    strip: pictures [S, n, *input_shape] of the same n examples, as they were after `strip_step` steps.
    """

    loss: list[float] = field(default_factory=list)
    terms: dict[str, list[float]] = field(default_factory=dict)
    validation_step: list[int] = field(default_factory=list)
    validation_loss: list[float] = field(default_factory=list)
    seconds: float = 0.0
    phases: dict[str, int] = field(default_factory=dict)
    strip_step: list[int] = field(default_factory=list)
    strip: Tensor | None = None

    @property
    def best_step(self) -> int | None:
        """The step whose weights were kept, in the last phase; None where there was no validation."""
        begun = max(self.phases.values(), default=0)
        last = [
            (loss, step) for loss, step in zip(self.validation_loss, self.validation_step, strict=True) if step > begun
        ]
        return min(last)[1] if last else None


def joined(histories: Mapping[str, History]) -> History:
    """Phases one after the other, by name, as one history. A term that a phase does not have is 0 there."""
    whole = History()
    names = {name: None for history in histories.values() for name in history.terms}
    for phase, history in histories.items():
        begun = len(whole.loss)
        whole.phases[phase] = begun
        whole.loss += history.loss
        for name in names:
            whole.terms.setdefault(name, []).extend(history.terms.get(name, [0.0] * len(history.loss)))
        whole.validation_step += [begun + step for step in history.validation_step]
        whole.validation_loss += history.validation_loss
        whole.seconds += history.seconds
    return whole


def steps_of(histories: Mapping[str, History]) -> int:
    """Steps taken in all phases so far."""
    return sum(len(history.loss) for history in histories.values())


def describe(history: History, points: int = 200) -> dict[str, Any]:
    """A history as JSON values, its curves averaged over at most `points` windows."""
    step, loss = thin(history.loss, points)
    terms = {name: thin(values, points)[1] for name, values in history.terms.items()}
    return {
        "step": step,
        "loss": loss,
        "terms": terms if len(terms) > 1 else {},
        "validation_step": history.validation_step,
        "validation_loss": history.validation_loss,
        "best_step": history.best_step,
        "phases": [[first, name] for name, first in history.phases.items()],
    }


def thin(values: list[float], points: int) -> tuple[list[int], list[float]]:
    """Means over at most `points` equal windows, and the step each window ends at."""
    width = -(-len(values) // points) or 1
    windows = [values[start : start + width] for start in range(0, len(values), width)]
    ends = [min(start + width, len(values)) for start in range(0, len(values), width)]
    return ends, [sum(window) / len(window) for window in windows]
