from __future__ import annotations

import gzip
import hashlib
import re
import shutil
import struct
from pathlib import Path

import numpy as np
import pooch
import pytest

from fewlabels.core.errors import FewlabelsError, InputError
from fewlabels.core.files import cache_folder, data_folder, is_offline
from fewlabels.data import load_named
from fewlabels.data.readers import named

SHAPES = dict(zip(named.FILES, [(20, 28, 28), (20,), (10, 28, 28), (10,)], strict=True))


def idx_bytes(values: np.ndarray) -> bytes:
    header = bytes([0, 0, 8, values.ndim]) + struct.pack(f">{values.ndim}I", *values.shape)
    return header + values.astype(np.uint8).tobytes()


def contents() -> dict[str, bytes]:
    """Small stand-ins for the four files, as IDX bytes."""
    rng = np.random.default_rng(0)
    made = {}
    for file, shape in SHAPES.items():
        values = np.arange(shape[0]) % 10 if len(shape) == 1 else rng.integers(0, 256, shape)
        made[file] = idx_bytes(values)
    return made


@pytest.fixture(autouse=True)
def small_sets(monkeypatch, tmp_path):
    """Small sets of the same names, an empty cache, no data folder and no network."""

    def no_network(*args, **kwargs):
        raise AssertionError("a test reached for the network")

    hashes = tuple(hashlib.sha256(data).hexdigest() for data in contents().values())
    md5s = tuple(hashlib.md5(gzip.compress(data, mtime=0)).hexdigest() for data in contents().values())
    monkeypatch.setattr(named, "FILES", SHAPES)
    monkeypatch.setitem(named.IDX_SETS, "mnist", named.IdxSet("http://m/", tuple("0123456789"), hashes))
    monkeypatch.setitem(named.IDX_SETS, "kmnist", named.IdxSet("http://k/", tuple("abcdefghij"), (), md5s))
    monkeypatch.setattr(pooch, "retrieve", no_network)
    monkeypatch.setenv("FEWLABELS_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("FEWLABELS_DATA", raising=False)
    monkeypatch.delenv("FEWLABELS_OFFLINE", raising=False)


@pytest.fixture
def own(monkeypatch, tmp_path) -> Path:
    """A FEWLABELS_DATA folder with mnist/ and kmnist/ in it."""
    folder = tmp_path / "own"
    for name in ("mnist", "kmnist"):
        put(folder / name)
    monkeypatch.setenv("FEWLABELS_DATA", str(folder))
    return folder


def put(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for file, data in contents().items():
        (folder / file).write_bytes(gzip.compress(data, mtime=0))


def serve(monkeypatch, answers: dict[str, bytes]) -> list[str]:
    """Let pooch answer from memory; returns the list of addresses asked for."""
    asked = []

    def retrieve(url, known_hash, fname, path, progressbar):
        asked.append(url)
        file = url.rsplit("/", 1)[1]
        content = gzip.compress(answers[file], mtime=0)
        if known_hash and known_hash != f"md5:{hashlib.md5(content).hexdigest()}":
            raise ValueError("MD5 hash of downloaded file does not match\nthe known hash")
        (Path(path) / fname).write_bytes(content)
        return str(Path(path) / fname)

    monkeypatch.setattr(pooch, "retrieve", retrieve)
    return asked


def test_digits_are_the_bundled_ones():
    digits = load_named("digits")
    assert digits.x.shape == (1797, 1, 8, 8)
    assert digits.x.dtype == np.uint8
    assert (digits.x.min(), digits.x.max()) == (0, 255)
    np.testing.assert_array_equal(digits.x[0, 0, 0], [0, 0, 80, 207, 143, 16, 0, 0])  # 0 0 5 13 9 1 0 0
    assert digits.y[:6].tolist() == [0, 1, 2, 3, 4, 5]
    assert digits.classes == tuple("0123456789")
    assert digits.x_test is None


def test_reads_the_data_folder(own):
    for name in ("mnist", "kmnist"):
        dataset = load_named(name)
        assert dataset.name == name
        assert dataset.x.shape == (20, 1, 28, 28)
        assert dataset.x_test.shape == (10, 1, 28, 28)
        assert dataset.y.dtype == np.int64
        assert dataset.y.tolist() == [i % 10 for i in range(20)]
        assert dataset.x[3].tobytes() == contents()["train-images-idx3-ubyte.gz"][16 + 3 * 784 : 16 + 4 * 784]


def test_a_flipped_bit_is_caught_by_the_hash(own):
    path = own / "mnist" / "t10k-images-idx3-ubyte.gz"
    data = bytearray(gzip.decompress(path.read_bytes()))
    data[500] ^= 1
    path.write_bytes(gzip.compress(bytes(data)))
    with pytest.raises(InputError, match=r"t10k-images-idx3-ubyte.gz: the decompressed bytes have SHA-256 .*delete it"):
        load_named("mnist")


def test_kmnist_is_checked_for_its_structure(own):
    path = own / "kmnist" / "train-labels-idx1-ubyte.gz"
    path.write_bytes(gzip.compress(idx_bytes(np.arange(20))))
    with pytest.raises(InputError, match=r"train-labels-idx1-ubyte\.gz: has the label 19, kmnist has 0 to 9"):
        load_named("kmnist")
    path.write_bytes(gzip.compress(idx_bytes(np.zeros(19))))
    with pytest.raises(InputError, match=r"holds shape \(19,\), kmnist has \(20,\)"):
        load_named("kmnist")
    path.write_bytes(gzip.compress(idx_bytes(np.zeros(21))))
    with pytest.raises(InputError, match="decompresses to more than the 28 bytes allowed"):
        load_named("kmnist")


def test_a_partial_data_folder_is_not_passed_over(own):
    (own / "mnist" / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(InputError, match=r"mnist: t10k-labels-idx1-ubyte\.gz missing; FEWLABELS_DATA points here"):
        load_named("mnist")


def test_a_data_folder_without_the_set_leads_to_the_cache(own, tmp_path):
    shutil.move(own / "mnist", tmp_path / "cache" / "data" / "mnist")
    assert len(load_named("mnist").x) == 20


def test_offline_names_files_folder_and_variables(monkeypatch, tmp_path):
    monkeypatch.setenv("FEWLABELS_OFFLINE", "1")
    with pytest.raises(InputError, match="FEWLABELS_OFFLINE forbids the download") as caught:
        load_named("mnist")
    text = str(caught.value)
    assert all(file in text for file in SHAPES)
    assert str(tmp_path / "cache" / "data" / "mnist") in text
    assert "FEWLABELS_DATA (not set)" in text
    assert "\n" not in text
    monkeypatch.setenv("FEWLABELS_DATA", str(tmp_path / "mine"))
    with pytest.raises(InputError, match=re.escape(f"in {tmp_path / 'mine' / 'mnist'}, or")):
        load_named("mnist")


@pytest.mark.parametrize("name", ["mnist", "kmnist"])
def test_downloads_what_the_cache_lacks_once(monkeypatch, tmp_path, name):
    asked = serve(monkeypatch, contents())
    folder = tmp_path / "cache" / "data" / name
    put(folder)
    (folder / "t10k-labels-idx1-ubyte.gz").unlink()
    assert len(load_named(name).x) == 20
    assert asked == [named.IDX_SETS[name].url + "t10k-labels-idx1-ubyte.gz"]
    monkeypatch.setenv("FEWLABELS_OFFLINE", "1")
    assert len(load_named(name).x) == 20
    assert len(asked) == 1
    assert sorted(path.name for path in folder.iterdir()) == sorted(SHAPES)


@pytest.mark.parametrize("name", ["mnist", "kmnist"])
def test_a_wrong_download_is_deleted(monkeypatch, tmp_path, name):
    other = idx_bytes(np.ones((20, 28, 28)))
    serve(monkeypatch, contents() | {"train-images-idx3-ubyte.gz": other})
    with pytest.raises(FewlabelsError, match="failed its check and was deleted") as caught:
        load_named(name)
    assert not isinstance(caught.value, InputError)  # the network's fault, not the user's
    assert "\n" not in str(caught.value)
    assert list((tmp_path / "cache" / "data" / name).iterdir()) == []


def test_a_failed_download_says_what_to_do(monkeypatch):
    def refuse(*args, **kwargs):
        raise ConnectionError("no route\nto host")

    monkeypatch.setattr(pooch, "retrieve", refuse)
    with pytest.raises(FewlabelsError, match=r"http://m/train-images.*no route to host.*FEWLABELS_DATA"):
        load_named("mnist")


def test_unknown_name():
    with pytest.raises(InputError, match="known ones are digits, mnist, fashion-mnist, kmnist"):
        load_named("emnist")


def test_places_read_the_environment(monkeypatch, tmp_path):
    assert cache_folder() == tmp_path / "cache"
    assert data_folder() is None
    monkeypatch.delenv("FEWLABELS_CACHE")
    assert cache_folder().name == "fewlabels"
    for value, expected in {"1": True, "yes": True, "0": False, "": False, "false": False}.items():
        monkeypatch.setenv("FEWLABELS_OFFLINE", value)
        assert is_offline() is expected
