"""The model card, read by a Markdown parser and a YAML parser."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from fewlabels.core.settings import to_json
from fewlabels.models import load_model, save_model
from fewlabels.models.card import model_card
from fewlabels.models.config import Config
from fewlabels.networks import PAPER_1, PAPER_2
from made_up_models import CLASSES, classifier_model, encoder_model, facts

HOSTILE = [
    "`rm -rf`",
    "a|b|c",
    "one\ntwo\r\n\nthree",
    "<script>alert(1)</script>",
    "<!-- hidden",
    "---",
    "===",
    "# heading",
    "- item",
    "+ item",
    "1. item",
    "2) item",
    "> quote",
    "**bold** _it_ ~~gone~~",
    "[link](http://x.y)",
    "![picture](x.png)",
    "&lt;b&gt; &amp;",
    "trailing\\",
    "$x^2$",
    "\x1b[31mred\x07",
    "{{ jinja }}",
    "\u2028line",
    "```",
    "",
]


def card(classes=CLASSES, **told) -> str:
    """The card of a classifier with some facts of its own."""
    values = {**facts("classifier"), **told}
    config = {
        "kind": "classifier",
        "signature": {"shape": (6,), "dtype": "float32"},
        "features": {"kind": "raw"},
        "head": {"transfer": "probe"},
        "weights": {"sha256": "0" * 64, "bytes": 1},
    }
    return model_card(Config(**config, classes=classes, facts=values))


def split(text: str) -> tuple[dict, str]:
    """Front matter and body."""
    before, front, body = text.split("---\n", 2)
    assert before == ""
    return yaml.safe_load(front), body


def read(text: str) -> list[tuple[str, str]]:
    """Every block of text as the parser sees it: the tag around it, and its words without markup."""
    found, open_tags = [], []
    for token in MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(split(text)[1]):
        assert token.type not in ("html_block", "hr", "table_open", "blockquote_open", "ordered_list_open")
        if token.nesting == 1:
            open_tags.append(token.tag)
        elif token.nesting == -1:
            open_tags.pop()
        elif token.type == "inline":
            kinds = {child.type for child in token.children}
            assert kinds <= {"text", "text_special", "code_inline", "softbreak"}, kinds
            assert open_tags.count("ul") <= 1
            tag = "li" if "li" in open_tags else open_tags[-1]
            found.append((tag, "".join(child.content for child in token.children)))
    return found


def section(text: str, title: str) -> list[str]:
    """The items under a heading."""
    blocks = read(text)
    start = blocks.index(("h2", title)) + 1
    end = next((n for n, (tag, _) in enumerate(blocks[start:], start) if tag == "h2"), len(blocks))
    return [words for _, words in blocks[start:end]]


def plain(name: str) -> str:
    """A name as the card shows it: in one line, nothing that cannot be printed."""
    return " ".join("".join(mark if mark.isprintable() else " " for mark in " ".join(name.split())).split())


def squeezed(words: str) -> str:
    return " ".join(words.split())


@pytest.mark.parametrize("make", [classifier_model, encoder_model])
def test_the_front_matter_is_what_hubs_read(make, tmp_path):
    model = make()
    save_model(model, tmp_path)
    front, body = split((tmp_path / "README.md").read_text(encoding="utf-8"))
    assert front == {"license": "unknown", "library_name": "fewlabels", "tags": front["tags"]}
    assert front["tags"][:2] == ["autoencoder", "vectors"]
    assert body.count("\n# ") == 1
    load_model(tmp_path)


def test_accuracies_are_told_with_their_interval_and_what_they_rest_on():
    test = {"accuracy": 0.9, "accuracy_interval": [0.881, 1.0], "examples": 10_000, "log_loss_nats": None}
    held_out = facts("classifier")["accuracy"]["held_out"] | {"uncalibrated_log_loss_nats": 0.43216, "folds": 3}
    told = {"held_out": held_out, "raw_probe": {"accuracy": 0.5}, "test": test}
    assert section(card(accuracy=told), "Accuracy") == [
        "held-out accuracy: 85.3% (95% interval 80.1% to 89.4%, 179 held-out labels)",
        "held-out uncalibrated log loss nats: 0.4322",
        "held-out folds: 3",
        "raw inputs' linear probe, held-out accuracy: 0.5",
        "test accuracy: 90.0% (95% interval 88.1% to 100.0%, 10,000 test labels)",
    ]
    many = card(accuracy={"held_out": {"classes_left_out": [f"c{k}" for k in range(22)]}})
    assert section(many, "Accuracy")[0].endswith(
        "held-out classes left out: " + ", ".join(f"c{k}" for k in range(20)) + ", and 2 more"
    )
    too_few = card(accuracy={"held_out": {"examples": 0}})
    assert section(too_few, "Accuracy") == ["held-out accuracy: not estimated: the labels are too few"]


@pytest.mark.parametrize("interval", [None, [0.5], "half", [None, 0.5], 3])
def test_an_interval_that_is_none_is_no_reason_to_fail(interval):
    told = {"test": {"accuracy": 0.9, "accuracy_interval": interval, "examples": 10}}
    assert "test accuracy: 0.9" in section(card(accuracy=told), "Accuracy")


def test_numbers_are_not_cluttered_with_escapes():
    assert "\n- held-out accuracy: 85.3% (95% interval 80.1% to 89.4%, 179 held-out labels)\n" in card()


def test_sizes_have_separators_and_seeds_have_none():
    told = {"examples": 1_234_567, "seed": 20_261_121, "seconds": 12345.6, "loss": 0.012345678, "bool": True}
    assert section(card(data=told), "Unlabelled data") == [
        "examples: 1,234,567",
        "seed: 20261121",
        "seconds: 12,346",
        "loss: 0.01235",
        "bool: true",
    ]


def test_labels_are_told_by_class_where_classes_are_few():
    assert section(card(), "Labels") == ["examples: 179", "per class: cat 60, dog 59, möwe 60"]
    many = tuple(f"class {n}" for n in range(1200))
    told = card(many, labels={"examples": 2400, "per_class": [2] * 1200})
    assert section(told, "Labels") == ["examples: 2,400"]
    assert "Tells 1,200 classes apart: class 0, class 1," in told
    assert "class 19 and 1,180 more." in told


@pytest.mark.slow
@pytest.mark.parametrize(
    ("network", "words"),
    [
        (
            to_json(PAPER_2),
            "Conv, channels 8-16-32, kernel 3, down stride, padding 1-1-0, hidden 64, latent dim 9, tied no",
        ),
        (
            to_json(PAPER_1),
            "Conv, channels 8-4, kernel 3, down pool, padding 1, hidden none, latent dim none, tied no",
        ),
        ("not JSON {", "not JSON {"),
        ("[" * 100_000, "[" * 100_000),
        ("[1, 2]", "[1, 2]"),
    ],
)
def test_a_network_is_told_in_words(network, words):
    assert section(card(pretraining={"network": network}), "Pretraining") == [f"network: {words}"]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_text_and_nothing_else(name):
    shown = plain(name)
    told = card((name, f"{name}2", "other"), data={"name": name, f"{name}3": name}) if name.isprintable() else None
    told = told or card(data={"name": name, f"{name}3": name})
    blocks = read(told)
    assert squeezed(blocks[0][1]) == squeezed(f"Classifier for {shown}")
    assert [words for tag, words in blocks if tag == "h2"] == [
        "Accuracy",
        "Unlabelled data",
        "Labels",
        "Pretraining",
        "Settings",
        "Limits",
        "Made with",
    ]
    assert [squeezed(words) for words in section(told, "Unlabelled data")] == [
        squeezed(f"name: {shown}"),
        squeezed(f"{plain(f'{name}3')}: {shown}"),
    ]
    if name.isprintable():
        assert squeezed(blocks[1][1]) == squeezed(f"Tells 3 classes apart: {shown}, {plain(f'{name}2')}, other.")


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(st.text(max_size=12), st.text("`*_[]<>#|!~&-+=.)1 \n\t\\(:/", max_size=12))
def test_any_text_is_shown_as_it_is(first, second):
    told = card(data={"name": first, "note": second})
    assert [squeezed(words) for words in section(told, "Unlabelled data")] == [
        squeezed(f"name: {plain(first)}"),
        squeezed(f"note: {plain(second)}"),
    ]


def test_facts_stay_plain_numbers(tmp_path):
    model = classifier_model()
    save_model(replace(model), tmp_path)
    told = json.loads((tmp_path / "config.json").read_text(encoding="utf-8"))["facts"]["accuracy"]
    assert told["held_out"]["accuracy"] == 0.853
    assert told["held_out"]["accuracy_interval"] == [0.801, 0.894]
