"""Loss curves as plotly dictionaries: pretraining, with its phases and terms, and training with labels."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from fewlabels.report.charts import BLUE, INK, VERMILLION, Trace, plain, plot_layout
from fewlabels.report.lines import Line, Record, StudyFigures, watched
from fewlabels.report.sections import Chart, Drawn

CURVE_POINTS = 300
ALL_TERMS = "all terms"
TERM_COLOURS = (BLUE, VERMILLION, "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
TERM_DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
LOG_FROM = 20
"""Curves whose medians lie further apart than this factor share a logarithmic axis."""

Phases = dict[int, str]
"""Names by first step."""


def draw(figures: StudyFigures) -> Drawn | None:
    found = {"pretraining": pretraining(figures.encoders), "transfer": transfer(figures.methods)}
    drawn = {name: chart for name, chart in found.items() if chart["choices"]}
    if not drawn:
        return None
    selected = {"pretraining": (None, "loss"), "transfer": figures.main_choice()}
    return Drawn({}, drawn, {"loss": "loss, in all"} | figures.words, selected)


def pretraining(encoders: Sequence[Record]) -> Chart:
    """Pretraining curves, one for each encoder, by source and quantity: the loss, all its terms, each of its terms.

    A choice is {"traces": ..., "layout": ...}, the layout replacing keys of the chart's: the phases are the source's.
    """
    choices: dict[str, dict[str, dict[str, Any]]] = {}
    by_source: dict[str, list[Record]] = {}
    for encoder in encoders:
        if encoder["history"] and encoder["history"]["step"]:
            by_source.setdefault(encoder["source"], []).append(encoder)
    for source, members in by_source.items():
        phases: Phases = {s: name for e in members for s, name in e["history"].get("phases") or []}
        last = max(encoder["history"]["step"][-1] for encoder in members)
        marks = _marks(phases, last)
        choices[source] = {
            quantity: {"traces": traces, "layout": {**marks, **_value_axis(quantity, traces, phases)}}
            for quantity, traces in _quantities(members).items()
        }
    return {"layout": plot_layout({"title": {"text": "step"}}, "loss"), "choices": choices}


def transfer(methods: Sequence[Line]) -> Chart:
    """Curves of training with labels, one a seed, by method and budget; only methods that have any."""
    choices: dict[str, dict[str, list[Trace]]] = {}
    for line in methods:
        for (budget, seed), row in sorted(line.rows.items(), key=lambda item: item[0]):
            if row["curve"] and row["curve"]["step"]:
                drawn = _curve(row["curve"]["step"], row["curve"]["loss"], f"seed {seed}")
                choices.setdefault(line.key, {}).setdefault(str(budget), []).append(drawn)
    return {"layout": plot_layout({"title": {"text": "step"}}, "training loss"), "choices": choices}


def _quantities(encoders: Sequence[Record]) -> dict[str, list[Trace]]:
    """The traces of one source's encoders by quantity."""
    losses: list[Trace] = []
    held_out: dict[str, list[Trace]] = {}
    together: list[Trace] = []
    alone: dict[str, list[Trace]] = {}
    names = list(dict.fromkeys(term for e in encoders for term in e["history"].get("terms") or {}))
    for encoder in encoders:
        history, seed = encoder["history"], encoder["seed"]
        losses.append(_curve(history["step"], history["loss"], f"training, seed {seed}"))
        if history.get("validation_loss"):
            look = {"color": VERMILLION, "dash": "dash", "width": 2}
            name = f"validation, seed {seed}"
            drawn = _curve(history["validation_step"], history["validation_loss"], name, look)
            held_out.setdefault(watched(history), []).append(drawn)
        for term, values in (history.get("terms") or {}).items():
            place, curve = names.index(term), _curve(history["step"], values, f"{term}, seed {seed}")
            look = {
                "color": TERM_COLOURS[place % len(TERM_COLOURS)],
                "dash": TERM_DASHES[place % len(TERM_DASHES)],
                "width": 2,
            }
            first = not any(trace["legendgroup"] == plain(term) for trace in together)
            grouped = {"name": plain(term), "legendgroup": plain(term), "showlegend": first}
            together.append({**curve, **grouped, "line": look, "opacity": 1 if first else 0.5})
            alone.setdefault(term, []).append(curve)
    found = {"loss": losses, **({ALL_TERMS: together} if len(names) > 1 else {}), **alone}
    return {quantity: traces + held_out.get(quantity, []) for quantity, traces in found.items()}


def _marks(phases: Phases, last: int) -> dict[str, Any]:
    """A thin line where each phase begins, its name above the plot: in two storeys where there are many."""
    storeys = 2 if len(phases) > 3 else 1
    lines = [
        {"type": "line", "x0": at, "x1": at, "yref": "paper", "y0": 0, "y1": 1, "line": {"color": INK, "width": 1}}
        for at in phases
    ]
    names = [
        {
            "x": at,
            "y": 1,
            "yref": "paper",
            "yshift": 14 * (place % storeys),
            "text": plain(name),
            "showarrow": False,
            "xanchor": "right" if at > 0.9 * last else "left",
            "yanchor": "bottom",
            "font": {"size": 11},
        }
        for place, (at, name) in enumerate(sorted(phases.items()))
    ]
    return {"shapes": lines, "annotations": names, "margin": {"l": 56, "r": 16, "t": 14 + 14 * storeys, "b": 52}}


def _value_axis(quantity: str, traces: Sequence[Trace], phases: Phases) -> dict[str, Any]:
    """The y axis of a quantity, logarithmic where its curves, or its phases, are of different orders of magnitude."""
    groups = [values for trace in traces for values in _by_phase(trace, phases)]
    positive = all(value > 0 for values in groups for value in values)
    middles = [median(values) for values in groups]
    logarithmic = positive and len(middles) > 1 and max(middles) > LOG_FROM * min(middles)
    title = "value" if quantity == ALL_TERMS else plain(quantity)
    axis = plot_layout({}, title + (", log scale" if logarithmic else ""))["yaxis"]
    shared: dict[str, Any] = {"yaxis": {**axis, "type": "log", "dtick": 1} if logarithmic else axis}
    if quantity != ALL_TERMS:
        return shared
    return {
        **shared,
        "showlegend": True,
        "legend": {"orientation": "h", "yref": "container", "y": 0, "yanchor": "bottom"},
    }


def _by_phase(trace: Trace, phases: Phases) -> list[list[float]]:
    """The values of a curve, phase by phase, without gaps and without phases in which it is zero throughout."""
    bounds = [*sorted({0, *phases}), float("inf")]
    known = [(x, y) for x, y in zip(trace["x"], trace["y"], strict=True) if y is not None]
    parts = [[y for x, y in known if low < x <= high] for low, high in itertools.pairwise(bounds)]
    return [part for part in parts if any(part)]


def _curve(
    steps: Sequence[float], losses: Sequence[float | None], name: str, look: Mapping[str, Any] | None = None
) -> Trace:
    """A loss curve, thinned to about CURVE_POINTS points, the last one kept."""
    keep = sorted({*range(0, len(steps), max(1, len(steps) // CURVE_POINTS)), len(steps) - 1})
    return {
        "type": "scatter",
        "mode": "lines",
        "name": plain(name),
        "x": [steps[i] for i in keep],
        "y": [_short(losses[i]) for i in keep],
        "line": dict(look or {"color": BLUE, "width": 1.5}),
        "opacity": 0.75,
        "hovertemplate": "%{fullData.name}<br>step %{x}: %{y:.4g}<extra></extra>",
    }


def _short(value: float | None) -> float | None:
    """To six significant digits: curves are most of a large page."""
    return None if value is None else float(f"{value:.6g}")
