"""The one table of objectives: a row here, and the command line, the study, the report and the tests know it."""

from __future__ import annotations

from collections.abc import Mapping

from fewlabels.objectives.adversarial import AdversarialAutoencoder, GenerativeAdversarial
from fewlabels.objectives.base import Objective
from fewlabels.objectives.contractive import Contractive
from fewlabels.objectives.corruption import GaussianNoise, MaskingNoise, RandomGaussianNoise, SaltAndPepperNoise
from fewlabels.objectives.reconstruction import Denoising, Masked, Reconstruction
from fewlabels.objectives.sparse import SparseActivations, SparseTarget, SparseWeights
from fewlabels.objectives.variational import Variational

OBJECTIVES: Mapping[str, Objective] = {
    "reconstruction": Reconstruction(),
    "sparse": SparseActivations(),
    "sparse-weights": SparseWeights(),
    "sparse-target": SparseTarget(),
    "denoising": Denoising(GaussianNoise()),
    "denoising-random": Denoising(RandomGaussianNoise()),
    "denoising-masking": Denoising(MaskingNoise()),
    "denoising-salt-pepper": Denoising(SaltAndPepperNoise()),
    "masked": Masked(),
    "contractive": Contractive(),
    "variational": Variational(),
    "variational-bernoulli": Variational("bernoulli", weight=1.0, unit="beta", warm_up=0.25),
    "adversarial": AdversarialAutoencoder(),
    "gan": GenerativeAdversarial(),
    "gan-hinge": GenerativeAdversarial("hinge"),
}
"""Objectives by the name a study knows them by, with the settings they have there."""

KINDS: Mapping[str, type] = {
    kind.__name__: kind
    for kind in (
        Reconstruction,
        SparseActivations,
        SparseWeights,
        SparseTarget,
        Denoising,
        GaussianNoise,
        RandomGaussianNoise,
        MaskingNoise,
        SaltAndPepperNoise,
        Masked,
        Contractive,
        Variational,
        AdversarialAutoencoder,
        GenerativeAdversarial,
    )
}
"""Every class that may stand in an objective's JSON."""
