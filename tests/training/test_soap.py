"""SOAP against Adam, against the published algorithm written out plainly, and against itself in other coordinates."""

from __future__ import annotations

import copy
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from fewlabels.training import soap
from fewlabels.training.soap import Soap, _Side

SHAPES = [(), (1,), (7,), (3, 4), (1, 6), (6, 1), (30, 25), (600, 1), (8, 3, 3, 3), (8, 8, 3, 3), (2, 2, 2)]
every_shape = pytest.mark.parametrize("shape", SHAPES, ids=str)

Gradients = list[Tensor]


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def gradients(shape: tuple[int, ...], steps: int = 25) -> Gradients:
    """Of directions that vary together: neighbours share most of their noise, and all have a trend."""
    shared = (*shape[:-1], 1) if shape else ()
    return [0.5 + normal(*shape, seed=step) + 3 * normal(*shared, seed=1000 + step) for step in range(steps)]


def path(make: Callable[[list[Tensor]], torch.optim.Optimizer], start: Tensor, given: Gradients) -> Tensor:
    """The weights after every step, [steps, *shape], whatever they are: gradients are given."""
    weight = nn.Parameter(start.clone())
    optimiser, seen = make([weight]), []
    for gradient in given:
        weight.grad = gradient.clone()
        optimiser.step()
        assert torch.equal(weight.grad, gradient)
        seen.append(weight.detach().clone())
    return torch.stack(seen)


def soap_path(start: Tensor, given: Gradients, **settings: float) -> Tensor:
    return path(lambda weights: Soap(weights, **{"lr": 0.01, **settings}), start, given)


def adam_path(start: Tensor, given: Gradients, weight_decay: float = 0.0, eps: float = 1e-8) -> Tensor:
    return path(
        lambda weights: torch.optim.AdamW(weights, lr=0.01, betas=(0.9, 0.99), eps=eps, weight_decay=weight_decay),
        start,
        given,
    )


@every_shape
@pytest.mark.parametrize("decay", [0.0, 0.3])
def test_with_bases_held_at_the_coordinates_it_is_adam(monkeypatch, shape, decay):
    monkeypatch.setattr(_Side, "turn", lambda self: None)
    start, given = normal(*shape, seed=9), gradients(shape)
    expected = adam_path(start, given, decay, eps=1e-3)
    torch.testing.assert_close(
        soap_path(start, given, epsilon=1e-3, weight_decay=decay), expected, rtol=1e-10, atol=1e-12
    )


def published(start: Tensor, given: Gradients, lr: float = 0.01) -> np.ndarray:
    """Algorithm 3 for a matrix, in NumPy; a new basis at the first five steps and then at every tenth."""
    w, m, v, left, right = start.numpy().copy(), 0.0, 0.0, 0.0, 0.0
    seen = []
    for t, tensor in enumerate(given):
        g = tensor.numpy()
        left, right = 0.95 * left + 0.05 * g @ g.T, 0.95 * right + 0.05 * g.T @ g
        if t < 5 or t % 10 == 0:
            q_l, q_r = np.linalg.eigh(left)[1], np.linalg.eigh(right)[1]
        m, v = 0.9 * m + 0.1 * g, 0.99 * v + 0.01 * (q_l.T @ g @ q_r) ** 2
        turned = q_l.T @ (m / (1 - 0.9 ** (t + 1))) @ q_r
        w = w - lr * q_l @ (turned / (np.sqrt(v / (1 - 0.99 ** (t + 1))) + 1e-8)) @ q_r.T
        seen.append(w)
    return np.stack(seen)


def test_a_matrix_takes_the_published_steps(monkeypatch):
    monkeypatch.setattr(soap, "WHOLE", 10)
    start, given = normal(4, 4, seed=9), gradients((4, 4))
    np.testing.assert_allclose(soap_path(start, given).numpy(), published(start, given), atol=1e-8)
    assert not np.allclose(adam_path(start, given).numpy(), published(start, given), atol=1e-3)


def test_the_first_step_of_a_small_weight_goes_straight_down_the_gradient():
    """One direction has been seen, and along it the step is lr long, whatever the length of the gradient."""
    gradient = normal(3, 5)
    (after,) = soap_path(torch.zeros(3, 5, dtype=torch.float64), [1e3 * gradient])
    torch.testing.assert_close(after, -0.01 * gradient / gradient.norm(), rtol=0, atol=1e-6)


def rotation(n: int, seed: int = 5) -> Tensor:
    return torch.linalg.qr(normal(n, n, seed=seed))[0]


def off(one: Tensor, other: Tensor) -> float:
    return (one - other).abs().max().item()


def descent(make: Callable[[list[Tensor]], torch.optim.Optimizer], turn: Tensor, steps: int = 30) -> Tensor:
    """Least squares of 6 weights, of batches that change, in coordinates turned by `turn`; the path, turned back."""
    x = normal(40, 6) * torch.tensor([1, 2, 3, 0.5, 0.2, 1], dtype=torch.float64)
    y = x @ normal(6, seed=1) + normal(40, seed=2)
    weight = nn.Parameter(torch.zeros(2, 3, dtype=torch.float64))
    optimiser, seen = make([weight]), []
    for step in range(steps):
        rows = torch.randperm(40, generator=torch.Generator().manual_seed(step))[:10]
        optimiser.zero_grad()
        (x[rows] @ turn.T @ weight.reshape(-1) - y[rows]).square().mean().backward()
        optimiser.step()
        seen.append(turn.T @ weight.detach().reshape(-1))
    return torch.stack(seen)


def test_turning_the_coordinates_of_a_small_weight_turns_its_path():
    def paths(make):
        return descent(make, torch.eye(6, dtype=torch.float64)), descent(make, rotation(6))

    assert off(*paths(lambda weights: Soap(weights, lr=0.03))) < 1e-5
    assert off(*paths(lambda weights: torch.optim.Adam(weights, lr=0.03, betas=(0.9, 0.99)))) > 0.05


@pytest.mark.parametrize(
    ("shape", "left", "right"), [((5, 5), True, True), ((3, 7), True, False), ((7, 3), False, True)]
)
def test_sides_have_bases_up_to_the_widest(monkeypatch, shape, left, right):
    """Turning the rows or the columns of the gradients turns the path where that side has a basis, else not."""
    monkeypatch.setattr(soap, "WHOLE", 8)
    monkeypatch.setattr(soap, "WIDEST", 5)
    zero, given = torch.zeros(shape, dtype=torch.float64), gradients(shape)
    rows, columns = rotation(shape[0]), rotation(shape[1])
    plain = soap_path(zero, given)
    turned_rows = rows.T @ soap_path(zero, [rows @ gradient for gradient in given])
    turned_columns = soap_path(zero, [gradient @ columns for gradient in given]) @ columns.T
    assert (off(turned_rows, plain) < 1e-6) == left
    assert (off(turned_columns, plain) < 1e-6) == right


@pytest.mark.parametrize(
    ("shape", "widths"),
    [
        ((16, 32), [512]),
        ((27, 19), [27, 19]),
        ((8, 8, 3, 3), [8, 72]),
        ((4, 8, 3, 3), [288]),
        ((600,), []),
        ((1025,), []),
        ((1025, 2), [2]),
        ((1, 600), []),
        ((), []),
    ],
    ids=str,
)
def test_what_has_a_basis_of_its_own(shape, widths):
    weight = nn.Parameter(torch.zeros(shape))
    weight.grad = torch.ones(shape)
    optimiser = Soap([weight])
    optimiser.step()
    assert [len(side.basis) for side in optimiser.state[weight]["sides"]] == widths


def steps_to_solve(make: Callable[[list[Tensor]], torch.optim.Optimizer], most: int = 4000) -> int:
    """Steps until weights of a least-squares problem are within 0.3 of the solution along every direction, all from 1.

    Examples spread 1 to 0.01 along directions at odds with the coordinates, and every batch is a new one.
    """
    generator = torch.Generator().manual_seed(0)
    turn = rotation(12)
    spread = turn * torch.logspace(0, -2, 12, dtype=torch.float64)
    weight = nn.Parameter(turn @ torch.ones(12, dtype=torch.float64))
    optimiser = make([weight])
    for step in range(most):
        if (turn.T @ weight.detach()).abs().max() < 0.3:
            return step
        x = torch.randn(16, 12, generator=generator, dtype=torch.float64) @ spread.T
        optimiser.zero_grad()
        (x @ weight).square().mean().backward()
        optimiser.step()
    return most


@pytest.mark.slow
def test_badly_turned_curvature_takes_far_fewer_steps_than_adams():
    adam = steps_to_solve(lambda weights: torch.optim.Adam(weights, lr=0.03, betas=(0.9, 0.99)))
    assert steps_to_solve(lambda weights: Soap(weights, lr=0.03)) < adam / 2


@every_shape
def test_weight_decay_is_exact_and_apart_from_gradients(shape):
    """A weight whose gradient is zero shrinks by lr times the decay; with any gradient, decay adds just that."""
    start = normal(*shape, seed=9)
    zeros = [torch.zeros(shape, dtype=torch.float64)] * 3
    shrunk = soap_path(start, zeros, weight_decay=0.5)
    torch.testing.assert_close(shrunk[2], start * (1 - 0.01 * 0.5) ** 3, rtol=1e-14, atol=0)
    given = gradients(shape, steps=1)
    difference = soap_path(start, given, weight_decay=0.5)[0] - soap_path(start, given)[0]
    torch.testing.assert_close(difference, -0.01 * 0.5 * start, rtol=1e-10, atol=1e-15)


def test_weights_without_gradient_stay():
    used, unused = nn.Parameter(torch.ones(3)), nn.Parameter(torch.ones(3))
    optimiser = Soap([used, unused], lr=0.1, weight_decay=0.5)
    used.grad = torch.ones(3)
    optimiser.step()
    assert torch.equal(unused, torch.ones(3))
    assert unused not in optimiser.state
    assert not torch.equal(used, torch.ones(3))


def test_images_memory_format_changes_nothing():
    given = [gradient.float() for gradient in gradients((8, 8, 3, 3), steps=8)]
    start = normal(8, 8, 3, 3).float()
    last = [gradient.contiguous(memory_format=torch.channels_last) for gradient in given]
    found = soap_path(start.contiguous(memory_format=torch.channels_last), last)
    assert torch.equal(found, soap_path(start, given))


def steps(optimiser: torch.optim.Optimizer, weights: list[nn.Parameter], numbers: range) -> None:
    for number in numbers:
        for weight in weights:
            weight.grad = normal(*weight.shape, seed=number)
        optimiser.step()


def test_a_copy_goes_on_alone_to_the_same_bits():
    """Copied whole, or by way of a copy of its state: bases go along, and are not shared."""
    weights = [nn.Parameter(normal(3, 4)), nn.Parameter(normal(30, 25)), nn.Parameter(normal(5))]
    optimiser = Soap(weights, lr=0.1, weight_decay=0.1)
    steps(optimiser, weights, range(7))

    copied = copy.deepcopy(optimiser)
    loaded_weights = copy.deepcopy(weights)
    loaded = Soap(loaded_weights, lr=99)
    loaded.load_state_dict(copy.deepcopy(optimiser.state_dict()))
    copied_weights = copied.param_groups[0]["params"]
    for one, own in ((copied, copied_weights), (loaded, loaded_weights), (optimiser, weights)):
        steps(one, own, range(7, 23))
    for weight, *others in zip(weights, copied_weights, loaded_weights, strict=True):
        assert all(torch.equal(weight, other) for other in others)


class TestCovariancesWithoutEigenvectors:
    """Of single precision; those of low rank are met in ordinary training, and LAPACK does not always say so."""

    @staticmethod
    def covariance(rank: int = 3) -> Tensor:
        few = normal(rank, 20)
        return few.T @ few

    @pytest.mark.parametrize("fault", ["error", "nan"])
    def test_they_are_found_in_double_precision(self, monkeypatch, fault):
        eigh = torch.linalg.eigh

        def fails(matrix):
            if matrix.dtype == torch.float64:
                return eigh(matrix)
            if fault == "error":
                raise torch.linalg.LinAlgError("failed to converge")
            return torch.full_like(matrix[0], torch.nan), torch.full_like(matrix, torch.nan)

        monkeypatch.setattr(torch.linalg, "eigh", fails)
        side = _Side(torch.zeros(1, 20), 1)
        side.covariance = self.covariance().float()
        side.turn()
        assert side.basis.dtype == torch.float32
        diagonal = side.basis.T @ side.covariance @ side.basis
        torch.testing.assert_close(diagonal, torch.diag(torch.diag(diagonal)), rtol=0, atol=1e-4)
        torch.testing.assert_close(side.basis.T @ side.basis, torch.eye(20), rtol=0, atol=1e-5)

    @pytest.mark.parametrize("value", [torch.nan, torch.inf])
    def test_without_any_the_basis_stays(self, value):
        side = _Side(torch.zeros(1, 20), 1)
        side.covariance[3, 3] = value
        side.turn()
        assert torch.equal(side.basis, torch.eye(20))
