"""What all pages share: one self-contained HTML document that opens from disk, without a network.

Text from the data (class names, error messages) never becomes markup: jinja2 escapes it in the page,
`charts.plain` in plotly's texts, `_embedded` in the JSON. Should one of these fail, the page's own content
security policy still runs only the two scripts whose hashes it names, and loads nothing from anywhere.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Any

import jinja2
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from fewlabels.core.errors import InputError
from fewlabels.report.sections import Figures, ReportSection, select_boxes


def document(
    title: str,
    opening: str,
    values: Mapping[str, Any],
    sections: Sequence[ReportSection[Figures]],
    figures: Figures,
) -> str:
    """A page as HTML. The same arguments give the same page, byte for byte.

    opening: the template of what stands above all sections, which names `values`. sections: those that have something
    to show of `figures`, in this order, each with a link in the navigation.
    Raises InputError for a NaN or an infinity in a chart.
    """
    plotly, script = get_plotlyjs(), _read("page.js")
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("fewlabels.report", "templates"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters["thousands"] = "{:,}".format
    environment.filters["pretty"] = lambda value: json.dumps(value, indent=2, ensure_ascii=False)
    drawn = [(section, found) for section in sections if (found := section.draw(figures)) is not None]
    bodies = []
    for section, found in drawn:
        names = {**found.values, "charts": list(found.charts), "selects": select_boxes(section, found)}
        bodies.append((section, Markup(environment.get_template(section.template).render(names))))
    shared = {
        "page_title": title,
        "opening": opening,
        "bodies": bodies,
        "css": _read("page.css"),
        "plotly": plotly,
        "script": script,
        "policy": _policy(plotly, script),
        "data": _embedded({"charts": {name: chart for _, found in drawn for name, chart in found.charts.items()}}),
    }
    return environment.get_template("page.html").render({**values, **shared})


def _embedded(data: object) -> str:
    """JSON for a script element: no `<` or `&` survives, so nothing can end the element or open a comment."""
    try:
        text = json.dumps(data, allow_nan=False, separators=(",", ":"))
    except ValueError as error:
        raise InputError(
            f"The records hold a NaN or an infinite figure, which a report cannot show ({error}). "
            "Look for it in the study's runs and encoders; a run that diverged belongs there as failed."
        ) from error
    return text.replace("&", r"\u0026").replace("<", r"\u003c").replace(">", r"\u003e")


def _policy(*scripts: str) -> str:
    hashes = " ".join(
        f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'" for script in scripts
    )
    return (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src data: blob:; "
        "base-uri 'none'; form-action 'none'"
    )


def _read(name: str) -> str:
    return resources.files("fewlabels.report").joinpath("templates", name).read_text(encoding="utf-8")
