"""How a study was measured: what keeps it honest, what was tried, hashes, versions, settings."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from fewlabels.report.formats import NONE
from fewlabels.report.lines import Line, Record, StudyFigures
from fewlabels.report.sections import Drawn


def draw(figures: StudyFigures) -> Drawn:
    return Drawn(
        {
            "manifest": figures.manifest,
            "finished": len(figures.finished),
            "integrity": integrity_rows(figures.finished),
            "efforts": effort_rows(figures.methods),
        }
    )


def effort_rows(methods: Sequence[Line]) -> list[dict[str, Any]]:
    """How many settings each method tried, which, and what it chose at its largest budget."""
    rows = []
    for line in methods:
        tried: dict[str, dict[str, None]] = {}
        for run in line.rows.values():
            for trial in run["trials"] or []:
                for name, value in trial["setting"].items():
                    tried.setdefault(name, {})[_value(value)] = None
        numbers = sorted({len(run["trials"] or []) for run in line.rows.values()})
        budget = line.budgets()[-1]
        chosen = Counter(_setting(run["setting"]) for run in line.at(budget).values())
        rows.append(
            {
                "label": line.label,
                "number": " or ".join(str(number) for number in numbers),
                "grid": [f"{name}: {', '.join(values)}" for name, values in tried.items()],
                "chosen": [f"{text} ({count} of {chosen.total()})" for text, count in chosen.most_common(3)],
                "budget": f"{budget:,}",
            }
        )
    return rows


def integrity_rows(finished: Sequence[Record]) -> list[tuple[str, int]]:
    """Each check of the records and how many runs passed it."""
    return sorted(Counter(check for run in finished for check in run["integrity"] or []).items())


def _setting(setting: Mapping[str, Any] | None) -> str:
    return ", ".join(f"{name} = {_value(value)}" for name, value in (setting or {}).items()) or NONE


def _value(value: object) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    return value if isinstance(value, str) else json.dumps(value)
