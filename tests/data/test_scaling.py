from __future__ import annotations

import numpy as np
import pytest

from fewlabels.data import NUMBER, Column, Dataset, fit_preparation, fit_scaling


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


def test_what_is_0_or_1_throughout_is_left_alone_and_numbers_beside_it_are_standardised():
    rng = np.random.default_rng(0)
    x = np.stack([rng.normal(5, 3, 400), rng.random(400) < 0.02, rng.random(400) < 0.5], axis=1).astype(np.float32)
    x[:2, 1] = 0, 1
    scaling = fit_scaling(x)
    np.testing.assert_array_equal(scaling.apply(x)[:, 1:], x[:, 1:])
    assert scaling.apply(x)[:, 0].std() == pytest.approx(1, abs=1e-5)
    halves = x.copy()
    halves[7, 1] = 0.5
    assert fit_scaling(halves).scale[1] == pytest.approx(halves[:, 1].std(), rel=1e-5)
    np.testing.assert_array_equal(fit_scaling(halves, np.arange(8, 400)).scale[1:], [1, 1])  # the pool alone counts


def test_columns_that_are_1_throughout_are_centred_like_any_constant():
    x = np.array([[1, 0], [1, 1]], dtype=np.float32)
    np.testing.assert_array_equal(fit_scaling(x).apply(x), [[0, 0], [0, 1]])


def test_float_images_of_0_and_1_are_standardised_as_any():
    x = (np.random.default_rng(0).random((50, 1, 4, 4)) < 0.2).astype(np.float32)
    assert fit_scaling(x).scale.item() == pytest.approx(x.std(), rel=1e-5)


def test_categories_and_missing_values_of_a_table_stay_0_and_1_and_numbers_are_standardised():
    rng = np.random.default_rng(0)
    n = 300
    columns = (Column("age"), Column("job", ("clerk", "farmer", "judge")))
    rows = np.stack([rng.normal(40, 10, n), rng.choice(3, n, p=[0.6, 0.37, 0.03])], axis=1).astype(np.float32)
    rows[:4] = [[np.nan, 2], [30, np.nan], [50, 0], [41, 1]]
    table = Dataset("table", rows, np.zeros(n, dtype=np.int64), ("all",), columns=columns)
    vectors, preparation = fit_preparation(table)
    assert preparation.encoding is not None
    scaled = preparation.scaling.apply(vectors.x)
    numbers = preparation.encoding.role == NUMBER
    assert numbers.tolist() == [True, False, False, False, False, False]  # age, is it missing, three jobs, missing
    assert set(np.unique(scaled[:, ~numbers])) == {0, 1}
    assert scaled[:, numbers].std() == pytest.approx(1, abs=1e-4)
    assert (scaled[0, 1], scaled[0, 4]) == (1, 1)
