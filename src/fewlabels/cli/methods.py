"""`fewlabels methods`"""

from __future__ import annotations

import shutil
import sys
import textwrap

from fewlabels.cli import options


def methods(json: options.Json = False) -> None:
    """List what the names of methods are made of.

    A method is SOURCE[/NETWORK][/SCHEDULE][@LAYER]+TRANSFER, or a control, or a group of methods.
    """
    from fewlabels.cli import console
    from fewlabels.pipelines.methods import summaries

    found = summaries()
    width = max(len(name) for names in found.values() for name in names)
    lines = [
        line
        for place, names in found.items()
        for line in (f"{place.upper()}", *(f"  {name:{width}}  {summary}" for name, summary in names.items()), "")
    ]
    if sys.stdout.isatty():  # elsewhere every name is a line
        columns, hang = shutil.get_terminal_size().columns, " " * (width + 4)
        lines = [textwrap.fill(line, max(columns, 40), subsequent_indent=hang) for line in lines]
    console.tell(json, found, lines[:-1])
