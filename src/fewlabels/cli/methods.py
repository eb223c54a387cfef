"""`fewlabels methods`"""

from __future__ import annotations

from fewlabels.cli import options


def methods(json: options.Json = False) -> None:
    """List what the names of methods are made of.

    A method is SOURCE[/NETWORK][/SCHEDULE]+TRANSFER, or a control, or a group of methods.
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
    console.tell(json, found, lines[:-1])
