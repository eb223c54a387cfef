"""A linear autoencoder trained by `train` is PCA: the same error, and the same space (Baldi & Hornik 1989)."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from toy_training import ONE

from fewlabels.analysis.pca import align_with_pca
from fewlabels.networks import Dense, linear_decoder
from fewlabels.objectives import Reconstruction
from fewlabels.training import Examples, Job, Recipe, train

RECIPE = Recipe(steps=1500, batch_size=128, lr=0.1, schedule="one-cycle")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("tied", "seed"),
    [(False, 0), (False, 1), (False, 2), (True, 0)],
    ids=["free-0", "free-1", "free-2", "tied-0"],
)
def test_it_reaches_the_error_and_the_space_of_pca(tied, seed):
    """The first 512 of scikit-learn's digits, pixels from 0 to 1 as they are, eight codes.

    Seen on one thread for seeds 0 to 2: errors above PCA's by less than 1e-6 of it, and a largest angle of 0.07, 0.19
    and 0.11 degrees; tied, by 3e-6, and 0.5 degrees. The last angle comes last, as components 8 and 9 explain nearly
    as much (0.175 and 0.148): after 1,000 steps it was up to 6.5 degrees, and all others below 0.2.
    """
    x = (load_digits().data[:512] / 16).astype(np.float32)
    examples = Examples(x, ONE)
    net, _ = train(Job(Dense(hidden=(), latent_dim=8, tied=tied), Reconstruction(), RECIPE, seed), examples)
    with torch.no_grad():
        reconstructed = Reconstruction().reconstruct(net, examples.batch(slice(None))).numpy()
        found = align_with_pca(linear_decoder(net).numpy(), x, reconstructed)
    assert found.pca_error * (1 - 1e-4) < found.error < 1.01 * found.pca_error
    assert found.angles.max() < 2
    np.testing.assert_allclose(found.explained, found.pca_explained, rtol=1e-2)
