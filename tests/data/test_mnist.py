"""The real MNIST and Fashion-MNIST, where FEWLABELS_DATA has them."""

from __future__ import annotations

import numpy as np
import pytest

from fewlabels.data import count_test_duplicates, default_budgets, draw_order, load, make_pools


@pytest.fixture(scope="module")
def mnist(mnist_folder):
    return load("mnist")


def test_mnist_is_mnist(mnist):
    assert mnist.x.shape == (60_000, 1, 28, 28)
    assert mnist.x_test.shape == (10_000, 1, 28, 28)
    assert mnist.y[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert mnist.y_test[:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]
    assert np.bincount(mnist.y).tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert mnist.x.mean() / 255 == pytest.approx(0.1307, abs=5e-5)  # the constant everyone normalises with
    assert mnist.classes == tuple("0123456789")


def test_mnist_pools_and_budgets(mnist):
    pools = make_pools(mnist)
    assert (len(pools.unlabelled), len(pools.labelled), len(pools.test)) == (50_000, 10_000, 10_000)
    assert pools.test_from == "x_test"
    labels = pools.labelled_y(mnist)
    assert abs(np.bincount(labels) - np.bincount(mnist.y) / 6).max() < 1
    assert default_budgets(len(labels), 10) == (10, 30, 100, 300, 1000)
    assert np.bincount(labels[draw_order(labels, seed=3)[:10]]).tolist() == [1] * 10
    assert count_test_duplicates(mnist, pools) == 0


@pytest.mark.slow
def test_fashion_mnist(mnist_folder):
    if not (mnist_folder / "fashion-mnist").is_dir():
        pytest.skip("FEWLABELS_DATA holds no fashion-mnist/")
    fashion = load("fashion-mnist")
    assert [fashion.classes[i] for i in fashion.y[:3]] == ["Ankle boot", "T-shirt/top", "T-shirt/top"]
    assert np.bincount(fashion.y_test).tolist() == [1000] * 10
    assert fashion.x.mean() / 255 == pytest.approx(0.2860, abs=5e-5)
