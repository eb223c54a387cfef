"""Arms that take turns: A B A B. An arm that fails ends there, and the row says so."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

Figures = Mapping[str, Any]
"""What one repeat gave, as JSON values: the figure itself as "value", in the row's unit, and anything worth keeping."""

Measure = Callable[[int], Figures]
"""One repeat, counted from 0. It is also the seed, so that repeats differ and arms do not."""


class ArmFailed(Exception):
    """An arm cannot be measured; the message is one line."""


@dataclass(frozen=True)
class Effort:
    """How much a run may cost. threads: cores that an arm may use, one thread each."""

    quick: bool
    threads: int

    def either(self, quick: int, full: int) -> int:
        """A number that depends on the effort."""
        return quick if self.quick else full


@dataclass(frozen=True)
class Arm:
    """A way of doing the work of a row. close: called when no more repeats are wanted."""

    name: str
    measure: Measure
    close: Callable[[], None] = lambda: None


@dataclass
class Measured:
    """An arm's repeats, and why there are no more of them, if it failed."""

    repeats: list[Figures] = field(default_factory=list)
    failure: str | None = None

    def all(self, key: str = "value") -> list[float]:
        """One figure of every repeat."""
        return [float(figures[key]) for figures in self.repeats]

    def median(self, key: str = "value") -> float:
        return median(self.all(key))


def take_turns(arms: Sequence[Arm], repeats: int) -> dict[str, Measured]:
    """Every arm's figures, by name: one repeat of each arm, then the next repeat of each."""
    measured = {arm.name: Measured() for arm in arms}
    try:
        for repeat in range(repeats):
            for arm in arms:
                if measured[arm.name].failure is None:
                    _measure(arm, repeat, measured[arm.name])
    finally:
        for arm in arms:
            arm.close()
    return measured


def _measure(arm: Arm, repeat: int, measured: Measured) -> None:
    try:
        measured.repeats.append(arm.measure(repeat))
    except Exception as error:  # an arm may fail in any way, and must not take the others along
        measured.failure = one_line(error)


def one_line(error: Exception) -> str:
    """An exception as one line; its type where it is not the benchmark's own."""
    text = " ".join(str(error).split())
    return text if isinstance(error, ArmFailed) else f"{type(error).__name__}: {text}"
