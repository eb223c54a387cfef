"""Corruptions do what they say: known drawn numbers, and shares and moments over many draws."""

from __future__ import annotations

import math

import pytest
import torch

from fewlabels.objectives import GaussianNoise, MaskingNoise, RandomGaussianNoise, SaltAndPepperNoise

N = 40_000


def corrupt(corruption, x: torch.Tensor, seed: int = 0) -> torch.Tensor:
    return corruption.apply(x, corruption.draw(x, torch.Generator().manual_seed(seed)))


def test_gaussian_noise_has_its_mean_and_deviation():
    x = torch.full((200, N // 200), 0.25)
    added = corrupt(GaussianNoise(std=0.5, mean=0.2), x) - x
    assert added.mean().item() == pytest.approx(0.2, abs=5 * 0.5 / N**0.5)
    assert added.std().item() == pytest.approx(0.5, rel=5 / (2 * N) ** 0.5)
    assert len(added.unique()) > 0.9 * N  # a number of its own for everything
    assert torch.equal(corrupt(GaussianNoise(std=0.0), x), x)


def test_random_gaussian_noise_uses_one_drawn_mean_and_deviation_an_example():
    x = torch.tensor([[[[0.0, 1.0]]], [[[2.0, 3.0]]]])
    noise = {
        "mean": torch.tensor([0.5, -1.0]).view(2, 1, 1, 1),
        "std": torch.tensor([1.0, -2.0]).view(2, 1, 1, 1),
        "gaussian": torch.tensor([[1.0, -1.0], [2.0, 0.0]]).view(2, 1, 1, 2),
    }
    # means 2 * (0.5, -1); deviations 0.5 + 0.25 * (1, -2) = 0.75, 0
    expected = [[1 + 0.75, 1 + 1 - 0.75], [2 - 2, 3 - 2]]
    corrupted = RandomGaussianNoise(mean_std=2.0, std_mean=0.5, std_std=0.25).apply(x, noise)
    assert corrupted.view(2, 2).tolist() == expected


def test_random_gaussian_noise_is_that_of_paper_2():
    """Per example: mean ~ N(0, 1), deviation ~ N(0.5, 0.5)."""
    examples, pixels = 4000, 100
    added = corrupt(RandomGaussianNoise(), torch.zeros(examples, 1, 10, 10)).flatten(1)
    means, deviations = added.mean(dim=1), added.std(dim=1)
    assert means.mean().item() == pytest.approx(0, abs=5 / examples**0.5)
    assert means.std().item() == pytest.approx((1 + 0.5 / pixels) ** 0.5, abs=5 / (2 * examples) ** 0.5)
    # E s^2 = 0.5^2 + 0.5^2, and the mean of |s|, a folded normal
    assert deviations.square().mean().item() == pytest.approx(0.5, abs=0.05)
    folded = 0.5 * math.sqrt(2 / math.pi) * math.exp(-0.5) + 0.5 * math.erf(1 / math.sqrt(2))
    assert deviations.mean().item() == pytest.approx(folded, abs=0.03)
    assert abs(torch.corrcoef(torch.stack([means, deviations]))[0, 1].item()) < 0.08


@pytest.mark.parametrize("share", [0.0, 0.2, 0.5, 1.0])
def test_masking_sets_its_share_to_zero_and_keeps_the_rest(share):
    x = torch.rand(200, N // 200, generator=torch.Generator().manual_seed(1)) + 1
    corrupted = corrupt(MaskingNoise(share), x)
    gone = corrupted == 0
    assert gone.float().mean().item() == pytest.approx(share, abs=5 * (share * (1 - share) / N) ** 0.5)
    assert torch.equal(corrupted[~gone], x[~gone])


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_salt_and_pepper_are_half_the_share_each(share):
    x = torch.rand(200, N // 200, generator=torch.Generator().manual_seed(1))
    corrupted = corrupt(SaltAndPepperNoise(share, low=-2.0, high=3.0), x)
    low, high = corrupted == -2, corrupted == 3
    for part in (low, high):
        expected = share / 2
        assert part.float().mean().item() == pytest.approx(expected, abs=5 * (expected * (1 - expected) / N) ** 0.5)
    rest = ~(low | high)
    assert torch.equal(corrupted[rest], x[rest])
    assert bool(rest.any()) == (share < 1)


@pytest.mark.parametrize(
    ("corruption", "uniform", "expected"),
    [
        (MaskingNoise(0.5), [0.0, 0.49, 0.5, 0.99], [0, 0, 7, 7]),
        (SaltAndPepperNoise(0.5, low=-1.0, high=2.0), [0.0, 0.24, 0.25, 0.74, 0.75, 0.99], [-1, -1, 7, 7, 2, 2]),
    ],
)
def test_thresholds(corruption, uniform, expected):
    x = torch.full((len(uniform),), 7.0)
    assert corruption.apply(x, {"uniform": torch.tensor(uniform)}).tolist() == expected


@pytest.mark.parametrize(
    "corruption", [GaussianNoise(), RandomGaussianNoise(), MaskingNoise(), SaltAndPepperNoise()], ids=str
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_type_and_shape_are_kept_and_every_example_gets_its_own(corruption, dtype):
    x = torch.ones(3, 2, 4, 5, dtype=dtype) / 2
    corrupted = corrupt(corruption, x)
    assert (corrupted.shape, corrupted.dtype) == (x.shape, dtype)
    assert len({str(example.tolist()) for example in corrupted}) == 3
