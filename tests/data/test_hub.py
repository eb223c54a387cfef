"""Data sets in the form of the Hugging Face hub, from disk; nothing here needs the network."""

from __future__ import annotations

import sys

import datasets
import numpy as np
import pandas as pd
import PIL.Image
import pytest
from made_up_files import grey, refusal, save_image

from fewlabels.core.errors import FewlabelsError
from fewlabels.data import Column, Signature, load
from fewlabels.data.readers import hub

NAMES = ["dog", "cat"]


@pytest.fixture(autouse=True)
def quiet(tmp_path, monkeypatch):
    monkeypatch.setenv("FEWLABELS_CACHE", str(tmp_path / "cache"))
    datasets.disable_progress_bars()


def pictures(values, labels, **others):
    features = {"image": datasets.Image(), "label": datasets.ClassLabel(names=NAMES)}
    features |= {name: datasets.Value("int64") for name in others}
    rows = {"image": [PIL.Image.fromarray(grey(v)) for v in values], "label": labels, **others}
    return datasets.Dataset.from_dict(rows, features=datasets.Features(features))


def saved(tmp_path, **splits):
    datasets.DatasetDict(splits).save_to_disk(tmp_path / "mine")
    return f"hf:{tmp_path / 'mine'}"


def test_images_with_splits(tmp_path):
    dataset = load(
        saved(
            tmp_path,
            train=pictures([0, 1, 2], [1, 0, -1], id=[7, 8, 9]),
            unsupervised=pictures([3], [0]),
            test=pictures([4, 5], [0, 1]),
            validation=pictures([6], [0]),
        )
    )
    assert (dataset.name, dataset.classes) == ("mine", ("cat", "dog"))
    np.testing.assert_array_equal(dataset.x[:, 0], [grey(i) for i in range(4)])
    assert dataset.y.tolist() == [0, 1, -1, -1]
    np.testing.assert_array_equal(dataset.x_test[:, 0], [grey(4), grey(5)])
    assert dataset.y_test.tolist() == [1, 0]


def test_validation_is_the_test_set_where_test_has_no_labels(tmp_path):
    parts = {"train": pictures([0, 1], [1, 0]), "validation": pictures([2], [1])}
    np.testing.assert_array_equal(load(saved(tmp_path, **parts)).x_test[0, 0], grey(2))
    dataset = load(saved(tmp_path, **parts, test=pictures([3, 4], [-1, -1])))
    np.testing.assert_array_equal(dataset.x_test[:, 0], [grey(2)])
    said = refusal(load, saved(tmp_path, **parts, test=pictures([3, 4], [-1, 0])))
    assert "y_test has unlabelled examples" in said


def test_colour_size_and_a_model_s_form(tmp_path):
    source = saved(tmp_path, train=pictures([0, 1], [1, 0]))
    assert load(source, size=3).signature == Signature((1, 3, 3), "uint8", resized=True)
    colour = load(source, signature=Signature((3, 4, 5), "uint8"))
    np.testing.assert_array_equal(colour.x[1], [grey(1)] * 3)
    said = refusal(load, source, signature=Signature((1, 9, 9), "uint8"))
    assert "row 0 is 5x4, the model takes 9x9" in said


def test_images_of_unequal_sizes_name_the_row(tmp_path):
    images = [PIL.Image.fromarray(np.zeros(shape, np.uint8)) for shape in ((4, 5), (5, 5))]
    features = datasets.Features({"image": datasets.Image()})
    train = datasets.Dataset.from_dict({"image": images}, features=features)
    assert "row 1 is 5x5" in refusal(load, saved(tmp_path, train=train))
    train = datasets.Dataset.from_dict({"image": [images[0], None]}, features=features)
    assert "row 1 has no image" in refusal(load, saved(tmp_path, train=train))
    train = datasets.Dataset.from_dict({"image": [images[0], {"bytes": b"junk", "path": None}]}, features=features)
    assert "row 1: not a readable image" in refusal(load, saved(tmp_path, train=train))


def test_a_table(tmp_path):
    features = datasets.Features(
        {
            "size": datasets.Value("float32"),
            "kind": datasets.ClassLabel(names=["b", "a"]),
            "species": datasets.ClassLabel(names=NAMES),
        }
    )
    rows = {"size": [1.5, None, 3], "kind": [0, 1, -1], "species": [1, 0, -1]}
    train = datasets.Dataset.from_dict(rows, features=features)
    source = saved(tmp_path, train=train, test=train.select([1]))
    dataset = load(source, target="species")
    assert dataset.columns == (Column("size"), Column("kind", ("a", "b")))
    np.testing.assert_array_equal(dataset.x, np.float32([[1.5, 1], [np.nan, 0], [3, np.nan]]))
    assert (dataset.classes, dataset.y.tolist()) == (("cat", "dog"), [0, 1, -1])
    assert dataset.y_test.tolist() == [1]
    assert load(source).classes == ()  # two columns of classes, and none is called label
    assert load(source, ignore=["kind"]).classes == ("cat", "dog")  # the only one
    assert "no such column; there are size, kind, species" in refusal(load, source, target="label")


def test_folders_that_were_not_saved_by_the_library(tmp_path):
    for i, name in enumerate(["train/dog/a.png", "train/cat/b.png", "test/cat/c.png"]):
        save_image(tmp_path / "pets" / name, grey(i))
    dataset = load(f"hf:{tmp_path / 'pets'}")
    assert dataset.classes == ("cat", "dog")
    labels = {int(x[0, 0, 0]): dataset.classes[y] for x, y in zip(dataset.x, dataset.y, strict=True)}
    assert labels == {0: "dog", 3 * 0 + 1: "cat"}
    assert len(dataset.x_test) == 1
    (tmp_path / "table").mkdir()
    pd.DataFrame({"a": [1, 2], "label": ["x", "y"]}).to_parquet(tmp_path / "table" / "train.parquet")
    assert load(f"hf:{tmp_path / 'table'}").classes == ("x", "y")


def test_what_is_not_there(tmp_path, monkeypatch):
    assert "none: no such folder" in refusal(load, f"hf:{tmp_path}/none")
    (tmp_path / "bare").mkdir()
    assert "bare: cannot be read (" in refusal(load, f"hf:{tmp_path}/bare")
    assert "hf:: names nothing" in refusal(load, "hf:")
    monkeypatch.setenv("FEWLABELS_OFFLINE", "1")
    assert "hf:ylecun/mnist: FEWLABELS_OFFLINE forbids the network" in refusal(load, "hf:ylecun/mnist")
    monkeypatch.setitem(sys.modules, "datasets", None)
    assert 'needs the library datasets; pip install "fewlabels[hub]"' in refusal(load, "hf:mnist")


def test_names_configs_and_what_the_network_says(monkeypatch):
    asked = []

    def load_dataset(name, config, **options):
        assert set(options) == {"cache_dir"}  # no code of strangers is trusted
        asked.append((name, config))
        raise (ConnectionError if config else FileNotFoundError)("not\nreached")

    monkeypatch.delenv("FEWLABELS_OFFLINE", raising=False)
    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    assert "hf:a/b: cannot be read (not reached); check the name" in refusal(load, "hf:a/b")
    with pytest.raises(FewlabelsError, match=r"cannot be downloaded \(not reached\); check the network"):
        load("hf:a/b:small")
    assert asked == [("a/b", None), ("a/b", "small")]


def test_a_second_column_of_images_has_to_go(tmp_path):
    image = PIL.Image.fromarray(grey(0))
    features = datasets.Features({"image": datasets.Image(), "mask": datasets.Image()})
    train = datasets.Dataset.from_dict({"image": [image], "mask": [image]}, features=features)
    source = saved(tmp_path, train=train)
    assert "several columns of images, image, mask; leave out all but one (`ignore`)" in refusal(load, source)
    said = refusal(load, source, signature=Signature((1, 4, 5), "uint8"))
    assert "the model takes one: save the data set again without the others" in said
    assert "ignore" not in said
    assert load(source, ignore=["mask"]).x.shape == (1, 1, 4, 5)
    opened = hub.open_hub(source, None, ["mask"], None)
    assert (opened.image, opened.target, opened.n) == ("image", None, 1)
