"""Snapshots of the same examples, again and again while a network learns."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from fewlabels.training.examples import Examples
from fewlabels.training.layerwise import Phase

SHOWN = 8
"""Examples in a picture: the first ones."""

HALVINGS = 7
"""Pictures are of the start, after steps / 2^7, steps / 2^6, ..., and of the end: most happens early."""

SEED = 0


class Snapshots:
    """Pictures of the first examples of x as a network learns; of images only, and where there is a decoder.

    phases: of the training, as planned.
    """

    def __init__(self, x: Examples, phases: Sequence[Phase]) -> None:
        steps = phases[-1].first + phases[-1].steps
        decodes = all(phase.objective.decodes for phase in phases)
        self._shown = x.batch(slice(0, SHOWN)) if len(x.shape) == 3 and decodes else None
        self._numerics = x.numerics
        self._due = {*(phase.first for phase in phases), *(steps >> halving for halving in range(1, HALVINGS + 1)), 0}
        self.steps: list[int] = []
        self._frames: list[Tensor] = []

    @property
    def frames(self) -> Tensor | None:
        """[S, n, *input_shape] float16; None where there is nothing to see."""
        return torch.stack(self._frames) if self._frames else None

    def load_state(self, steps: Sequence[int], frames: Tensor | None) -> None:
        """Go on from pictures taken before: after which steps, and what they show."""
        self.steps = list(steps)
        self._frames = [] if frames is None else list(frames)

    def due(self, phase: Phase, step: int) -> bool:
        """Whether a picture is due after so many steps of a phase; there is nothing to see in vectors."""
        return self._shown is not None and phase.first + step in self._due

    def maybe_record(self, phase: Phase, step: int, begun: int) -> None:
        """Record if it is due after so many steps of a phase that began after `begun` steps of the training.

        It is due by the plan; earlier phases may have stopped before they had taken all planned steps.
        """
        if self.due(phase, step):
            self.record(phase, begun + step)

    @torch.no_grad()
    def record(self, phase: Phase, step: int) -> None:
        """Keep what the stages trained so far make of the examples, after so many steps of the training."""
        if self._shown is None:
            return
        training, objective = phase.part.training, phase.objective
        net = phase.whole.eval()  # looking must not move running statistics
        noise = objective.draw(self._shown, net.latent_dim, self._numerics.generator(SEED))
        self.steps.append(step)
        self._frames.append(objective.picture(net, self._shown, noise).half().cpu())
        phase.part.train(training)
