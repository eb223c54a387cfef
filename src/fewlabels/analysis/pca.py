"""Linear autoencoders and PCA: does a linear decoder span the principal components?

A linear autoencoder with squared error is best where its decoder's columns span the space of the leading principal
components (Baldi and Hornik 1989): the same space, but any basis of it, so single columns mean nothing. Plaut (2018)
reads the components off the left singular vectors of the decoder's weights; that holds only under L2 regularisation.
Here the weights give the space alone, and the data's own variance picks the directions inside it.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fewlabels.core.errors import InputError

Array = np.ndarray

SHOWN = 8
"""Directions described as images."""
MID_GREY = 128


@dataclass(frozen=True, eq=False)
class PcaAlignment:
    """A linear decoder of k codes beside PCA with k components, both on the same examples. A decoder of rank r < k
    spans only r directions. Each of the k - r missing ones counts as an angle of 90 degrees, a row of zeros in
    `directions`, and an explained share of 0.
    """

    angles: Array
    """[k] principal angles in degrees, ascending, between the decoder's span and that of the k components."""
    directions: Array
    """[k, D] the decoder's span in an orthonormal basis, most variance first; the sign follows the component's."""
    components: Array
    """[k, D] PCA's, orthonormal, most variance first."""
    explained: Array
    """[k] share of the total variance along each direction."""
    pca_explained: Array
    """[k] share of the total variance along each component."""
    error: float
    """Mean squared error per number of the given reconstructions."""
    pca_error: float
    """Mean squared error per number of PCA's reconstructions, the mean added back: none linear has less."""


def align_with_pca(decoder_weight: Array, x: Array, reconstructed: Array) -> PcaAlignment:
    """Compare a linear decoder with PCA of the examples x.

    Parameters
    ----------
    decoder_weight
        [D, k], one column a code.
    x
        [N, D] examples.
    reconstructed
        [N, D], what the autoencoder made of them.

    Returns
    -------
    PcaAlignment
        As `align_with_covariance` finds it.

    Raises
    ------
    InputError
        For shapes that do not fit, numbers that are not finite, and examples that are all alike.

    References
    ----------
    Baldi & Hornik (1989), Neural networks and principal component analysis: learning from examples without local
    minima.

    Examples
    --------
    A decoder along the axis of greatest variance finds what PCA finds:

    >>> import numpy as np
    >>> from fewlabels.analysis import align_with_pca
    >>> x = np.random.default_rng(0).normal(size=(500, 3)) * [3, 1, 1]
    >>> found = align_with_pca(np.array([[1.0], [0], [0]]), x, x * [1, 0, 0])
    >>> found.angles.shape, bool(found.angles[0] < 5)
    ((1,), True)
    """
    x, reconstructed = np.asarray(x, dtype=np.float64), np.asarray(reconstructed, dtype=np.float64)
    if x.ndim != 2 or reconstructed.shape != x.shape:
        raise InputError(
            f"reconstructions have shape {reconstructed.shape}, the examples {x.shape}; both must be [N, D]: flatten "
            "images to vectors"
        )
    if decoder_weight.ndim == 2 and decoder_weight.shape[1] > len(x):
        raise InputError(
            f"a decoder of {decoder_weight.shape[1]} codes has no PCA to stand against: {len(x)} examples have no more "
            f"components; give more examples or a narrower code"
        )
    if not np.ptp(x, axis=0).any():
        raise InputError(f"all {len(x)} examples are alike: no variance to explain; give examples that vary")
    centred = x - x.mean(axis=0)
    return align_with_covariance(decoder_weight, centred.T @ centred / len(x), float(np.mean((x - reconstructed) ** 2)))


def align_with_covariance(decoder_weight: Array, covariance: Array, error: float) -> PcaAlignment:
    """Compare a linear decoder with PCA of examples of this covariance.

    The directions come in two steps: the left singular vectors of the weights, for the decoder's span, then a turn
    within that span to the directions of greatest variance of the data projected onto it. The angles compare spans and
    do not depend on the turn; they say little where the data vary about equally along component k and k + 1.

    Parameters
    ----------
    decoder_weight
        [D, k], one column a code.
    covariance
        [D, D] of the examples, divided by their number.
    error
        The autoencoder's mean squared error per number on them.

    Returns
    -------
    PcaAlignment
        In float64.

    Raises
    ------
    InputError
        For shapes that do not fit, numbers that are not finite, and examples that are all alike.
    """
    weight, covariance = (np.asarray(array, dtype=np.float64) for array in (decoder_weight, covariance))
    _check(weight, covariance, error)
    width, k = weight.shape
    total = float(np.trace(covariance))

    components = _leading(covariance, k)
    found = _turned_to_variance(_span(weight), covariance)
    found *= np.where(np.sum(found * components[: len(found)], axis=1) < 0, -1.0, 1.0)[:, None]
    directions = np.zeros_like(components)
    directions[: len(found)] = found
    pca_variance = _variance_along(components, covariance)
    return PcaAlignment(
        angles=_angles(found, components),
        directions=directions,
        components=components,
        explained=_variance_along(directions, covariance) / total,
        pca_explained=pca_variance / total,
        error=error,
        pca_error=max(0.0, total - float(pca_variance.sum())) / width,
    )


def describe_alignment(alignment: PcaAlignment, images: Sequence[int] | None) -> dict[str, Any]:
    """An alignment as JSON values.

    Parameters
    ----------
    alignment
        Of any decoder.
    images
        The shape (C, H, W) of an example. With it the first directions and components are base64 uint8 images in that
        order, mid-grey where they are zero and scaled by their own largest absolute value; None leaves them out.

    Returns
    -------
    dict
        Angles in degrees, shares and errors, and the images.

    Raises
    ------
    InputError
        Where the shape does not hold as many numbers as a direction.
    """
    width = alignment.directions.shape[1]
    if images is not None and int(np.prod(images)) != width:
        raise InputError(f"directions of {width} numbers do not make images of shape {tuple(images)}")
    return {
        "angles": _rounded(alignment.angles),
        "explained": _rounded(alignment.explained),
        "pca_explained": _rounded(alignment.pca_explained),
        "error": _rounded([alignment.error])[0],
        "pca_error": _rounded([alignment.pca_error])[0],
        "shape": None if images is None else [int(size) for size in images],
        "directions": None if images is None else [_image(row) for row in alignment.directions[:SHOWN]],
        "components": None if images is None else [_image(row) for row in alignment.components[:SHOWN]],
    }


def _check(weight: Array, covariance: Array, error: float) -> None:
    if weight.ndim != 2 or covariance.shape != (weight.shape[0], weight.shape[0]):
        raise InputError(
            f"the decoder's weights must be [D, k] and the examples have the same D numbers, got {weight.shape} and "
            f"{covariance.shape[-1]} numbers; transpose weights stored as [k, D]"
        )
    if not 1 <= weight.shape[1] <= weight.shape[0]:
        raise InputError(
            f"a decoder of {weight.shape[1]} codes has no PCA to stand against: examples of {weight.shape[0]} numbers "
            f"have 1 to {weight.shape[0]} components; give a narrower code"
        )
    if not (np.isfinite(weight).all() and np.isfinite(covariance).all() and np.isfinite(error)):
        raise InputError("weights, examples or reconstructions hold a NaN or an infinite number; look at the training")
    if np.trace(covariance) <= 0:
        raise InputError("all examples are alike: no variance to explain; give examples that vary")


def _leading(covariance: Array, k: int) -> Array:
    """[k, D] the leading principal components."""
    from scipy.linalg import eigh

    width = len(covariance)
    _, vectors = eigh(covariance, subset_by_index=[width - k, width - 1])  # ascending
    return np.ascontiguousarray(vectors[:, ::-1].T)


def _variance_along(directions: Array, covariance: Array) -> Array:
    """[k] for directions [k, D]."""
    variances: Array = np.sum((directions @ covariance) * directions, axis=1)
    return variances


def _span(weight: Array) -> Array:
    """[r, D] an orthonormal basis of the columns' span: left singular vectors, those of rounding errors left out."""
    left, strength, _ = np.linalg.svd(weight, full_matrices=False)
    least = strength[0] * max(weight.shape) * np.finfo(np.float32).eps  # weights come from float32
    return left[:, strength > least].T


def _turned_to_variance(basis: Array, covariance: Array) -> Array:
    """[r, D] the same span, in directions of greatest variance first."""
    _, vectors = np.linalg.eigh(basis @ covariance @ basis.T)  # ascending
    turned: Array = vectors[:, ::-1].T @ basis
    return turned


def _angles(found: Array, components: Array) -> Array:
    """[k] degrees, ascending; 90 for each direction that is missing."""
    from scipy.linalg import subspace_angles

    angles = np.full(len(components), 90.0)
    if len(found):
        angles[: len(found)] = np.degrees(subspace_angles(found.T, components.T))[::-1]
    return angles


def _rounded(values: Sequence[float] | Array) -> list[float]:
    return [float(f"{value:.6g}") for value in values]


def _image(direction: Array) -> str:
    largest = float(np.abs(direction).max()) or 1.0
    pixels = np.rint(MID_GREY + (MID_GREY - 1) * direction / largest).astype(np.uint8)
    return base64.b64encode(pixels.tobytes()).decode()
