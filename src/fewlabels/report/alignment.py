"""Linear autoencoders beside PCA: chart, sentences and images (see `fewlabels.analysis.pca`)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from fewlabels.report.charts import BLUE, INK, VERMILLION, Trace, plot_layout
from fewlabels.report.images import png_uri
from fewlabels.report.lines import Record, StudyFigures
from fewlabels.report.sections import Chart, Drawn


def draw(figures: StudyFigures) -> Drawn | None:
    found = comparisons(figures.encoders)
    return Drawn({"alignments": found}, {"alignment": chart(figures.encoders)}) if found else None


def aligned(encoders: Sequence[Record]) -> list[Record]:
    """The encoders that were compared with PCA."""
    return [encoder for encoder in encoders if encoder.get("alignment")]


def name_of(encoder: Record) -> str:
    return f"{encoder['source']}, seed {encoder['seed']}"


def chart(encoders: Sequence[Record]) -> Chart:
    """By encoder: the variance each direction explains, PCA's beside the recovered; below, the principal angles."""
    choices = {name_of(encoder): _traces(encoder["alignment"]) for encoder in aligned(encoders)}
    most = max((len(encoder["alignment"]["angles"]) for encoder in aligned(encoders)), default=1)
    numbers = {"title": {"text": "direction"}, "anchor": "y2", "tick0": 1, "dtick": math.ceil(most / 16)}
    layout = plot_layout(numbers, "variance explained, %")
    layout["yaxis"] |= {"domain": [0.46, 1], "rangemode": "tozero"}
    angles = {"title": {"text": "angle, degrees"}, "domain": [0, 0.34], "range": [0, 92], "tickvals": [0, 30, 60, 90]}
    layout["yaxis2"] = layout["yaxis"] | angles
    layout |= {"showlegend": True, "legend": {"x": 1, "xanchor": "right", "y": 1, "yanchor": "top"}}
    return {"layout": layout, "choices": choices}


def _traces(alignment: Record) -> list[Trace]:
    numbers = list(range(1, len(alignment["angles"]) + 1))
    common = {"type": "scatter", "mode": "lines+markers", "x": numbers}
    hover = "%{fullData.name}, direction %{x}: %{y:.3g}%<extra></extra>"
    return [
        {
            **common,
            "name": "PCA",
            "y": [100 * share for share in alignment["pca_explained"]],
            "line": {"color": VERMILLION, "dash": "dash", "width": 2},
            "marker": {"color": VERMILLION, "symbol": "square-open", "size": 10},
            "hovertemplate": hover,
        },
        {
            **common,
            "name": "linear autoencoder",
            "y": [100 * share for share in alignment["explained"]],
            "line": {"color": BLUE, "width": 2},
            "marker": {"color": BLUE, "symbol": "circle", "size": 6},
            "hovertemplate": hover,
        },
        {
            "type": "bar",
            "x": numbers,
            "y": alignment["angles"],
            "yaxis": "y2",
            "marker": {"color": INK},
            "showlegend": False,
            "hovertemplate": "principal angle %{x}: %{y:.3g}°<extra></extra>",
        },
    ]


def comparisons(encoders: Sequence[Record]) -> list[dict[str, Any]]:
    """For each encoder its figures in words; for the first of each source the images, components above directions."""
    found: list[dict[str, Any]] = []
    pictured: set[str] = set()
    for encoder in aligned(encoders):
        one = encoder["alignment"]
        rows = []
        if one["directions"] and encoder["source"] not in pictured:
            pictured.add(encoder["source"])
            rows = [
                ("principal components", [png_uri(image, one["shape"]) for image in one["components"]]),
                ("directions of the autoencoder", [png_uri(image, one["shape"]) for image in one["directions"]]),
            ]
        found.append(
            {
                "source": encoder["source"],
                "seed": encoder["seed"],
                "k": len(one["angles"]),
                "angle": f"{max(one['angles']):.3g}",
                "error": f"{one['error']:.4g}",
                "pca_error": f"{one['pca_error']:.4g}",
                "ratio": f"{one['error'] / one['pca_error']:.3f}" if one["pca_error"] else None,
                "rows": rows,
            }
        )
    return found
