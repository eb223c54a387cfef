"""Loss curves: their ends, gaps, phases and terms; images, step by step; linear autoencoders beside PCA."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
import pytest
from made_up_study import METHODS, VARIANTS, Study, build
from PIL import Image

from fewlabels.report import alignment, curves, images
from fewlabels.report.lines import lines


@pytest.fixture(scope="module")
def variants() -> Study:
    return build(methods=[*METHODS, *VARIANTS], budgets=(30, 300), seeds=2)


def pixels_of(uri: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.split(",", 1)[1]))))


def test_curves_keep_their_ends_and_their_gaps(study: Study) -> None:
    history = study.encoders[0]["history"]
    history["loss"][-1] = None
    trace = curves.pretraining(study.encoders)["choices"]["denoising"]["loss"]["traces"][0]
    assert (trace["x"][0], trace["x"][-1], trace["y"][-1]) == (0, history["step"][-1], None)
    assert len(trace["x"]) <= 2 * curves.CURVE_POINTS
    assert set(curves.pretraining(study.encoders)["choices"]["denoising"]) == {
        "loss",
        "all terms",
        "reconstruction",
        "penalty",
    }

    only = curves.transfer(list(lines(study.manifest["methods"], study.runs))[2:])["choices"]
    assert set(only) == {"denoising+finetune", "scratch"}


def pretrained_with(**history: Any) -> dict[str, Any]:
    """What is drawn, by quantity, for one encoder whose loss falls from 4 to 1."""
    base = {"step": [1, 2, 3, 4], "loss": [4.0, 3.0, 2.0, 1.0], "terms": {}, "phases": []}
    encoder = {"source": "vae/greedy", "seed": 0, "history": {**base, **history}}
    return curves.pretraining([encoder])["choices"]["vae/greedy"]


def test_phases_are_lines_with_names(variants: Study) -> None:
    choices = curves.pretraining(variants.encoders)["choices"]
    assert choices["denoising"]["loss"]["layout"]["shapes"] == []
    for quantity in choices["reconstruction/greedy"].values():
        shapes, names = quantity["layout"]["shapes"], quantity["layout"]["annotations"]
        assert [shape["x0"] for shape in shapes] == [shape["x1"] for shape in shapes] == [0, 500, 1000]
        assert [(name["x"], name["text"]) for name in names] == [(0, "layer 1"), (500, "layer 2"), (1000, "joint")]


def test_the_name_of_a_late_phase_stays_inside_and_is_no_markup() -> None:
    names = pretrained_with(phases=[[0, "a"], [4, "<b>joint</b>"]])["loss"]["layout"]["annotations"]
    assert [name["xanchor"] for name in names] == ["left", "right"]
    assert names[1]["text"] == "&lt;b&gt;joint&lt;/b&gt;"


def test_all_terms_lie_over_one_another_with_one_legend_entry_each(variants: Study) -> None:
    drawn = curves.pretraining(variants.encoders)["choices"]["variational"]
    overlay = drawn["all terms"]
    assert overlay["layout"]["showlegend"]
    assert [(t["name"], t["showlegend"]) for t in overlay["traces"]] == [
        ("reconstruction", True), ("penalty", True), ("reconstruction", False), ("penalty", False),
    ]  # fmt: skip
    looks = {t["name"]: (t["line"]["color"], t["line"]["dash"]) for t in overlay["traces"]}
    assert len({colour for colour, _ in looks.values()}) == len({dash for _, dash in looks.values()}) == 2
    assert overlay["traces"][1]["y"] == drawn["penalty"]["traces"][0]["y"]
    assert drawn["penalty"]["traces"][0]["y"][0] == pytest.approx(
        0.1 * next(e for e in variants.encoders if e["source"] == "variational")["history"]["loss"][0], rel=1e-5
    )


def test_a_term_alone_is_not_laid_over_itself() -> None:
    assert set(pretrained_with(terms={"squares": [4.0, 3.0, 2.0, 1.0]})) == {"loss", "squares"}


def test_validation_is_drawn_beside_what_it_measured() -> None:
    held_out = {"validation_step": [4], "validation_loss": [1.5], "terms": {"squares": [1.0] * 4, "critic": [2.0] * 4}}
    for watched, other in (("loss", "squares"), ("squares", "loss")):
        drawn = pretrained_with(**held_out, watched=watched)
        assert [trace["y"] for trace in drawn[watched]["traces"]][1:] == [[1.5]]
        assert len(drawn[other]["traces"]) == 1


@pytest.mark.parametrize(
    ("history", "quantity", "kind"),
    [
        ({}, "loss", None),
        ({"terms": {"a": [4.0, 3.0, 2.0, 1.0], "b": [None, 0.003, 0.002, 0.001]}}, "all terms", "log"),
        ({"terms": {"a": [4.0, 3.0, 2.0, 1.0], "b": [0.003, 0.002, 0.001, 0.0]}}, "all terms", None),
        ({"terms": {"a": [4.0, 3.0, 2.0, 1.0], "b": [0.4, 0.3, 0.2, 0.1]}}, "all terms", None),
        ({"terms": {"a": [4.0, 3.0, 2.0, 1.0], "b": [0, 0, 0.02, 0.01]}, "phases": [[2, "joint"]]}, "all terms", "log"),
        ({"loss": [80.0, 70.0, 0.2, 0.1], "phases": [[0, "layer 1"], [2, "joint"]]}, "loss", "log"),
    ],
)
def test_quantities_far_apart_share_a_logarithmic_axis_if_all_are_positive(history, quantity, kind) -> None:
    assert pretrained_with(**history)[quantity]["layout"]["yaxis"].get("type") == kind


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 6, 9)])
def test_pictures_decode_to_the_planted_pixels(shape: tuple[int, int, int]) -> None:
    study = build(shape=shape)
    gallery = images.galleries(study.encoders)[0]
    labels = [label for label, _ in gallery["rows"]]
    assert labels == ["original", "input, corrupted", "reconstructed"]

    uri = gallery["rows"][0][1][2]
    image = Image.open(io.BytesIO(base64.b64decode(uri.split(",", 1)[1])))
    pixels = np.asarray(image).reshape(shape[1], shape[2], shape[0])
    np.testing.assert_array_equal(pixels.transpose(2, 0, 1), study.pictures[2])


def test_gallery_shows_the_first_seed_of_each_source(study: Study) -> None:
    galleries = images.galleries(study.encoders[::-1])
    assert [(g["source"], g["seed"]) for g in galleries] == [("variational", 0), ("denoising", 0)]


def test_what_is_not_corrupted_has_no_row_of_inputs(variants: Study) -> None:
    gallery = next(g for g in images.galleries(variants.encoders) if g["source"] == "reconstruction/linear")
    assert [label for label, _ in gallery["rows"]] == ["original", "reconstructed"]


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 6, 16)])
def test_a_strip_holds_the_originals_and_a_row_a_step(shape: tuple[int, int, int]) -> None:
    study = build(shape=shape, seeds=1)
    shown = study.encoders[0]["images"]
    shown["strip"] = {"step": [0, 1200], "frames": [shown["original"][::-1], shown["reconstructed"]]}

    strip = images.galleries(study.encoders)[0]["strip"]

    assert [label for label, _ in strip] == ["original", "step 0", "step 1,200"]
    _, height, width = shape
    at = width + images.gap_of(shape)
    for (_, uri), planted in zip(strip, (study.pictures, study.pictures[::-1]), strict=False):
        pixels = pixels_of(uri).reshape(height, -1, shape[0])
        assert pixels.shape[1] == 7 * at + width
        np.testing.assert_array_equal(pixels[:, 3 * at : 3 * at + width].transpose(2, 0, 1), planted[3])
        assert (pixels[:, width:at] == 255).all()


def test_samples_are_called_generated_and_have_no_originals_in_their_strip(variants: Study) -> None:
    gallery = next(g for g in images.galleries(variants.encoders) if g["source"] == "variational")
    assert [label for label, _ in gallery["rows"]] == ["examples of the data", "generated"]
    assert gallery["strip"][0][0] == "step 0"


def test_records_without_a_strip_still_show_their_images(study: Study) -> None:
    for encoder in study.encoders:
        del encoder["images"]["strip"], encoder["images"]["shows"]
    gallery = images.galleries(study.encoders)[0]
    assert (len(gallery["rows"]), gallery["strip"]) == (3, [])


def test_alignment_chart_shows_shares_in_percent_and_angles(variants: Study) -> None:
    choices = alignment.chart(variants.encoders)["choices"]
    assert list(choices) == ["reconstruction/linear, seed 0", "reconstruction/linear, seed 1"]
    pca, own, angles = choices["reconstruction/linear, seed 1"]
    assert (pca["name"], pca["y"]) == ("PCA", pytest.approx([40, 20, 10, 5]))
    assert own["y"] == pytest.approx([39, 19, 9, 4])
    assert (angles["yaxis"], angles["y"]) == ("y2", [0.1, 0.5, 3.0, 13.5])


def test_alignment_is_told_for_every_encoder_and_pictured_for_the_first_of_a_source(variants: Study) -> None:
    first, second = alignment.comparisons(variants.encoders)
    assert (second["k"], second["angle"], second["ratio"]) == (4, "13.5", "1.250")
    assert (second["error"], second["pca_error"], second["rows"]) == ("0.025", "0.02", [])
    (above, components), (below, directions) = first["rows"]
    assert (above, below) == ("principal components", "directions of the autoencoder")
    record = next(e for e in variants.encoders if e["alignment"])["alignment"]
    for shown, key in ((components, "components"), (directions, "directions")):
        assert len(shown) == 4
        assert pixels_of(shown[1]).tobytes() == base64.b64decode(record[key][1])


def test_alignment_of_vectors_and_of_a_perfect_pca_is_told_in_words_alone(variants: Study) -> None:
    record = next(e for e in variants.encoders if e["alignment"])
    vectors = {**record["alignment"], "shape": None, "components": None, "directions": None, "pca_error": 0.0}
    told, *_ = alignment.comparisons([{**record, "alignment": vectors}])
    assert (told["rows"], told["ratio"]) == ([], None)
