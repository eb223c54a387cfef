"""Which step training stops at, and whose weights it leaves, for validation losses planted here."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from fewlabels.training import Group, Recipe, fit


class Counter(nn.Module):
    """Its weight is minus the number of steps done: SGD of rate 1 on the weight itself. Its buffer counts them too."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(()))
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))

    def loss_of(self, index):
        self.steps += 1
        return self.weight * 1.0, {}


def run(planted: list[float], steps: int, every: int, patience: int | None):
    module = Counter()
    values = iter(planted)
    recipe = Recipe(steps=steps, optimiser="sgd", momentum=0, lr=1.0, validate_every=every, patience=patience)
    generator = torch.Generator().manual_seed(0)
    history = fit(
        module,
        [Group((module.weight,))],
        module.loss_of,
        4,
        recipe,
        generator,
        lambda: next(values),
    )
    assert list(values) == []
    assert -module.weight.item() == module.steps.item() == history.best_step
    assert history.validation_loss == planted
    return history


@pytest.mark.parametrize(
    ("planted", "steps", "every", "patience", "stopped", "best"),
    [
        ([5, 4, 3, 2], 8, 2, 2, 8, 8),  # always better: to the end
        ([5, 3, 4, 3.5], 100, 2, 2, 8, 4),  # two validations without improvement
        ([5, 3, 4], 100, 2, 1, 6, 4),
        ([5, 3, 4, 2, 6, 7, 8], 100, 2, 3, 14, 8),  # an improvement starts the count anew
        ([5, 3, 3, 3], 100, 2, 2, 8, 4),  # as good is not better, and the first stays
        ([1, 2, 3, 4], 100, 3, 3, 12, 3),  # the very first
        ([5, 3, 4, 6, 7], 9, 2, None, 9, 4),  # no patience: to the end, which is validated
        ([5, 3, 4, 6, 2], 9, 2, None, 9, 9),
        ([1, 2], 10, 7, 5, 10, 7),  # fewer validations than patience
        ([3], 4, 100, 2, 4, 4),  # the last step is validated even so
        ([5, 6, 4], 150, 50, 3, 150, 150),
    ],
)
def test_stops_and_keeps_the_best(planted, steps, every, patience, stopped, best):
    history = run(planted, steps, every, patience)
    assert len(history.loss) == stopped
    assert history.best_step == best
    assert history.validation_step[-1] == stopped
    assert history.validation_step == [min((i + 1) * every, steps) for i in range(len(planted))]


def test_without_validation_the_last_weights_stay():
    module = Counter()
    recipe = Recipe(steps=7, optimiser="sgd", momentum=0, lr=1.0, validate_every=2, patience=1)
    history = fit(module, [Group((module.weight,))], module.loss_of, 4, recipe, torch.Generator().manual_seed(0))
    assert module.weight.item() == -7
    assert history.best_step is None
