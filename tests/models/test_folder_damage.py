"""Model folders under attack: each kind of damage is refused in one clear line that names the file."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from damage import bytes_of, claim, entry, header, put, raw_weights, tensor, tensors, text

from fewlabels.core.errors import InputError
from fewlabels.data import Signature
from fewlabels.models import load_classifier, load_encoder, load_model, save_model
from fewlabels.models.folder import CONFIG, WEIGHTS
from fewlabels.models.modules import EncoderNet
from fewlabels.networks import Conv
from made_up_models import answers_of, centre, classifier_model, encoder_model

KINDS = {
    "codes": lambda: classifier_model("codes of dense-vectors"),
    "residual": lambda: classifier_model("codes of residual"),
    "conv": lambda: classifier_model("mlp"),
    "table": lambda: classifier_model("mlp of table"),
    "pca": lambda: classifier_model("pca"),
    "cnn": lambda: classifier_model("cnn"),
    "encoder": lambda: encoder_model("dense-vectors"),
}


@pytest.fixture(scope="module")
def intact(tmp_path_factory):
    """A folder of each kind, not to be touched."""
    root = tmp_path_factory.mktemp("intact")
    for name, make in KINDS.items():
        save_model(make(), root / name)
    return root


def nested(depth):
    return lambda old: '{"format": ' + "[" * depth + "]" * depth + "}"


def fifo(folder):
    (folder / CONFIG).unlink()
    os.mkfifo(folder / CONFIG)


def directory(folder):
    (folder / WEIGHTS).unlink()
    (folder / WEIGHTS).mkdir()


def link_to_itself(folder):
    (folder / CONFIG).unlink()
    (folder / CONFIG).symlink_to(folder / CONFIG)


def sparse(folder):
    os.truncate(folder / WEIGHTS, 2**40)


def of_another_seed(folder):
    save_model(classifier_model("codes of dense-vectors", seed=1), folder / "other")
    (folder / "other" / WEIGHTS).replace(folder / WEIGHTS)


def overlap(values):
    first, second = [name for name, told in values.items() if told["dtype"] == "F32" and told["shape"] == [4]][:2]
    values[first]["data_offsets"] = values[second]["data_offsets"]


DENSE = "features.network"
CLAIMED = "its config asks for"
NO_CONFIG, NO_NETWORK = "is no config of a model", "asks for a network that cannot be built"
VALUES = "has values that it cannot have"
DAMAGES = {
    # accidents
    "config missing": ("codes", lambda folder: (folder / CONFIG).unlink(), "holds no config.json, so no model"),
    "config empty": ("codes", bytes_of(CONFIG, lambda old: b""), NO_CONFIG),
    "config a byte short": ("codes", bytes_of(CONFIG, lambda old: old[:-1]), NO_CONFIG),
    "config a byte longer": ("codes", bytes_of(CONFIG, lambda old: old + b"\0"), NO_CONFIG),
    "config not UTF-8": ("codes", bytes_of(CONFIG, lambda old: old.decode().encode("latin-1")), NO_CONFIG),
    "config a list": ("codes", bytes_of(CONFIG, lambda old: b"[]"), "not a JSON object"),
    "config edited": ("codes", text(lambda old: old.replace('"dog"', '"cow"')), "its checksum does not fit"),
    "facts edited": ("codes", text(lambda old: old.replace("0.853", "0.953")), "its checksum does not fit"),
    "checksum missing": ("codes", text(lambda old: old.replace("checksum", "check")), "its checksum does not fit"),
    "config of another program": ("codes", bytes_of(CONFIG, lambda old: b'{"model_type": "bert"}'), NO_CONFIG),
    "weights missing": ("codes", lambda folder: (folder / WEIGHTS).unlink(), "cannot be read (No such file"),
    "weights empty": ("codes", bytes_of(WEIGHTS, lambda old: b""), "has 0 bytes, its config says"),
    "weights a byte short": ("codes", bytes_of(WEIGHTS, lambda old: old[:-1]), "bytes, its config says"),
    "weights a byte longer": ("codes", bytes_of(WEIGHTS, lambda old: old + b"\0"), "bytes, at most"),
    "a bit of a weight": ("codes", bytes_of(WEIGHTS, lambda old: old[:-1] + bytes([old[-1] ^ 1])), "was changed"),
    "weights of another model of equal shapes": ("codes", of_another_seed, "was changed or damaged"),
    # what is no file
    "config a FIFO": ("codes", fifo, "is no regular file"),
    "config a link to itself": ("codes", link_to_itself, "cannot be read (Too many levels"),
    "weights a folder": ("codes", directory, "is no regular file"),
    "weights of a terabyte": ("codes", sparse, "has 1,099,511,627,776 bytes, at most"),
    "config of a terabyte": ("codes", lambda folder: os.truncate(folder / CONFIG, 2**40), "at most 16,777,216"),
    # JSON that an author meant ill
    "nested 100,000 deep": ("codes", text(nested(100_000)), NO_CONFIG),
    "nested 500 deep": ("codes", put("facts", {"data": {"x": json.loads("[" * 500 + "]" * 500)}}), NO_CONFIG),
    "a name twice": ("codes", text(lambda old: old.replace("{", '{"kind": "encoder",', 1)), "a name is given twice"),
    "NaN": ("codes", text(lambda old: old.replace("0.853", "NaN")), "it holds NaN"),
    "an endless number": ("codes", text(lambda old: old.replace("0.853", "9" * 10_000)), NO_CONFIG),
    "an infinite number": ("codes", text(lambda old: old.replace("0.853", "1e999")), NO_CONFIG),
    "half a character": ("codes", put("facts", {"data": {"name": "\ud800"}}), NO_CONFIG),
    # claims that do not fit together
    "a later version": ("codes", put("version", 3), "is of format version 3, this fewlabels reads 2; install a newer"),
    "an earlier version": ("codes", put("version", 0), NO_CONFIG),
    "true for a version": ("codes", put("version", True), NO_CONFIG),
    "a text for a number": ("pca", put("features.components", "3"), "features.pca.components"),
    "an unknown setting": ("codes", put("dropout", 0.5), "dropout: Extra"),
    "an unknown setting of the signature": ("codes", put("signature.mean", 0.5), "signature has no 'mean'"),
    "an unknown setting of a column": (
        "table",
        claim(lambda values: values["signature"]["columns"][0].update(unit="years")),
        "a column has no 'unit'",
    ),
    "a name with a line break": ("codes", put("a\nb\x1b[2J", 1), r"a b\x1b[2J: Extra"),
    "a classifier called encoder": ("codes", put("kind", "encoder"), "an encoder has codes and a job"),
    "an encoder called classifier": ("encoder", put("kind", "classifier"), "a classifier has no job"),
    "a class too few": ("codes", put("classes", ["cat", "dog"]), "'head.bias' is float32 of shape (3,), its config"),
    "a class twice": ("codes", put("classes", ["cat", "dog", "cat"]), "fewer than two, or not distinct"),
    "a class that clears the screen": ("codes", put("classes", ["a", "b", "\x1b[2J"]), "has control characters"),
    "facts of another form": ("codes", put("facts", {"data": []}), "facts.data"),
    "another code width": ("codes", put("features.objective", {"kind": "Variational"}), CLAIMED),
    "an objective that is none": ("codes", put("features.objective", {"kind": "GaussianNoise"}), "is no objective"),
    "an unknown network": ("codes", put(f"{DENSE}.kind", "os.system"), "unknown kind 'os.system'"),
    "a convolution of vectors": ("codes", put(DENSE, {"kind": "Conv"}), "Conv needs images"),
    "the CNN of vectors": (
        "codes",
        claim(lambda values: values.update(features={"kind": "whole", "control": "cnn"}, head=None)),
        "the small CNN needs images",
    ),
    "more labels than there are": ("codes", put("labelled", 10), "'seen' is uint8 of shape (9, 16)"),
    "another side": ("cnn", put("signature.shape", [3, 12, 8]), "'features.8.weight' is float32 of shape (3, 20)"),
    "numbers for bytes": ("conv", put("signature.dtype", "float32"), f"shape (1, 1, 1), {CLAIMED} float32 of shape (3"),
    "bytes for numbers": ("codes", put("signature.dtype", "uint8"), f"shape (6,), {CLAIMED} float32 of shape (1,)"),
    "bytes for a table": ("table", put("signature.dtype", "uint8"), "signature.dtype do not fit together"),
    "a column too few": ("table", claim(lambda values: values["signature"]["columns"].pop()), "do not fit together"),
    "a category twice": (
        "table",
        claim(lambda values: values["signature"]["columns"][3].update(categories=["Bonn", "Bonn"])),
        "not distinct",
    ),
    "a category too few": (
        "table",
        claim(lambda values: values["signature"]["columns"][3].update(categories=["Bonn"])),
        f"'prepare.encode.given' {VALUES}",
    ),
    "numbers for categories": (
        "table",
        claim(lambda values: values["signature"]["columns"][3].update(categories=None)),
        f"'prepare.encode.role' {VALUES}",
    ),
    # claims that would take memory or time
    "a width of 2^24": ("codes", put(f"{DENSE}.latent_dim", 2**24), "says its config, whose network takes"),
    "a width of 10^30": ("codes", put(f"{DENSE}.latent_dim", 10**30), NO_NETWORK),
    "100,000 layers": ("codes", put(f"{DENSE}.hidden", [1] * 10**5), "its network has 100,001 layers"),
    "a billion blocks": ("residual", put(f"{DENSE}.blocks", 10**9), "layers; allowed are 1,000"),
    "a kernel of a billion": ("conv", put(f"{DENSE}.kernel", 10**9), NO_NETWORK),
    "true for a padding": ("conv", put(f"{DENSE}.padding", True), NO_NETWORK),
    "sides of 2^24": ("cnn", put("signature.shape", [2**24] * 3), "whose network takes 1,055,534,"),
    "a side below one": ("cnn", put("signature.shape", [3, 9, 0]), "allowed are (D,) and (C, H, W)"),
    "an encoding of 2^24": ("table", put("encoded", 2**24), "says its config, whose network takes"),
    "hidden units below one": ("conv", put("head.hidden", -7), "head.hidden"),
    "a file of exabytes": ("codes", put("weights.bytes", 2**62), "weights.bytes"),
    "a file of four gigabytes": ("codes", put("weights.bytes", 2**32), "is of 4,294,967,296 bytes, says its config"),
    # weights that an author meant ill
    "no safetensors": ("codes", raw_weights(lambda old: b"\x80\x04." + old[3:]), "is no file of weights"),
    "tensors that overlap": ("codes", header(overlap), "is no file of weights"),
    "a tensor missing": ("codes", tensors(lambda found: found.pop("head.bias")), "lacks 'head.bias'"),
    "the digests missing": ("codes", tensors(lambda found: found.pop("seen")), "lacks 'seen'"),
    "a tensor too many": ("codes", tensors(lambda found: found.update(a=torch.ones(1))), "holds 'a'"),
    "digests in an encoder": ("encoder", tensors(lambda found: found.update(seen=torch.ones(1))), "holds 'seen'"),
    "a shift that broadcasts": ("codes", tensor("prepare.shift", lambda old: old[:1]), f"shape (1,), {CLAIMED}"),
    "a centre of shape (1,)": ("codes", tensor("centre.scale", lambda old: old.view(1)), f"shape (1,), {CLAIMED}"),
    "weights of another type": ("codes", tensor("head.weight", lambda old: old.half()), "'head.weight' is float16"),
    "bits of another type": ("codes", header(lambda told: told["head.bias"].update(dtype="I32")), "is int32 of shape"),
    "a weight that is NaN": ("codes", entry("head.weight", 0, np.nan), "has NaN or infinite values"),
    "a mean that is infinite": ("codes", entry("centre.mean", 0, np.inf), "has NaN or infinite values"),
    "a negative temperature": ("codes", entry("temperature", 0, -1), f"'temperature' {VALUES}"),
    "a temperature of 1e-45": ("codes", entry("temperature", 0, 1e-45), f"'temperature' {VALUES}"),
    "a scale of zero": ("codes", entry("prepare.scale", 2, 0), f"'prepare.scale' {VALUES}"),
    "a negative scale of codes": ("codes", entry("centre.scale", 0, -1), f"'centre.scale' {VALUES}"),
    "a column out of range": ("table", entry("prepare.encode.source", 0, 4), f"'prepare.encode.source' {VALUES}"),
    "a column below zero": ("table", entry("prepare.encode.source", 0, -1), f"'prepare.encode.source' {VALUES}"),
    "an unknown role": ("table", entry("prepare.encode.role", 0, 3), f"'prepare.encode.role' {VALUES}"),
    "an unknown category": ("table", entry("prepare.encode.given", 2, 3), f"'prepare.encode.given' {VALUES}"),
    "half a category": ("table", entry("prepare.encode.given", 2, 0.5), f"'prepare.encode.given' {VALUES}"),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", DAMAGES)
def test_damage_is_refused_in_one_line_that_names_the_file(name, intact, tmp_path):
    kind, damage, words = DAMAGES[name]
    folder = tmp_path / "model"
    shutil.copytree(intact / kind, folder)
    damage(folder)
    with pytest.raises(InputError) as caught:
        load_model(folder)
    found = str(caught.value)
    assert words in found
    assert found.startswith(str(folder))
    assert found.isprintable()
    assert len(found.removeprefix(str(folder))) < 300
    assert found.count(";") >= 1  # what to do next


def unchanged(folder):
    return np.array_equal(answers_of(load_model(folder)), answers_of(KINDS["codes"]()))


@pytest.mark.parametrize(
    "change",
    [
        bytes_of(CONFIG, lambda old: old.replace(b"\n", b"\r\n")),
        bytes_of(CONFIG, lambda old: b"\xef\xbb\xbf" + old),
        bytes_of(CONFIG, lambda old: old.decode().encode("utf-16")),
        bytes_of(CONFIG, lambda old: json.dumps(dict(reversed(json.loads(old).items()))).encode()),
        lambda folder: (folder / "README.md").write_bytes(b"\xff"),
        lambda folder: (folder / "notes.txt").write_text("mine"),
    ],
    ids=["CRLF", "BOM", "UTF-16", "order", "card", "another file"],
)
def test_what_changes_no_meaning_changes_no_prediction(change, intact, tmp_path):
    shutil.copytree(intact / "codes", tmp_path / "model")
    change(tmp_path / "model")
    assert unchanged(tmp_path / "model")


def test_links_to_the_files_are_followed_as_hubs_store_them(intact, tmp_path):
    for entry_ in (intact / "codes").iterdir():
        (tmp_path / entry_.name).symlink_to(entry_)
    assert unchanged(tmp_path)


def test_a_folder_of_the_other_kind_or_none_is_named(intact, tmp_path):
    (tmp_path / "empty").mkdir()
    for load, folder, words in (
        (load_encoder, intact / "codes", "holds a classifier, needed is an encoder"),
        (load_classifier, intact / "encoder", "holds an encoder, needed is a classifier"),
        (load_model, tmp_path / "none", "no such folder"),
        (load_model, intact / "codes" / CONFIG, "is a file, and no folder; name the folder of a model"),
        (load_model, tmp_path / "empty", "holds no config.json"),
        (load_model, Path("a\0b"), "no such folder"),
    ):
        with pytest.raises(InputError, match=words):
            load(folder)


def test_a_file_that_may_not_be_read_is_named(intact, monkeypatch):
    def denied(self, *args, **options):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", denied)
    with pytest.raises(InputError, match=r"config\.json: cannot be read \(Permission denied\)"):
        load_model(intact / "codes")


LIMITED = """
import resource, sys
from fewlabels.core.errors import InputError
from fewlabels.data import Signature
from fewlabels.models import load_model
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for folder in sys.argv[1:]:
    try:
        load_model(folder)
    except InputError:
        continue
    raise SystemExit(f"{folder} was read")
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.slow
def test_no_memory_is_taken_for_what_is_only_claimed(intact, tmp_path):
    names = [
        "a width of 2^24",
        "a billion blocks",
        "sides of 2^24",
        "an encoding of 2^24",
        "a file of four gigabytes",
        "weights of a terabyte",
    ]
    for name in names:
        kind, damage, _ = DAMAGES[name]
        shutil.copytree(intact / kind, tmp_path / name)
        damage(tmp_path / name)
    arguments = [sys.executable, "-c", LIMITED, *(str(tmp_path / name) for name in names)]
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=120, check=True)
    assert int(done.stdout) < 64 * 1024  # KiB


def test_an_image_of_terabytes_is_only_claimed(tmp_path):
    network, signature = Conv((1,) * 20, latent_dim=1), Signature((1, 2**20, 2**20), "uint8")
    small = encoder_model("conv")
    module = EncoderNet(small.module.prepare, network.build(signature.shape), small.objective, centre(1))
    save_model(replace(small, module=module, signature=signature, network=network), tmp_path)
    assert load_encoder(tmp_path).signature == signature
