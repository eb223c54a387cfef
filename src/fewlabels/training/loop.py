"""The training loop: one, readable, used for autoencoders and classifiers alike; and its progress bar."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from fewlabels.core.errors import TrainingDiverged
from fewlabels.core.progress import Display
from fewlabels.training.history import History
from fewlabels.training.recipe import Group, Recipe, make_optimiser, set_rate
from fewlabels.training.sampler import Batches, Order, SamplerState

Losses = tuple[Tensor, dict[str, Tensor]]
Progress = Callable[[int, float, float], None]
"""Called with the steps done, the latest loss and the examples a second."""

CHECK_EVERY = 50

LEAST_SECONDS = 1.0
"""That steps must have taken before the time left is told of them."""


@dataclass(frozen=True, eq=False)
class LoopState:
    """All that `fit` needs to go on after a step as if it had never stopped.

    module: its state. best: the state at the least validation loss so far; None: not validated yet.
    optimiser: the state of each parameter, by number, as in the optimiser's own state.
    """

    history: History
    module: Mapping[str, Tensor]
    best: Mapping[str, Tensor] | None
    optimiser: Mapping[int, Mapping[str, Any]]
    sampler: SamplerState


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """How `fit` lets others keep where it is.

    begun: where to go on from; None: from the start.
    due: asked after every step; if it says so, `save` is told where training is. Its tensors are those in training:
        what is to be kept must be copied at once.
    """

    begun: LoopState | None
    due: Callable[[], bool]
    save: Callable[[LoopState], None]


def fit(
    module: nn.Module,
    groups: Sequence[Group],
    loss_of: Callable[[Tensor], Losses],
    n: int,
    recipe: Recipe,
    generator: torch.Generator,
    validation_loss: Callable[[], float] | None = None,
    progress: Progress | None = None,
    order: Order | None = None,
    checkpoint: Checkpoint | None = None,
    after_step: Callable[[], None] = lambda: None,
) -> History:
    """Train `module` in place, and leave it in evaluation mode.

    groups: the parameters to train; others of the module stay as they are.
    loss_of: example numbers [B] int64 -> loss and its terms, scalars.
    n: number of examples.
    validation_loss: computed every `recipe.validate_every` steps; the weights at its minimum are put back at the end.
    order: in which each epoch visits the examples; by default, all orders are equally likely.
    checkpoint: training goes on from there, to the same bits as without a stop; seconds are those of all its runs.
    after_step: called after every step of the optimiser; what it changes must be part of the module's state.

    Raises TrainingDiverged at a NaN or infinite loss, of training or of validation.
    """
    history = History()
    optimiser = make_optimiser(groups, recipe)
    trained = [parameter for group in groups for parameter in group.parameters]
    pending: list[Losses] = []
    best_state: Mapping[str, Tensor] | None = None
    batches = Batches(n, recipe, generator, order)
    if checkpoint is not None and checkpoint.begun is not None:
        history, best_state = checkpoint.begun.history, checkpoint.begun.best
        _load_state(checkpoint.begun, module, optimiser, batches)
    best_loss = min(history.validation_loss, default=math.inf)
    started = time.perf_counter() - history.seconds

    module.train()
    for step, index in enumerate(batches, start=len(history.loss)):
        set_rate(optimiser, recipe, step)
        loss, terms = loss_of(index)
        optimiser.zero_grad()
        loss.backward()
        if recipe.clip_norm is not None:
            nn.utils.clip_grad_norm_(trained, recipe.clip_norm)
        optimiser.step()
        with torch.no_grad():
            after_step()

        pending.append((loss.detach(), {name: term.detach() for name, term in terms.items()}))
        done = step + 1
        validating = validation_loss is not None and (done % recipe.validate_every == 0 or done == recipe.steps)
        early = progress is not None and done < CHECK_EVERY and done & (done - 1) == 0  # 1, 2, 4, ...
        if validating or early or done % CHECK_EVERY == 0 or done == recipe.steps:
            _record(history, pending, recipe)
            if progress is not None:
                progress(done, history.loss[-1], done * len(index) / (time.perf_counter() - started))
        if validating and validation_loss is not None:
            module.eval()
            history.validation_step.append(done)
            history.validation_loss.append(validation_loss())
            raise_unless_finite(history.validation_loss[-1], done, recipe, "validation loss")
            module.train()
            if history.validation_loss[-1] < best_loss:
                best_loss, best_state = history.validation_loss[-1], copy.deepcopy(module.state_dict())
            elif out_of_patience(history, recipe):
                break
        if checkpoint is not None and checkpoint.due():
            _record(history, pending, recipe)
            history.seconds = time.perf_counter() - started
            state = optimiser.state_dict()["state"]
            checkpoint.save(LoopState(history, module.state_dict(), best_state, state, batches.state()))

    if best_state is not None:
        module.load_state_dict(best_state)
    module.eval()
    history.seconds = time.perf_counter() - started
    return history


def _load_state(state: LoopState, module: nn.Module, optimiser: torch.optim.Optimizer, batches: Batches) -> None:
    """Bring all three where they were."""
    module.load_state_dict(state.module)
    optimiser.load_state_dict({**optimiser.state_dict(), "state": state.optimiser})
    batches.load_state(state.sampler)


def _record(history: History, pending: list[Losses], recipe: Recipe) -> None:
    """Move the losses of the latest steps into the history, and stop at the first that is not finite.

    An accelerator is waited for here, once for all of them.
    """
    if not pending:
        return
    for loss in torch.stack([loss for loss, _ in pending]).tolist():
        raise_unless_finite(loss, len(history.loss) + 1, recipe)
        history.loss.append(loss)
    for name in pending[0][1]:
        history.terms.setdefault(name, []).extend(torch.stack([terms[name] for _, terms in pending]).tolist())
    pending.clear()


def raise_unless_finite(loss: float, step: int, recipe: Recipe, name: str = "loss") -> None:
    """Raise TrainingDiverged, with what to try, at a loss that is NaN or infinite."""
    if not math.isfinite(loss):
        raise TrainingDiverged(
            f"training stopped: the {name} is {loss} at step {step} of {recipe.steps} with learning rate "
            f"{recipe.lr:g}; try a learning rate of {recipe.lr / 10:g}, or clip_norm=1"
        )


def out_of_patience(history: History, recipe: Recipe) -> bool:
    """Whether validation has not improved for as often as the recipe allows."""
    losses = history.validation_loss
    return recipe.patience is not None and len(losses) - 1 - losses.index(min(losses)) >= recipe.patience


@contextmanager
def progress_bar(steps: int, title: str = "training") -> Iterator[Progress]:
    """How far a training is, on stderr: a bar on a terminal, a line every tenth elsewhere.

    `with progress_bar(job.recipe.steps) as p: train(job, x, progress=p)`
    """
    began: list[tuple[float, int]] = []

    def tell(done: int, loss: float, speed: float) -> None:
        began.append((time.monotonic(), done))
        seconds, of_steps = began[-1][0] - began[0][0], done - began[0][1]  # the first step takes longer than others
        left = seconds / of_steps * (steps - done) if seconds >= LEAST_SECONDS else None
        display.count(done, steps, "steps", f"loss {loss:.4f}  {speed:,.0f} examples/s", left)

    with Display() as display:
        display.stage(f"{title}: the first step")
        yield tell
