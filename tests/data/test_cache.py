"""Sources larger than memory become a mapped array in the cache: once, resumed, published whole."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from fewlabels.core import files
from fewlabels.core.errors import InputError
from fewlabels.data import cache as arrays_cache
from fewlabels.data import load
from fewlabels.data.cache import Source, converted

X = np.random.default_rng(0).integers(0, 256, (100, 1, 4, 5), dtype=np.uint8)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch) -> Path:
    """A cache of its own, blocks of ten images of 4 x 5, and no image few enough to stay in memory."""
    monkeypatch.setenv("FEWLABELS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(arrays_cache, "IN_MEMORY_BYTES", 100)
    monkeypatch.setattr(arrays_cache, "block_length", lambda shape: 10)
    monkeypatch.setattr(files, "LOOK_SECONDS", 0.01)
    return tmp_path / "cache" / "arrays"


class Reader:
    """Reads X, and counts; stops with an error before the block that begins at `fails_at`."""

    def __init__(self, x: np.ndarray = X, fails_at: int | None = None) -> None:
        self.x, self.fails_at, self.read = x, fails_at, []

    def __call__(self, spans):
        for span in spans:
            if span.start == self.fails_at:
                raise InputError("damaged")
            self.read.append((span.start, span.stop))
            yield self.x[span]

    def source(self, state: str = "first") -> Source:
        return Source("mine", "/mine", lambda: state, X.shape, self)


def test_a_conversion_is_mapped_read_only_and_made_once():
    reader, told = Reader(), []
    array = converted(reader.source(), lambda *how_far: told.append(how_far))
    assert isinstance(array, np.memmap)
    assert not array.flags.writeable
    np.testing.assert_array_equal(array, X)
    assert told == [(done, 100) for done in range(0, 101, 10)]
    np.testing.assert_array_equal(converted(reader.source()), X)
    assert reader.read == [(start, start + 10) for start in range(0, 100, 10)]


@pytest.mark.parametrize("torn", [0, 1, 19])
def test_what_was_interrupted_goes_on_and_repeats_nothing(cache, torn):
    with pytest.raises(InputError, match="damaged"):
        converted(Reader(fails_at=40).source())
    (part,) = cache.glob("*/*.part")
    with part.open("ab") as file:
        file.write(b"x" * torn)  # of an example that a kill has cut off
    reader = Reader()
    np.testing.assert_array_equal(converted(reader.source()), X)
    assert reader.read[0] == (40, 50)
    assert len(reader.read) == 6
    assert not list(cache.glob("*/*.part"))


@pytest.mark.parametrize("damage", [b"", b"junk", b"\x93NUMPY\x01\x00v\x00{"])
def test_a_damaged_beginning_or_array_is_made_anew(cache, damage):
    converted(Reader().source())
    (array,) = cache.glob("*/*.npy")
    array.with_suffix(".part").write_bytes(damage)
    array.write_bytes(damage)
    np.testing.assert_array_equal(converted(Reader().source()), X)


def test_a_changed_source_is_converted_anew_and_the_old_array_goes(cache):
    with pytest.raises(InputError, match="damaged"):
        converted(Reader(fails_at=40).source("first"))
    np.testing.assert_array_equal(converted(Reader(255 - X).source("second")), 255 - X)
    np.testing.assert_array_equal(converted(Reader(X // 2).source("third")), X // 2)
    assert sorted(path.name for path in cache.glob("*/*")) == ["third.npy"]


def test_a_source_that_changes_meanwhile_is_refused(cache):
    states = iter(["before", "after"])
    with pytest.raises(InputError, match="mine: changed while it was read; do the same again"):
        converted(Source("mine", "/mine", lambda: next(states), X.shape, Reader()))
    assert not list(cache.glob("*/*.npy"))


@pytest.mark.parametrize("coloured", [0, 1, 5, 9])
def test_the_first_block_in_colour_widens_all(coloured):
    colour = np.random.default_rng(1).integers(0, 256, (10, 3, 4, 5), dtype=np.uint8)

    def read(spans):
        for span in spans:
            yield colour if span.start == 10 * coloured else X[span]

    array = converted(Source("mine", "/mine", lambda: "state", X.shape, read))
    expected = np.repeat(X, 3, axis=1)
    expected[10 * coloured : 10 * coloured + 10] = colour
    np.testing.assert_array_equal(array, expected)


def test_two_at_once_share_the_work():
    gate, told, results = threading.Event(), [], []

    class Slow(Reader):
        def __call__(self, spans):
            for block in super().__call__(spans):
                yield block
                gate.wait(10)

    first, second = Slow(), Reader()
    threads = [
        threading.Thread(target=lambda: results.append(converted(first.source()))),
        threading.Thread(target=lambda: results.append(converted(second.source(), lambda *how: told.append(how)))),
    ]
    threads[0].start()
    while not first.read:
        time.sleep(0.01)
    threads[1].start()
    while (10, 100) not in told and (0, 100) not in told:  # it waits, and tells how far the first is
        time.sleep(0.01)
    gate.set()
    for thread in threads:
        thread.join(30)
    assert second.read == []
    assert len(results) == 2
    for array in results:
        np.testing.assert_array_equal(array, X)


def test_a_disk_that_will_be_full_is_said_before_any_work(monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: shutil._ntuple_diskusage(10**9, 10**9, 1999))
    reader = Reader()
    with pytest.raises(InputError, match=r"^mine: needs 0\.0 MiB in .*, where 0\.0 MiB are free; free some, or name"):
        converted(reader.source())
    assert reader.read == []


FULL = """
import resource, signal, sys
from pathlib import Path
import numpy as np
from fewlabels.data.cache import Source, converted

x = np.zeros((8, 1, 4096, 1024), np.uint8)
source = Source("mine", "/mine", lambda: "state", x.shape, lambda spans: (x[span] for span in spans))
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20 * 2**20, 20 * 2**20))
try:
    converted(source)
except Exception as error:
    print(type(error).__name__, error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit on the size of files")
def test_a_write_that_fails_is_one_clear_line_and_what_was_written_counts(cache):
    done = subprocess.run([sys.executable, "-c", FULL], capture_output=True, text=True, check=True)
    assert re.fullmatch(
        r"StorageError \S+\.part: cannot be written \(File too large\); free space, .*kept\n", done.stdout
    )
    (part,) = cache.glob("*/*.part")
    x = np.zeros((8, 1, 4096, 1024), np.uint8)
    read = []
    source = Source("mine", "/mine", lambda: "state", x.shape, lambda spans: (read.append(s) or x[s] for s in spans))
    assert converted(source).shape == x.shape
    assert read[0].start == 4  # 16 MB were written whole
    assert not part.exists()


def test_a_cache_that_cannot_be_made_is_one_clear_line(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("x")
    monkeypatch.setenv("FEWLABELS_CACHE", str(tmp_path / "file"))
    with pytest.raises(InputError, match=r"cannot be written \(.*\); free space, or name another folder"):
        converted(Reader().source())


def images(folder: Path, n: int = 60) -> Path:
    for i in range(n):
        path = folder / ("cat", "dog", "unlabelled")[i % 3] / f"{i:03}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        PIL.Image.fromarray(X[i, 0]).save(path)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("colour", [False, True])
def test_a_folder_beyond_memory_is_the_same_data_set(tmp_path, monkeypatch, colour):
    folder = images(tmp_path / "pets")
    if colour:
        PIL.Image.fromarray(np.full((4, 5, 3), [1, 2, 3], np.uint8)).save(folder / "dog" / "099.png")
    large = load(folder)
    monkeypatch.setattr(arrays_cache, "IN_MEMORY_BYTES", 10**6)
    small = load(folder)
    assert isinstance(large.x, np.memmap)
    assert not isinstance(small.x, np.memmap)
    assert large.x.shape == (60 + colour, 3 if colour else 1, 4, 5)
    assert large.fingerprint() == small.fingerprint()


@pytest.mark.slow
def test_a_touched_file_is_noticed(tmp_path):
    folder = images(tmp_path / "pets")
    before = load(folder).fingerprint()
    PIL.Image.fromarray(255 - X[0, 0]).save(folder / "cat" / "000.png")
    x = load(folder).x
    np.testing.assert_array_equal(x[0, 0], 255 - X[0, 0])
    assert load(folder).fingerprint() != before
    assert load(folder, size=8).x.shape == (60, 1, 8, 8)


@pytest.mark.slow
def test_the_first_file_that_cannot_be_read_is_named(tmp_path):
    folder = images(tmp_path / "pets")
    for name in ("unlabelled/002.png", "dog/031.png", "dog/028.png"):
        (folder / name).write_bytes(b"none")
    for _ in range(3):
        with pytest.raises(InputError, match=r"dog/028\.png: not a readable image, whatever its name says"):
            load(folder)
    PIL.Image.fromarray(np.zeros((9, 9), np.uint8)).save(folder / "dog" / "028.png")
    with pytest.raises(InputError, match=r"028\.png is 9x9, .*000\.png is 5x4 .*`size` resizes"):
        load(folder)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("shape", [(100, 4, 5), (100, 2, 10, 1), (100, 1, 4, 5)])
def test_an_archive_beyond_memory_is_the_same_data_set(tmp_path, monkeypatch, save, shape):
    save(tmp_path / "mine.npz", x=X.reshape(shape), y=np.arange(100) % 3)
    large = load(tmp_path / "mine.npz")
    assert isinstance(large.x, np.memmap)
    monkeypatch.setattr(arrays_cache, "IN_MEMORY_BYTES", 10**6)
    assert large.fingerprint() == load(tmp_path / "mine.npz").fingerprint()


KILLED = """
import sys, time
from fewlabels.data import cache as arrays_cache
from fewlabels.data import load
arrays_cache.IN_MEMORY_BYTES = 100
arrays_cache.block_length = lambda shape: 3

def tell(done, n):
    print(done, flush=True)
    if done == int(sys.argv[2]):
        time.sleep(60)

print("same", load(sys.argv[1], progress=tell).fingerprint())
"""


@pytest.mark.slow
def test_a_killed_process_is_gone_on_from(tmp_path, monkeypatch):
    """The script has no guard around its call, and is killed in the middle."""
    folder, script = images(tmp_path / "pets"), tmp_path / "script.py"
    script.write_text(KILLED)
    victim = subprocess.Popen([sys.executable, script, folder, "30"], stdout=subprocess.PIPE, text=True)
    for line in victim.stdout:
        if line == "30\n":
            break
    victim.kill()
    victim.communicate()
    again = subprocess.run([sys.executable, script, folder, "-1"], capture_output=True, text=True, check=True)
    *told, last = again.stdout.splitlines()
    assert told == [str(done) for done in range(30, 61, 3)]
    assert again.stderr == ""
    monkeypatch.setattr(arrays_cache, "IN_MEMORY_BYTES", 10**6)
    assert last == f"same {load(folder).fingerprint()}"
