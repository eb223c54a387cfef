"""Files that appear whole, or not at all."""

import errno
import os
import subprocess
import sys
import threading

import pytest

from fewlabels.core import files
from fewlabels.core.errors import InputError, StorageError
from fewlabels.core.files import check_new, locked, remove_parts, replacing, require_file


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
    said = r"nowhere/a.txt: cannot be written \(No such file or directory\); choose another"
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


def test_a_folder_that_can_only_be_read_is_told_by_the_name_of_the_file_asked_for(tmp_path, monkeypatch):
    def fails(path, *_, **__):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))

    monkeypatch.setattr(files.Path, "open", fails)
    monkeypatch.setattr(files.Path, "unlink", fails)  # even of what is not there
    with pytest.raises(StorageError) as refused, replacing(tmp_path / "a.txt"):
        pytest.fail("opened")
    assert str(refused.value) == (
        f"{tmp_path}/a.txt: cannot be written (Read-only file system); free space or choose another place, then do the "
        "same again"
    )


def test_a_link_leads_to_the_new_file(tmp_path):
    (tmp_path / "real.txt").write_text("old")
    (tmp_path / "link.txt").symlink_to("real.txt")
    with replacing(tmp_path / "link.txt") as file:
        file.write(b"new")
    assert (tmp_path / "real.txt").read_text() == "new"
    assert (tmp_path / "link.txt").is_symlink()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_is_written_to_and_stays_one(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: found.append(pipe.read_bytes()))
    found = []
    reader.start()
    with replacing(pipe) as file:
        file.write(b"through")
    reader.join(timeout=10)
    assert found == [b"through"]
    assert pipe.is_fifo()


def test_what_goes_wrong_elsewhere_is_not_the_fault_of_the_place(tmp_path):
    with pytest.raises(FileNotFoundError), replacing(tmp_path / "a.txt"):
        (tmp_path / "missing.csv").read_text()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("there.txt", "there.txt: is there already; name another, or replace it with `overwrite=True`"),
        ("folder", "folder: is a folder, where a file is to be"),
        ("nowhere/a.txt", "there is no folder"),
    ],
)
def test_a_new_file_must_have_a_place(tmp_path, name, message):
    (tmp_path / "there.txt").touch()
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputError, match=message):
        check_new(tmp_path / name, overwrite=False)
    check_new(tmp_path / "new.txt", overwrite=False)
    check_new(tmp_path / "there.txt", overwrite=True)


def test_a_link_is_replaced_where_it_is_not_to_be_followed(tmp_path):
    (tmp_path / "real.txt").write_text("old")
    (tmp_path / "link.txt").symlink_to("real.txt")
    with replacing(tmp_path / "link.txt", follow=False) as file:
        file.write(b"new")
    assert (tmp_path / "real.txt").read_text() == "old"
    assert (tmp_path / "link.txt").read_text() == "new"
    assert not (tmp_path / "link.txt").is_symlink()


NOBODY = 2**22 + 1  # more than any process has as its number


def test_what_a_killed_process_left_is_removed_and_what_a_living_one_writes_is_not(tmp_path):
    path = tmp_path / "a[1].txt"
    others = [f".a[1].txt.{os.getppid()}.part", ".b.txt.1.part", f".a1.txt.{NOBODY}.part"]
    for name in (f".a[1].txt.{NOBODY}.part", *others):
        (tmp_path / name).touch()
    with replacing(path) as file:
        file.write(b"new")
    assert sorted(os.listdir(tmp_path)) == sorted([path.name, *others])
    (tmp_path / f".a[1].txt.{NOBODY}.part").touch()
    remove_parts(path)
    assert sorted(os.listdir(tmp_path)) == sorted([path.name, *others])


def refuse():
    raise InputError("in use")


def test_a_lock_is_held_by_one_at_a_time_and_leaves_nothing(tmp_path):
    lock = tmp_path / "new" / "lock"
    with locked(lock, refuse):
        with pytest.raises(InputError, match="in use"), locked(lock, refuse):
            pytest.fail("two have it")
        assert lock.exists()
    with pytest.raises(KeyError), locked(lock, refuse):
        raise KeyError
    with locked(lock, refuse):
        pass
    assert os.listdir(lock.parent) == []


def test_who_waits_for_a_lock_that_is_removed_takes_the_one_that_all_others_see(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "LOOK_SECONDS", 0)
    lock, first = tmp_path / "lock", locked(tmp_path / "lock", refuse)
    first.__enter__()
    waited = []

    def let_go():
        waited.append(True)
        first.__exit__(None, None, None)  # removes the file that the second has opened already

    with locked(lock, let_go):
        assert waited == [True]
        with pytest.raises(InputError, match="in use"), locked(lock, refuse):
            pytest.fail("two have it")


def test_the_lock_of_a_killed_process_is_free(tmp_path):
    code = (
        "import os, sys, pathlib; from fewlabels.core.files import locked\n"
        "with locked(pathlib.Path(sys.argv[1]), None): os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "lock")], timeout=60, check=False)
    assert (tmp_path / "lock").exists()
    with locked(tmp_path / "lock", refuse):
        pass
    assert not (tmp_path / "lock").exists()


def test_a_lock_that_cannot_be_made_is_told_in_one_line(tmp_path):
    (tmp_path / "file").touch()
    said = r"file: cannot be written \((Not a directory|File exists)\); choose another"
    with pytest.raises(InputError, match=said), locked(tmp_path / "file" / "lock", refuse):
        pytest.fail("locked")


def test_a_folder_in_the_place_of_a_file_is_called_one(tmp_path):
    with pytest.raises(InputError, match=r"is a folder, where a file of labels is to be; check the path"):
        require_file(tmp_path, "file of labels")
    with pytest.raises(InputError, match=r"none: no such file of labels; check the path"):
        require_file(tmp_path / "none", "file of labels")
