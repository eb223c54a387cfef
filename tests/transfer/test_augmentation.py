"""Labels that are seen through views: the same alone and together, drawn from the task's seed, on or off by choice."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from toy_task import K, as_examples, toy

from fewlabels.data import fit_scaling
from fewlabels.objectives.views import default_view
from fewlabels.training import Examples
from fewlabels.transfer import CONTROLS, TRANSFERS, Task, WholeNetwork, fit_one, tune_and_fit
from fewlabels.transfer.supervised import FEWEST_STEPS, LONGER, MOST_STEPS, recipe_for

ON, OFF = {"lr": 0.01, "augment": 1.0}, {"lr": 0.01, "augment": 0.0}


def bars(n: int, seed: int, shift: int = 0) -> tuple[Examples, np.ndarray]:
    """Images of a lying or a standing bar, up to `shift` pixels off the middle, under noise: [n, 1, 12, 12]."""
    rng = np.random.default_rng(seed)
    x, y = rng.integers(0, 40, (n, 1, 12, 12), dtype=np.uint8), np.arange(n) % 2
    for image, label, place in zip(x[:, 0], y, 6 + rng.integers(-shift, shift + 1, n), strict=True):
        image[(place,) if label else (slice(None), place)] += 180
    return Examples(x, fit_scaling(x)), y


def small() -> nn.Module:
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(400, 2))


def spoilt() -> nn.Module:
    """It cannot be stacked, so it is trained by the loop."""
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(400, 2))


@pytest.mark.parametrize("build", [small, spoilt])
def test_together_tasks_see_the_views_that_each_sees_alone(short, build):
    (x, y), learner = bars(40, 0), WholeNetwork(build)
    tasks = [
        Task(np.arange(40)[part::2], setting, 40, seed) for setting in (ON, OFF) for part in (0, 1) for seed in (1, 2)
    ]
    together = learner.fit_all(x, y, tasks)
    for task, classifier in zip(tasks, together, strict=True):
        (alone,) = learner.fit_all(x, y, [task])
        np.testing.assert_allclose(classifier.curve, alone.curve, rtol=0, atol=1e-4)
        np.testing.assert_allclose(classifier.log_proba(x), alone.log_proba(x), rtol=0, atol=1e-3)
    assert len({tuple(classifier.curve) for classifier in together}) == len(tasks)


def test_vectors_together_see_the_views_that_each_sees_alone(short):
    x, y = toy(0, 40)
    learner = WholeNetwork(lambda: nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, K)))
    tasks = [Task(np.arange(40), setting, 40, seed) for setting in (ON, OFF) for seed in (1, 2)]
    for task, classifier in zip(tasks, learner.fit_all(as_examples(x), y, tasks), strict=True):
        (alone,) = learner.fit_all(as_examples(x), y, [task])
        np.testing.assert_allclose(classifier.curve, alone.curve, rtol=0, atol=1e-4)


def test_the_first_step_is_on_the_views_that_the_seed_draws():
    x, y = bars(20, 0)
    seen = []

    class Watched(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(144, 2)

        def forward(self, batch):
            if self.training:
                seen.append(batch.detach().clone())
            return self.layer(batch.flatten(1))

    fit_one(WholeNetwork(Watched), x, y, ON, seed=5)
    generator = torch.Generator().manual_seed(5)
    batch = x.batch(torch.randperm(20, generator=generator))
    torch.testing.assert_close(seen[0], default_view((1, 12, 12), "mild").of(batch, generator))
    assert not torch.equal(seen[0], batch)
    seen.clear()
    fit_one(WholeNetwork(Watched), x, y, OFF, seed=5)
    torch.testing.assert_close(seen[0], batch)


def test_without_augmentation_training_is_what_it_is_without_the_word():
    x, y = bars(20, 0)
    named, bare = (fit_one(WholeNetwork(small), x, y, setting, 0) for setting in (OFF, {"lr": 0.01}))
    assert named.curve == bare.curve
    assert fit_one(WholeNetwork(small), x, y, ON, 0).curve[: len(bare.curve)] != bare.curve


def test_augmented_training_is_longer_up_to_the_same_end():
    assert recipe_for(1, 0.5, augmented=True).steps == LONGER * FEWEST_STEPS
    assert recipe_for(10**6, 0.5, augmented=True).steps == MOST_STEPS
    assert recipe_for(300, 0.5, augmented=True).steps == int(LONGER * recipe_for(300, 0.5).steps)


def test_what_is_shifted_is_learned_from_what_is_not():
    (x, y), (new, new_y) = bars(12, 0), bars(200, 1, shift=1)
    hits = [
        (fit_one(WholeNetwork(small), x, y, setting, 0).log_proba(new).argmax(axis=1) == new_y).mean()
        for setting in (ON, OFF)
    ]
    assert hits[0] > 0.95 > hits[1]


def test_validation_turns_views_off_where_they_destroy_the_class():
    rng = np.random.default_rng(0)
    y = np.arange(60) % 2
    board = 1 - 2 * (np.indices((12, 12)).sum(axis=0) % 2)  # moved by a pixel, it is the other class
    x = 128 + 20 * board * (1 - 2 * y)[:, None, None] + rng.normal(0, 60, (60, 12, 12))
    images = x.clip(0, 255).astype(np.uint8)[:, None]
    learner = WholeNetwork(lambda: nn.Sequential(nn.Flatten(), nn.Linear(144, 2)))
    outcome = tune_and_fit(learner, Examples(images, fit_scaling(images)), y, 0)
    assert outcome.setting["augment"] == 0
    assert {trial.setting["augment"] for trial in outcome.trials} == {0, 1}
    assert outcome.chosen.accuracy > 0.1 + max(t.accuracy for t in outcome.trials if t.setting["augment"])


def test_what_trains_a_network_on_examples_may_turn_views_on_and_off_and_begins_with_them():
    for row in (TRANSFERS["finetune"], CONTROLS["cnn"], CONTROLS["convnet"]):
        assert {setting["augment"] for setting in row.settings} == {0.0, 1.0}
        assert row.default["augment"] == 1
        assert row.default in row.settings
