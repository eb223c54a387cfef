"""What the record of an encoder shows: its error, its pictures, and how a linear one stands to PCA."""

import base64
import json
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from torch import nn

from fewlabels.data import Scaling, fit_scaling
from fewlabels.networks import Autoencoder, Conv, Dense
from fewlabels.networks.autoencoder import Stage
from fewlabels.objectives import (
    OBJECTIVES,
    Denoising,
    Flip,
    GenerativeAdversarial,
    Masked,
    MaskingNoise,
    Reconstruction,
    TwoViews,
)
from fewlabels.report.images import galleries
from fewlabels.study import encoder_record
from fewlabels.training import Examples, History, Job, Layerwise, Recipe, build, train

SHAPE = (1, 4, 6)
NONE = History()


@dataclass
class Data:
    """As much of a study's data as encoder_record needs."""

    unlabelled: Examples
    validation: Examples

    @property
    def shape(self):
        return self.unlabelled.shape


def images(n, shape=SHAPE, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (n, *shape), dtype=np.uint8)


def data_of(unlabelled, validation):
    scaling = fit_scaling(unlabelled)
    return Data(Examples(unlabelled, scaling), Examples(validation, scaling))


DATA = data_of(images(60), images(12, seed=1))


class Shift(nn.Module):
    def forward(self, x):
        return x + 0.25


def copying(shape, after=None):
    """An autoencoder whose code is the input, and which gives it back, or what `after` makes of it."""
    up = [nn.Unflatten(1, shape), *([after] if after is not None else [])]
    return Autoencoder([Stage([nn.Flatten()], up, (int(np.prod(shape)),))], shape)


def built(objective, network=None, shape=SHAPE, layerwise=None):
    network = network or Dense(hidden=(6,), latent_dim=3)
    return build(Job(network, objective, Recipe(), 0, layerwise), shape).eval()


def pixels(encoded):
    return np.stack([np.frombuffer(base64.b64decode(image), np.uint8).reshape(SHAPE) for image in encoded])


class TestError:
    def test_of_a_network_that_gives_back_its_input_it_is_0(self):
        assert encoder_record.error(copying(SHAPE), Reconstruction(), DATA) == {"training": 0, "validation": 0}

    def test_it_is_the_mean_square_of_every_number(self):
        error = encoder_record.error(copying(SHAPE, Shift()), Reconstruction(), DATA)
        assert error == pytest.approx({"training": 0.0625, "validation": 0.0625})

    def test_it_is_of_clean_examples_whatever_the_network_was_trained_for(self):
        for objective in (Denoising(), Masked(patch=2)):
            assert encoder_record.error(copying(SHAPE), objective, DATA) == {"training": 0, "validation": 0}

    def test_as_many_are_measured_of_those_seen_in_training_as_held_out_of_it(self):
        """Of the last 48 pool images, all black, none is measured."""
        pool = images(60)
        pool[12:] = 0
        data = Data(Examples(pool, DATA.validation.scaling), DATA.validation)
        net = built(Reconstruction())
        with torch.no_grad():
            first = data.unlabelled.batch(slice(0, 12))
            expected = (net.decode(net.encode(first)) - first).square().mean().item()
        assert encoder_record.error(net, Reconstruction(), data)["training"] == pytest.approx(expected)
        few = Data(DATA.unlabelled.first(5), DATA.validation)
        everything = encoder_record.reconstruction_error(net, Reconstruction(), DATA.unlabelled.first(5))
        assert encoder_record.error(net, Reconstruction(), few)["training"] == everything

    def test_more_than_one_batch_is_measured_as_one(self):
        x = Examples(images(1500), DATA.unlabelled.scaling)
        net = built(Reconstruction())
        with torch.no_grad():
            everything = x.batch(slice(None))
            expected = (net.decode(net.encode(everything)) - everything).square().mean().item()
        assert encoder_record.reconstruction_error(net, Reconstruction(), x) == pytest.approx(expected, rel=1e-6)

    def test_what_makes_samples_has_none(self):
        shown = encoder_record.encoder_record(built(GenerativeAdversarial()), GenerativeAdversarial(), NONE, DATA)
        assert shown["error"] is None


class TestPictures:
    def test_originals_are_the_first_of_validation(self):
        shown = encoder_record.pictures(copying(SHAPE), Reconstruction(), NONE, DATA)
        assert shown["shape"] == list(SHAPE)
        original = pixels(shown["original"])
        expected = images(12, seed=1)[:8].astype(float)
        low, high = expected.min(), expected.max()
        np.testing.assert_array_equal(original, np.rint((expected - low) / (high - low) * 255).astype(np.uint8))
        assert shown["reconstructed"] == shown["original"]
        assert shown["input"] is None  # as there is none besides
        assert shown["shows"] == "reconstructions"
        assert shown["strip"] == {"step": [], "frames": []}

    def test_a_corrupted_input_is_shown_as_the_network_saw_it(self):
        objective = Denoising(MaskingNoise(0.5))
        shown = encoder_record.pictures(copying(SHAPE), objective, NONE, DATA)
        seen, original = pixels(shown["input"]), pixels(shown["original"])
        hidden = seen == 0
        assert 0.3 < hidden.mean() < 0.7
        assert (seen[~hidden] == original[~hidden]).all()
        assert shown["reconstructed"] == shown["input"]  # this network copies what it is given
        assert encoder_record.pictures(copying(SHAPE), objective, NONE, DATA) == shown

    def test_brightness_is_that_of_the_originals_and_what_lies_beyond_is_cut(self):
        original = pixels(encoder_record.pictures(copying(SHAPE), Reconstruction(), NONE, DATA)["original"])
        shifted = pixels(
            encoder_record.pictures(copying(SHAPE, Shift()), Reconstruction(), NONE, DATA)["reconstructed"]
        )
        assert shifted.max() == 255
        middle = original < 150
        assert np.abs(shifted[middle].astype(int) - original[middle] - 64).max() <= 2

    def test_standardised_images_are_shown_from_their_darkest_to_their_brightest(self):
        x = np.random.default_rng(0).normal(5, 3, (40, *SHAPE)).astype(np.float32)
        original = pixels(
            encoder_record.pictures(copying(SHAPE), Reconstruction(), NONE, data_of(x, x[:9]))["original"]
        )
        assert (original.min(), original.max()) == (0, 255)

    def test_images_all_alike_are_no_error(self):
        x = np.full((20, *SHAPE), 7, np.uint8)
        assert not pixels(
            encoder_record.pictures(copying(SHAPE), Reconstruction(), NONE, data_of(x, x))["original"]
        ).any()

    def test_a_generator_shows_samples(self):
        gan = GenerativeAdversarial()
        net = built(gan)
        shown = encoder_record.pictures(net, gan, NONE, DATA)
        assert (shown["shows"], shown["input"]) == ("samples", None)
        other = Data(DATA.unlabelled, Examples(255 - images(12, seed=1), DATA.validation.scaling))
        with torch.no_grad():
            z = torch.randn((8, 3), generator=torch.Generator().manual_seed(0))
            samples = net.decode(z).numpy()
        low, high = (f(images(12, seed=1)[:8]) / 255 for f in (np.min, np.max))
        expected = ((samples - low) / (high - low) * 255).round().clip(0, 255)
        assert np.abs(pixels(shown["reconstructed"]) - expected).max() <= 1
        assert encoder_record.pictures(net, gan, NONE, other)["original"] != shown["original"]

    @pytest.mark.parametrize(
        "objective", [Reconstruction(), Denoising(), GenerativeAdversarial()], ids=lambda o: type(o).__name__
    )
    @pytest.mark.parametrize("layerwise", [None, Layerwise()], ids=["one", "greedy"])
    def test_the_strip_begins_untrained_and_ends_with_the_reconstructions(self, objective, layerwise):
        recipe = Recipe(steps=6, batch_size=8)
        job = Job(Dense(hidden=(6,), latent_dim=3), objective, recipe, layerwise=layerwise)
        net, history = train(job, DATA.unlabelled, DATA.validation)
        shown = encoder_record.pictures(net, objective, history, DATA)
        strip = shown["strip"]
        assert strip["step"] == history.strip_step == [0, 1, 3, 6]
        assert [len(frame) for frame in strip["frames"]] == [8] * 4
        rounding = 2  # frames are kept in half precision
        gap = np.abs(pixels(strip["frames"][-1]).astype(int) - pixels(shown["reconstructed"]))
        assert gap.max() <= rounding
        assert strip["frames"][0] != strip["frames"][-1]

    def test_frames_become_bytes_in_the_order_of_the_image(self):
        ramp = torch.linspace(0, 1, 24).reshape(SHAPE)
        frames = torch.stack([ramp.expand(8, *SHAPE), ramp.flip(2).expand(8, *SHAPE)]).half()
        x = images(8)
        x.reshape(8, -1)[:, :2] = (0, 255)  # so that brightness is what it is
        history = History(strip_step=[0, 3], strip=frames)
        shown = encoder_record.pictures(copying(SHAPE), Reconstruction(), history, data_of(images(20), x))
        expected = np.linspace(0, 255, 24).reshape(SHAPE)
        for frame, image in zip(shown["strip"]["frames"], (expected, expected[..., ::-1]), strict=True):
            assert np.abs(pixels(frame) - image).max() <= 0.6  # half a step, and half precision
        assert shown["strip"]["step"] == [0, 3]

    def test_colours_come_channel_by_channel(self):
        x = images(10, (3, 4, 2))
        x.reshape(10, -1)[:, :2] = (0, 255)
        shown = encoder_record.pictures(copying((3, 4, 2)), Reconstruction(), NONE, data_of(images(10, (3, 4, 2)), x))
        assert np.frombuffer(base64.b64decode(shown["original"][3]), np.uint8).tolist() == x[3].ravel().tolist()


class TestAlignment:
    def aligned(self, network, objective=None, data=DATA):
        objective = objective or Reconstruction()
        shape = data.unlabelled.shape
        return encoder_record.alignment(built(objective, network, shape), objective, data)

    @pytest.mark.parametrize("tied", [False, True], ids=["free", "tied"])
    def test_a_linear_autoencoder_has_one(self, tied):
        found = self.aligned(Dense(hidden=(), latent_dim=3, tied=tied))
        assert len(found["angles"]) == len(found["directions"]) == len(found["components"]) == 3
        assert found["error"] > found["pca_error"] > 0
        assert found["shape"] == list(SHAPE)
        assert found["angles"][-1] > 10  # as it is untrained

    def test_principal_components_themselves_are_aligned(self):
        x = images(60).reshape(60, -1) / 255
        components = np.linalg.svd(x - x.mean(0), full_matrices=False)[2][:3]
        net = built(Reconstruction(), Dense(hidden=(), latent_dim=3))
        with torch.no_grad():
            net.encoder[1].weight.copy_(torch.tensor(components))
            net.encoder[1].bias.copy_(torch.tensor(-components @ x.mean(0)))
            net.decoder[0].weight.copy_(torch.tensor(components.T))
            net.decoder[0].bias.copy_(torch.tensor(x.mean(0)))
        found = encoder_record.alignment(net, Reconstruction(), DATA)
        assert max(found["angles"]) < 0.01
        assert found["error"] == pytest.approx(found["pca_error"], rel=1e-4)
        assert found["directions"] == found["components"]

    @pytest.mark.parametrize(
        "network",
        [
            Dense(hidden=(6,), latent_dim=3),
            Dense(hidden=(), latent_dim=3, code="relu"),
            Dense(hidden=(), latent_dim=3, output="relu"),
            Conv(channels=(3,), latent_dim=3),
        ],
        ids=["hidden", "relu-code", "relu-output", "conv"],
    )
    def test_others_have_none(self, network):
        assert self.aligned(network) is None

    def test_vectors_have_one_without_pictures(self):
        x = np.random.default_rng(0).normal(size=(40, 6)).astype(np.float32)
        found = self.aligned(Dense(hidden=(), latent_dim=2), data=data_of(x, x[:9]))
        assert (found["shape"], found["directions"], found["components"]) == (None, None, None)
        assert len(found["angles"]) == 2

    def test_fewer_examples_than_codes_have_none_and_cost_no_run(self):
        assert self.aligned(Dense(hidden=(), latent_dim=7), data=data_of(images(6), images(3))) is None


@pytest.mark.parametrize("shape", [SHAPE, (24,)], ids=["images", "vectors"])
@pytest.mark.parametrize("name", OBJECTIVES)
def test_every_objective_has_exhibits_that_are_json(name, shape):
    x = np.random.default_rng(0).random((30, *shape), dtype=np.float32)
    plain = Scaling(np.zeros(1, np.float32), np.ones(1, np.float32))
    data = Data(Examples(x, plain), Examples(x[:9], plain))
    objective = OBJECTIVES[name]
    for hidden in ((), (6,)):
        net = built(objective, Dense(hidden, latent_dim=3), shape)
        shown = encoder_record.encoder_record(net, objective, NONE, data)
        assert json.loads(json.dumps(shown, allow_nan=False)) == shown
        pictured = objective.decodes or isinstance(objective, TwoViews)
        assert (shown["images"] is None) == (len(shape) == 1 or not pictured)
        assert (shown["error"] is None) == (objective.decodes != "reconstructions")
        decodes_codes = objective.decodes and name not in ("sparse-target", "variational-bernoulli", "gan", "gan-hinge")
        assert (shown["alignment"] is not None) == bool(decodes_codes and not hidden)


def test_of_two_views_the_views_are_shown_beside_the_originals():
    objective = replace(OBJECTIVES["contrastive"], view=Flip(1.0))
    record = encoder_record.pictures(built(objective), objective, NONE, DATA)
    assert record["shows"] == "views"
    original = pixels(record["original"])
    for name in ("first", "second"):
        assert np.array_equal(pixels(record[name]), original[..., ::-1])
    rows = dict(galleries([{"source": "contrastive", "seed": 0, "images": record}])[0]["rows"])
    assert list(rows) == ["original", "one view", "another"]
    assert rows["one view"] == rows["another"] != rows["original"]
