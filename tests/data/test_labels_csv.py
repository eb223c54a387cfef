"""Files of labels: for the images of a folder, and for the rows of an array."""

from __future__ import annotations

import numpy as np
import pytest
from made_up_files import grey, refusal, save_image, write

from fewlabels.data import load

NAMES = ["a.png", "b.png", "cat/c.png", "d, é.png"]


@pytest.fixture
def folder(tmp_path):
    for i, name in enumerate(NAMES):
        save_image(tmp_path / "photos" / name, grey(i))
    return tmp_path / "photos"


@pytest.mark.parametrize(
    "text",
    [
        'file,label\na.png,dog\ncat/c.png,cat\n"d, é.png",dog\n',
        '\ufefffile,label\r\n./a.png,dog\r\ncat\\c.png,cat\r\n"d, é.png", dog \r\nb.png,\r\n',
        "label;note;File\ndog;x;a.png\ncat;y;cat/../cat/c.png\ndog;;d, é.png\n-1;;b.png\ndog;again;a.png\n",
        'label\tfile\n"dog"\ta.png\n\ncat\tcat/c.png\ndog\td, é.png\n',
    ],
)
def test_labels_of_images(folder, text):
    write(folder / "labels.csv", text)
    dataset = load(folder)
    assert dataset.classes == ("cat", "dog")
    assert dataset.y.tolist() == [1, -1, 0, 1]
    np.testing.assert_array_equal(dataset.x[:, 0], [grey(i) for i in range(4)])


def test_a_file_elsewhere_wins_and_class_folders_mean_nothing(tmp_path, folder):
    write(folder / "labels.csv", "file,label\na.png,1\n")
    elsewhere = write(tmp_path / "mine.csv", "file,label\nb.png,10\ncat/c.png,9\n")
    dataset = load(folder, labels=elsewhere)
    assert (dataset.classes, dataset.y.tolist()) == (("9", "10"), [-1, 1, 0, -1])
    for name in ("a.png", "b.png", "d, é.png", "labels.csv"):
        (folder / name).unlink()
    assert load(folder).classes == ("cat",)
    elsewhere = write(tmp_path / "mine.csv", "file,label\ncat/c.png,dog\n")
    assert load(folder, labels=elsewhere).classes == ("dog",)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "labels.csv: is empty"),
        ("file,label\n", "labels.csv: lists nothing"),
        ("name,label\na.png,x\n", "column 'file' is missing, its first line is name, label; needed are file and label"),
        ("file;kind\na.png;x\n", "column 'label' is missing"),
        ("file,label,label\na.png,x,y\n", "column 'label' stands there twice"),
        ("file,label\na.png,x\nA.png,y\n", "line 3: A.png: no such image; did you mean 'a.png'?"),
        ("file,label\nc.png,x\n", "line 2: c.png: no such image; did you mean 'cat/c.png'?"),
        ("file,label\nzzzzzzzzzzz,x\n", "line 2: zzzzzzzzzzz: no such image; check the path, relative to the folder"),
        ("file,label\n\n\na.png,x\na.png,y\n", "line 5: a.png has the label 'y' here, 'x' above"),
        ("file,label\na.png,x\n./a.png,\n", "line 3: ./a.png has the label '' here, 'x' above"),
        ("file,label\nd, é.png,x\n", "line 2: has 3 fields, the header 2; mend the line"),
        ("file,label\na.png\n", "line 2: has 1 fields"),
        ("file,label\n../photos/a.png,x\n", "line 2: ../photos/a.png: lies outside the folder of images"),
        ("file,label\ncat\\..\\..\\x.png,x\n", "lies outside the folder of images"),
        ("file,label\n/etc/a.png,x\n", "line 2: /etc/a.png: give the path relative to the folder of images"),
        ("file,label\nC:\\a.png,x\n", "C:\\a.png: give the path relative"),
        ("file,label\n,x\n", "line 2: an empty name: give the path"),
        ("file,label\na.png,\0\n", "holds a NUL byte"),
        (b"file,label\n\xff.png,x\n", "is not UTF-8 (byte 0xff)"),
        ("file,label\na.png," + "x" * 200_000, "field larger than field limit"),
    ],
)
def test_broken_files_of_labels_are_refused_in_one_line(folder, text, message):
    assert message in refusal(load, write(folder / "labels.csv", text).parent)


def test_a_file_of_labels_that_is_not_there(tmp_path, folder):
    assert "none.csv: no such file of labels" in refusal(load, folder, labels=tmp_path / "none.csv")


@pytest.fixture(params=["npy", "npz"])
def array(request, tmp_path):
    """Four vectors in a file of either kind, unlabelled."""
    path, x = tmp_path / f"x.{request.param}", np.arange(12.0).reshape(4, 3)
    if request.param == "npy":
        np.save(path, x)
    else:
        np.savez(path, x=x)
    return path


def test_labels_of_rows(tmp_path, array):
    assert load(array).y.tolist() == [-1] * 4
    table = write(tmp_path / "l.csv", "label;row\ncat;2\ndog;0\n;1\n")
    dataset = load(array, labels=table)
    assert (dataset.classes, dataset.y.tolist()) == (("cat", "dog"), [1, -1, 0, -1])
    np.testing.assert_array_equal(dataset.x, np.arange(12.0).reshape(4, 3))
    np.save(tmp_path / "y.npy", np.array([10, -1, 9, 10]))
    dataset = load(array, labels=tmp_path / "y.npy")
    assert (dataset.classes, dataset.y.tolist()) == (("9", "10"), [1, -1, 0, 1])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("row,label\n4,x\n", "line 2: there is no row '4'; allowed are 0 to 3, as rows count from 0"),
        ("row,label\n-1,x\n", "there is no row '-1'"),
        ("row,label\n1.0,x\n", "there is no row '1.0'"),
        ("row,label\n1,x\n01,y\n", "line 3: row 01 has the label 'y' here, 'x' above"),
        ("file,label\n1,x\n", "column 'row' is missing"),
    ],
)
def test_broken_labels_of_rows(tmp_path, array, text, message):
    assert message in refusal(load, array, labels=write(tmp_path / "l.csv", text))


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (np.arange(3), "holds 3 labels, but there are 4 examples"),
        (np.zeros((4, 1)), "has shape (4, 1); give one label an example"),
        (np.array([0, 1, 0.5, 1]), "has the label 0.5 in example 2"),
        (np.array([{}] * 4), "y.npy: cannot be read ("),
    ],
)
def test_broken_vectors_of_labels(tmp_path, array, y, message):
    np.save(tmp_path / "y.npy", y)
    assert message in refusal(load, array, labels=tmp_path / "y.npy")


def test_labels_and_y_are_one_too_many_and_a_test_set_shares_their_classes(tmp_path):
    x, labels = np.zeros((2, 3)), write(tmp_path / "l.csv", "row,label\n0,10\n1,9\n")
    np.savez(tmp_path / "both.npz", x=x, y=[0, 1])
    assert "both.npz: holds labels, y, and `labels`" in refusal(load, tmp_path / "both.npz", labels=labels)
    np.savez(tmp_path / "test.npz", x=x, x_test=x, y_test=[7, 9])
    dataset = load(tmp_path / "test.npz", labels=labels)
    assert (dataset.classes, dataset.y.tolist(), dataset.y_test.tolist()) == (("7", "9", "10"), [2, 1], [0, 1])
