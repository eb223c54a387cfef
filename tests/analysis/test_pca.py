"""Principal angles, directions and errors against answers known beforehand."""

from __future__ import annotations

import base64
import json

import numpy as np
import pytest
from sklearn.decomposition import PCA

from fewlabels.analysis import PcaAlignment, align_with_covariance, align_with_pca, describe_alignment
from fewlabels.core.errors import InputError

SCALES = np.array([8.0, 4.0, 2.0, 1.0, 0.5])
"""Standard deviations along the axes of `axis_data`; variances 64, 16, 4, 1, 0.25 of 85.25 in all."""


def axis_data(n: int = 40) -> np.ndarray:
    """[n, 5] examples whose principal components are exactly the axes; of mean (3, 3, 3, 3, 3)."""
    draws = np.random.default_rng(0).standard_normal((n, 5))
    exact, _ = np.linalg.qr(draws - draws.mean(axis=0))
    return 3.0 + exact * np.sqrt(n) * SCALES


def axes(*columns: int) -> np.ndarray:
    return np.eye(5)[:, list(columns)]


def test_pca_in_any_basis_is_found_again():
    rng = np.random.default_rng(1)
    x = rng.standard_normal((200, 12)) @ rng.standard_normal((12, 12)) + 5
    pca = PCA(n_components=4).fit(x)
    weight = pca.components_.T @ rng.standard_normal((4, 4))  # the same span, an oblique basis

    found = align_with_pca(weight, x, pca.inverse_transform(pca.transform(x)))

    np.testing.assert_allclose(found.angles, 0, atol=1e-5)
    np.testing.assert_allclose(found.pca_explained, pca.explained_variance_ratio_)
    np.testing.assert_allclose(found.explained, found.pca_explained)
    np.testing.assert_allclose(np.abs(found.components), np.abs(pca.components_), atol=1e-8)
    np.testing.assert_allclose(found.directions, found.components, atol=1e-8)
    assert found.error == pytest.approx(found.pca_error)
    assert found.error == pytest.approx(np.mean((x - pca.inverse_transform(pca.transform(x))) ** 2))


def test_fewer_examples_than_numbers():
    rng = np.random.default_rng(2)
    x = rng.standard_normal((6, 30))
    pca = PCA(n_components=3).fit(x)

    found = align_with_pca(pca.components_.T, x, x)

    np.testing.assert_allclose(found.angles, 0, atol=1e-5)
    np.testing.assert_allclose(found.pca_explained, pca.explained_variance_ratio_)
    assert found.error == 0
    assert found.pca_error > 0


def test_a_plane_turned_by_thirty_degrees():
    tilted = np.column_stack([np.eye(5)[1], np.cos(np.pi / 6) * np.eye(5)[0] + np.sin(np.pi / 6) * np.eye(5)[2]])
    x = axis_data()

    found = align_with_pca(tilted, x, np.full_like(x, 3.0))

    np.testing.assert_allclose(found.angles, [0, 30], atol=1e-6)
    np.testing.assert_allclose(found.explained, np.array([0.75 * 64 + 0.25 * 4, 16]) / 85.25)
    np.testing.assert_allclose(found.pca_explained, np.array([64, 16]) / 85.25)
    assert found.error == pytest.approx(85.25 / 5)  # the mean explains nothing
    assert found.pca_error == pytest.approx((4 + 1 + 0.25) / 5)


def test_orthogonal_spans_are_ninety_degrees_apart():
    x = axis_data()
    found = align_with_pca(axes(4, 3), x, x)
    np.testing.assert_allclose(found.angles, [90, 90])
    np.testing.assert_allclose(found.explained, np.array([1, 0.25]) / 85.25)
    np.testing.assert_allclose(np.abs(found.directions), axes(3, 4).T, atol=1e-12)


def test_directions_follow_the_variance_and_the_components_signs_not_the_weights():
    x = axis_data()
    found = align_with_pca(axes(0, 1) @ np.array([[-1.0, 0.0], [0.0, -100.0]]), x, x)
    np.testing.assert_allclose(found.directions, found.components, atol=1e-12)
    assert found.explained[0] == pytest.approx(64 / 85.25)


@pytest.mark.parametrize("noise", [0.0, 1e-9])
def test_a_missing_direction_is_ninety_degrees_and_explains_nothing(noise):
    x = axis_data()
    weight = np.column_stack([axes(0, 1), 2 * axes(0) - axes(1)]) + noise * axes(2, 3, 4)

    found = align_with_pca(weight, x, x)

    np.testing.assert_allclose(found.angles, [0, 0, 90], atol=1e-5)
    np.testing.assert_allclose(found.explained, np.array([64, 16, 0]) / 85.25)
    assert not found.directions[2].any()


def test_a_decoder_of_zeros_spans_nothing():
    x = axis_data()
    found = align_with_pca(np.zeros((5, 2)), x, x)
    np.testing.assert_array_equal(found.angles, [90, 90])
    assert not found.explained.any()


def test_the_covariance_is_all_that_the_directions_depend_on():
    x = axis_data() + 3.0
    weight, reconstructed = axes(0, 2), x + 0.5
    found = align_with_pca(weight, x, reconstructed)
    again = align_with_covariance(weight, np.cov(x.T, bias=True), 0.25)
    assert found.error == again.error == 0.25
    assert found.pca_error == pytest.approx(again.pca_error)
    np.testing.assert_allclose(found.angles, again.angles, atol=1e-6)
    np.testing.assert_allclose(found.explained, again.explained)


@pytest.mark.parametrize(
    ("weight", "x", "reconstructed", "message"),
    [
        (np.ones((3, 5)), np.eye(9, 5), np.ones((9, 5)), r"got \(3, 5\) and 5 numbers; transpose weights"),
        (np.ones((5, 2)), np.ones((9, 1, 5)), np.ones((9, 1, 5)), r"\(9, 1, 5\); both must be \[N, D\]: flatten"),
        (np.ones((5, 2)), np.ones((9, 5)), np.ones((8, 5)), r"shape \(8, 5\), the examples \(9, 5\)"),
        (np.ones((5, 4)), np.ones((3, 5)), np.ones((3, 5)), "4 codes .* 3 examples have no more components"),
        (np.ones((5, 6)), np.eye(9, 5), np.ones((9, 5)), "6 codes .* 5 numbers have 1 to 5 components"),
        (np.ones((5, 2)), np.full((9, 5), 0.1), np.ones((9, 5)), "all 9 examples are alike"),
        (np.ones((5, 2)), np.eye(9, 5), np.full((9, 5), np.nan), "reconstructions hold a NaN"),
    ],
)
def test_what_does_not_fit_is_refused(weight, x, reconstructed, message):
    with pytest.raises(InputError, match=message):
        align_with_pca(weight, x, reconstructed)


def made_up(directions: np.ndarray) -> PcaAlignment:
    k = len(directions)
    shares = np.arange(k, 0, -1) / 3e3
    return PcaAlignment(np.zeros(k), directions, -directions, shares, shares, 1 / 3, 0.0)


def test_description_is_plain_json_with_images_around_mid_grey():
    directions = np.zeros((10, 6))
    directions[0] = [0, 0.5, -0.5, 0.1, -0.1, 0]

    told = json.loads(json.dumps(describe_alignment(made_up(directions), (1, 2, 3))))

    assert told["error"] == 0.333333
    assert told["explained"][:2] == [0.00333333, 0.003]
    assert told["shape"] == [1, 2, 3]
    assert (len(told["explained"]), len(told["directions"]), len(told["components"])) == (10, 8, 8)
    pixels = [list(base64.b64decode(told[key][0])) for key in ("directions", "components")]
    assert pixels == [[128, 255, 1, 153, 103, 128], [128, 1, 255, 103, 153, 128]]
    assert set(base64.b64decode(told["directions"][1])) == {128}  # a missing direction


def test_description_of_vectors_has_no_images():
    told = describe_alignment(made_up(np.eye(4)), None)
    assert (told["shape"], told["directions"], told["components"]) == (None, None, None)


def test_images_of_another_size_are_refused():
    with pytest.raises(InputError, match=r"4 numbers do not make images of shape \(1, 3, 3\)"):
        describe_alignment(made_up(np.eye(4)), (1, 3, 3))
