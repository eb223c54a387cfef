"""A page's sections as rows of one list, from which its order, its navigation and its select boxes are derived.

A section with something new to show is one file with a function that draws it, and one row in the list of its page.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

Chart = dict[str, Any]
"""{"layout": ..., "choices": ...} for plotly: the traces, nested by the values of the select boxes above them."""
Options = list[tuple[str, str, bool]]
"""Value, label and whether it is selected at first."""
Figures = TypeVar("Figures")


@dataclass(frozen=True)
class Drawn:
    """What a section shows."""

    values: Mapping[str, Any] = field(default_factory=dict)
    """What its template names."""
    charts: Mapping[str, Chart] = field(default_factory=dict)
    """By name; a name stands once on a page."""
    words: Mapping[str, str] = field(default_factory=dict)
    """What the values of select boxes are called, in the order in which they are offered."""
    selected: Mapping[str, Sequence[str | None]] = field(default_factory=dict)
    """By chart, the value of each select box at first, outermost first; None is the first there is."""


@dataclass(frozen=True)
class ReportSection(Generic[Figures]):
    """One section of a page."""

    name: str
    """Its address on the page, and the id of its element."""
    title: str
    about: str
    """One line for the documentation."""
    draw: Callable[[Figures], Drawn | None]
    """None where there is nothing to show: then the page does not have the section."""
    template: str = "charts.html"
    """A file in templates/; this one shows `words`, a paragraph, above the charts."""
    selects: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """By chart, the labels of its select boxes, outermost first."""
    folded: bool = False
    """Whether it opens only when asked to."""


def select_boxes(section: ReportSection[Any], drawn: Drawn) -> dict[str, list[tuple[str, Options]]]:
    """The select boxes of each chart: label and options, which are all values that `choices` has at that depth."""
    place = {key: at for at, key in enumerate(drawn.words)}
    boxes: dict[str, list[tuple[str, Options]]] = {}
    for chart, labels in section.selects.items():
        level = [drawn.charts[chart]["choices"]] if chart in drawn.charts else []
        for label, selected in zip(labels, drawn.selected.get(chart, [None] * len(labels)), strict=True):
            keys = sorted({key: None for inner in level for key in inner}, key=lambda key: place.get(key, len(place)))
            options = [(key, drawn.words.get(key, key), key == selected) for key in keys]
            boxes.setdefault(chart, []).append((label, options))
            level = [choice for inner in level for choice in inner.values()]
    return boxes


def about(sections: Sequence[ReportSection[Any]]) -> str:
    """The sections as a Markdown table, for the documentation."""
    return "\n".join(["| section | what it shows |", "|---|---|", *(f"| {s.title} | {s.about} |" for s in sections)])
