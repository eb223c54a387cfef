"""Views: no strength is the identity, known draws do what the words say, and no example touches another."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from fewlabels.core.errors import InputError
from fewlabels.core.settings import from_json, to_json
from fewlabels.objectives import (
    VIEWS,
    Affine,
    AutomaticView,
    Blur,
    ColourJitter,
    Crop,
    Denoising,
    Erase,
    Flip,
    GaussianNoise,
    Intensity,
    MaskingNoise,
    RandomGaussianNoise,
    Resample,
    SaltAndPepperNoise,
    Views,
    default_view,
    kinds,
)

NO_AFFINE, NO_CROP = Affine(0, 0, 0, 0, 0), Crop(1.0, 0.0)
NONE = [
    NO_AFFINE,
    NO_CROP,
    Flip(0.0),
    Intensity(0, 0, 0),
    ColourJitter(0, 0, 0, 0, 0),
    Blur(0.0),
    Erase(side=0.0),
    Erase(share=0.0),
    Resample(0.0),
    GaussianNoise(std=0.0),
    RandomGaussianNoise(0, 0, 0),
    MaskingNoise(0.0),
    SaltAndPepperNoise(0.0),
    Views(),
    Views((NO_AFFINE, Flip(0.0))),
]
SOME = [
    *(type(view)() for view in NONE if not isinstance(view, Views)),
    Views((Affine(), Intensity(), Erase())),
    AutomaticView(),
    AutomaticView("mild", flip=True),
]
SHAPES = [(1, 8, 8), (3, 9, 12), (1, 1, 7), (2, 5, 1), (1, 28, 28)]
every_view = pytest.mark.parametrize("view", SOME, ids=str)
every_shape = pytest.mark.parametrize("shape", SHAPES, ids=str)


def images(*shape: int, n: int = 6, seed: int = 0, low: float = 0.0, high: float = 1.0) -> Tensor:
    return low + (high - low) * torch.rand(n, *shape, generator=torch.Generator().manual_seed(seed))


def seen(view, x: Tensor, seed: int = 0) -> Tensor:
    return view.of(x, torch.Generator().manual_seed(seed))


@every_shape
@pytest.mark.parametrize("view", NONE, ids=str)
@pytest.mark.parametrize(("low", "high"), [(0, 1), (-3, 5)])
def test_without_strength_a_view_is_the_identity(view, shape, low, high):
    x = images(*shape, low=low, high=high)
    torch.testing.assert_close(seen(view, x), x, rtol=0, atol=1e-5 * (high - low))


def test_every_view_of_the_table_is_here():
    assert {type(view) for view in (*NONE, *SOME)} == set(VIEWS.values())


@every_view
@every_shape
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_shape_and_type_stay_numbers_are_finite_and_examples_differ_each_in_its_own_way(view, shape, dtype):
    x = images(*shape, n=1, low=-1.0).to(dtype).expand(40, *shape).clone()
    x[1:, 0] += 1e-3 * torch.arange(39).view(-1, *(1,) * (len(shape) - 1))  # for resampling, of others' values
    views = seen(view, x)
    assert (views.shape, views.dtype) == (x.shape, dtype)
    assert views.isfinite().all()
    if shape == (3, 9, 12):
        moved = (views - x).flatten(1)
        assert len(moved.unique(dim=0)) > 20 or isinstance(view, Flip)
        assert moved.abs().amax(1).gt(0).float().mean() > 0.3


@every_view
def test_the_same_generator_gives_the_same_views_and_another_others(view):
    x = images(3, 8, 8)
    assert torch.equal(seen(view, x), seen(view, x))
    assert not torch.equal(seen(view, x, seed=0), seen(view, x, seed=5))


@every_view
@every_shape
def test_every_part_of_the_noise_has_a_row_an_example_and_rows_may_be_taken(view, shape):
    x = images(*shape)
    noise = view.draw(x, torch.Generator().manual_seed(0))
    assert all(len(part) == len(x) for part in noise.values())
    rows = torch.tensor([4, 1])
    taken = view.apply(x[rows], {name: part[rows] for name, part in noise.items()})
    torch.testing.assert_close(taken, view.apply(x, noise)[rows], rtol=0, atol=1e-6)


@every_view
def test_once_drawn_no_example_changes_the_view_of_another_nor_the_input(view):
    x = images(3, 8, 8)
    kept, noise = x.clone(), view.draw(x, torch.Generator().manual_seed(0))
    views = view.apply(x, noise)
    assert torch.equal(x, kept)
    other = x.clone()
    other[2] = images(3, 8, 8, n=1, seed=9, low=-4.0, high=7.0)[0]
    changed = view.apply(other, noise)
    assert torch.equal(changed[torch.arange(6) != 2], views[torch.arange(6) != 2])
    assert not torch.equal(changed[2], views[2])


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


class TestFlip:
    def test_about_half_and_each_as_a_whole(self):
        x = images(1, 4, 5, n=400)
        flipped = (seen(Flip(), x) == x.flip(-1)).flatten(1).all(1)
        kept = (seen(Flip(), x) == x).flatten(1).all(1)
        assert (flipped ^ kept).all()
        assert flipped.float().mean().item() == pytest.approx(0.5, abs=0.1)


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
        replaced = noise["order"] < round(share * d)
        assert replaced.sum(1).tolist() == [round(share * d)] * n
        assert torch.equal(resampled[~replaced], x[~replaced])

    def test_all_others_are_as_likely(self):
        x = torch.arange(4.0).view(4, 1).expand(4, 3000).contiguous()
        resampled = seen(Resample(1.0), x)
        for example in resampled:
            assert torch.bincount(example.long(), minlength=4).tolist() == pytest.approx([750] * 4, abs=120)


class TestDefault:
    @pytest.mark.parametrize("strength", ["strong", "mild"])
    def test_grey_images_are_flipped_where_it_is_allowed_alone(self, strength):
        def flips(shape, flip):
            view = default_view(shape, strength, flip)
            return any(isinstance(part, Flip) for part in view.views)

        assert [flips((1, 28, 28), flip) for flip in (None, False, True)] == [False, False, True]
        assert [flips((3, 32, 32), flip) for flip in (None, False, True)] == [True, False, True]

    def test_mild_hides_nothing_and_moves_less(self):
        strong, mild = (default_view((1, 28, 28), strength) for strength in ("strong", "mild"))
        assert any(isinstance(part, Erase) for part in strong.views)
        assert not any(isinstance(part, Erase) for part in mild.views)
        x = images(1, 28, 28, n=200)
        noise = {"affine": torch.ones(200, 6)}
        affine = [next(part for part in view.views if isinstance(part, Affine)) for view in (strong, mild)]
        assert affine[1].scale < 0.6 * affine[0].scale
        assert affine[1].shift < 0.6 * affine[0].shift
        assert not torch.equal(*(part.apply(x, noise) for part in affine))
        assert default_view((20,), "mild").share < default_view((20,)).share

    @pytest.mark.parametrize("shape", [(64,), (1,), (1, 1, 20), (3, 3, 40)], ids=str)
    def test_vectors_and_images_too_flat_to_turn_are_resampled(self, shape):
        assert isinstance(default_view(shape), Resample)

    @pytest.mark.parametrize("shape", [(5,), *SHAPES], ids=str)
    def test_one_setting_serves_all_shapes(self, shape):
        x = images(*shape)
        assert torch.equal(seen(AutomaticView(), x), seen(default_view(shape), x))


@pytest.mark.parametrize("view", [*NONE, *SOME], ids=str)
def test_json_there_and_back(view):
    objective = Denoising(view)
    back = from_json(json.loads(json.dumps(to_json(objective))), kinds())
    assert back == objective
    assert hash(back) == hash(objective)


def test_all_noise_and_all_else_may_be_undone_by_a_denoising_autoencoder():
    x = images(1, 8, 8)
    objective = Denoising(Erase())
    noise = objective.draw(x, 2, torch.Generator().manual_seed(0))
    assert (objective.corrupt(x, noise) == 0).any()


def test_settings_and_parts_that_are_none_are_refused():
    with pytest.raises(InputError, match=r"^Views: views is \('blur',\); allowed is views$"):
        Views(("blur",))
    with pytest.raises(InputError, match=r"^AutomaticView: strength is 'weak'; allowed is 'strong' or 'mild'$"):
        AutomaticView("weak")
