"""Views that move pixels: known draws turn, resize, shift, crop and flip as the words say."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from fewlabels.objectives import (
    Crop,
    Flip,
)
from view_cases import NO_AFFINE, images, seen


class TestAffine:
    def seen(self, x: Tensor, u: list[float], **given: float) -> Tensor:
        noise = {"affine": torch.tensor([u] * len(x))}
        return replace(NO_AFFINE, **given).apply(x, noise)

    @pytest.mark.parametrize("shape", [(1, 8, 8), (2, 7, 7)])
    @pytest.mark.parametrize("quarters", [1, 2, 3, -1])
    def test_quarter_turns(self, shape, quarters):
        x = images(*shape)
        turned = self.seen(x, [0, 1, 0, 0, 0, 0], rotation=90.0 * abs(quarters))
        if quarters < 0:
            turned = self.seen(x, [0, -1, 0, 0, 0, 0], rotation=90.0)
        torch.testing.assert_close(turned, torch.rot90(x, quarters, (2, 3)), rtol=0, atol=1e-5)

    def test_half_a_turn_of_an_oblong_image(self):
        x = images(1, 5, 9)
        turned = self.seen(x, [0, 1, 0, 0, 0, 0], rotation=180.0)
        torch.testing.assert_close(turned, x.flip(2, 3), rtol=0, atol=1e-5)

    def test_a_quarter_turn_of_an_oblong_image_keeps_pixels_square(self):
        """The pixel two to the right of the middle ends two above it."""
        x = torch.zeros(1, 1, 5, 9)
        x[0, 0, 2, 6] = 1
        turned = self.seen(x, [0, 1, 0, 0, 0, 0], rotation=90.0)
        expected = torch.zeros(1, 1, 5, 9)
        expected[0, 0, 0, 4] = 1
        torch.testing.assert_close(turned, expected, rtol=0, atol=1e-5)

    @given(st.integers(-4, 4), st.integers(-4, 4), st.integers(0, 7), st.integers(0, 9))
    @settings(max_examples=30, deadline=None)
    def test_a_shift_moves_a_pixel_where_it_should(self, right, down, row, column):
        x = torch.zeros(1, 1, 8, 10)
        x[0, 0, row, column] = 1
        moved = self.seen(x, [0, 0, 0, 0, right / 10 / 0.5, down / 8 / 0.5], shift=0.5)
        expected = torch.zeros(1, 1, 8, 10)
        if 0 <= row + down < 8 and 0 <= column + right < 10:
            expected[0, 0, row + down, column + right] = 1
        torch.testing.assert_close(moved, expected, rtol=0, atol=1e-5)

    def test_twice_the_size_and_half(self):
        x = torch.zeros(1, 1, 8, 8)
        x[0, 0, 3:5, 3:5] = 1
        grown = self.seen(x, [1, 0, 0, 0, 0, 0], scale=0.6931472)
        assert grown.sum().item() == pytest.approx(16, abs=1e-3)
        assert self.seen(grown, [-1, 0, 0, 0, 0, 0], scale=0.6931472).sum().item() == pytest.approx(4, abs=1e-3)

    def test_stretched_to_the_sides(self):
        x = torch.zeros(1, 1, 8, 8)
        x[0, 0, 2:6, 3:5] = 1
        wide = self.seen(x, [0, 0, 0, -1, 0, 0], aspect=0.6931472)
        assert (wide[0, 0] > 0.4).sum(0).tolist() == [0, 0, 2, 2, 2, 2, 0, 0]

    def test_sheared_a_pixel_to_the_side_a_pixel_down(self):
        x = torch.zeros(1, 1, 5, 5)
        x[0, 0, :, 2] = 1
        sheared = self.seen(x, [0, 0, 1, 0, 0, 0], shear=1.0)
        torch.testing.assert_close(sheared[0, 0], torch.eye(5).flip(1), rtol=0, atol=1e-5)


class TestCrop:
    def test_a_quarter_of_the_image_blown_up(self):
        x = images(1, 8, 8)
        for left, top in ((0, 0), (1, 0), (0, 1), (1, 1)):
            cropped = Crop(0.25, 0.0).apply(x, {"crop": torch.tensor([[1.0, 0.5, left, top]] * 6)})
            part = x[:, :, 4 * top : 4 * top + 4, 4 * left : 4 * left + 4]
            blown = torch.nn.functional.interpolate(part, size=8, mode="bilinear")
            torch.testing.assert_close(cropped[:, :, 2:6, 2:6], blown[:, :, 2:6, 2:6], rtol=0, atol=1e-5)

    @given(st.floats(0.3, 1), st.floats(0, 0.5), st.integers(0, 1000))  # blown up more, the edge is wider than a pixel
    @settings(max_examples=30, deadline=None)
    def test_it_never_looks_outside(self, area, aspect, seed):
        x = torch.ones(20, 1, 9, 6)
        torch.testing.assert_close(seen(Crop(area, aspect), x, seed)[:, :, 1:-1, 1:-1], x[:, :, 1:-1, 1:-1])


class TestFlip:
    def test_about_half_and_each_as_a_whole(self):
        x = images(1, 4, 5, n=400)
        flipped = (seen(Flip(), x) == x.flip(-1)).flatten(1).all(1)
        kept = (seen(Flip(), x) == x).flatten(1).all(1)
        assert (flipped ^ kept).all()
        assert flipped.float().mean().item() == pytest.approx(0.5, abs=0.1)
