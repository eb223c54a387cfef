"""Plain reconstruction: the autoencoder's classic objective."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from torch import Tensor

from fewlabels.networks import Autoencoder
from fewlabels.objectives.base import Noise, Objective, Terms, mean_squared_error


@final
@dataclass(frozen=True)
class Reconstruction(Objective):
    """L = mean (g(f(x)) - x)^2, with encoder f and decoder g (papers 1 to 5)."""

    def loss(self, net: Autoencoder, x: Tensor, noise: Noise) -> tuple[Tensor, Terms]:
        error = mean_squared_error(net.decode(net.encode(x)), x)
        return error, {"reconstruction": error}
