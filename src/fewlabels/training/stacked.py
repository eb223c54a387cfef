"""Many models of one architecture trained at once: the same mathematics as `fit`, one batched step for all.

Small networks spend their time in overhead, not in arithmetic; a step for twelve stacked models costs about four
times a step for one.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad_and_value, stack_module_state, vmap

from fewlabels.training.history import History
from fewlabels.training.loop import raise_unless_finite
from fewlabels.training.recipe import Recipe, batch_indices, schedule

Stack = dict[str, Tensor]
"""Parameters or buffers by name, those of M models along the first axis."""

BETA_1, BETA_2 = 0.9, 0.999


def can_stack(module: nn.Module) -> bool:
    """Whether `fit_stacked` does what `fit` does: not where running statistics are updated while training."""
    return not any(isinstance(part, nn.modules.batchnorm._NormBase) for part in module.modules())


def fit_stacked(
    modules: Sequence[nn.Module],
    rates: Mapping[str, float],
    loss_of: Callable[[Callable[..., Tensor], tuple[Tensor, ...]], Tensor],
    batch_of: Callable[[Tensor], tuple[Tensor, ...]],
    sizes: Sequence[int],
    recipes: Sequence[Recipe],
    generators: Sequence[torch.Generator],
) -> list[History]:
    """Train M modules in place, each as `fit` would alone, and leave them in evaluation mode.

    rates: by name of a parameter, its learning rate as a share of the recipe's; parameters not named stay as they are.
    loss_of: a model, as a function, and its batch -> its loss, a scalar.
    batch_of: example numbers [M, B] int64 -> the batches, tensors of [M, B, ...].
    sizes: each model's number of examples. recipes: equal but for `lr`.

    Dropout differs from model to model and from what `fit` draws. Raises TrainingDiverged at a NaN or infinite loss.
    """
    started = time.perf_counter()
    for module in modules:
        module.train()
    stacked, buffers = stack_module_state(list(modules))
    trained = {name: tensor.detach() for name, tensor in stacked.items() if name in rates}
    frozen = {name: tensor.detach() for name, tensor in stacked.items() if name not in rates}
    skeleton = copy.deepcopy(modules[0]).train()

    def loss_of_one(trained: Stack, frozen: Stack, buffers: Stack, batch: tuple[Tensor, ...]) -> Tensor:
        state = {**trained, **frozen, **buffers}
        return loss_of(lambda *inputs: functional_call(skeleton, state, inputs), batch)

    gradients_of = vmap(grad_and_value(loss_of_one), randomness="different")
    update = _Optimiser(trained, rates, recipes)
    losses = []
    for step, index in enumerate(zip(*map(batch_indices, sizes, recipes, generators), strict=True)):
        gradients, loss = gradients_of(trained, frozen, buffers, batch_of(torch.stack(index)))
        update(trained, gradients, step)
        losses.append(loss)

    histories = [History(loss=values) for values in torch.stack(losses, dim=1).tolist()]
    for model, (module, history) in enumerate(zip(modules, histories, strict=True)):
        for step, value in enumerate(history.loss, start=1):
            raise_unless_finite(value, step, recipes[model])
        with torch.no_grad():
            for name, parameter in module.named_parameters():
                if name in trained:
                    parameter.copy_(trained[name][model])
        module.eval()
        history.seconds = (time.perf_counter() - started) / len(modules)
    return histories


class _Optimiser:
    """SGD, Adam and AdamW on stacked parameters, updated in place, every model at its own learning rate."""

    def __init__(self, trained: Stack, rates: Mapping[str, float], recipes: Sequence[Recipe]) -> None:
        self._recipe = recipes[0]
        self._rates = rates
        self._lr = torch.tensor([recipe.lr for recipe in recipes])  # [M]
        self._first = {name: torch.zeros_like(tensor) for name, tensor in trained.items()}
        self._second = {name: torch.zeros_like(tensor) for name, tensor in trained.items()}

    def __call__(self, trained: Stack, gradients: Stack, step: int) -> None:
        recipe = self._recipe
        share = schedule(recipe.schedule, step, recipe.steps)
        if recipe.clip_norm is not None:
            _clip(gradients, recipe.clip_norm)
        for name, parameter in trained.items():
            lr = (self._lr * (self._rates[name] * share)).view(-1, *(1,) * (parameter.dim() - 1))  # [M, 1, ...]
            gradient = gradients[name]
            if recipe.optimiser == "adamw":
                parameter.mul_(1 - lr * recipe.weight_decay)
            elif recipe.weight_decay:
                gradient = gradient + recipe.weight_decay * parameter
            if recipe.optimiser == "sgd":
                velocity = self._first[name]
                velocity.mul_(recipe.momentum).add_(gradient)
                parameter.sub_(lr * velocity)
                continue
            first = self._first[name].lerp_(gradient, 1 - BETA_1)
            second = self._second[name].mul_(BETA_2).addcmul_(gradient, gradient, value=1 - BETA_2)
            scale = second.sqrt().div_(math.sqrt(1 - BETA_2 ** (step + 1))).add_(recipe.epsilon)
            parameter.sub_(lr / (1 - BETA_1 ** (step + 1)) * first / scale)


def _clip(gradients: Stack, greatest: float) -> None:
    """Scale each model's gradient so that its norm is at most `greatest`."""
    squares = [gradient.flatten(1).square().sum(dim=1) for gradient in gradients.values()]  # each [M]
    norm = torch.stack(squares).sum(dim=0).sqrt()
    factor = (greatest / (norm + 1e-6)).clamp(max=1.0)
    for gradient in gradients.values():
        gradient.mul_(factor.view(-1, *(1,) * (gradient.dim() - 1)))
