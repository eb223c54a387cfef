"""The choice of numerics: float32 unless another is clearly faster, measured once, and kept for this machine alone."""

from __future__ import annotations

import json
import os
from collections.abc import Callable

import pytest
import torch

from fewlabels.networks import Conv, Dense
from fewlabels.training import FORMATS, PRECISIONS, Numerics, fastest, numerics

CONV, DENSE = Conv(channels=(3, 4), latent_dim=3), Dense(hidden=(6,), latent_dim=3)
IMAGE, VECTOR = (1, 6, 6), (9,)
LAST, PLAIN = Numerics(), Numerics(memory_format="contiguous")
HALF_LAST, HALF_PLAIN = Numerics(precision="bfloat16"), Numerics(precision="bfloat16", memory_format="contiguous")
ALL = [LAST, PLAIN, HALF_LAST, HALF_PLAIN]

Clock = Callable[..., list[list[Numerics]]]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Plants the seconds of a step of each way; gives the list of what is then measured."""

    def planted(*seconds: float) -> list[list[Numerics]]:
        asked: list[list[Numerics]] = []

        def seconds_a_step(network, input_shape, batch_size, ways):
            asked.append(list(ways))
            return list(seconds[: len(ways)])

        monkeypatch.setattr(numerics, "seconds_a_step", seconds_a_step)
        return asked

    return planted


@pytest.mark.parametrize(
    ("seconds", "best"),
    [
        ((1, 1, 1, 1), LAST),
        ((1, 0.81, 0.9, 0.85), LAST),  # near ties
        ((1, 0.8, 1, 1), LAST),  # 1.25 times faster, no more
        ((1, 0.79, 1, 1), PLAIN),
        ((1, 1, 0.79, 1), HALF_LAST),
        ((1, 1, 1, 0.79), HALF_PLAIN),
        ((1, 2, 0.5, 0.45), HALF_LAST),  # contiguous gains nothing more
        ((1, 2, 0.5, 0.39), HALF_PLAIN),
        ((1, 0.79, 0.7, 0.7), PLAIN),  # nor does bfloat16
        ((1, 3, 3, 3), LAST),
    ],
    ids=str,
)
def test_another_way_is_taken_only_where_clearly_faster_than_the_one_before(clock, seconds, best):
    asked = clock(*seconds)
    assert fastest(CONV, IMAGE, 8) == best
    assert asked == [ALL]


@pytest.mark.parametrize(
    ("forced", "ways"),
    [
        ({"precision": "float32"}, [LAST, PLAIN]),
        ({"precision": "bfloat16"}, [HALF_LAST, HALF_PLAIN]),
        ({"memory_format": "channels-last"}, [LAST, HALF_LAST]),
        ({"memory_format": "contiguous"}, [PLAIN, HALF_PLAIN]),
    ],
    ids=str,
)
def test_what_is_forced_is_not_measured_against_others(clock, forced, ways):
    asked = clock(1, 0.5)
    assert fastest(CONV, IMAGE, 8, **forced) == ways[1]
    clock(0.5, 1)
    assert fastest(CONV, IMAGE, 8, **forced) == ways[0]
    assert asked == [ways]


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("memory_format", FORMATS)
def test_where_all_is_forced_nothing_is_measured(clock, tmp_path, precision, memory_format):
    asked = clock()
    found = fastest(CONV, IMAGE, 8, "cpu", precision, memory_format, tmp_path)
    assert found == Numerics("cpu", precision, memory_format)
    assert asked == []
    assert list(tmp_path.iterdir()) == []


def test_vectors_have_one_memory_format(clock):
    asked = clock(1, 0.5)
    assert fastest(DENSE, VECTOR, 8) == HALF_LAST
    assert fastest(DENSE, VECTOR, 8, precision="float32") == LAST
    assert asked == [[LAST, HALF_LAST]]


def test_a_measurement_is_kept_and_read_again(clock, tmp_path):
    folder = tmp_path / "deep" / "numerics"
    first = clock(1, 0.5, 1, 1)
    assert fastest(CONV, IMAGE, 8, folder=folder) == PLAIN
    later = clock(1, 1, 0.1, 1)
    assert fastest(CONV, IMAGE, 8, folder=folder) == PLAIN
    assert fastest(CONV, IMAGE, 8, folder=folder, precision="float32") == PLAIN
    assert fastest(CONV, IMAGE, 8, folder=folder, memory_format="channels-last") == LAST
    assert (len(first), len(later)) == (1, 0)
    assert fastest(CONV, IMAGE, 8) == HALF_LAST  # without a folder, anew
    (path,) = folder.iterdir()
    kept = json.loads(path.read_text())
    assert kept["asked"]["batch"] == 8
    assert len(kept["seconds"]) == 4


OTHERS = {
    "network": lambda patch: (Conv(channels=(3, 5), latent_dim=3), IMAGE, 8),
    "shape": lambda patch: (CONV, (1, 6, 7), 8),
    "batch": lambda patch: (CONV, IMAGE, 9),
    "threads": lambda patch: patch.setattr(torch, "get_num_threads", lambda: 17),
    "machine": lambda patch: patch.setattr(numerics, "processor", lambda: "another"),
    "torch": lambda patch: patch.setattr(torch, "__version__", "99"),
}


@pytest.mark.parametrize("what", OTHERS)
def test_it_holds_for_one_machine_network_shape_and_batch(clock, tmp_path, monkeypatch, what):
    clock(1, 1, 1, 1)
    assert fastest(CONV, IMAGE, 8, folder=tmp_path) == LAST
    clock(1, 0.5, 1, 1)
    other = OTHERS[what](monkeypatch) or (CONV, IMAGE, 8)
    assert fastest(*other, folder=tmp_path) == PLAIN
    assert len(list(tmp_path.iterdir())) == 2
    monkeypatch.undo()
    assert fastest(CONV, IMAGE, 8, folder=tmp_path) == LAST


def test_on_cuda_the_machine_is_the_accelerator(clock, tmp_path, monkeypatch):
    for name, seconds, best in (
        ("one", (1, 1), "float32"),
        ("other", (1, 0.5), "bfloat16"),
        ("one", (1, 0.5), "float32"),
    ):
        monkeypatch.setattr(torch.cuda, "get_device_name", lambda device, name=name: f"{device} {name}")
        clock(*seconds)
        assert fastest(DENSE, VECTOR, 8, "cuda", folder=tmp_path) == Numerics("cuda", best)
    assert len(list(tmp_path.iterdir())) == 2


def test_a_measurement_of_less_is_made_anew_in_whole(clock, tmp_path):
    clock(1, 0.5)
    assert fastest(CONV, IMAGE, 8, folder=tmp_path, precision="float32") == PLAIN
    asked = clock(1, 1, 0.5, 1)
    assert fastest(CONV, IMAGE, 8, folder=tmp_path) == HALF_LAST
    assert asked == [ALL]


DAMAGED = {
    "empty": "",
    "torn": '{"asked": {}, "secon',
    "bytes": b"\xff\xfe\x00",
    "foreign": '{"some": "thing"}',
    "a list": "[1, 2]",
    "no numbers": '{"seconds": {"float32 channels-last": "fast"}}',
    "null": '{"seconds": null}',
}


@pytest.mark.parametrize("damage", DAMAGED)
def test_a_damaged_file_is_measured_anew_and_replaced(clock, tmp_path, damage):
    clock(1, 1, 1, 1)
    fastest(CONV, IMAGE, 8, folder=tmp_path)
    (path,) = tmp_path.iterdir()
    content = DAMAGED[damage]
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    asked = clock(1, 0.5, 1, 1)
    assert [fastest(CONV, IMAGE, 8, folder=tmp_path) for _ in range(2)] == [PLAIN, PLAIN]
    assert len(asked) == 1
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("obstacle", ["a file in its place", "a file above it", "no room"])
def test_a_folder_that_cannot_be_written_costs_only_the_keeping(clock, tmp_path, monkeypatch, obstacle):
    folder = tmp_path / "cache"
    if obstacle == "no room":
        monkeypatch.setattr(os, "fsync", full)
    else:
        folder.write_text("precious")
    asked = clock(1, 0.5, 1, 1)
    where = folder / "numerics" if obstacle == "a file above it" else folder
    assert [fastest(CONV, IMAGE, 8, folder=where) for _ in range(2)] == [PLAIN, PLAIN]
    assert len(asked) == 2
    assert folder.is_dir() or folder.read_text() == "precious"


def full(handle: int) -> None:
    raise OSError(28, "No space left on device")


def test_the_fastest_turn_of_each_way_counts(monkeypatch):
    """Of what is timed after a first step of each, turn by turn."""
    turns: list[Numerics] = []

    def step(network, input_shape, batch_size, way):
        seconds = iter([0.0, 5.0, 3.0, *[4.0] * numerics.ROUNDS] if way == LAST else [0.0, *[7.0] * numerics.ROUNDS])

        def timed() -> float:
            turns.append(way)
            return next(seconds)

        return timed

    monkeypatch.setattr(numerics, "_step", step)
    assert numerics.seconds_a_step(CONV, IMAGE, 8, [LAST, PLAIN]) == [3, 7]
    assert turns == [LAST, PLAIN] * (1 + numerics.ROUNDS)


@pytest.mark.parametrize(("network", "shape", "ways"), [(CONV, IMAGE, ALL), (DENSE, VECTOR, [LAST, HALF_LAST])])
def test_a_real_measurement_finds_one_of_the_ways(tmp_path, network, shape, ways):
    before = torch.get_rng_state()
    assert fastest(network, shape, 4, folder=tmp_path) in ways
    assert torch.equal(torch.get_rng_state(), before)
    (path,) = tmp_path.iterdir()
    seconds = json.loads(path.read_text())["seconds"]
    assert seconds.keys() == {f"{way.precision} {way.memory_format}" for way in ways}
    assert all(value > 0 for value in seconds.values())
