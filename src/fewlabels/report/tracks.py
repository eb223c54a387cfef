"""Plots that need no script: a row of a table holds an interval on a line, placed in percent of its width."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

MARGIN = 3
"""Percent of the width left free on either side."""
MOST_TICKS = 6


@dataclass(frozen=True)
class Scale:
    """What the tracks of one table share."""

    low: float
    high: float

    def place(self, value: float) -> float:
        """Percent from the left; what lies beyond an end stands at the edge."""
        share = (value - self.low) / (self.high - self.low)
        return round(min(100.0, max(0.0, MARGIN + (100 - 2 * MARGIN) * share)), 2)

    def ticks(self) -> list[float]:
        """Round numbers, at most MOST_TICKS of them."""
        width = self.high - self.low
        power = 10 ** math.floor(math.log10(width / MOST_TICKS))
        step = next(power * m for m in (1, 2, 5, 10) if width / (power * m) < MOST_TICKS)
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return [number * step for number in range(first, last + 1)]

    def axis(self, words: str = "{:g}") -> list[tuple[float, str]]:
        """Place and text of each tick."""
        ticks = [(self.place(tick), words.format(tick) if tick else "0") for tick in self.ticks()]
        return [(place, text.replace("-", "\N{MINUS SIGN}")) for place, text in ticks]

    def track(self, low: float, high: float, mean: float, dots: Sequence[float]) -> dict[str, Any]:
        """An interval with its mean and its points; an end beyond the scale is open."""
        left, right = self.place(low), self.place(high)
        return {
            "left": left,
            "width": round(right - left, 2),
            "mean": self.place(mean),
            "dots": [self.place(dot) for dot in dots],
            "beyond": [side for side, out in (("low", low < self.low), ("high", high > self.high)) if out],
        }
