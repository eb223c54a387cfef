"""From examples to an encoder: what is looked at, what is kept, and what cannot be done."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch

from fewlabels.core.errors import InputError
from fewlabels.data import fit_scaling
from fewlabels.networks import Conv, Dense, PooledConv, state_hash
from fewlabels.objectives import Affine, Contrastive, Denoising
from fewlabels.pipelines import pretrain as pretraining
from fewlabels.pipelines.pretrain import plan_pretraining, pretrain
from fewlabels.training import Examples, Numerics, train
from made_up_data import RECIPE, SMALL, blobs, encoder, shades, table


def wide(n):
    """[n, 1, 17, 17] uint8 images, which are pretrained by contrast."""
    return np.random.default_rng(0).integers(0, 256, (n, 1, 17, 17)).astype(np.uint8)


def state(model):
    return state_hash(model.module)


def test_neither_labels_nor_the_test_set_are_looked_at():
    data = blobs()
    other = replace(data, y=np.full_like(data.y, -1), classes=(), x_test=None, y_test=None)
    assert state(pretrain(data, "denoising", SMALL, RECIPE)) == state(pretrain(other, "denoising", SMALL, RECIPE))


def test_equal_seeds_give_equal_encoders_and_others_do_not():
    states = [state(pretrain(blobs(), "denoising", SMALL, RECIPE, seed=seed)) for seed in (1, 1, 2)]
    assert states[0] == states[1] != states[2]


def test_it_is_what_train_makes_of_the_shuffled_pool():
    planned = plan_pretraining(blobs(), "denoising", SMALL, RECIPE, seed=3)
    pool = blobs().x[np.random.default_rng(0).permutation(150)]
    scaling = fit_scaling(blobs().x)
    net, _ = train(planned.job, Examples(pool[15:], scaling), Examples(pool[:15], scaling))
    assert state_hash(planned.carry_out().module.net) == state_hash(net)


def test_a_pool_too_large_for_memory_gives_the_same(monkeypatch, tmp_path):
    monkeypatch.setenv("FEWLABELS_CACHE", str(tmp_path))
    whole = pretrain(shades(), "reconstruction", SMALL, RECIPE)
    monkeypatch.setattr(pretraining, "IN_MEMORY_BYTES", 1000)
    assert state(pretrain(shades(), "reconstruction", SMALL, RECIPE)) == state(whole)
    assert not list(tmp_path.glob("scratch-*"))


def test_what_a_killed_pretraining_left_in_the_cache_is_removed(monkeypatch, tmp_path):
    monkeypatch.setenv("FEWLABELS_CACHE", str(tmp_path))
    monkeypatch.setattr(pretraining, "IN_MEMORY_BYTES", 1000)
    ended = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
    for process in (int(ended.stdout), os.getpid()):
        (tmp_path / f"scratch-{process}-abc").mkdir()
    pretrain(shades(), "reconstruction", SMALL, RECIPE)
    assert [path.name for path in tmp_path.glob("scratch-*")] == [f"scratch-{os.getpid()}-abc"]


def test_arrays_and_names_are_data_too():
    data = blobs()
    alone = pretrain(data, "reconstruction", SMALL, RECIPE)
    assert state(pretrain(data.x, "reconstruction", SMALL, RECIPE)) == state(alone)
    assert repr(pretrain("digits", "reconstruction", SMALL, RECIPE)) == (
        "EncoderModel(4 codes of grey images of 8x8 pixels (uint8))"
    )


def test_codes_and_reconstructions_have_the_promised_forms():
    images = shades()
    model = encoder("shades")
    codes = model.embed(images.x)
    assert (codes.shape, codes.dtype) == ((90, 4), np.float32)
    again = model.decode(codes)
    assert again.shape == images.x.shape
    assert abs(again - images.x).mean() < abs(images.x.mean() - images.x).mean() / 2  # on the scale of grey levels


def test_rows_of_a_table_are_encoded_inside():
    model, rows = encoder("table"), table().x
    assert model.module.net.input_shape == (5,)  # a height, whether it is missing, three colours
    unknown = rows.copy()
    unknown[:, 1] = -1  # a category never seen: like none at all
    assert np.isfinite(model.embed(unknown)).all()
    assert abs(model.embed(unknown) - model.embed(rows)).max() > 1e-3


def test_centring_is_that_of_the_codes_of_the_pool():
    data = blobs(600, 0)
    model = pretrain(data, "reconstruction", SMALL, RECIPE)
    centred = model.centring.apply(model.embed(data.x))
    assert abs(centred.mean(axis=0)).max() < 0.1  # but for the examples that were held out
    assert 0.8 < centred.var(axis=0).mean() < 1.2


def test_facts_tell_data_and_training():
    planned = plan_pretraining(blobs(), "sparse/tied/greedy", steps=30)
    facts = planned.carry_out().facts
    assert facts["data"]["name"] == "blobs"
    assert facts["data"]["examples"] == 150
    assert facts["pretraining"]["objective"] == "sparse/tied/greedy"
    assert facts["pretraining"]["steps"] <= 30
    assert planned.job.network.tied
    assert planned.job.layerwise is not None


@pytest.mark.slow
def test_defaults_follow_the_data_and_steps_may_differ():
    job = plan_pretraining(shades(), "denoising").job
    assert isinstance(job.network, Dense)  # images of 16 pixels
    assert job.recipe.steps == 1000
    wide = replace(shades(), x=np.zeros((90, 1, 28, 28), np.uint8))
    assert isinstance(plan_pretraining(wide, "denoising").job.network, Conv)
    assert plan_pretraining(shades()).job.objective == Denoising()
    assert isinstance(plan_pretraining(wide).job.network, PooledConv)
    assert plan_pretraining(wide).job.objective == Contrastive()
    assert plan_pretraining(wide, steps=7).job.recipe.steps == 7


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"objective": "denoisin"}, "objective 'denoisin' is unknown; allowed are .*; did you mean 'denoising'?"),
        ({"objective": "random"}, "objective 'random' is unknown; allowed are reconstruction"),
        ({"network": "huge"}, "`network` is 'huge'; allowed are default, linear"),
        ({"network": Dense((200_000,), 2000)}, "has 802,802,006 parameters .* allowed are 200,000,000"),
        ({"network": Conv()}, "Conv"),
        (
            {"objective": Contrastive(view=Affine())},
            r"^Affine needs images \(channels, height, width\), got .* \(6,\);",
        ),
        ({"objective": "variational-bernoulli"}, "0 to 1|0\\.\\.1"),
        ({"device": "tpu"}, "`device` is 'tpu'; allowed are auto, cpu, cuda, mps"),
        ({"precision": "half"}, "`precision` is 'half'"),
    ],
)
def test_what_cannot_be_done_is_refused_before_any_training(options, message, monkeypatch):
    monkeypatch.setattr(pretraining, "train", lambda *_: pytest.fail("trained"))
    with pytest.raises(InputError, match=message) as caught:
        pretrain(blobs(), **options)
    assert "\n" not in str(caught.value)


def test_one_example_is_refused_and_two_are_enough():
    few = Dense((3,), 2)
    data = replace(blobs(), x=blobs().x[:2], y=blobs().y[:2])
    assert pretrain(data, "reconstruction", few, RECIPE).embed(data.x).shape == (2, 2)
    with pytest.raises(InputError, match="blobs: holds one example; pretraining needs 2 or more"):
        pretrain(replace(data, x=data.x[:1], y=data.y[:1]))


@pytest.mark.parametrize(
    ("examples", "held_out"), [(1, 0), (2, 1), (3, 1), (4, 2), (19, 2), (29, 2), (30, 3), (90, 9), (20_000, 1000)]
)
def test_a_tenth_is_held_out_and_two_examples_where_two_are_left(examples, held_out):
    pool = np.zeros((examples, 1), np.uint8)
    parts = pretraining.split(pool, fit_scaling(pool), Numerics())
    assert tuple(map(len, parts)) == (examples - held_out, held_out)


@pytest.mark.parametrize("examples", [4, 19])
def test_examples_are_compared_with_each_other_in_small_pools_too(examples):
    x = wide(examples)
    facts = pretrain(x, steps=2, precision="float32", memory_format="contiguous").facts["pretraining"]
    assert facts["objective"] == "contrastive"
    assert np.isfinite(facts["validation_loss"])


@pytest.mark.parametrize("objective", [None, "vicreg", Contrastive()])
@pytest.mark.parametrize("examples", [2, 3])
def test_too_few_examples_to_compare_are_refused_before_any_training(objective, examples, monkeypatch):
    monkeypatch.setattr(pretraining, "train", lambda *_: pytest.fail("trained"))
    says = f"compares examples with each other: it needs 4 or more without labels, .* and has {examples}; give more"
    with pytest.raises(InputError, match=says):
        pretrain(wide(examples), objective)


def test_the_global_generator_is_left_alone():
    torch.manual_seed(0)
    before = torch.get_rng_state()
    pretrain(blobs(), "denoising", SMALL, RECIPE)
    assert torch.equal(torch.get_rng_state(), before)
