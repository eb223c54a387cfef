"""What an encoder is trained for. Knows nothing of training loops or concrete networks."""

from fewlabels.objectives.adversarial import AdversarialAutoencoder
from fewlabels.objectives.base import Objective
from fewlabels.objectives.contractive import Contractive
from fewlabels.objectives.corruption import (
    Corruption,
    GaussianNoise,
    MaskingNoise,
    RandomGaussianNoise,
    SaltAndPepperNoise,
)
from fewlabels.objectives.denoising import Denoising
from fewlabels.objectives.generative import GenerativeAdversarial
from fewlabels.objectives.masked import Masked
from fewlabels.objectives.reconstruction import Reconstruction
from fewlabels.objectives.registry import KINDS, OBJECTIVES
from fewlabels.objectives.sparse import SparseActivations, SparseTarget, SparseWeights
from fewlabels.objectives.variational import Variational

__all__ = [
    "KINDS",
    "OBJECTIVES",
    "AdversarialAutoencoder",
    "Contractive",
    "Corruption",
    "Denoising",
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
]
