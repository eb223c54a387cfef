"""A pretrained encoder, ready for labels: what `pretrain` makes and `finetune` starts from."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from fewlabels.core.errors import InputError
from fewlabels.core.printed_table import PrintedTable
from fewlabels.data import Preparation, Signature, examples_like
from fewlabels.models.modules import EncoderNet
from fewlabels.networks import Autoencoder, Network
from fewlabels.objectives import Objective
from fewlabels.training import Numerics
from fewlabels.transfer import Centring

BATCH = 1000


def facts_table(title: str, facts: Mapping[str, Any]) -> PrintedTable:
    """What is known of a model, a row a fact, but for the versions of libraries."""
    sections = {part: known for part, known in facts.items() if part != "versions" and isinstance(known, Mapping)}
    rows = [(part, name, str(value)) for part, known in sections.items() for name, value in known.items()]
    return PrintedTable(title, ("of", "fact", "value"), rows)


@dataclass(frozen=True, eq=False, repr=False)
class EncoderModel:
    """A pretrained encoder in use, as `pretrain` and `load_encoder` give it.

    Attributes
    ----------
    module
        Examples as they come -> codes [n, latent_dim].
    signature
        Of the examples it takes.
    network, objective
        What it was built as, and trained for.
    job
        How it was trained, as JSON values.
    facts
        What its card tells: data, pretraining, versions.
    """

    module: EncoderNet
    signature: Signature
    network: Network
    objective: Objective
    job: Mapping[str, Any]
    facts: Mapping[str, Any]

    def __repr__(self) -> str:
        return f"EncoderModel({self.latent_dim} codes of {self.signature})"

    def _repr_html_(self) -> str:
        return facts_table(repr(self), self.facts).html()

    @property
    def latent_dim(self) -> int:
        return self.module.net.latent_dim

    @property
    def preparation(self) -> Preparation:
        return self.module.prepare.preparation()

    @property
    def centring(self) -> Centring:
        """Of the codes, fitted on the unlabelled pool."""
        centre = self.module.centre
        return Centring(centre.mean.numpy(force=True), centre.scale.item())

    def start(self) -> Autoencoder:
        """A copy of the autoencoder to fine-tune: its weights can be trained, unlike those of a model in use."""
        return copy.deepcopy(self.module.net).requires_grad_(True)

    def embed(self, x: np.ndarray) -> np.ndarray:
        """Codes [n, latent_dim] of the weights' precision, float32.

        Parameters
        ----------
        x
            Examples [n, *signature.shape], or what `examples_like` makes such.

        Raises
        ------
        InputError
            For other examples.
        """
        x = examples_like(x, self.signature)
        return np.concatenate([codes.numpy(force=True) for codes in answers(self.module, x)])

    @torch.no_grad()
    def decode(self, codes: np.ndarray) -> np.ndarray:
        """Examples [n, *shape] that codes [n, latent_dim] stand for, on the scale they had before they were scaled.

        Rows of a table come back as they were encoded.

        Raises
        ------
        InputError
            Where the objective trains no decoder.
        """
        if not self.objective.decodes:
            raise InputError(
                f"{type(self.objective).__name__} trains no decoder, so codes cannot be turned into examples; pretrain "
                "with an objective that reconstructs, such as denoising"
            )
        net, like = self.module.net, self.module.prepare.shift
        z = torch.from_numpy(np.array(codes)).to(like)
        found = np.concatenate([self.objective.decode(net, part).numpy(force=True) for part in z.split(BATCH)])
        scaling = self.preparation.scaling
        restored: np.ndarray = found * scaling.scale + scaling.shift
        return restored


@torch.no_grad()
def answers(module: torch.nn.Module, x: np.ndarray, size: int = BATCH) -> Iterator[torch.Tensor]:
    """What the module says of examples [n, *signature shape], a batch at a time. x may be memory-mapped."""
    device = next(module.buffers()).device
    numerics = Numerics(str(device))
    for start in range(0, len(x), size):
        batch = torch.from_numpy(np.array(x[start : start + size])).to(device)
        yield module(numerics.to_memory_format(batch))
