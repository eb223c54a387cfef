"""Views that destroy what tells classes apart: the page shows them, and validation inside the labels prefers others."""

from __future__ import annotations

import base64
from collections.abc import Iterator

import numpy as np
import pytest

from fewlabels.data import load
from fewlabels.objectives import ENTRIES, Affine, Contrastive, Entry
from fewlabels.pipelines.methods import parse_methods
from fewlabels.report.images import png_uri
from fewlabels.study.best import best_method
from fewlabels.study.study import Study, run_study
from fewlabels.training import Recipe

TURNED, UPRIGHT, RAW = METHODS = ("turned+probe", "upright+probe", "raw+probe")
RECIPE = Recipe(200, 128, lr=4e-3, weight_decay=1e-3, schedule="one-cycle")


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> Iterator[Study]:
    """Contrastive encoders of digits that differ in how far their views are turned; 100 labels, three draws."""
    with pytest.MonkeyPatch.context() as patch:
        for name, degrees in (("turned", 180.0), ("upright", 10.0)):
            patch.setitem(ENTRIES, name, Entry(Contrastive(view=Affine(degrees, 0.1, 0.1, 0.1, 0.05)), "made up"))
        yield run_study(
            load("digits"),
            METHODS,
            [100],
            3,
            out=tmp_path_factory.mktemp("wrong") / "study",
            workers=1,
            pretraining=RECIPE,
            precision="float32",
            memory_format="channels-last",
        )


def pictures(study: Study, source: str) -> dict[str, list[np.ndarray]]:
    """[8, 8] each, in the order of the examples."""
    (encoder,) = (row for row in study.encoders if row["source"] == source)
    images = encoder["images"]
    assert (images["shows"], images["shape"]) == ("views", [1, 8, 8])
    return {
        name: [np.frombuffer(base64.b64decode(one), np.uint8).reshape(8, 8).astype(float) for one in images[name]]
        for name in ("original", "first", "second")
    }


def upside_down(study: Study, source: str) -> int:
    """Of the views shown, those that are more like their example turned by 180 degrees than like itself."""
    shown = pictures(study, source)
    pairs = [(x, view) for name in ("first", "second") for x, view in zip(shown["original"], shown[name], strict=True)]
    assert len(pairs) == 16
    return sum(np.corrcoef(x[::-1, ::-1].flat, v.flat)[0, 1] > np.corrcoef(x.flat, v.flat)[0, 1] for x, v in pairs)


@pytest.mark.slow
def test_the_page_shows_that_they_stand_on_their_heads(study):
    assert upside_down(study, "turned") >= 3
    assert upside_down(study, "upright") <= 1  # a 1 is nearly its own
    page = study.report().read_text(encoding="utf-8")
    (encoder,) = (row for row in study.encoders if row["source"] == "turned")
    for name in ("original", "first", "second"):
        assert all(png_uri(one, encoder["images"]["shape"]) in page for one in encoder["images"][name])


@pytest.mark.slow
def test_validation_inside_100_labels_prefers_other_methods(study):
    runs = {method: [run for run in study.runs if run["method"] == method] for method in METHODS}
    validated = {method: np.mean([run["validation"]["accuracy"] for run in runs[method]]) for method in METHODS}
    assert validated[TURNED] < min(validated[UPRIGHT], validated[RAW])
    assert best_method(study.runs, parse_methods(METHODS, lambda method: None)).name != TURNED
