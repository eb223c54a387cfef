"""Features: raw numbers, principal components, codes; and how they are centred."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA

from fewlabels.core.errors import IntegrityError
from fewlabels.data import fit_scaling
from fewlabels.networks import Conv, Dense, seeded
from fewlabels.objectives import Denoising, Reconstruction
from fewlabels.study.sources import require_different, require_equal
from fewlabels.training import Examples
from fewlabels.transfer import Centring, Codes, Raw, features, features_of, first_that_fit, fit_centring, fit_pca


def examples(n: int = 12, shape: tuple[int, ...] = (5,)) -> Examples:
    x = np.random.default_rng(0).random((n, *shape), dtype=np.float32)
    return Examples(x, fit_scaling(x))


def test_centring_shifts_every_feature_and_scales_all_alike():
    x = np.array([[0, 10], [2, 10], [4, 16], [2, 12]], dtype=np.float32)
    centring = fit_centring(x)
    # means 2, 12; variances 2, 6: on average 4
    assert centring.mean.tolist() == [2, 12]
    assert centring.mean.dtype == np.float32
    assert centring.scale == 2
    centred = centring.apply(x)
    assert centred.dtype == np.float32
    assert centred.tolist() == [[-1, -1], [0, -1], [1, 2], [0, 0]]
    assert centred.var(axis=0).mean() == 1
    assert Centring(np.zeros(2, np.float32), 4.0).apply(x)[0].tolist() == [0, 2.5]


@pytest.mark.parametrize("value", [0.0, 0.1, 12345.678])
def test_features_that_do_not_vary_are_only_shifted(value):
    constant = np.full((1000, 3), value, dtype=np.float32)
    centring = fit_centring(constant)
    assert centring.scale == 1
    assert (centring.apply(constant) == 0).all()
    np.testing.assert_allclose(centring.apply(constant + 1), 1, atol=1e-3)


def test_raw_features_are_the_scaled_numbers_in_their_order():
    x = np.random.default_rng(0).integers(0, 256, (3, 2, 4, 5), dtype=np.uint8)
    found = features_of(Raw(), Examples(x, fit_scaling(x)))
    np.testing.assert_allclose(found, x.reshape(3, -1) / 255, rtol=1e-6)


@pytest.mark.parametrize(("n", "components", "kept"), [(40, 3, 3), (40, 99, 6), (4, 6, 4)])
def test_pca_finds_the_principal_subspace(n, components, kept):
    rng = np.random.default_rng(1)
    x = (rng.normal(size=(n, 6)) * [5, 4, 3, 2, 1, 0.5] + 7).astype(np.float32)
    unscaled = fit_scaling(np.zeros((1, 6), np.float32))
    found = fit_pca(Examples(x, unscaled), components, seed=0)(torch.from_numpy(x)).numpy()
    assert (found.shape, found.dtype) == ((n, kept), np.float32)
    _, _, directions = np.linalg.svd(x - x.mean(axis=0), full_matrices=False)
    by_svd = (x - x.mean(axis=0)) @ directions[:kept].T
    by_sklearn = PCA(kept, svd_solver="full").fit_transform(x)
    for expected in (by_svd, by_sklearn):
        np.testing.assert_allclose(np.abs(found), np.abs(expected), atol=2e-3)
        np.testing.assert_allclose(found @ found.T, expected @ expected.T, atol=2e-2)


def test_pca_is_fitted_on_the_unlabelled_alone():
    x = np.array([[0, 0], [2, 0], [4, 0]], dtype=np.float32)
    features = fit_pca(Examples(x, fit_scaling(np.zeros((1, 2), np.float32))), 1, seed=0)
    np.testing.assert_allclose(features(torch.tensor([[2.0, 50.0], [5.0, -9.0]])).abs(), [[0], [3]], atol=1e-6)


@pytest.mark.parametrize(
    ("spec", "shape"), [(Dense(hidden=(4,), latent_dim=3), (5,)), (Conv(channels=(2,), latent_dim=3), (1, 8, 8))]
)
@pytest.mark.parametrize("objective", [Reconstruction(), Denoising()])
def test_codes_are_what_the_objective_embeds(spec, shape, objective):
    net = seeded(0, lambda: spec.build(shape))
    x = examples(shape=shape)
    found = features_of(Codes(net, objective), x)
    assert (found.shape, found.dtype) == ((12, 3), np.float32)
    np.testing.assert_allclose(found, net.encode(x.batch(slice(None))).detach().numpy(), atol=1e-6)
    assert np.ptp(found) > 0.01


def test_features_of_go_over_everything_once_and_in_order():
    x = examples(2005)
    sizes = []

    def first_number(batch: torch.Tensor) -> torch.Tensor:
        sizes.append(len(batch))
        return batch[:, :1]

    np.testing.assert_array_equal(features_of(first_number, x)[:, 0], x.batch(slice(None))[:, 0])
    assert sum(sizes) == 2005
    assert max(sizes) <= 1000


@pytest.mark.parametrize(
    ("n", "shape", "most_bytes", "kept"),
    [
        (1500, (5,), 1200 * 5 * 4, 1200),
        (1500, (5,), 1200 * 5 * 4 - 1, 1199),
        (1500, (1, 2, 3), 1300 * 6 * 4, 1300),
        (1500, (5,), 0, 1000),  # never fewer than a thousand
        (700, (5,), 0, 700),  # nor more than there are
        (1500, (5,), 10**9, 1500),
    ],
)
def test_the_first_that_fit_into_memory(monkeypatch, n, shape, most_bytes, kept):
    monkeypatch.setattr(features, "FIT_BYTES", most_bytes)
    x = examples(n, shape)
    fitting = first_that_fit(x)
    assert len(fitting) == kept
    assert torch.equal(fitting.batch(slice(None)), x.batch(slice(kept)))


def test_promises_about_hashes():
    one, other = "a" * 64, "b" * 64
    assert require_equal(one, one, "nothing moved") == "nothing moved"
    assert require_different(one, other, "something moved") == "something moved"
    with pytest.raises(IntegrityError, match=r"broken promise: nothing moved; weights hash to a{12} and b{12}$"):
        require_equal(one, other, "nothing moved")
    with pytest.raises(IntegrityError, match=r"broken promise: something moved; weights hash to a{12} both times$"):
        require_different(one, one, "something moved")
