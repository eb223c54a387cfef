"""How the codes of an encoder are spread, on examples without labels."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from fewlabels.analysis import describe_spread
from fewlabels.networks import Autoencoder
from fewlabels.objectives import Objective, TwoViews
from fewlabels.training import Examples
from fewlabels.transfer import Codes, features_of

MOST = 2000
"""Examples that are looked at: singular values and pairs take the square of them."""

FEWEST = 3
"""With fewer, codes lie on a line whatever they are."""


def spread_of(net: Autoencoder, objective: Objective, x: Examples) -> dict[str, Any] | None:
    """What `describe_spread` says of the first examples' codes, and of two views of each for objectives that have such.

    None for fewer than three examples, and where codes are not finite.
    """
    few = x.first(MOST)
    codes = features_of(Codes(net, objective), few)
    if len(few) < FEWEST or not np.isfinite(codes).all():
        return None
    return describe_spread(codes, _of_views(net, objective, few) if isinstance(objective, TwoViews) else None)


@torch.no_grad()
def _of_views(net: Autoencoder, objective: TwoViews, x: Examples) -> tuple[np.ndarray, np.ndarray]:
    generator = x.numerics.generator(0)
    drawn = [objective.draw(batch, net.latent_dim, generator) for batch in x.batches()]
    first, second = (
        np.concatenate([objective.embed(net, noise[name]).cpu().numpy() for noise in drawn])
        for name in ("first", "second")
    )
    return first, second
