"""The model card, `README.md` of a model folder: what the model is, what it was made of, how far it can be trusted."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from fewlabels.data import Signature
from fewlabels.models.config import Config

MARKUP = r"\`*_{}[]<>#|!~&$"
"""Characters that may begin markup anywhere in a line of Markdown."""

WHERE = {"held_out": "held-out", "raw_probe": "raw inputs' linear probe, held-out", "tried": "held-out accuracy of"}
"""What accuracies were measured on, in words."""

SHOWN = 20
"""Most classes that are named."""

LIMITS = (
    "It knows the classes it was trained on and no others: whatever it is given, it names one of them.",
    "Its accuracy holds for data like those it was measured on; measure it on yours with `fewlabels evaluate`.",
    "Its probabilities are calibrated on few labels, where they are calibrated at all.",
    "Its held-out accuracy is an estimate, by classifiers trained on fewer labels, of the setting that did best on the "
    "very labels held out: with few of them it may be several points too high, and outside its interval.",
)
ENCODER_LIMITS = (
    "It classifies nothing by itself: `fewlabels finetune` makes a classifier of it and of labels.",
    "Its codes are of use for data like those it was trained on.",
)


def resizing(signature: Signature) -> str | None:
    """What must be done to images before they are given as arrays, where readers do it; None where nothing is."""
    if not signature.resized:
        return None
    channels, height, width = signature.shape
    size, mode = f"({width}, {height})", "L" if channels == 1 else "RGB"
    return (
        f'resize images of another size as its readers do, with Pillow: image.convert("{mode}").resize({size}, '
        "Image.Resampling.BILINEAR)"
    )


def model_card(config: Config) -> str:
    """Markdown with the front matter that model hubs read. The licence is for the owner to fill in."""
    return "\n".join([*_front_matter(config), "", *_body(config), ""])


def _front_matter(config: Config) -> Iterator[str]:
    tags = ["autoencoder", config.signature.kind, "classification" if config.kind == "classifier" else "features"]
    yield from ("---", "license: unknown", "library_name: fewlabels", "tags:", *(f"- {tag}" for tag in tags), "---")


def _body(config: Config) -> Iterator[str]:
    facts = config.facts
    source = facts.get("labels", {}).get("name") or facts.get("data", {}).get("name", "unnamed data")
    name = _text(source)
    yield f"# {config.kind.capitalize()} for {name}"
    yield ""
    if config.kind == "classifier":
        shown = ", ".join(_text(label) for label in config.classes[:SHOWN])
        more = f" and {len(config.classes) - SHOWN:,} more" if len(config.classes) > SHOWN else ""
        yield f"Tells {len(config.classes):,} classes apart: {shown}{more}."
        yield ""
        yield "```\nfewlabels predict THIS_FOLDER DATA -o predictions.csv\n```"
        yield ""
        yield from _section("Accuracy", _accuracy(facts.get("accuracy", {})))
    else:
        yield "```\nfewlabels finetune THIS_FOLDER DATA --labels labels.csv -o classifier/\n```"
        yield ""
    yield from _section("Unlabelled data", facts.get("data", {}))
    yield from _section("Labels", _labels(facts.get("labels", {}), config.classes))
    yield from _section("Pretraining", facts.get("pretraining", {}))
    yield from _section("Settings", facts.get("settings", {}))
    yield "## Limits"
    yield ""
    yield from (f"- {limit}" for limit in (LIMITS if config.kind == "classifier" else ENCODER_LIMITS))
    if first := resizing(config.signature):
        yield f"- Arrays, and its ONNX file, are not resized for it: {_text(first)}."
    yield "- Licence: not stated yet; whoever shares this folder fills in `license` above."
    yield ""
    yield from _section("Made with", facts.get("versions", {}))


def _section(title: str, values: Mapping[str, Any]) -> Iterator[str]:
    if not values:
        return
    yield f"## {title}"
    yield ""
    yield from (
        f"- {_text(_words(name))}: {_value(name, value)}" for name, value in values.items() if value is not None
    )
    yield ""


def _words(name: str) -> str:
    return name.replace("_", " ") if name.isidentifier() else name


def _accuracy(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """In one level; an accuracy, its interval and its number of examples as one line, where all three are there."""
    flat: dict[str, Any] = {}
    for name, found in values.items():
        if name == "held_out" and found == {"examples": 0}:
            flat["held-out accuracy"] = "not estimated: the labels are too few"
            continue
        where, figures = WHERE.get(name, name), dict(found) if isinstance(found, dict) else {"": found}
        match figures:
            case {
                "accuracy": int() | float() as share,
                "accuracy_interval": [int() | float() as low, int() | float() as high],
                "examples": int() as n,
            }:
                del figures["accuracy_interval"], figures["examples"]
                figures["accuracy"] = f"{share:.1%} (95% interval {low:.1%} to {high:.1%}, {n:,} {where} labels)"
        if isinstance(names := figures.get("classes_left_out"), list) and len(names) > SHOWN:
            figures["classes_left_out"] = [*names[:SHOWN], f"and {len(names) - SHOWN:,} more"]
        flat |= {f"{where} {_words(figure)}".strip(): value for figure, value in figures.items()}
    return flat


def _labels(values: Mapping[str, Any], classes: tuple[str, ...]) -> Mapping[str, Any]:
    """The same with the names of the classes, where there are few."""
    counts = values.get("per_class")
    if not isinstance(counts, list) or len(counts) != len(classes) or len(classes) > SHOWN:
        return {name: value for name, value in values.items() if name != "per_class"}
    words = ", ".join(f"{name} {_number(count)}" for name, count in zip(classes, counts, strict=True))
    return {**values, "per_class": words}


def _value(name: str, value: Any) -> str:
    if isinstance(value, dict) and "kind" in value:
        value = _in_words(value)
    return str(value) if name == "seed" and isinstance(value, int) else _text(value)


def _in_words(settings: Mapping[str, Any]) -> str:
    """Those of a network, say, as people say them: 'Dense, hidden 256-128, latent dim 64, tied no'."""
    words = [f"{name.replace('_', ' ')} {_setting(value)}" for name, value in settings.items() if name != "kind"]
    return ", ".join([str(settings["kind"]), *words])


def _setting(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return "-".join(map(str, value)) or "none"
    return "none" if value is None else str(value)


def _number(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _text(value: Any) -> str:
    """A value in one line of Markdown, in which nothing it holds is markup."""
    if isinstance(value, list | tuple):
        return ", ".join(map(_text, value))
    if isinstance(value, int | float) and not isinstance(value, bool):
        plain = _number(value)
    elif isinstance(value, str):
        plain = value
    else:
        plain = json.dumps(value, ensure_ascii=False)
    line = "".join(mark if mark.isprintable() else " " for mark in " ".join(plain.split()))
    line = "".join(f"\\{mark}" if mark in MARKUP else mark for mark in line)
    return re.sub(r"^(\d*)([-+.)])(?=\s|$)", r"\1\\\2", line)  # what would begin a list
