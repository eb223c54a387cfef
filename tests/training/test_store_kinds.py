"""The store keeps all there is to an encoder: critics, tied weights, phases, the strip; and tells all jobs apart."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from toy_training import examples

from fewlabels.networks import VARIANTS, Conv, Dense, state_hash
from fewlabels.objectives import (
    OBJECTIVES,
    AdversarialAutoencoder,
    Denoising,
    GenerativeAdversarial,
    MaskingNoise,
    Reconstruction,
    Variational,
)
from fewlabels.training import EncoderStore, History, Job, Layerwise, Pretrained, Recipe, build, store
from fewlabels.training.store import STRIP

RECIPE = Recipe(steps=9, batch_size=8, validate_every=2)
DATA = {"dataset": "abc", "pool": "def"}
DENSE = Dense(hidden=(4,), latent_dim=2)
CONV = Conv(channels=(3, 4), latent_dim=2)

JOBS = {
    "dense": Job(DENSE, Reconstruction(), RECIPE),
    "conv": Job(CONV, Denoising(), RECIPE),
    "critic": Job(DENSE, AdversarialAutoencoder(), RECIPE),
    "discriminator": Job(CONV, GenerativeAdversarial(), RECIPE),
    "two-numbers-a-code": Job(CONV, Variational(), RECIPE),
    "tied-dense": Job(replace(DENSE, tied=True), Reconstruction(), RECIPE),
    "tied-conv": Job(replace(CONV, tied=True), Reconstruction(), RECIPE),
    "greedy": Job(CONV, Reconstruction(), RECIPE, layerwise=Layerwise((AdversarialAutoencoder(), Denoising()))),
    "greedy-joint": Job(DENSE, AdversarialAutoencoder(), RECIPE, layerwise=Layerwise((Variational(),), joint=True)),
}
SHAPE = (1, 4, 5)
X, VALIDATION = examples(SHAPE), examples(SHAPE, seed=1)


def fetch(folder: Path, job: Job) -> Pretrained:
    return EncoderStore(folder).get_or_train(job, X, VALIDATION, DATA)


def told(history: History) -> dict[str, object]:
    return {name: value for name, value in vars(history).items() if name != "strip"}


@pytest.mark.slow
@pytest.mark.parametrize("kind", JOBS)
def test_everything_comes_back(tmp_path, monkeypatch, kind):
    job = JOBS[kind]
    first = fetch(tmp_path, job)
    monkeypatch.setattr(store, "train_stacked", None)
    second = fetch(tmp_path, job)
    assert (first.from_store, second.from_store) == (False, True)
    assert first.key == second.key
    assert state_hash(second.net) == state_hash(first.net)
    assert second.net.state_dict().keys() == build(job, SHAPE).without_heads().state_dict().keys()
    assert told(second.history) == told(first.history)
    assert list(second.history.phases) == list(first.history.phases)  # in their order
    assert len(second.history.phases) == (0 if job.layerwise is None else first.net.depth + job.layerwise.joint)
    assert second.history.strip.dtype == torch.float16
    assert second.history.strip.shape == (len(second.history.strip_step), 8, *SHAPE)
    assert torch.equal(second.history.strip, first.history.strip)
    assert not second.net.training


@pytest.mark.parametrize("kind", ["critic", "discriminator", "greedy-joint"])
def test_a_critic_is_left_behind_in_memory_as_on_the_disk(tmp_path, kind):
    assert len(build(JOBS[kind], SHAPE).heads) == 1
    for from_store in (False, True):
        found = fetch(tmp_path, JOBS[kind])
        assert (found.from_store, len(found.net.heads)) == (from_store, 0)
    (path,) = tmp_path.iterdir()
    with safe_open(path, framework="pt") as file:
        assert {name.partition(".")[0] for name in file.keys()} <= {"encoder", "decoder", STRIP}  # noqa: SIM118


@pytest.mark.parametrize("kind", ["tied-dense", "tied-conv"])
def test_tied_weights_are_kept_once_and_stay_tied(tmp_path, kind):
    fetch(tmp_path, JOBS[kind])
    net = fetch(tmp_path, JOBS[kind]).net
    assert not any(name.startswith("decoder") and name.endswith("weight") for name in net.state_dict())
    z = torch.ones(1, net.latent_dim)
    before = net.decode(z)
    with torch.no_grad():
        for parameter in net.encoder.parameters():
            parameter.mul_(2)
    assert not torch.allclose(net.decode(z), before)


def layout(content: bytes) -> tuple[dict, int]:
    """The header of a safetensors file, and where the tensors begin."""
    size = int.from_bytes(content[:8], "little")
    return json.loads(content[8 : 8 + size]), 8 + size


@pytest.mark.parametrize("place", [0, 0.25, 0.5, 0.999], ids=str)
def test_a_strip_with_a_flipped_bit_counts_as_missing(tmp_path, place):
    whole = fetch(tmp_path, JOBS["dense"])
    file = tmp_path / f"{whole.key}.safetensors"
    content = bytearray(file.read_bytes())
    header, begin = layout(content)
    first, last = header[STRIP]["data_offsets"]
    assert last - first == 2 * whole.history.strip.numel()
    content[begin + first + int(place * (last - first))] ^= 1
    file.write_bytes(content)
    again = fetch(tmp_path, JOBS["dense"])
    assert not again.from_store
    assert torch.equal(again.history.strip, whole.history.strip)
    assert fetch(tmp_path, JOBS["dense"]).from_store  # mended


@pytest.mark.parametrize(
    ("what", "instead"), [(STRIP, "strip of pictured"), ("strip_step", "strip_stop")], ids=["tensor", "steps"]
)
def test_a_strip_of_another_name_counts_as_missing(tmp_path, what, instead):
    whole = fetch(tmp_path, JOBS["dense"])
    file = tmp_path / f"{whole.key}.safetensors"
    content = file.read_bytes()
    assert what.encode() in content
    file.write_bytes(content.replace(what.encode(), instead.encode()))
    assert not fetch(tmp_path, JOBS["dense"]).from_store


def test_vectors_are_kept_without_a_strip(tmp_path):
    x = examples((5,))
    job = JOBS["greedy-joint"]
    found = [EncoderStore(tmp_path).get_or_train(job, x, x, DATA) for _ in range(2)]
    assert [pretrained.from_store for pretrained in found] == [False, True]
    assert found[0].history == found[1].history
    assert found[1].history.strip is None


def test_schedules_objectives_and_networks_have_keys_of_their_own():
    base = JOBS["conv"]
    schedules = [
        Layerwise(),
        Layerwise(joint=True),
        Layerwise((Denoising(), Denoising())),
        Layerwise((Denoising(), Denoising(MaskingNoise()))),
        Layerwise((Denoising(MaskingNoise()), Denoising())),
    ]
    jobs = [
        base,
        *(replace(base, layerwise=schedule) for schedule in schedules),
        *(replace(base, objective=objective) for objective in OBJECTIVES.values() if objective != base.objective),
        *(replace(base, network=variant(base.network, (1, 28, 28))) for variant in VARIANTS.values()),
    ]
    assert len({EncoderStore.key(job, DATA) for job in jobs}) == len(jobs) == len(set(jobs))
