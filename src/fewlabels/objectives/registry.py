"""The one table of objectives: a row here, and studies, the command line, saved encoders, pages and tests know it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

from fewlabels.objectives.adversarial import AdversarialAutoencoder, GenerativeAdversarial
from fewlabels.objectives.base import Objective
from fewlabels.objectives.contractive import Contractive
from fewlabels.objectives.contrastive import Contrastive
from fewlabels.objectives.distillation import Distillation
from fewlabels.objectives.reconstruction import Denoising, Masked, Reconstruction
from fewlabels.objectives.sparse import SparseActivations, SparseTarget, SparseWeights
from fewlabels.objectives.variational import Variational
from fewlabels.objectives.vicreg import VICReg
from fewlabels.objectives.views import VIEWS, GaussianNoise, MaskingNoise, RandomGaussianNoise, SaltAndPepperNoise


@dataclass(frozen=True)
class Entry:
    """A row of the table.

    Attributes
    ----------
    objective
        With the settings that a study gives it.
    summary
        What the encoder is trained for, as lists have it.
    source
        Where it comes from; '' where it needs no telling.
    """

    objective: Objective
    summary: str
    source: str = ""


ENTRIES: dict[str, Entry] = {
    "reconstruction": Entry(Reconstruction(), "to reconstruct its input: mean squared error"),
    "sparse": Entry(
        SparseActivations(),
        "likewise, with an L1 penalty on the activations of codes and output",
        "the code of Barletta & De Benedetti 2024",
    ),
    "sparse-weights": Entry(
        SparseWeights(), "likewise, with an L1 penalty on the weights", "the text of Barletta & De Benedetti 2024"
    ),
    "sparse-target": Entry(
        SparseTarget(),
        "with codes between 0 and 1 that are on for a small share of the examples: Kullback-Leibler penalty",
        "Ng 2011",
    ),
    "denoising": Entry(
        Denoising(GaussianNoise()), "to undo Gaussian noise; works with more codes than inputs", "Vincent et al. 2010"
    ),
    "denoising-random": Entry(
        Denoising(RandomGaussianNoise()),
        "to undo Gaussian noise whose mean and deviation are drawn for each image",
        "Ballarin",
    ),
    "denoising-masking": Entry(Denoising(MaskingNoise()), "to undo zeros", "Vincent et al. 2010"),
    "denoising-salt-pepper": Entry(Denoising(SaltAndPepperNoise()), "to undo zeros and ones", "Vincent et al. 2010"),
    "masked": Entry(Masked(), "to fill in hidden patches of an image, or features of a vector", "He et al. 2022"),
    "contractive": Entry(
        Contractive(),
        "to reconstruct with codes that change little: squared Frobenius norm of the Jacobian",
        "Rifai et al. 2011",
    ),
    "variational": Entry(
        Variational(),
        "to reconstruct from codes drawn from a Gaussian near the standard one; squared error, Ballarin's lambda",
        "Kingma & Welling 2014",
    ),
    "variational-bernoulli": Entry(
        Variational("bernoulli", weight=1.0, unit="beta", warm_up=0.25),
        "likewise with the Bernoulli likelihood, as evidence lower bound, with warm-up; inputs within 0 and 1",
        "Kingma & Welling 2014",
    ),
    "adversarial": Entry(
        AdversarialAutoencoder(),
        "to reconstruct, with codes that a critic cannot tell from a Gaussian prior",
        "Makhzani et al. 2016",
    ),
    "gan": Entry(
        GenerativeAdversarial(),
        "to tell examples from those a generator makes: the discriminator's body is the encoder",
        "Goodfellow et al. 2014",
    ),
    "gan-hinge": Entry(GenerativeAdversarial("hinge"), "likewise, with the hinge loss", "Lim & Ye 2017"),
    "contrastive": Entry(
        Contrastive(), "to tell two views of an example from those of all others: NT-Xent", "Chen et al. 2020"
    ),
    "vicreg": Entry(
        VICReg(),
        "to agree on two views of an example, with codes that vary and are not correlated",
        "Bardes et al. 2022",
    ),
    "distillation": Entry(
        Distillation(),
        "to foretell what a slower copy of the encoder makes of another view of the example",
        "Grill et al. 2020",
    ),
}
"""The table, by the name that a study knows an objective by. What is put in here at run time is known everywhere."""


class _Objectives(Mapping[str, Objective]):
    """The table's objectives alone, as it is now."""

    def __getitem__(self, name: str) -> Objective:
        return ENTRIES[name].objective

    def __iter__(self) -> Iterator[str]:
        return iter(ENTRIES)

    def __len__(self) -> int:
        return len(ENTRIES)


OBJECTIVES = _Objectives()
"""Objectives by name, with the settings they have in a study."""


def kinds() -> dict[str, type]:
    """Every class that may stand in an objective's JSON: those of the table, of their parts, and all views, by name."""
    return VIEWS | {kind.__name__: kind for objective in OBJECTIVES.values() for kind in _classes(objective)}


def _classes(settings: Any) -> Iterator[type]:
    yield type(settings)
    for field in fields(settings):
        if is_dataclass(part := getattr(settings, field.name)):
            yield from _classes(part)
