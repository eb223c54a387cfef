"""Images that cannot be read among many: all are named, or all are left out and nothing is shifted."""

from __future__ import annotations

import csv
import os

import numpy as np
import pytest
from made_up_files import grey, refusal, save_image, write

from commands import done, refused
from fewlabels.core.errors import InputError
from fewlabels.data import Signature, cache, load, open_stream, streams
from fewlabels.data.readers.image_decoding import BrokenImages

GREY = Signature((1, 4, 5), "uint8")
BROKEN = ("cat/00.png", "cat/06.png", "dog/01.png", "dog/05.png", "dog/11.png")


@pytest.fixture
def pets(tmp_path, monkeypatch):
    """Twelve images of three kinds by number, five of which are no images any more; the first is one of them."""
    monkeypatch.setenv("FEWLABELS_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "pets"
    for i in range(12):
        save_image(folder / ("cat", "dog")[i % 2] / f"{i:02}.png", grey(i))
    for name in BROKEN:
        whole = (folder / name).read_bytes()
        write(folder / name, whole[:-20] if name.startswith("cat") else b"junk")
    return folder


def left() -> list[int]:
    """Numbers of the good images, in the order of their paths."""
    return [2, 4, 8, 10, 3, 7, 9]


def made_small(monkeypatch, stage):
    if stage == "mapped":
        monkeypatch.setattr(cache, "IN_MEMORY_BYTES", 50)
        monkeypatch.setattr(cache, "block_length", lambda shape: 2)


@pytest.mark.parametrize("stage", ["memory", "mapped"])
def test_all_are_counted_and_named_in_a_file(pets, monkeypatch, stage):
    made_small(monkeypatch, stage)
    for _ in range(2):  # a second time it is known
        with pytest.raises(BrokenImages, match="pets: 5 of 12 images cannot be read: ") as caught:
            load(pets)
        assert list(caught.value.broken) == [0, 3, 6, 8, 11]
        said = str(caught.value)
        assert "cat/00.png: damaged or unreadable image" in said
        assert "dog/01.png: not a readable image, whatever its name says; and 2 more, all listed in " in said
        assert said.endswith("replace or remove them, or `skip_broken=True` goes on without them")
        listed = (cache.cache_folder() / "broken-images.txt").read_text().splitlines()
        assert [line.split(": ")[0] for line in listed] == [str(pets / name) for name in BROKEN]


@pytest.mark.slow
@pytest.mark.parametrize("stage", ["memory", "mapped"])
def test_they_are_left_out_with_their_labels(pets, monkeypatch, stage):
    made_small(monkeypatch, stage)
    for _ in range(2):
        with pytest.warns(UserWarning, match="5 of 12 images cannot be read: .*; they are left out"):
            found = load(pets, skip_broken=True)
        assert isinstance(found.x, np.memmap) == (stage == "mapped")
        np.testing.assert_array_equal(found.x[:, 0], [grey(i) for i in left()])
        assert found.y.tolist() == [i % 2 for i in left()]
        assert found.classes == ("cat", "dog")


@pytest.mark.slow
def test_what_is_mended_is_read_again(pets, monkeypatch):
    made_small(monkeypatch, "mapped")
    with pytest.warns(UserWarning, match="5 of 12"):
        load(pets, skip_broken=True)
    for name in BROKEN:
        save_image(pets / name, grey(int(name[4:6])))
    assert len(load(pets).x) == 12


def test_a_class_of_broken_images_is_none_and_a_test_set_keeps_its_place(tmp_path, monkeypatch):
    for part, n in (("train", 4), ("test", 3)):
        for i in range(n):
            save_image(tmp_path / "all" / part / ("a", "b")[i % 2] / f"{i}.png", grey(10 * len(part) + i))
    for name in ("train/b/1.png", "train/b/3.png", "test/a/0.png"):
        write(tmp_path / "all" / name, "junk")
    with pytest.warns(UserWarning, match="3 of 7"):
        found = load(tmp_path / "all", skip_broken=True)
    np.testing.assert_array_equal(found.x[:, 0], [grey(50), grey(52)])
    np.testing.assert_array_equal(found.x_test[:, 0], [grey(42), grey(41)])
    assert [found.classes[k] for k in (*found.y, *found.y_test)] == ["a", "a", "a", "b"]


@pytest.mark.slow
@pytest.mark.parametrize("processes", [False, True])
def test_predictions_of_the_others_keep_their_names(pets, monkeypatch, processes):
    monkeypatch.setattr(streams, "IMAGES_A_BLOCK", 2)
    if processes:
        monkeypatch.setattr(streams, "IN_PROCESS", 2)
    stream = open_stream(pets, GREY, skip_broken=True)
    with pytest.warns(UserWarning, match="5 of 12"):
        names, blocks = zip(*stream.blocks(), strict=True)
    told = dict(zip((name for part in names for name in part), np.concatenate(blocks)[:, 0], strict=True))
    assert {int(name[4:6]) for name in told} == set(left())
    assert all((pixels == grey(int(name[4:6]))).all() for name, pixels in told.items())
    assert stream.broken == list(BROKEN)
    assert "5 of 12 images cannot be read" in refusal(lambda: list(open_stream(pets, GREY).blocks()))


def test_where_none_is_left_there_is_nothing_to_go_on_with(tmp_path, monkeypatch):
    monkeypatch.setenv("FEWLABELS_CACHE", str(tmp_path / "cache"))
    for i in range(2):
        write(tmp_path / f"{i}.png", "junk")
    for skip in (True, False):
        assert "2 of 2 images cannot be read" in refusal(load, tmp_path, skip_broken=skip)


def test_a_pipe_among_the_images_is_not_waited_for(pets):
    os.mkfifo(pets / "cat" / "zz.png")
    with pytest.raises(InputError, match="6 of 13 images"):
        load(pets)
    listed = (cache.cache_folder() / "broken-images.txt").read_text()
    assert "cat/zz.png: is a pipe, no image file\n" in listed


def test_commands_skip_them_and_say_so(pets, monkeypatch, capsys):
    monkeypatch.chdir(pets.parent)
    (said,) = refused(monkeypatch, capsys, "pretrain", "pets", "-o", "e")
    assert said.endswith("; replace or remove them, or --skip-broken goes on without them")
    done("pretrain", "pets", "-o", "e", "--steps", "5", "--skip-broken")
    done("finetune", "e", "pets", "-o", "c", "--transfer", "probe", "--skip-broken")
    (said,) = refused(monkeypatch, capsys, "predict", "c", "pets", "-o", "p.csv")
    assert "5 of 12 images cannot be read" in said
    assert not (pets.parent / "p.csv").exists()
    done("predict", "c", "pets", "-o", "p.csv", "--skip-broken")
    with (pets.parent / "p.csv").open(newline="") as file:
        assert sorted(int(row["file"][4:6]) for row in csv.DictReader(file)) == sorted(left())
    (said,) = refused(monkeypatch, capsys, "pretrain", "digits", "-o", "e2", "--skip-broken")
    assert said == "fewlabels: --skip-broken: leaves out images of a folder only, and digits is none; leave it out"
