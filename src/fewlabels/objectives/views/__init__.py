"""Views: other looks at the same example, drawn at random; noise, and augmentation of images, vectors and tables."""

from fewlabels.objectives.views.base import View, Views
from fewlabels.objectives.views.defaults import MILD, STRONG, AutomaticView, default_view, seen_as_images, with_flips
from fewlabels.objectives.views.geometric import Affine, Crop, Flip
from fewlabels.objectives.views.hiding import Erase, Resample
from fewlabels.objectives.views.noise import GaussianNoise, MaskingNoise, RandomGaussianNoise, SaltAndPepperNoise
from fewlabels.objectives.views.photometric import Blur, ColourJitter, Intensity

VIEWS: dict[str, type] = {
    kind.__name__: kind
    for kind in (
        Affine,
        AutomaticView,
        Blur,
        ColourJitter,
        Crop,
        Erase,
        Flip,
        GaussianNoise,
        Intensity,
        MaskingNoise,
        RandomGaussianNoise,
        Resample,
        SaltAndPepperNoise,
        Views,
    )
}
"""Every view, by the name it has in JSON: the one table. Any may stand in the settings of an objective."""

__all__ = [
    "MILD",
    "STRONG",
    "VIEWS",
    "Affine",
    "AutomaticView",
    "Blur",
    "ColourJitter",
    "Crop",
    "Erase",
    "Flip",
    "GaussianNoise",
    "Intensity",
    "MaskingNoise",
    "RandomGaussianNoise",
    "Resample",
    "SaltAndPepperNoise",
    "View",
    "Views",
    "default_view",
    "seen_as_images",
    "with_flips",
]
