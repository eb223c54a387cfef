"""The one table of objectives: a row here, and the command line, the study, the report and the tests know it."""

from __future__ import annotations

from collections.abc import Mapping

from fewlabels.objectives.denoising import Denoising
from fewlabels.objectives.noise import GaussianNoise, MaskingNoise, RandomGaussianNoise, SaltAndPepperNoise
from fewlabels.objectives.objective import Objective
from fewlabels.objectives.reconstruction import Reconstruction
from fewlabels.objectives.sparse import SparseActivations, SparseWeights

OBJECTIVES: Mapping[str, Objective] = {
    "reconstruction": Reconstruction(),
    "sparse": SparseActivations(),
    "sparse-weights": SparseWeights(),
    "denoising": Denoising(GaussianNoise()),
    "denoising-random": Denoising(RandomGaussianNoise()),
    "denoising-masking": Denoising(MaskingNoise()),
    "denoising-salt-pepper": Denoising(SaltAndPepperNoise()),
}
"""Objectives by the name a study knows them by, with the settings they have there."""

KINDS: Mapping[str, type] = {
    kind.__name__: kind
    for kind in (
        Reconstruction,
        SparseActivations,
        SparseWeights,
        Denoising,
        GaussianNoise,
        RandomGaussianNoise,
        MaskingNoise,
        SaltAndPepperNoise,
    )
}
"""Every class that may stand in an objective's JSON."""
