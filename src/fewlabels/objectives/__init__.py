"""What an encoder is trained for. Knows nothing of training loops or concrete networks."""

from fewlabels.objectives.adversarial import AdversarialAutoencoder, GenerativeAdversarial
from fewlabels.objectives.base import Objective, equipped
from fewlabels.objectives.contractive import Contractive
from fewlabels.objectives.contrastive import Contrastive
from fewlabels.objectives.distillation import Distillation
from fewlabels.objectives.reconstruction import Denoising, Masked, Reconstruction
from fewlabels.objectives.registry import ENTRIES, OBJECTIVES, Entry, kinds
from fewlabels.objectives.sparse import SparseActivations, SparseTarget, SparseWeights
from fewlabels.objectives.two_views import TwoViews
from fewlabels.objectives.variational import Variational
from fewlabels.objectives.vicreg import VICReg
from fewlabels.objectives.views import (
    VIEWS,
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
    View,
    Views,
    default_view,
    seen_as_images,
    with_flips,
)

__all__ = [
    "ENTRIES",
    "OBJECTIVES",
    "VIEWS",
    "AdversarialAutoencoder",
    "Affine",
    "AutomaticView",
    "Blur",
    "ColourJitter",
    "Contractive",
    "Contrastive",
    "Crop",
    "Denoising",
    "Distillation",
    "Entry",
    "Erase",
    "Flip",
    "GaussianNoise",
    "GenerativeAdversarial",
    "Intensity",
    "Masked",
    "MaskingNoise",
    "Objective",
    "RandomGaussianNoise",
    "Reconstruction",
    "Resample",
    "SaltAndPepperNoise",
    "SparseActivations",
    "SparseTarget",
    "SparseWeights",
    "TwoViews",
    "VICReg",
    "Variational",
    "View",
    "Views",
    "default_view",
    "equipped",
    "kinds",
    "seen_as_images",
    "with_flips",
]
