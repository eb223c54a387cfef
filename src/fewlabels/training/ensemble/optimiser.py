"""SGD, Adam and AdamW for stacked models: one flat tensor of all weights, every model with settings of its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import torch
from torch import Tensor, nn

from fewlabels.training.recipe import Recipe, schedule

Stack = dict[str, Tensor]
"""Parameters or buffers by name, those of M models along the first axis."""


def join(tensors: Iterable[Tensor]) -> Tensor:
    """The numbers of M models from tensors [M, ...], side by side: [M, P]."""
    return torch.cat([tensor.reshape(len(tensor), -1) for tensor in tensors], dim=1)


def flatten(stack: Stack) -> tuple[Tensor, Stack]:
    """One tensor [M, P] with all of a stack's numbers, and the stack anew, as views of it."""
    flat = join(stack.values())
    widths = [tensor[0].numel() for tensor in stack.values()]
    parts = zip(stack.items(), flat.split(widths, dim=1), strict=True)
    return flat, {name: part.view(tensor.shape) for (name, tensor), part in parts}


class StackedOptimiser:
    """Steps flat stacked parameters [M, P] in place, each model by its own learning rate, decay and clipping.

    PyTorch's fused optimisers know one learning rate only. So at rate 1 they step a tensor that starts from zero every
    time, which leaves the direction there; the models then follow it, each at its own rate.
    """

    def __init__(self, flat: Tensor, stack: Stack, rates: Mapping[str, float], recipes: Sequence[Recipe]) -> None:
        def each(values: list[float]) -> Tensor:
            return torch.tensor(values, device=flat.device, dtype=flat.dtype)[:, None]  # [M, 1]

        shares = [torch.full_like(flat[0, : tensor[0].numel()], rates[name]) for name, tensor in stack.items()]
        self._flat = flat
        self._widths = {name: tensor[0].numel() for name, tensor in stack.items()}
        self._recipes = list(recipes)
        self._lr = each([recipe.lr for recipe in recipes])  # [M, 1]
        self._share = torch.cat(shares) if len(set(rates.values())) > 1 else flat.new_tensor(next(iter(rates.values())))
        decays = [recipe.weight_decay for recipe in recipes]
        self._decay = each(decays) if any(decays) else None
        clips = [recipe.clip_norm for recipe in recipes if recipe.clip_norm is not None]
        self._clip = each(clips) if clips else None
        self._direction = nn.Parameter(torch.zeros_like(flat))
        self._inner = self._make()

    def _make(self) -> torch.optim.Optimizer:
        recipe = self._recipes[0]
        if recipe.optimiser == "sgd":
            return torch.optim.SGD([self._direction], lr=1.0, momentum=recipe.momentum, fused=True)
        return torch.optim.Adam([self._direction], lr=1.0, eps=recipe.epsilon, fused=True)

    @torch.no_grad()
    def __call__(self, gradient: Tensor, step: int) -> None:
        """One step along the gradient, [M, P]; `step` counts from 0."""
        recipe = self._recipes[0]
        rate = self._lr * self._schedule(step) * self._share  # [M, P] or [M, 1]
        if self._clip is not None:
            gradient *= (self._clip / (gradient.norm(dim=1, keepdim=True) + 1e-6)).clamp(max=1.0)
        if self._decay is not None and recipe.optimiser == "adamw":
            self._flat.mul_(1 - rate * self._decay)
        elif self._decay is not None:
            gradient.addcmul_(self._flat, self._decay)
        self._direction.zero_()
        self._direction.grad = gradient
        self._inner.step()
        self._flat.addcmul_(self._direction, rate)

    def leave_alone(self, names: set[str]) -> None:
        """Never change these parameters: they get no gradient."""
        rates = [0.0 if name in names else 1.0 for name in self._widths]
        widths = self._flat.new_tensor(list(self._widths.values()), dtype=torch.int64)
        self._share = self._share * self._flat.new_tensor(rates).repeat_interleave(widths)

    def keep(self, flat: Tensor, rows: Tensor) -> None:
        """Go on with the models of these rows alone, whose parameters are now `flat`."""
        self._flat = flat
        self._recipes = [self._recipes[row] for row in rows.tolist()]
        self._lr = self._lr[rows]
        self._decay = None if self._decay is None else self._decay[rows]
        self._clip = None if self._clip is None else self._clip[rows]
        state = self._inner.state[self._direction]
        self._direction = nn.Parameter(torch.zeros_like(flat))
        self._inner = self._make()
        self._inner.state[self._direction] = {
            name: value[rows] if isinstance(value, Tensor) and value.dim() else value for name, value in state.items()
        }

    def _schedule(self, step: int) -> Tensor | float:
        """The share of the peak learning rate at this step: [M, 1], or one number where all have equal steps."""
        shares = [schedule(recipe, step) for recipe in self._recipes]
        if len(set(shares)) == 1:
            return shares[0]
        return self._flat.new_tensor(shares)[:, None]
