"""Texts in messages: one short line, and the name that was perhaps meant."""

from __future__ import annotations

import pytest

from fewlabels.core.text import MOST_NAMES, allowed, closest, did_you_mean, one_line


@pytest.mark.parametrize(
    ("found", "line"),
    [
        ("  two\n\twords ", "two words"),
        (ValueError("bad\r\nnews"), "bad news"),
        (KeyError(), "KeyError"),
        ("", ""),
        (None, "None"),
        ("a\x1b[31mred\x07", r"a\x1b[31mred\x07"),
        ("right\u202eleft\udcff", r"right\u202eleft\udcff"),
        ("é" * 161, "é" * 157 + "..."),
        ("é" * 160, "é" * 160),
        ("\x00" * 160, r"\x00" * 39 + r"\..."),
    ],
)
def test_anything_becomes_one_short_line_that_moves_no_cursor(found, line):
    assert one_line(found) == line


def test_a_line_is_as_long_as_is_asked_for():
    assert one_line("0123456789", 10) == "0123456789"
    assert one_line("0123456789a", 10) == "0123456..."


def test_the_closest_name_is_found_whatever_its_case():
    assert closest("tide", ["residual", "tied"]) == "tied"
    assert closest("FASHION_MNIST", ["mnist", "fashion-mnist"]) == "fashion-mnist"
    assert closest("survived", ["Sex", "Survived"]) == "Survived"
    assert closest("zebra", ["mnist", "digits"]) is None
    assert closest("z", ["mnist", "digits"], cutoff=0.0) is not None
    assert closest("a", []) is None


def test_the_question_stands_where_a_name_is_near_else_the_other_words():
    assert did_you_mean("denoisin", ["denoising", "sparse"]) == "did you mean 'denoising'?"
    assert did_you_mean("zebra", ["denoising"], "check the name") == "check the name"
    assert did_you_mean("zebra", ["denoising"]) == ""


def test_of_very_many_names_only_the_first_are_compared():
    names = [f"column {i}" for i in range(MOST_NAMES)]
    assert closest("the last one", [*names, "the last one"]) is None
    assert closest("the last one", [*names[1:], "the last one"]) == "the last one"


def test_what_is_allowed_is_listed_with_the_name_that_was_perhaps_meant():
    assert allowed("densee", ["default", "dense"]) == "allowed are default, dense; did you mean 'dense'?"
    assert allowed("zebra", ["auto", "cpu"]) == "allowed are auto, cpu"
