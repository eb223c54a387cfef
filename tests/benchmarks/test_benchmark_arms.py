"""The arms of a row do the same work."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from benchmarks.paper1_probes import BATCH, COUNTS, REPEATS, fit_probes, fresh_head, frozen_encoder, train_sequentially
from benchmarks.precision import ACCURACY, accuracy_within_seeds
from benchmarks.rivals import PYTHAE, RivalMissing, python_of
from benchmarks.side_by_side import Measured
from benchmarks.time_to_loss import PUBLISHED_RECIPE
from benchmarks.workloads import standardised, standardising
from fewlabels.networks import parameter_count
from fewlabels.training import Examples


def test_probes_are_as_many_as_published():
    assert len(COUNTS) * REPEATS == 150
    assert sum(count // BATCH for count in COUNTS) * REPEATS * 100 == 3_825_000
    assert PUBLISHED_RECIPE.steps == 184_300
    assert parameter_count(frozen_encoder()) == 889


def test_stacked_probes_are_those_of_the_loop():
    images = np.random.default_rng(0).integers(0, 256, (96, 1, 28, 28), dtype=np.uint8)
    labels = np.arange(96) % 10
    net, x = frozen_encoder(), standardised(images)
    with torch.no_grad():
        encoded = net.encode(x).numpy()
    stacked = fit_probes(encoded, labels, [96, 48, 96], 3, [1, 2, 3])
    for head, count, seed in zip(stacked, [96, 48, 96], [1, 2, 3], strict=True):
        alone = fresh_head(seed)
        train_sequentially(net, alone, x[:count], torch.from_numpy(labels), 3 * count // BATCH, seed)
        torch.testing.assert_close(head[0].weight, alone[0].weight, rtol=1e-4, atol=1e-6)
        assert not torch.equal(alone[0].weight, fresh_head(seed)[0].weight)


def test_all_arms_see_the_same_numbers():
    images = np.random.default_rng(0).integers(0, 256, (4, 1, 28, 28), dtype=np.uint8)
    ours = Examples(images, standardising()).batch(slice(0, 4))
    torch.testing.assert_close(ours, standardised(images))
    torch.testing.assert_close(ours, ((torch.from_numpy(images) / 255 - 0.1307) / 0.3081).float())


@pytest.mark.parametrize(("apart", "met"), [([0.01, -0.01, 0.005], True), ([0.02, 0.021, 0.019], False)])
def test_accuracy_is_held_against_the_seeds(apart, met):
    arms = {
        "float32": Measured([{ACCURACY: 0.9} for _ in apart]),
        "bfloat16": Measured([{ACCURACY: 0.9 + difference} for difference in apart]),
    }
    assert accuracy_within_seeds(arms).met is met


def test_a_rival_that_is_not_there_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr("benchmarks.rivals.HOME", tmp_path)
    with pytest.raises(RivalMissing, match="pythae is not installed; a run without --quick installs it"):
        python_of(PYTHAE, may_install=False)
