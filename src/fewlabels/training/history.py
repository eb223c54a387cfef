"""What happened in training, step by step."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass
class History:
    """What happened in training: the loss and its terms at every step, validation where there was any."""

    loss: list[float] = field(default_factory=list)
    terms: dict[str, list[float]] = field(default_factory=dict)
    validation_step: list[int] = field(default_factory=list)
    validation_loss: list[float] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def best_step(self) -> int | None:
        """The step whose weights were kept; None where there was no validation."""
        if not self.validation_loss:
            return None
        return self.validation_step[self.validation_loss.index(min(self.validation_loss))]


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
    }


def thin(values: list[float], points: int) -> tuple[list[int], list[float]]:
    """Means over at most `points` equal windows, and the step each window ends at."""
    width = -(-len(values) // points) or 1
    windows = [values[start : start + width] for start in range(0, len(values), width)]
    ends = [min(start + width, len(values)) for start in range(0, len(values), width)]
    return ends, [sum(window) / len(window) for window in windows]
