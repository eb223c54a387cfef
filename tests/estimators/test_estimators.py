"""The transformer: codes, back again, images, settings, and the ways scikit-learn copies what is fitted."""

from __future__ import annotations

import copy
import pickle
import random
import sys

import numpy as np
import pandas as pd
import pytest
import torch
from joblib import Parallel, delayed
from scipy import sparse
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from fewlabels.core.errors import InputError
from fewlabels.networks import Conv, Dense
from fewlabels.objectives import Denoising, GaussianNoise, Variational
from toy_estimators import SMALL, classifier, clusters, pictures, transformer


def test_codes_are_the_encoders_in_the_precision_of_x():
    x, _ = clusters()
    fitted = transformer().fit(x)
    single = x.astype(np.float32)
    codes = fitted.transform(single)
    assert codes.shape == (60, 3)
    assert codes.dtype == np.float32
    assert np.array_equal(codes, fitted.encoder_.embed(single))
    precise = fitted.transform(x)
    assert precise.dtype == np.float64
    np.testing.assert_allclose(precise, codes, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(fitted.transform(x[3:4]), precise[3:4], rtol=1e-12)


def test_two_codes_give_back_what_two_directions_span():
    rng = np.random.default_rng(0)
    x = 1000 + 30 * rng.normal(size=(200, 2)) @ rng.normal(size=(2, 8))
    fitted = transformer(objective="reconstruction", network="linear", latent_dim=2, steps=600).fit(x)
    back = fitted.inverse_transform(fitted.transform(x))
    assert back.shape == x.shape
    assert ((back - x) ** 2).sum() < 0.01 * ((x - x.mean(axis=0)) ** 2).sum()
    assert fitted.n_steps_ == len(fitted.loss_curve_) <= 600
    assert fitted.loss_curve_[-1] < 0.1 * fitted.loss_curve_[0]


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_images_are_the_same_in_any_layout_and_come_back_as_they_came(dtype):
    last = pictures((9, 8, 3)).astype(dtype)
    layouts = {
        "last": (last, {}),
        "first": (last.transpose(0, 3, 1, 2), {}),
        "rows": (last.reshape(len(last), -1), {"image_shape": (9, 8, 3)}),
        "list": (last.tolist(), {}) if dtype == np.float32 else (last, {"image_shape": (9, 8, 3)}),
    }
    codes, back = {}, {}
    for name, (x, settings) in layouts.items():
        fitted = transformer(objective="reconstruction", steps=120, **settings).fit(x)
        assert fitted.encoder_.signature.shape == (3, 9, 8)
        assert fitted.encoder_.signature.dtype == np.dtype(dtype).name
        assert fitted.n_features_in_ == 216
        codes[name] = fitted.transform(x)
        back[name] = fitted.inverse_transform(codes[name])
        assert back[name].shape == np.shape(x)
    for name in layouts:
        np.testing.assert_allclose(codes[name], codes["last"], atol=1e-4)
    np.testing.assert_allclose(back["first"].transpose(0, 2, 3, 1), back["last"], atol=1e-2)
    np.testing.assert_allclose(back["rows"].reshape(last.shape), back["last"], atol=1e-2)
    assert np.abs(back["last"] - last).mean() < 15  # grey levels
    assert np.abs(pictures((9, 8, 3), seed=1).astype(float) - last).mean() > 40  # as two pictures differ


def test_uint8_images_are_divided_by_255_and_other_numbers_standardised():
    grey = pictures((6, 5))
    assert transformer().fit(grey).encoder_.preparation.scaling.scale.item() == 255
    rows = grey.reshape(40, -1)
    assert transformer().fit(rows).encoder_.preparation.scaling.scale == pytest.approx(rows.std(axis=0), rel=1e-5)
    assert transformer().fit(rows).encoder_.signature.shape == (30,)


def test_a_bernoulli_decoder_gives_back_grey_levels_and_no_logits():
    grey = pictures((6, 5))
    fitted = transformer(objective="variational-bernoulli", steps=300).fit(grey)
    back = fitted.inverse_transform(fitted.transform(grey))
    assert back.min() >= 0
    assert np.abs(back - grey).mean() < 30


@pytest.mark.parametrize(
    ("settings", "others"),
    [
        ({"objective": "denoising"}, {"objective": Denoising(GaussianNoise())}),
        ({"network": "dense", "latent_dim": 3}, {"network": Dense((256, 128), latent_dim=3)}),
        ({"objective": "sparse/tied"}, {"objective": "sparse", "network": Dense((8,), latent_dim=3, tied=True)}),
        ({"network": SMALL, "latent_dim": 2}, {"network": Dense((8,), latent_dim=2)}),
    ],
)
def test_names_stand_for_specs(settings, others):
    x, _ = clusters()
    assert np.array_equal(transformer(**settings).fit_transform(x), transformer(**others).fit_transform(x))


def test_nothing_is_measured_where_results_depend_on_it(tmp_path, monkeypatch):
    monkeypatch.setenv("FEWLABELS_CACHE", str(tmp_path))
    fitted = transformer(network=Conv((2,), latent_dim=3), steps=1).fit(pictures((8, 8)))
    assert fitted.encoder_.job["numerics"]["precision"] == "float32"
    assert list(tmp_path.iterdir()) == []


def test_steps_batch_size_and_rate_are_those_of_the_training():
    x, _ = clusters()
    recipe = transformer(steps=7, batch_size=5, lr=0.123).fit(x).encoder_.job["recipe"]
    assert (recipe["steps"], recipe["batch_size"], recipe["lr"]) == (7, 5, 0.123)


def test_features_have_names():
    x, _ = clusters()
    fitted = transformer().set_output(transform="pandas").fit(pd.DataFrame(x, columns=list("abcdef")))
    assert list(fitted.feature_names_in_) == list("abcdef")
    frame = fitted.transform(pd.DataFrame(x, columns=list("abcdef"), index=range(60, 120)))
    assert list(frame.columns) == [f"autoencodertransformer{i}" for i in range(3)]
    assert frame.index[0] == 60
    with pytest.raises(ValueError, match="feature names"):
        fitted.transform(pd.DataFrame(x, columns=list("fedcba")))


@pytest.mark.parametrize(
    ("settings", "x", "says"),
    [
        ({"image_shape": (8, 9)}, np.zeros((4, 64)), r"image_shape is \(8, 9\), which is 72 numbers"),
        ({"image_shape": 8}, np.zeros((4, 64)), "image_shape is 8; allowed"),
        ({"image_shape": (8, 8)}, np.zeros((4, 4, 16)), r"X holds images of shape \(4, 16\)"),
        ({}, np.zeros((4, 8, 8, 5)), "no axis can be the channels"),
        ({"image_shape": (8, 8, 5)}, np.zeros((4, 320)), "no axis can be the channels"),
        ({}, np.zeros((4, 2, 3, 4, 5)), "dim 5"),
        ({}, np.zeros((0, 8, 8)), "0 sample"),
        ({}, np.zeros((1, 8, 8)), "1 sample"),
        ({}, np.full((4, 3), 1e300), "values float32 cannot hold"),
        ({"objective": "denoisin"}, np.ones((4, 3)), "did you mean 'denoising"),
        ({"objective": 3}, np.ones((4, 3)), "objective 3 is unknown"),
        ({"objective": Variational("bernoulli")}, np.arange(12.0).reshape(4, 3), "inputs reach from"),
        ({"network": "big"}, np.ones((4, 3)), "`network` is 'big'"),
        ({"network": Dense}, np.ones((4, 3)), "`network` is <class"),
        ({"network": 3}, np.ones((4, 3)), "`network` is 3; allowed"),
        ({"batch_size": 0}, np.ones((4, 3)), "batch_size is 0"),
        ({"latent_dim": 0}, np.ones((4, 3)), "latent_dim is 0"),
        ({"steps": 0}, np.ones((4, 3)), "steps is 0"),
        ({"lr": -1.0}, np.ones((4, 3)), "lr is -1.0"),
        ({"device": "abacus"}, np.ones((4, 3)), "abacus"),
    ],
)
def test_what_cannot_be_fitted_is_refused(settings, x, says):
    with pytest.raises(ValueError, match=says):
        transformer(**settings).fit(x)


def test_what_differs_from_what_was_fitted_is_refused():
    with pytest.raises(TypeError, match="dense data is required"):
        transformer().fit(sparse.csr_matrix(np.eye(4)))
    fitted = transformer().fit(pictures((6, 5)))
    with pytest.raises(InputError, match="uint8 images"):
        fitted.transform(pictures((6, 5)) / 255)
    with pytest.raises(InputError, match=r"X holds images of shape \(5, 6\)"):
        fitted.transform(pictures((5, 6)))
    with pytest.raises(InputError, match="2 codes; the encoder makes 3"):
        fitted.inverse_transform(np.zeros((4, 2)))


def test_chance_comes_from_the_random_state_alone():
    x, _ = clusters()
    states = np.random.get_state()[1].copy(), torch.get_rng_state(), random.getstate()  # noqa: NPY002
    codes = transformer(random_state=3).fit_transform(x)
    assert np.array_equal(np.random.get_state()[1], states[0])  # noqa: NPY002
    assert torch.equal(torch.get_rng_state(), states[1])
    assert random.getstate() == states[2]
    assert np.array_equal(transformer(random_state=3).fit_transform(x), codes)
    assert not np.array_equal(transformer(random_state=4).fit_transform(x), codes)

    shared = np.random.RandomState(5)
    first, second = (transformer(random_state=shared).fit_transform(x) for _ in range(2))
    assert not np.array_equal(first, second)
    assert np.array_equal(transformer(random_state=np.random.RandomState(5)).fit_transform(x), first)


@pytest.mark.parametrize("make", [transformer, classifier])
def test_copies_answer_the_same(make):
    x, y = clusters()
    fitted = make(objective="sparse/tied").fit(x, y)

    def answer(one):
        return one.predict_proba(x) if make is classifier else one.transform(x)

    for other in (copy.deepcopy(fitted), pickle.loads(pickle.dumps(fitted)), clone(fitted).fit(x, y)):
        assert np.array_equal(answer(other), answer(fitted))


@pytest.mark.slow
def test_a_grid_over_objectives_and_networks_in_two_processes():
    x, y = clusters()
    pipe = make_pipeline(StandardScaler(), transformer(), LogisticRegression())
    grid = {
        "autoencodertransformer__objective": ["reconstruction", Denoising(GaussianNoise(std=0.5))],
        "autoencodertransformer__network": ["linear", SMALL],
    }
    found = {
        jobs: GridSearchCV(pipe, grid, cv=2, n_jobs=jobs, error_score="raise").fit(x, y).cv_results_ for jobs in (1, 2)
    }
    assert len(found[1]["mean_test_score"]) == 4
    assert np.array_equal(found[1]["mean_test_score"], found[2]["mean_test_score"])
    assert found[1]["mean_test_score"].max() > 0.9


@pytest.mark.slow
def test_threads_of_one_process_do_not_disturb_each_other():
    x, _ = clusters()
    threads, interval = torch.get_num_threads(), sys.getswitchinterval()
    fits = [transformer(random_state=seed, steps=2) for seed in range(24)]
    alone = [fit.fit_transform(x) for fit in fits]
    sys.setswitchinterval(1e-6)
    try:
        together = Parallel(n_jobs=8, backend="threading")(delayed(clone(fit).fit_transform)(x) for fit in fits)
    finally:
        sys.setswitchinterval(interval)
    assert all(map(np.array_equal, alone, together))
    assert torch.get_num_threads() == threads
