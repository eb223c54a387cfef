"""SOAP: Adam in the eigenbasis of the gradients' covariance (Vyas et al. 2024, algorithm 3).

Adam scales every weight by itself; here it scales the directions in which gradients vary together. On small networks
that costs little and takes several times fewer steps.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import Any

import torch
from torch import Tensor

WHOLE = 512
"""Numbers of a weight that is treated as one vector, with the full covariance of its gradient."""

WIDEST = 256
"""Width of a side that has a basis of its own; along a wider one, Adam goes on in the coordinates as they are."""

STEPS_BETWEEN, FIRST_STEPS = 10, 5
"""Steps from one basis to the next, and steps at the start that all have a new one."""

BETA_1, BETA_2, BETA_COVARIANCE = 0.9, 0.99, 0.95


class Soap(torch.optim.Optimizer):
    """Steps each weight W [m, n] (a convolution's kernel: [out, in h w]) by Q_L Adam(Q_L' G Q_R) Q_R'.

    Q_L and Q_R are the eigenvectors of running means of G G' and G' G. A weight of at most WHOLE numbers is one vector,
    and Q the eigenvectors of the running mean of g g'.
    lr: largest step along a direction. epsilon: as Adam's. weight_decay: decoupled, as AdamW's.
    """

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-3, epsilon: float = 1e-8, weight_decay: float = 0.0
    ) -> None:
        super().__init__(params, {"lr": lr, "epsilon": epsilon, "weight_decay": weight_decay})

    def state_dict(self) -> dict[str, Any]:
        """As of any optimiser, of tensors and numbers alone: a side's basis stands there as two tensors."""
        whole = super().state_dict()
        return {**whole, "state": {number: _plain(state) for number, state in whole["state"].items()}}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        super().load_state_dict(state_dict)
        for state in self.state.values():
            state["sides"] = [_side(state, side) for side in (0, 1) if f"basis {side}" in state]

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    gradient = _as_matrix(parameter.grad)  # [m, n]
                    self._step(parameter, gradient, group["lr"], group["epsilon"], group["weight_decay"])

    def _step(self, parameter: Tensor, gradient: Tensor, lr: float, epsilon: float, weight_decay: float) -> None:
        state = self.state[parameter]
        if not state:
            state.update(step=0, first=torch.zeros_like(gradient), second=torch.zeros_like(gradient))
            widest = WHOLE if len(gradient) == 1 else WIDEST
            state["sides"] = [_Side(gradient, side) for side in (0, 1) if 1 < gradient.shape[side] <= widest]
        sides: list[_Side] = state["sides"]
        for side in sides:
            side.learn(gradient)
            if state["step"] < FIRST_STEPS or state["step"] % STEPS_BETWEEN == 0:
                side.turn()
        state["step"] += 1
        first, second = state["first"], state["second"]
        first.lerp_(gradient, 1 - BETA_1)
        second.lerp_(_turned(gradient, sides).square_(), 1 - BETA_2)
        unbiased = _turned(first, sides) / (1 - BETA_1 ** state["step"])
        scale = (second / (1 - BETA_2 ** state["step"])).sqrt_().add_(epsilon)
        direction = _turned_back(unbiased / scale, sides)
        parameter.mul_(1 - lr * weight_decay).sub_(direction.view(parameter.shape), alpha=lr)


class _Side:
    """The basis of one side of a matrix: 0 its rows, 1 its columns."""

    def __init__(self, gradient: Tensor, side: int) -> None:
        width = gradient.shape[side]
        self.side = side
        self.covariance = gradient.new_zeros(width, width)
        self.basis = torch.eye(width, dtype=gradient.dtype, device=gradient.device)

    def learn(self, gradient: Tensor) -> None:
        product = gradient @ gradient.T if self.side == 0 else gradient.T @ gradient
        self.covariance.lerp_(product, 1 - BETA_COVARIANCE)

    def turn(self) -> None:
        """Take the eigenvectors of the covariance as it is now; where none can be found, keep those at hand.

        In single precision, low rank can be enough for none to be found, which LAPACK tells by an error or by NaN.
        """
        if not self.covariance.isfinite().all():
            return  # training has diverged, as its loss will tell
        for covariance in (self.covariance, self.covariance.double()):
            with suppress(torch.linalg.LinAlgError):  # type: ignore[attr-defined]
                found = torch.linalg.eigh(covariance)[1]
                if found.isfinite().all():
                    self.basis = found.to(self.basis.dtype)
                    return


def _plain(state: dict[str, Any]) -> dict[str, Any]:
    """A weight's state, with the tensors of its sides in place of these."""
    plain = {name: value for name, value in state.items() if name != "sides"}
    for side in state["sides"]:
        plain |= {f"covariance {side.side}": side.covariance, f"basis {side.side}": side.basis}
    return plain


def _side(state: dict[str, Any], number: int) -> _Side:
    """A side, of the tensors that stand for it in a weight's state, which are taken out."""
    side = _Side(state["first"], number)
    side.covariance, side.basis = state.pop(f"covariance {number}"), state.pop(f"basis {number}")
    return side


def _as_matrix(gradient: Tensor) -> Tensor:
    """[out, ...] -> [out, rest]; small ones and vectors -> [1, all]."""
    if gradient.dim() < 2 or gradient.numel() <= WHOLE:
        return gradient.reshape(1, -1)
    return gradient.reshape(len(gradient), -1)


def _turned(matrix: Tensor, sides: list[_Side]) -> Tensor:
    """In the bases of the sides: Q_L' M Q_R. A copy, even where no side has one."""
    turned = matrix.clone() if not sides else matrix
    for side in sides:
        turned = side.basis.T @ turned if side.side == 0 else turned @ side.basis
    return turned


def _turned_back(matrix: Tensor, sides: list[_Side]) -> Tensor:
    """Out of the bases of the sides: Q_L M Q_R'."""
    for side in sides:
        matrix = side.basis @ matrix if side.side == 0 else matrix @ side.basis.T
    return matrix
