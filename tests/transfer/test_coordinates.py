"""The coordinates of a graph, and the nodes that stand for an input."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA

from fewlabels.transfer.coordinates import anchors, fit_principal

FEATURES = (np.random.default_rng(0).normal(size=(500, 6)) * [9, 4, 2, 1, 0.5, 0.1] + 3).astype(np.float32)


@pytest.mark.parametrize("whitening", [0.0, 0.5, 1.0])
def test_coordinates_are_principal_components_divided_and_of_mean_square_length_one(whitening):
    found = fit_principal(FEATURES).coordinates(whitening)(torch.from_numpy(FEATURES)).numpy()
    expected = PCA().fit(FEATURES).transform(FEATURES)
    expected /= expected.std(axis=0) ** whitening
    expected /= np.sqrt(np.square(expected).sum(axis=1).mean())
    np.testing.assert_allclose(np.abs(found), np.abs(expected), rtol=2e-3, atol=1e-4)


def test_scaled_points_are_the_coordinates():
    principal, features = fit_principal(FEATURES), torch.from_numpy(FEATURES)
    scaled = principal.components(features) * principal.scale(0.5)
    np.testing.assert_allclose(scaled, principal.coordinates(0.5)(features), atol=1e-6)


def test_what_hardly_varies_is_not_scaled_up():
    features = FEATURES * np.float32([1, 1, 1, 1, 1, 1e-5])
    deviation = fit_principal(features).coordinates(1.0)(torch.from_numpy(features)).std(dim=0)
    assert deviation[-1] < 0.1 * deviation[0]


def test_features_all_alike_have_coordinates_of_zero():
    found = fit_principal(np.ones((5, 3), dtype=np.float32)).coordinates(0.5)(torch.ones(2, 3))
    np.testing.assert_array_equal(found, np.zeros((2, 3)))


def test_a_label_lies_at_the_node_that_is_its_example_or_else_at_the_nearest():
    nodes = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 3.0], [9.0, 9.0]])
    index, share = anchors(torch.tensor([[1.0, 0.0], [0.5, 0.0]]), nodes, 3)
    assert index[0, 0] == 1
    assert share[0].tolist() == [1, 0, 0]
    assert set(index[1, :2].tolist()) == {0, 1}
    weights = np.exp(-4 * np.array([0.25 / 9.25, 0.25 / 9.25, 1]) ** 2)
    np.testing.assert_allclose(share[1], weights / weights.sum(), rtol=1e-5)
