"""What an encoder is trained for. Knows nothing of training loops or concrete networks."""

from fewlabels.objectives.denoising import Denoising
from fewlabels.objectives.noise import (
    Corruption,
    GaussianNoise,
    MaskingNoise,
    RandomGaussianNoise,
    SaltAndPepperNoise,
)
from fewlabels.objectives.objective import Objective
from fewlabels.objectives.reconstruction import Reconstruction
from fewlabels.objectives.sparse import SparseActivations, SparseWeights
from fewlabels.objectives.table import KINDS, OBJECTIVES

__all__ = [
    "KINDS",
    "OBJECTIVES",
    "Corruption",
    "Denoising",
    "GaussianNoise",
    "MaskingNoise",
    "Objective",
    "RandomGaussianNoise",
    "Reconstruction",
    "SaltAndPepperNoise",
    "SparseActivations",
    "SparseWeights",
]
