from __future__ import annotations

import numpy as np
import pytest

from fewlabels.data import fit_scaling


@pytest.mark.parametrize("shape", [(5, 3, 4, 4), (5, 7)])
def test_uint8_becomes_zero_to_one_whatever_the_data(shape):
    scaling = fit_scaling(np.full(shape, 9, dtype=np.uint8))
    assert scaling.shift.shape == (1,) * (len(shape) - 1)
    scaled = scaling.apply(np.full(shape, 255, dtype=np.uint8))
    assert scaled.dtype == np.float32
    assert (scaled == 1).all()
    assert (scaling.apply(np.zeros(shape, dtype=np.uint8)) == 0).all()


def test_float_images_are_standardised_per_channel():
    rng = np.random.default_rng(0)
    x = (rng.normal(size=(5000, 2, 4, 4)) * [[[3]], [[0.5]]] + [[[7]], [[-1]]]).astype(np.float32)
    scaling = fit_scaling(x)
    assert scaling.shift.shape == scaling.scale.shape == (2, 1, 1)
    np.testing.assert_allclose(scaling.shift, x.mean(axis=(0, 2, 3), keepdims=True)[0], rtol=1e-5)
    np.testing.assert_allclose(scaling.scale, x.std(axis=(0, 2, 3), keepdims=True)[0], rtol=1e-5)
    scaled = scaling.apply(x)
    np.testing.assert_allclose(scaled.mean(axis=(0, 2, 3)), 0, atol=1e-4)
    np.testing.assert_allclose(scaled.std(axis=(0, 2, 3)), 1, atol=1e-4)


def test_vectors_are_standardised_per_feature():
    x = np.array([[0, 10], [2, 30]], dtype=np.float32)
    scaling = fit_scaling(x)
    assert scaling.shift.tolist() == [1, 20]
    assert scaling.scale.tolist() == [1, 10]
    assert scaling.apply(x).tolist() == [[-1, -1], [1, 1]]
    assert scaling.apply(x[0]).tolist() == [-1, -1]


def test_constant_features_are_only_centred():
    x = np.array([[0.1, 1e-45], [0.1, 0]] * 500, dtype=np.float32)
    scaling = fit_scaling(x)
    assert scaling.scale.tolist() == [1, 1]
    np.testing.assert_allclose(scaling.apply(x), 0, atol=1e-7)


def test_apply_leaves_its_input_alone_and_the_mean_is_exact():
    x = np.full((10_000, 1), 16_777_216, dtype=np.float32)
    x[::2] += 4
    kept = x.copy()
    scaling = fit_scaling(x)
    assert scaling.shift.tolist() == [16_777_218]
    assert scaling.scale.tolist() == [2]
    scaling.apply(x)
    np.testing.assert_array_equal(x, kept)


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(5, 2_000_000), (5, 2, 1000, 1000)])  # two a block
def test_some_examples_are_as_good_as_a_copy_of_them(shape):
    x = np.random.default_rng(0).standard_normal(shape, dtype=np.float32) * 2 + 3
    index = np.array([3, 1, 4])
    chosen, axes = fit_scaling(x, index), (0, *range(2, x.ndim))
    np.testing.assert_allclose(chosen.shift[None], x[index].mean(axis=axes, dtype=float, keepdims=True), atol=1e-5)
    np.testing.assert_allclose(chosen.scale[None], x[index].std(axis=axes, dtype=float, keepdims=True), rtol=1e-5)
