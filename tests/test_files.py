"""Files that appear whole, or not at all."""

import os

import pytest

from fewlabels.errors import InputError
from fewlabels.files import replacing


def test_a_file_takes_the_place_of_another_when_it_is_whole(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with replacing(path) as file:
        file.write(b"new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.txt"]


def test_what_fails_midway_leaves_what_was_there_and_nothing_else(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(KeyError), replacing(path) as file:  # noqa: PT012
        file.write(b"new")
        raise KeyError
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.txt"]


def test_a_place_that_cannot_be_written_is_told_in_one_line(tmp_path):
    said = r"nowhere/a.txt: cannot be written \(No such file or directory\); free space"
    with pytest.raises(InputError, match=said), replacing(tmp_path / "nowhere" / "a.txt"):
        pytest.fail("opened")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a device that is always full")
def test_a_full_disk_is_told_in_one_line(tmp_path, monkeypatch):
    path = tmp_path / "a.txt"
    path.write_text("old")
    (tmp_path / f".a.txt.{os.getpid()}.part").symlink_to("/dev/full")
    said = r"a\.txt: cannot be written \(No space left on device\)"
    with pytest.raises(InputError, match=said), replacing(path) as file:
        file.write(b"new" * 10_000)
    assert path.read_text() == "old"
