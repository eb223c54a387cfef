"""What holds of every view: no strength is the identity, and no example touches another; and the default views."""

from __future__ import annotations

import json

import pytest
import torch

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
    Intensity,
    Resample,
    Views,
    default_view,
    kinds,
)
from view_cases import NONE, SHAPES, SOME, every_shape, every_view, images, seen


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


@pytest.mark.parametrize(
    "view",
    [Affine(), Blur(), ColourJitter(), Crop(), Erase(), Flip(), Intensity(), Views((Resample(), Flip()))],
    ids=str,
)
@pytest.mark.parametrize("shape", [(5,), (8, 8)], ids=str)
def test_views_of_images_refuse_what_is_none(view, shape):
    name = "Flip" if isinstance(view, Views) else type(view).__name__
    with pytest.raises(InputError) as caught:
        seen(view, images(*shape))
    assert str(caught.value) == (
        f"{name} needs images (channels, height, width), got examples of shape {shape}; give Resample, or "
        "AutomaticView, which suits any shape"
    )


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
