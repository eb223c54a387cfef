"""Names of ways to come by an encoder: there and back, and what is no such name."""

import pytest

from fewlabels.networks import VARIANTS
from fewlabels.objectives import OBJECTIVES
from fewlabels.pipelines.encoder_specs import SCHEDULES, EncoderSpec, parse_encoder_spec
from fewlabels.training import Layerwise

ALL = [
    EncoderSpec(objective, network, schedule)
    for objective in ("random", *OBJECTIVES)
    for network in (None, *VARIANTS)
    for schedule in (None, *SCHEDULES)
    if objective != "random" or schedule is None
]


def test_every_name_comes_back_as_its_way():
    assert [parse_encoder_spec(way.name) for way in ALL] == ALL
    assert len({way.name for way in ALL}) == len(ALL) == (len(OBJECTIVES) * 3 + 1) * (len(VARIANTS) + 1)
    assert len({way.label for way in ALL}) == len(ALL)


@pytest.mark.parametrize(
    ("name", "way"),
    [
        ("sparse", EncoderSpec("sparse")),
        ("sparse/tied", EncoderSpec("sparse", "tied")),
        ("sparse/greedy", EncoderSpec("sparse", None, "greedy")),
        ("sparse/paper2/greedy-joint", EncoderSpec("sparse", "paper2", "greedy-joint")),
        ("random", EncoderSpec("random")),
        ("random/residual", EncoderSpec("random", "residual")),
    ],
)
def test_what_names_mean(name, way):
    assert parse_encoder_spec(name) == way
    assert way.name == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        "/",
        "raw",
        "pca",
        "scratch",
        "cnn",
        "tied",
        "greedy",
        "denoise",
        "denoising/",
        "/denoising",
        "denoising//tied",
        "denoising/tied/",
        "denoising/tide",
        "denoising/greedy/tied",
        "denoising/tied/tied",
        "denoising/tied/linear",
        "denoising/greedy/greedy",
        "denoising/greedy/greedy-joint",
        "denoising/tied/greedy/joint",
        "denoising/sparse",
        "denoising/default",
        "random/greedy",
        "random/tied/greedy",
        "random/greedy-joint",
        "random/raw",
        "scratch/residual",
        "raw/tied",
        "pca/linear",
        "Denoising",
        "denoising /tied",
        "denoising+probe",
    ],
)
def test_what_is_no_way(name):
    assert parse_encoder_spec(name) is None


@pytest.mark.parametrize(
    ("way", "label"),
    [
        (EncoderSpec("random"), "random frozen encoder"),
        (EncoderSpec("random", "residual"), "random frozen encoder, residual network"),
        (EncoderSpec("gan"), "gan pretraining"),
        (EncoderSpec("denoising", "tied"), "denoising pretraining, tied network"),
        (EncoderSpec("denoising", None, "greedy"), "denoising pretraining, greedy"),
        (EncoderSpec("denoising", "paper1", "greedy-joint"), "denoising pretraining, paper1 network, greedy-joint"),
    ],
)
def test_labels_are_words(way, label):
    assert way.label == label


def test_schedules_are_what_they_are_called():
    assert dict(SCHEDULES) == {"greedy": Layerwise(), "greedy-joint": Layerwise(joint=True)}


def test_no_word_has_two_meanings():
    words = [*OBJECTIVES, *VARIANTS, *SCHEDULES, "random", "raw", "pca", "scratch", "cnn", "default", "all", "controls"]
    assert len(set(words)) == len(words)
    assert not any("/" in word or "+" in word or "," in word for word in words)
