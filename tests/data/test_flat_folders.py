"""Folders of images without class folders, single images, and what a trained model asks of images."""

from __future__ import annotations

import os
import shutil

import numpy as np
import PIL.Image
import pytest
from made_up_files import grey, refusal, save_image, write

from fewlabels.data import Signature, cache, load


@pytest.fixture
def photos(tmp_path):
    """Three images in a folder and its subfolders, unlabelled."""
    folder = tmp_path / "photos"
    for i, name in enumerate(["b.png", "a-1/c.bmp", "a/2024/d, é.tif"]):
        save_image(folder / name, grey(i))
    return folder


def test_images_in_a_folder_are_unlabelled_and_sorted_by_their_paths(photos):
    dataset = load(photos)
    assert (dataset.name, dataset.classes, dataset.y.tolist()) == ("photos", (), [-1] * 3)
    np.testing.assert_array_equal(dataset.x[:, 0], [grey(2), grey(1), grey(0)])  # a/ stands before a-1/
    assert dataset.x_test is None


def test_what_describes_images_is_passed_over_and_anything_else_is_not(photos):
    for name in ("README.md", "b.json", "a/notes.txt", ".hidden", "Thumbs.db"):
        write(photos / name, "x")
    assert len(load(photos).x) == 3
    write(photos / "a" / "film.mp4", "x")
    assert "film.mp4: not an image file; allowed are .png" in refusal(load, photos)


def test_links_are_followed_and_no_folder_is_read_twice(photos, tmp_path):
    save_image(tmp_path / "elsewhere" / "z.png", grey(9))
    os.symlink(tmp_path / "elsewhere", photos / "link")
    os.symlink(photos, photos / "a" / "round")
    os.symlink(photos / "a-1", photos / "a-2")
    os.symlink(photos / "b.png", photos / "e.png")
    dataset = load(photos)
    assert len(dataset.x) == 5
    np.testing.assert_array_equal(dataset.x[4, 0], grey(9))
    os.symlink(photos / "none.png", photos / "broken.png")
    assert "broken.png: damaged or unreadable image (" in refusal(load, photos)


def test_train_that_is_flat_needs_a_file_of_labels_to_be_a_part(tmp_path):
    for i, name in enumerate(["train/a.png", "train/b.png", "test/c.png"]):
        save_image(tmp_path / "d" / name, grey(i))
    assert load(tmp_path / "d").classes == ("test", "train")
    write(tmp_path / "d/train/labels.csv", "file,label\nb.png,cat\n")
    assert "test/ stands beside train/" in refusal(load, tmp_path / "d")
    write(tmp_path / "d/test/labels.csv", "file,label\nc.png,dog\n")
    dataset = load(tmp_path / "d")
    assert dataset.classes == ("cat", "dog")
    assert (dataset.y.tolist(), dataset.y_test.tolist()) == ([-1, 0], [1])
    np.testing.assert_array_equal(dataset.x_test[0, 0], grey(2))
    write(tmp_path / "d/test/labels.csv", "file,label\nc.png,\n")
    assert "c.png: a test set has no unlabelled images" in refusal(load, tmp_path / "d")


def test_parts_may_be_laid_out_in_two_ways(tmp_path):
    save_image(tmp_path / "train" / "a.png", grey(0))
    write(tmp_path / "train" / "labels.csv", "file,label\na.png,cat\n")
    save_image(tmp_path / "test" / "dog" / "b.png", grey(1))
    dataset = load(tmp_path)
    assert (dataset.classes, dataset.y.tolist(), dataset.y_test.tolist()) == (("cat", "dog"), [0], [1])


def test_one_image(tmp_path):
    path = save_image(tmp_path / "one.jpg", np.full((6, 7, 3), 9, np.uint8))
    dataset = load(path)
    assert (dataset.name, dataset.x.shape, dataset.y.tolist()) == ("one", (1, 3, 6, 7), [-1])
    assert load(path, size=4).signature == Signature((3, 4, 4), "uint8", resized=True)
    assert "not a readable image" in refusal(load, write(tmp_path / "none.png", "x"))
    assert "none.bmp: no such file" in refusal(load, tmp_path / "none.bmp")


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK"])
def test_every_mode_is_what_pillow_makes_of_it(tmp_path, mode):
    colour = np.random.default_rng(0).integers(0, 256, (6, 5, 3), dtype=np.uint8)
    image = PIL.Image.fromarray(colour).convert(mode)
    path = tmp_path / f"a.{'tif' if mode == 'CMYK' else 'png'}"
    image.save(path)
    expected = np.asarray(image.convert("L" if mode in ("1", "L", "LA") else "RGB"))
    np.testing.assert_array_equal(
        load(path).x[0], expected[None] if expected.ndim == 2 else expected.transpose(2, 0, 1)
    )


@pytest.mark.slow
def test_more_than_memory_should_hold_is_mapped(photos, tmp_path, monkeypatch):
    small = load(photos)
    monkeypatch.setenv("FEWLABELS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(cache, "IN_MEMORY_BYTES", 10)
    write(photos / "labels.csv", "file,label\nb.png,cat\n")
    large = load(photos)
    assert isinstance(large.x, np.memmap)
    np.testing.assert_array_equal(large.x, small.x)
    assert large.classes == ("cat",)
    colour = load(photos, signature=Signature((3, 4, 5), "uint8"))
    assert isinstance(colour.x, np.memmap)
    np.testing.assert_array_equal(colour.x, np.repeat(small.x, 3, axis=1))


GREY, COLOUR = Signature((1, 4, 5), "uint8"), Signature((3, 4, 5), "uint8")


def test_a_model_s_colour(photos):
    colourless = np.repeat(grey(3)[..., None], 3, axis=2)
    save_image(photos / "x.png", colourless)
    assert load(photos).example_shape == (3, 4, 5)
    np.testing.assert_array_equal(load(photos, signature=GREY).x[3, 0], grey(3))
    np.testing.assert_array_equal(load(photos, signature=COLOUR).x[0], [grey(2)] * 3)
    colourless[1, 2, 0] ^= 1
    save_image(photos / "x.png", colourless)
    assert "x.png is in colour, the model takes grey images" in refusal(load, photos, signature=GREY)


def test_a_model_s_size(photos):
    resized = Signature((1, 8, 10), "uint8", resized=True)
    dataset = load(photos, signature=resized)
    assert dataset.signature == resized
    expected = np.asarray(PIL.Image.fromarray(grey(2)).resize((10, 8), PIL.Image.Resampling.BILINEAR))
    np.testing.assert_array_equal(dataset.x[0, 0], expected)
    fixed = Signature((1, 8, 10), "uint8")
    said = refusal(load, photos, signature=fixed)
    assert "is 5x4, the model takes 10x8 (width x height); images must be of one size: give it images like" in said
    assert "the model settles the size" in refusal(load, photos, size=8, signature=resized)


@pytest.mark.parametrize(
    "signature", [Signature((20,), "float32"), Signature((1, 4, 5), "float32"), Signature((4, 4, 5), "uint8")]
)
def test_a_model_of_something_else(photos, signature):
    said = refusal(load, photos, signature=signature)
    assert f"its examples are grey images of 5x4 pixels (uint8), the model takes {signature}" in said


def test_an_image_among_class_folders_makes_them_mean_nothing(photos):
    shutil.move(photos / "a" / "2024" / "d, é.tif", photos / "a" / "d.tif")
    (photos / "a" / "2024").rmdir()
    assert load(photos).classes == ()
    (photos / "b.png").unlink()
    assert load(photos).classes == ("a", "a-1")
