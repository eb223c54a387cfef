"""The model card, `README.md` of a model folder: what the model is, what it was made of, how far it can be trusted."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from fewlabels.models.config import Config

LIMITS = (
    "It knows the classes it was trained on and no others: whatever it is given, it names one of them.",
    "Its accuracy holds for data like those it was measured on; measure it on yours with `fewlabels evaluate`.",
    "Its probabilities are calibrated on few labels, where they are calibrated at all.",
)
ENCODER_LIMITS = (
    "It classifies nothing by itself: `fewlabels finetune` makes a classifier of it and of labels.",
    "Its codes are of use for data like those it was trained on.",
)


def model_card(config: Config) -> str:
    """Markdown with the front matter that model hubs read. The licence is for the owner to fill in."""
    return "\n".join([*_front_matter(config), "", *_body(config), ""])


def _front_matter(config: Config) -> Iterator[str]:
    tags = ["autoencoder", config.signature.kind, "classification" if config.kind == "classifier" else "features"]
    yield from ("---", "license: unknown", "library_name: fewlabels", "tags:", *(f"- {tag}" for tag in tags), "---")


def _body(config: Config) -> Iterator[str]:
    facts = config.facts
    name = _text(facts.get("data", {}).get("name", "unnamed data"))
    yield f"# {config.kind.capitalize()} for {name}"
    yield ""
    if config.kind == "classifier":
        shown = ", ".join(_text(label) for label in config.classes[:20])
        more = f" and {len(config.classes) - 20} more" if len(config.classes) > 20 else ""
        yield f"Tells {len(config.classes)} classes apart: {shown}{more}."
        yield ""
        yield "```\nfewlabels predict THIS_FOLDER DATA -o predictions.csv\n```"
        yield ""
        yield from _section("Accuracy", facts.get("accuracy", {}))
    else:
        yield "```\nfewlabels finetune THIS_FOLDER DATA --labels labels.csv -o classifier/\n```"
        yield ""
    yield from _section("Data", facts.get("data", {}))
    yield from _section("Labels", facts.get("labels", {}))
    yield from _section("Pretraining", facts.get("pretraining", {}))
    yield from _section("Settings", facts.get("settings", {}))
    yield "## Limits"
    yield ""
    yield from (f"- {limit}" for limit in (LIMITS if config.kind == "classifier" else ENCODER_LIMITS))
    yield "- Licence: not stated yet; whoever shares this folder fills in `license` above."
    yield ""
    yield from _section("Made with", facts.get("versions", {}))


def _section(title: str, values: Mapping[str, Any]) -> Iterator[str]:
    if not values:
        return
    yield f"## {title}"
    yield ""
    yield from (f"- {_text(name)}: {_text(value)}" for name, value in values.items() if value is not None)
    yield ""


def _text(value: Any) -> str:
    """A value in one line of Markdown, in which nothing it holds is markup."""
    if isinstance(value, list | tuple):
        return ", ".join(map(_text, value))
    if isinstance(value, float):
        plain = f"{value:.4g}"
    elif isinstance(value, str):
        plain = value
    else:
        plain = json.dumps(value, ensure_ascii=False)
    line = " ".join(plain.split())
    return "".join(f"\\{mark}" if mark in r"\`*_{}[]<>#|!" else mark for mark in line)
