"""Many models of one architecture trained at once: the same mathematics as `fit`, one batched step for all.

Small networks spend their time in overhead, not in arithmetic; a step for twelve stacked models costs about four
times a step for one.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap

from fewlabels.training.ensemble.optimiser import Stack, StackedOptimiser, flatten, join
from fewlabels.training.ensemble.recorded import record, recording_pays
from fewlabels.training.history import History
from fewlabels.training.loop import CHECK_EVERY, Losses, out_of_patience, raise_unless_finite
from fewlabels.training.recipe import Recipe
from fewlabels.training.sampler import Batches, Order

Batch = Any
"""What m stacked models are given, one tensor or tuples and dictionaries of such, [m, ...] each."""

Call = Callable[[Batch], Losses]
"""m stacked models as one function: a batch -> losses [m], and terms [m] by name."""

Watch = Callable[[int, Sequence[int], Callable[[], None]], None]
"""Called before every step with the steps done, the models still in training, and what gives these their weights."""

MOST_PARAMETERS = 200_000
"""Of one model, on processors: beyond, stacked weights no longer fit the cache, and one after the other is faster."""


def can_stack(module: nn.Module) -> bool:
    """Whether `fit_stacked` does what `fit` does: not where running statistics are updated while training."""
    norms = (part for part in module.modules() if isinstance(part, nn.modules.batchnorm._NormBase))
    return not any(norm.track_running_stats for norm in norms)


def stacking_pays(parameters: int, models: int, device: str = "cpu") -> bool:
    """Whether training so many models of this size together is faster than one after the other, as measured."""
    return models > 1 and (parameters <= MOST_PARAMETERS or device != "cpu")


def fit_stacked(
    modules: Sequence[nn.Module],
    rates: Mapping[str, float],
    inputs_of: Callable[[Sequence[int], Sequence[Tensor]], Batch],
    sizes: Sequence[int],
    recipes: Sequence[Recipe],
    generators: Sequence[torch.Generator],
    validation_losses: Callable[[Sequence[int], Call], Tensor] | None = None,
    watch: Watch | None = None,
    autocast: Callable[[], Any] = nullcontext,
    orders: Sequence[Order | None] | None = None,
    after_step: Callable[[Any], None] | None = None,
) -> list[History]:
    """Train M modules in place, each as `fit` would alone, and leave them in evaluation mode.

    A model at its last step, or out of patience, leaves the stack, which goes on without it. Parameters without a
    gradient stay as they are. Dropout differs from model to model and from what `fit` draws. Raises TrainingDiverged at
    a NaN or infinite loss.

    `modules` are of equal layers, called with one model's part of a batch they give its loss, or its loss and the
    terms. `rates` is by name of a parameter its learning rate as a share of the recipe's; parameters not named stay as
    they are. `inputs_of` takes the models still in training, and the example numbers [B] int64 of each, to what they
    are given; `sizes` has each model's number of examples. `recipes` may differ in learning rate, weight decay, steps
    and patience, and in the norm gradients are clipped at, in all or in none; the rest is equal. `validation_losses` is
    as in `fit`, of the models still in training, in evaluation mode -> [m]. `autocast` is the context that losses are
    computed in, `orders` those in which each model's epochs visit its examples; None: all are equally likely.
    `after_step` is called with one model after each of its steps, to change its parameters and buffers in place; it is
    run by `vmap` on all.
    """
    started = time.perf_counter()
    stack = _Stack(modules, rates, recipes, autocast, after_step)
    histories = [History() for _ in modules]
    orders = orders or [None] * len(modules)
    batches = [Batches(*parts) for parts in zip(sizes, recipes, generators, orders, strict=True)]
    pending: list[Losses] = []
    step = 0
    while stack.alive:
        if watch is not None:
            watch(step, stack.alive, stack.write_back)
        batch = inputs_of(stack.alive, [next(batches[model]) for model in stack.alive])
        losses, terms = stack.descend(batch, step)
        step += 1

        pending.append((losses, terms))
        ended = [model for model in stack.alive if step == recipes[model].steps]
        due = stack.alive if step % recipes[0].validate_every == 0 else ended
        if due or step % CHECK_EVERY == 0:
            _record([histories[model] for model in stack.alive], pending, [recipes[model] for model in stack.alive])
        if due and validation_losses is not None:
            ended = ended + _validated(stack, histories, validation_losses, due, step)
        if ended:
            stack.leave(set(ended))
    for module, history in zip(modules, histories, strict=True):
        module.eval()
        history.seconds = (time.perf_counter() - started) / len(modules)
    return histories


class _Stack:
    """Models stacked for training: one function, one optimiser; those that have ended leave it.

    alive: numbers of the models still in it, in order.
    """

    def __init__(
        self,
        modules: Sequence[nn.Module],
        rates: Mapping[str, float],
        recipes: Sequence[Recipe],
        autocast: Callable[[], Any],
        after_step: Callable[[Any], None] | None,
    ) -> None:
        self.alive = list(range(len(modules)))
        self.recipes = recipes
        self._modules = modules
        self._autocast = autocast
        for module in modules:
            module.train()
        parameters, self._buffers = stack_module_state(list(modules))
        self._frozen = {name: tensor.detach() for name, tensor in parameters.items() if name not in rates}
        self._flat, self._trained = flatten({name: p.detach() for name, p in parameters.items() if name in rates})
        self._optimiser = StackedOptimiser(self._flat, self._trained, rates, recipes)
        self._skeleton = copy.deepcopy(modules[0]).train()
        self._after_step = after_step and _As(after_step, self._skeleton)
        self._idle: set[str] = set()
        self._best: list[tuple[float, Stack]] = [(math.inf, {}) for _ in modules]
        self._recorded: Callable[[Batch], Any] | None = None

    def _one(self, state: Stack, batch: Batch) -> Losses:
        found = functional_call(self._skeleton, state, batch if isinstance(batch, tuple) else (batch,))
        return found if isinstance(found, tuple) else (found, {})

    def __call__(self, batch: Batch) -> Losses:
        return vmap(self._one, randomness="different")(self._whole(), batch)

    def descend(self, batch: Batch, step: int) -> Losses:
        """One step of every model along the gradient of its own loss; the losses before it."""
        left = [self.recipes[model].steps - step for model in self.alive]
        if self._recorded is None and recording_pays(min(left), max(left), self._flat.device):
            self._recorded = record(self._gradients, self._state(), batch)
        gradients, losses = self._recorded(batch) if self._recorded else self._gradients(self._state(), batch)
        if self._idle and step == 0:
            self._optimiser.leave_alone(self._idle)
        self._optimiser(join(gradients[name] for name in self._trained), step)
        if self._after_step is not None:
            with torch.no_grad():
                vmap(self._moved)(self._whole())
        return losses

    def _moved(self, state: Stack) -> Stack:
        """One model's state after its step, changed in place."""
        assert self._after_step is not None
        functional_call(self._after_step, {f"module.{name}": tensor for name, tensor in state.items()}, ())
        return state

    def _gradients(self, state: tuple[Stack, Stack], batch: Batch) -> tuple[Stack, Losses]:
        """Gradients of the trained parameters, by name, and losses; a model's depends on its own weights alone."""
        leaves = {name: tensor.detach().requires_grad_() for name, tensor in state[0].items()}
        losses, terms = self._losses((leaves, state[1]), batch)
        found = torch.autograd.grad(losses.sum(), list(leaves.values()), allow_unused=True)
        gradients = dict(zip(leaves, found, strict=True))
        self._idle = {name for name, gradient in gradients.items() if gradient is None}
        every = {name: torch.zeros_like(leaves[name]) if g is None else g for name, g in gradients.items()}
        return every, (losses.detach(), {name: term.detach() for name, term in terms.items()})

    def _losses(self, state: tuple[Stack, Stack], batch: Batch) -> Losses:
        trained, fixed = state
        with self._autocast():
            return vmap(self._one, randomness="different")({**trained, **fixed}, batch)

    def _state(self) -> tuple[Stack, Stack]:
        return self._trained, {**self._frozen, **self._buffers}

    def _whole(self) -> Stack:
        return {**self._trained, **self._frozen, **self._buffers}

    @torch.no_grad()
    def judge(self, losses_of: Callable[[Sequence[int], Call], Tensor], due: Sequence[int]) -> dict[int, float]:
        """Validation losses of the models that are due; the weights of those that have a new best one are kept."""
        self._skeleton.eval()
        losses = dict(zip(self.alive, losses_of(self.alive, self).tolist(), strict=True))
        self._skeleton.train()
        for model in due:
            if losses[model] < self._best[model][0]:
                own = self._own(self.alive.index(model))
                self._best[model] = losses[model], {name: tensor.clone() for name, tensor in own.items()}
        return {model: losses[model] for model in due}

    def leave(self, ended: set[int]) -> None:
        """Give the models their weights, the best where there was validation, and compact the stack without them."""
        for place, model in enumerate(self.alive):
            if model in ended:
                self._give(model, self._best[model][1] or self._own(place))
        kept = [place for place, model in enumerate(self.alive) if model not in ended]
        self.alive = [self.alive[place] for place in kept]
        self._recorded = None
        if not kept:
            return
        rows = torch.tensor(kept, dtype=torch.int64, device=self._flat.device)
        self._frozen, self._buffers = (
            {name: tensor[rows] for name, tensor in stack.items()} for stack in (self._frozen, self._buffers)
        )
        self._flat, self._trained = flatten({name: tensor.detach()[rows] for name, tensor in self._trained.items()})
        self._optimiser.keep(self._flat, rows)

    def write_back(self) -> None:
        """Give every model still in the stack its present weights."""
        for place, model in enumerate(self.alive):
            self._give(model, self._own(place))

    def _own(self, place: int) -> Stack:
        """What training changes of one model."""
        changed = self._trained if self._after_step is None else self._whole()
        return {name: tensor[place] for name, tensor in changed.items()}

    @torch.no_grad()
    def _give(self, model: int, state: Stack) -> None:
        module = self._modules[model]
        own = {**dict(module.named_parameters()), **dict(module.named_buffers())}
        for name, values in state.items():
            own[name].copy_(values)


class _As(nn.Module):
    """Another function of a module than its `forward`, to be called with other weights by `functional_call`."""

    def __init__(self, function: Callable[[Any], None], module: nn.Module) -> None:
        super().__init__()
        self.module = module
        self._function = function

    def forward(self) -> None:
        self._function(self.module)


def _record(histories: Sequence[History], pending: list[Losses], recipes: Sequence[Recipe]) -> None:
    """Move the losses of the latest steps into the histories, and stop at the first that is not finite."""
    begun = len(histories[0].loss)
    losses = torch.stack([loss for loss, _ in pending]).cpu()  # [steps, m]
    for step, model in (~losses.isfinite()).nonzero().tolist():
        raise_unless_finite(losses[step, model].item(), begun + step + 1, recipes[model])
    terms = {name: torch.stack([terms[name] for _, terms in pending]).T.tolist() for name in pending[0][1]}
    for model, (history, values) in enumerate(zip(histories, losses.T.tolist(), strict=True)):
        history.loss += values
        for name, columns in terms.items():
            history.terms.setdefault(name, []).extend(columns[model])
    pending.clear()


def _validated(
    stack: _Stack,
    histories: Sequence[History],
    losses_of: Callable[[Sequence[int], Call], Tensor],
    due: Sequence[int],
    step: int,
) -> list[int]:
    """Note a validation in the histories of the models that are due; those of them that are out of patience."""
    for model, loss in stack.judge(losses_of, due).items():
        raise_unless_finite(loss, step, stack.recipes[model], "validation loss")
        histories[model].validation_step.append(step)
        histories[model].validation_loss.append(loss)
    return [model for model in due if out_of_patience(histories[model], stack.recipes[model])]
