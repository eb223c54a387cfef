"""What an encoder is trained for. Knows nothing of training loops or concrete networks."""

from fewlabels.objectives.adversarial import AdversarialAutoencoder, GenerativeAdversarial
from fewlabels.objectives.base import Objective, equipped
from fewlabels.objectives.contractive import Contractive
from fewlabels.objectives.corruption import (
    Corruption,
    GaussianNoise,
    MaskingNoise,
    RandomGaussianNoise,
    SaltAndPepperNoise,
)
from fewlabels.objectives.reconstruction import Denoising, Masked, Reconstruction
from fewlabels.objectives.registry import ENTRIES, OBJECTIVES, Entry, kinds
from fewlabels.objectives.sparse import SparseActivations, SparseTarget, SparseWeights
from fewlabels.objectives.variational import Variational

__all__ = [
    "ENTRIES",
    "OBJECTIVES",
    "AdversarialAutoencoder",
    "Contractive",
    "Corruption",
    "Denoising",
    "Entry",
    "GaussianNoise",
    "GenerativeAdversarial",
    "Masked",
    "MaskingNoise",
    "Objective",
    "RandomGaussianNoise",
    "Reconstruction",
    "SaltAndPepperNoise",
    "SparseActivations",
    "SparseTarget",
    "SparseWeights",
    "Variational",
    "equipped",
    "kinds",
]
