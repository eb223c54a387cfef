"""Views that change values or take some away: intensity, colour, blur, holes, features of other examples."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fewlabels.objectives import (
    Blur,
    ColourJitter,
    Erase,
    Intensity,
    Resample,
    default_view,
)
from view_cases import images, seen


class TestIntensity:
    def test_by_hand(self):
        x = torch.tensor([0.0, 0.25, 1.0]).view(1, 1, 1, 3)
        noise = {"intensity": torch.tensor([[-1.0, 1.0, 0.5]])}
        changed = Intensity(contrast=0.2, gamma=0.6931472, brightness=0.1).apply(x, noise)
        torch.testing.assert_close(changed.flatten(), torch.tensor([0.0501, 0.5 * 1.2 + 0.05, 1.0]), rtol=0, atol=1e-3)

    def test_between_an_images_own_extremes_whatever_the_scale(self):
        x = images(1, 8, 8)
        view = Intensity()
        noise = view.draw(x, torch.Generator().manual_seed(0))
        torch.testing.assert_close(view.apply(5 * x - 3, noise), 5 * view.apply(x, noise) - 3, rtol=0, atol=1e-4)

    @pytest.mark.parametrize("value", [0.0, 1.0, -2.5])
    @pytest.mark.parametrize("view", [Intensity(), ColourJitter()], ids=str)
    def test_an_image_of_one_value_stays(self, view, value):
        x = torch.full((5, 3, 4, 4), value)
        torch.testing.assert_close(seen(view, x), x, rtol=0, atol=1e-6)


class TestColour:
    def test_a_third_of_the_circle_turns_red_into_green(self):
        x = torch.zeros(1, 3, 2, 2)
        x[:, 0] = 1
        view = ColourJitter(0, 0, 0, hue=1 / 3, grey=0)
        turned = view.apply(x, {"colour": torch.tensor([[0.0, 0.0, 0.0, 1.0]]), "grey": torch.ones(1)})
        torch.testing.assert_close(turned[0, :, 0, 0], torch.tensor([0.0, 1.0, 0.0]), rtol=0, atol=1e-5)

    def test_grey_images_have_equal_channels(self):
        x = images(3, 4, 4, n=400)
        grey = (seen(ColourJitter(grey=0.2), x).std(1) < 1e-5).flatten(1).all(1)
        assert grey.float().mean().item() == pytest.approx(0.2, abs=0.08)


class TestBlur:
    def test_it_keeps_the_sum_inside_and_spreads_as_far_as_it_says(self):
        x = torch.zeros(1, 1, 41, 41)
        x[0, 0, 20, 20] = 1
        blurred = Blur(std=0.05).apply(x, {"blur": torch.ones(1)})[0, 0]
        assert blurred.sum().item() == pytest.approx(1, abs=1e-5)
        away = torch.arange(41.0) - 20
        assert (blurred.sum(0) * away.square()).sum().item() == pytest.approx((0.05 * 41) ** 2, rel=0.15)


class TestErase:
    def test_a_hole_of_its_size_and_the_rest_is_left(self):
        x = images(2, 28, 28, n=50, low=0.1)
        erased = seen(Erase(), x)
        gone = erased == 0
        assert torch.equal(erased[~gone], x[~gone])
        assert torch.equal(gone[:, 0], gone[:, 1])
        sides = torch.stack([gone[:, 0].any(axis).sum(1) for axis in (1, 2)])
        assert sides.max() <= 11
        assert ((sides >= 9) & (sides <= 11)).float().mean() > 0.5  # the others are cut off at the edge
        assert gone[:, 0].flatten(1).sum(1).eq(sides[0] * sides[1]).all()


class TestResample:
    @given(st.integers(2, 12), st.integers(1, 9), st.floats(0, 1), st.integers(0, 1000))
    @settings(max_examples=40, deadline=None)
    def test_columns_keep_to_their_own_values_and_the_share_is_right(self, n, d, share, seed):
        x = torch.arange(float(n * d)).view(n, d)
        view = Resample(share)
        noise = view.draw(x, torch.Generator().manual_seed(seed))
        resampled = view.apply(x, noise)
        assert torch.equal(resampled % d, x % d)  # which column a value is from
        replaced = noise["replaced"]
        assert replaced.sum(1).tolist() == [max(round(share * d), 1 if share else 0)] * n
        assert torch.equal(resampled[~replaced], x[~replaced])

    @pytest.mark.parametrize("shape", [(1,), (3,), (5,), (2, 1, 2)], ids=str)
    @pytest.mark.parametrize("strength", ["strong", "mild"])
    def test_the_default_view_changes_the_narrowest_examples_too(self, shape, strength):
        x = images(*shape, n=400)
        changed = (seen(default_view(shape, strength), x) != x).flatten(1)
        assert changed.any(1).float().mean() > 0.98  # all but those given their own value

    def test_all_others_are_as_likely(self):
        x = torch.arange(4.0).view(4, 1).expand(4, 3000).contiguous()
        resampled = seen(Resample(1.0), x)
        for example in resampled:
            assert torch.bincount(example.long(), minlength=4).tolist() == pytest.approx([750] * 4, abs=120)
