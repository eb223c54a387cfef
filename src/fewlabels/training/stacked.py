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
from torch.func import functional_call, stack_module_state, vmap

from fewlabels.training.history import History
from fewlabels.training.loop import raise_unless_finite
from fewlabels.training.recipe import Recipe, batch_indices, schedule

Model = Callable[[Tensor], Tensor]
Stack = dict[str, Tensor]
"""Parameters or buffers by name, those of M models along the first axis."""

BETA_1, BETA_2 = 0.9, 0.999


def can_stack(module: nn.Module) -> bool:
    """Whether `fit_stacked` does what `fit` does: not where running statistics are updated while training."""
    return not any(isinstance(part, nn.modules.batchnorm._NormBase) for part in module.modules())


def fit_stacked(
    modules: Sequence[nn.Module],
    rates: Mapping[str, float],
    losses_of: Callable[[Model, Tensor], Tensor],
    sizes: Sequence[int],
    recipes: Sequence[Recipe],
    generators: Sequence[torch.Generator],
) -> list[History]:
    """Train M modules in place, each as `fit` would alone, and leave them in evaluation mode.

    rates: by name of a parameter, its learning rate as a share of the recipe's; parameters not named stay as they are.
    losses_of: the models as one function, [M, B, ...] -> [M, B, ...], and example numbers [M, B] int64 -> losses [M].
    sizes: each model's number of examples. recipes: equal but for `lr`.

    Dropout differs from model to model and from what `fit` draws. Raises TrainingDiverged at a NaN or infinite loss.
    """
    started = time.perf_counter()
    for module in modules:
        module.train()
    stacked, buffers = stack_module_state(list(modules))
    flat, trained = flatten({name: tensor.detach() for name, tensor in stacked.items() if name in rates})
    frozen = {name: tensor.detach() for name, tensor in stacked.items() if name not in rates}
    state, skeleton = {**trained, **frozen, **buffers}, copy.deepcopy(modules[0]).train()
    call = vmap(lambda state, inputs: functional_call(skeleton, state, (inputs,)), randomness="different")
    update = Optimiser(flat, {name: rates[name] for name in trained}, trained, recipes)
    losses = []
    for step, index in enumerate(zip(*map(batch_indices, sizes, recipes, generators), strict=True)):
        loss = losses_of(lambda inputs: call(state, inputs), torch.stack(index))  # [M]
        gradients = torch.autograd.grad(loss.sum(), list(trained.values()))  # a model's loss is its own alone
        update(torch.cat([gradient.flatten(1) for gradient in gradients], dim=1), step)
        losses.append(loss.detach())

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


def flatten(stack: Stack) -> tuple[Tensor, Stack]:
    """One tensor [M, P] with all of a stack's numbers, and the stack anew, as views of it that require gradients."""
    flat = torch.cat([tensor.flatten(1) for tensor in stack.values()], dim=1)
    widths = [tensor[0].numel() for tensor in stack.values()]
    parts = zip(stack.items(), flat.split(widths, dim=1), strict=True)
    return flat, {name: part.view(tensor.shape).requires_grad_() for (name, tensor), part in parts}


class Optimiser:
    """SGD, Adam and AdamW on flat stacked parameters [M, P], in place, every model at its own learning rate."""

    def __init__(self, flat: Tensor, rates: Mapping[str, float], stack: Stack, recipes: Sequence[Recipe]) -> None:
        shares = [torch.full((stack[name][0].numel(),), rate) for name, rate in rates.items()]
        self._flat = flat
        self._recipe = recipes[0]
        self._lr = torch.tensor([recipe.lr for recipe in recipes])[:, None] * torch.cat(shares)  # [M, P]
        self._first, self._second = torch.zeros_like(flat), torch.zeros_like(flat)

    @torch.no_grad()
    def __call__(self, gradient: Tensor, step: int) -> None:
        """One step along the gradient, [M, P]."""
        recipe = self._recipe
        share = schedule(recipe.schedule, step, recipe.steps)
        if recipe.clip_norm is not None:
            gradient *= (recipe.clip_norm / (gradient.norm(dim=1, keepdim=True) + 1e-6)).clamp(max=1.0)
        if recipe.weight_decay and recipe.optimiser == "adamw":
            self._flat.sub_(self._lr * self._flat, alpha=share * recipe.weight_decay)
        elif recipe.weight_decay:
            gradient.add_(self._flat, alpha=recipe.weight_decay)
        if recipe.optimiser == "sgd":
            self._first.mul_(recipe.momentum).add_(gradient)
            self._flat.sub_(self._lr * self._first, alpha=share)
            return
        self._first.lerp_(gradient, 1 - BETA_1)
        self._second.mul_(BETA_2).addcmul_(gradient, gradient, value=1 - BETA_2)
        unbias_1, unbias_2 = 1 - BETA_1 ** (step + 1), math.sqrt(1 - BETA_2 ** (step + 1))
        scale = self._second.sqrt().add_(recipe.epsilon * unbias_2)
        self._flat.addcdiv_(self._lr * self._first, scale, value=-share * unbias_2 / unbias_1)
