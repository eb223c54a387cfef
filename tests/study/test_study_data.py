"""The arrays of a study on disk: the unlabelled pool is shuffled there without ever being in memory as a whole."""

import sys

import numpy as np
import pytest
from small_studies import materials_of

from fewlabels.data import make_pools
from made_up_rows import stripes


@pytest.mark.parametrize("transductive", [False, True])
@pytest.mark.parametrize("stretch", [1, 64 * 7, 2**20])  # an example, seven, all
def test_the_pool_is_shuffled_as_a_whole_whatever_the_stretch(tmp_path, monkeypatch, stretch, transductive):
    monkeypatch.setattr(sys.modules["fewlabels.data.blocks"], "STRETCH_BYTES", stretch)
    materials = materials_of(tmp_path / "work", "raw+probe", transductive=transductive)
    dataset = stripes()
    pools = make_pools(dataset)
    seen = pools.unlabelled_x(dataset)
    if transductive:
        seen = np.concatenate([seen, pools.test_x(dataset)])
    expected = seen[np.random.default_rng(0).permutation(len(seen))]
    np.testing.assert_array_equal(np.load(materials.folder / "unlabelled.npy"), expected)
