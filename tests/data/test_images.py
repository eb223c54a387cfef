from __future__ import annotations

from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from made_up_files import save_image

from fewlabels.core.errors import InputError
from fewlabels.data import read_image_folder

GREY = np.arange(6 * 8, dtype=np.uint8).reshape(6, 8) * 5
COLOUR = np.random.default_rng(0).integers(0, 256, (6, 8, 3), dtype=np.uint8)


def save(path: Path, pixels: np.ndarray = GREY, **options) -> Path:
    return save_image(path, pixels, **options)


@pytest.fixture
def folder(tmp_path) -> Path:
    """Two classes, three grey images of 8 x 6."""
    root = tmp_path / "pets"
    save(root / "cat" / "b.png", GREY + 1)
    save(root / "cat" / "a.png", GREY)
    save(root / "dog" / "c.bmp", GREY + 2)
    return root


def test_grey_images_in_sorted_order(folder):
    dataset = read_image_folder(folder)
    assert dataset.name == "pets"
    assert dataset.x.shape == (3, 1, 6, 8)
    assert dataset.x.dtype == np.uint8
    np.testing.assert_array_equal(dataset.x[:, 0], [GREY, GREY + 1, GREY + 2])
    assert dataset.y.tolist() == [0, 0, 1]
    assert dataset.classes == ("cat", "dog")
    assert dataset.x_test is None


def test_one_colour_image_makes_all_rgb(folder):
    save(folder / "dog" / "d.png", COLOUR)
    x = read_image_folder(folder).x
    assert x.shape == (4, 3, 6, 8)
    np.testing.assert_array_equal(x[1], [GREY + 1] * 3)
    np.testing.assert_array_equal(x[3], COLOUR.transpose(2, 0, 1))


@pytest.mark.parametrize("name", ["unlabelled", "unlabeled", "Unlabelled", "-1"])
def test_unlabelled_folder(folder, name):
    save(folder / name / "x.png", GREY)
    dataset = read_image_folder(folder)
    assert dataset.classes == ("cat", "dog")
    assert sorted(dataset.y.tolist()) == [-1, 0, 0, 1]


def test_train_and_test_folders(tmp_path):
    for name in ("cat", "dog"):
        save(tmp_path / "train" / name / "a.png", GREY)
    save(tmp_path / "train" / "unlabelled" / "a.png", GREY + 3)
    save(tmp_path / "test" / "dog" / "b.png", COLOUR)
    dataset = read_image_folder(tmp_path)
    assert dataset.y.tolist() == [0, 1, -1]
    assert dataset.y_test.tolist() == [1]
    assert dataset.x.shape == (3, 3, 6, 8)  # as the test set has colour
    np.testing.assert_array_equal(dataset.x_test[0], COLOUR.transpose(2, 0, 1))


def test_train_can_be_a_class(tmp_path):
    for name in ("train", "plane"):
        save(tmp_path / name / "a.png")
    assert read_image_folder(tmp_path).classes == ("plane", "train")


def test_hidden_files_are_ignored(folder):
    for name in (".DS_Store", "cat/.DS_Store", "cat/Thumbs.db", "dog/desktop.ini"):
        (folder / name).write_bytes(b"junk")
    (folder / ".ipynb_checkpoints").mkdir()
    assert len(read_image_folder(folder).x) == 3


@pytest.mark.parametrize("suffix", [".png", ".JPG", ".jpeg", ".bmp", ".tif", ".tiff", ".webp"])
def test_every_format(folder, suffix):
    save(folder / "dog" / f"d{suffix}", np.full((6, 8, 3), [200, 100, 50], dtype=np.uint8))
    x = read_image_folder(folder).x
    assert abs(x[3, :, 2, 2].astype(int) - [200, 100, 50]).max() <= 4


def test_the_first_frame_of_a_phone_picture_is_read(folder):
    first, second = (PIL.Image.fromarray(np.full((6, 8), value, dtype=np.uint8)) for value in (90, 10))
    first.save(folder / "dog" / "d.jpg", format="MPO", save_all=True, append_images=[second])
    assert (read_image_folder(folder).x[3] == 90).all()


def test_exif_orientation_is_applied(folder):
    for name in ("cat/a.png", "cat/b.png"):
        save(folder / name, GREY.T.copy())
    exif = PIL.Image.Exif()
    exif[0x0112] = 6  # shown turned a quarter clockwise
    (folder / "dog" / "c.bmp").unlink()
    save(
        folder / "dog" / "c.jpg",
        np.repeat(np.repeat([[0, 255]], 4, 1), 6, 0).astype(np.uint8),
        exif=exif,
        quality=100,
    )
    x = read_image_folder(folder).x
    assert x.shape == (3, 1, 8, 6)
    assert x[2, 0, :4].max() < 10  # the left half went up
    assert x[2, 0, 4:].min() > 245


def test_sixteen_bits_are_scaled(folder):
    deep = (GREY.astype(np.uint16) * 257) + 100
    save(folder / "cat" / "a.png", deep)
    save(folder / "cat" / "b.png", np.full((6, 8), 65535, dtype=np.uint16))
    x = read_image_folder(folder).x
    assert x.shape == (3, 1, 6, 8)
    np.testing.assert_array_equal(x[0, 0], GREY)
    assert (x[1] == 255).all()


def test_transparency_is_laid_on_white(folder):
    rgba = np.dstack([COLOUR, np.zeros((6, 8), dtype=np.uint8)])
    rgba[0, 0, 3] = 255
    save(folder / "cat" / "a.png", rgba)
    x = read_image_folder(folder).x
    assert (x[0, :, 1:] == 255).all()
    assert x[0, :, 0, 0].tolist() == COLOUR[0, 0].tolist()


@pytest.mark.parametrize(("size", "shape"), [(4, (4, 4)), ((3, 5), (3, 5))])
def test_resizing(folder, size, shape):
    save(folder / "dog" / "big.png", np.full((20, 30), 77, dtype=np.uint8))
    x = read_image_folder(folder, size=size).x
    assert x.shape == (4, 1, *shape)
    assert (x[2] == 77).all()


def test_unequal_sizes_name_two_files_and_the_option(folder):
    save(folder / "dog" / "big.png", np.zeros((20, 30), dtype=np.uint8))
    with pytest.raises(InputError, match=r"big\.png is 30x20, .*a\.png is 8x6 .*`size` resizes"):
        read_image_folder(folder)


def refused(folder: Path, message: str, size: object = None) -> None:
    with pytest.raises(InputError, match=message) as caught:
        read_image_folder(folder, size=size)
    assert "\n" not in str(caught.value)


def test_foreign_files_are_named(folder):
    (folder / "cat" / "notes.txt").write_text("x")
    refused(folder, r"notes\.txt: not an image file; allowed are \.png, \.jpg")
    (folder / "README.md").write_text("x")
    refused(folder, r"README\.md: a file beside the class folders")


def test_damaged_images_are_named(folder):
    path = save(folder / "cat" / "a.png", COLOUR)
    path.write_bytes(path.read_bytes()[:-60])
    refused(folder, r"a\.png: damaged or unreadable image")
    path.write_bytes(b"no image at all")
    refused(folder, r"a\.png: not a readable image")
    path.write_bytes(b"")
    refused(folder, r"a\.png: not a readable image")


def test_thirty_two_bits_are_refused(folder):
    save(folder / "cat" / "a.tif", GREY.astype(np.float32))
    refused(folder, r"a\.tif: has 32 bits a pixel, allowed are 8 and 16")


@pytest.mark.parametrize("limit", [40, 10])  # a warning above the limit, an error above twice the limit
def test_giant_images_are_refused(folder, monkeypatch, limit):
    monkeypatch.setattr(PIL.Image, "MAX_IMAGE_PIXELS", limit)
    refused(folder, rf"a\.png: declares more than the {limit} pixels")


def test_layouts_that_are_none(folder, tmp_path):
    refused(tmp_path / "nowhere", "nowhere: no such folder")
    (tmp_path / "empty").mkdir()
    refused(tmp_path / "empty", "empty: is empty; put the images of each class in a subfolder")
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "a.txt").write_text("x")
    refused(tmp_path / "notes", "notes: holds 1 files but no images")
    (folder / "bird").mkdir()
    refused(folder, "bird: holds no images")
    save(folder / "bird" / "deep" / "a.png")
    refused(folder, "deep: a folder within a class folder")


def test_split_layouts_that_are_none(tmp_path):
    save(tmp_path / "test" / "cat" / "a.png")
    refused(tmp_path, "has test/ with class folders but no such train/")
    save(tmp_path / "train" / "cat" / "a.png")
    save(tmp_path / "train" / "dog" / "a.png")
    save(tmp_path / "val" / "cat" / "a.png")
    refused(tmp_path, "val/ stands beside train/")
    (tmp_path / "val").rename(tmp_path / "test" / "unlabelled")
    (tmp_path / "test" / "unlabelled" / "cat" / "a.png").rename(tmp_path / "test" / "unlabelled" / "a.png")
    (tmp_path / "test" / "unlabelled" / "cat").rmdir()
    refused(tmp_path, "a test set has no unlabelled images")
    (tmp_path / "LICENSE").write_text("x")
    refused(tmp_path, "LICENSE: a file beside train/")


@pytest.mark.parametrize("size", [0, -1, (4, 0), (1, 2, 3), 5000, 2.5])
def test_sizes_that_are_none(folder, size):
    refused(folder, "`size` .*: allowed are a whole number from 1 to 4096", size=size)
