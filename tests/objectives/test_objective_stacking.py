"""Several models of one architecture at once: each has the loss and the gradients that it has alone.

In double precision, where two ways to the same number differ by rounding and nothing else can hide.
"""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from objective_cases import (
    NETWORKS,
    build,
    changed,
    draw,
    every_float_setting,
    every_network,
    every_objective,
    examples,
    value_at,
)
from torch import Tensor, nn
from torch.func import functional_call, grad_and_value, stack_module_state, vmap

from fewlabels.networks import Autoencoder
from fewlabels.objectives import OBJECTIVES, Objective

M = 2


class Loss(nn.Module):
    """An objective's loss as a module, which `functional_call` can give other weights."""

    def __init__(self, objective: Objective, net: Autoencoder) -> None:
        super().__init__()
        self.objective = objective
        self.net = net

    def forward(self, x: Tensor, noise: dict[str, Tensor]) -> Tensor:
        return self.objective.loss(self.net, x, noise)[0]


class Stack:
    """M models with weights, examples and noise of their own."""

    def __init__(self, objective: Objective, network: str) -> None:
        spec, shape = NETWORKS[network]
        self.nets = [build(spec, shape, objective, seed).double() for seed in range(M)]
        self.xs = [examples(*shape, seed=10 + model).double() for model in range(M)]
        self.noises = [
            draw(objective, net, x, seed=20 + model)
            for model, (net, x) in enumerate(zip(self.nets, self.xs, strict=True))
        ]
        parameters, _ = stack_module_state([Loss(objective, net) for net in self.nets])
        trained = {name for name, own in Loss(objective, self.nets[0]).named_parameters() if own.requires_grad}
        self.fixed = {name: tensor.detach() for name, tensor in parameters.items() if name not in trained}
        self.weights = {name: tensor.detach() for name, tensor in parameters.items() if name in trained}
        noise = {key: torch.stack([noise[key] for noise in self.noises]) for key in self.noises[0]}
        self.batches = torch.stack(self.xs), noise

    def alone(self, objective: Objective, model: int) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss of one model and its gradients by name."""
        module = Loss(objective, self.nets[model])
        loss = module(self.xs[model], self.noises[model])
        trained = {name: parameter for name, parameter in module.named_parameters() if parameter.requires_grad}
        return loss, dict(zip(trained, torch.autograd.grad(loss, list(trained.values())), strict=True))

    def assert_equal_alone(self, objective: Objective, losses: Tensor, gradients: dict[str, Tensor]) -> None:
        """losses: [M]; gradients by name, [M, ...]."""
        for model in range(M):
            loss, alone = self.alone(objective, model)
            largest = max(gradient.abs().max().item() for gradient in alone.values())
            torch.testing.assert_close(losses[model], loss, rtol=1e-9, atol=0)
            stacked = {name: gradient[model] for name, gradient in gradients.items()}
            torch.testing.assert_close(stacked, alone, rtol=1e-7, atol=1e-10 * largest)


@pytest.mark.slow
@every_objective
@every_network
def test_stacked_models_have_the_losses_and_gradients_they_have_alone(name, network):
    objective = OBJECTIVES[name]
    stack = Stack(objective, network)
    skeleton = Loss(objective, copy.deepcopy(stack.nets[0]))
    leaves = {key: tensor.clone().requires_grad_() for key, tensor in stack.weights.items()}

    def loss_of(weights: dict[str, Tensor], x: Tensor, noise: dict[str, Tensor]) -> Tensor:
        return functional_call(skeleton, weights, (x, noise))

    losses = vmap(loss_of)(leaves | stack.fixed, *stack.batches)
    gradients = torch.autograd.grad(losses.sum(), list(leaves.values()))
    stack.assert_equal_alone(objective, losses, dict(zip(leaves, gradients, strict=True)))


@pytest.mark.slow
@every_objective
@pytest.mark.parametrize("network", ["dense", "stride"])
def test_gradients_may_be_taken_model_by_model_too(name, network):
    objective = OBJECTIVES[name]
    stack = Stack(objective, network)
    skeleton = Loss(objective, copy.deepcopy(stack.nets[0]))

    def loss_of(weights: dict[str, Tensor], fixed: dict[str, Tensor], x: Tensor, noise: dict[str, Tensor]) -> Tensor:
        return functional_call(skeleton, weights | fixed, (x, noise))

    gradients, losses = vmap(grad_and_value(loss_of))(stack.weights, stack.fixed, *stack.batches)
    stack.assert_equal_alone(objective, losses, gradients)


def unchecked(settings: Any, path: tuple[str, ...], value: Tensor) -> Any:
    """As `changed`, past the checks, which a tensor of several models' values would not pass."""
    first, *rest = path
    copied = copy.copy(settings)
    object.__setattr__(copied, first, unchecked(getattr(settings, first), tuple(rest), value) if rest else value)
    return copied


@every_float_setting
def test_a_float_setting_may_differ_from_model_to_model(name, path):
    objective = OBJECTIVES[name]
    value = value_at(objective, path)
    values = [value, value / 2]
    stack = Stack(objective, "dense")
    skeleton = copy.deepcopy(stack.nets[0])

    def loss_of(weights: dict[str, Tensor], x: Tensor, noise: dict[str, Tensor], setting: Tensor) -> Tensor:
        return functional_call(Loss(unchecked(objective, path, setting), skeleton), weights, (x, noise))

    whole = stack.weights | stack.fixed
    losses = vmap(loss_of)(whole, *stack.batches, torch.tensor(values, dtype=torch.float64))
    for model in range(M):
        loss, _ = stack.alone(changed(objective, path, values[model]), model)
        torch.testing.assert_close(losses[model], loss, rtol=1e-9, atol=0)
