"""One value a row of OBJECTIVES, worked out by hand on a net with two inputs and one code."""

from __future__ import annotations

import pytest
import torch

from fewlabels.networks import Autoencoder, Dense
from fewlabels.objectives import OBJECTIVES, SparseActivations, SparseWeights

X = torch.tensor([[1.0, 0.0], [0.0, 1.0]], dtype=torch.float64)


def net() -> Autoencoder:
    """z = x1 - 2 x2 + 0.5; output = (2 z, 1 - z)."""
    made = Dense(hidden=(), latent_dim=1).build((2,)).double()
    values = {
        "encoder.1.weight": [[1.0, -2.0]],
        "encoder.1.bias": [0.5],
        "decoder.0.weight": [[2.0], [-1.0]],
        "decoder.0.bias": [0.0, 1.0],
    }
    made.load_state_dict({name: torch.tensor(value, dtype=torch.float64) for name, value in values.items()})
    return made


# Uncorrupted: z = 1.5, -1.5; output (3, -0.5), (-3, 2.5); errors (2, -0.5), (-3, 1.5); their squares' mean:
PLAIN = (4 + 0.25 + 9 + 2.25) / 4

BY_HAND = {
    # name: (noise, terms of the loss)
    "reconstruction": ({}, {"reconstruction": PLAIN}),
    # mean relu(z) = (1.5 + 0) / 2, mean relu(output) = (3 + 0 + 0 + 2.5) / 4
    "sparse": ({}, {"reconstruction": PLAIN, "sparsity": 1e-3 * (0.75 + 1.375)}),
    # |1| + |-2| + |2| + |-1|, no biases
    "sparse-weights": ({}, {"reconstruction": PLAIN, "sparsity": 1e-5 * 6}),
    # input (2, 0), (0, 0); z = 2.5, 0.5; output (5, -1.5), (1, 0.5); errors against the clean (4, -1.5), (1, -0.5)
    "denoising": ({"gaussian": [[1, 0], [0, -1]]}, {"reconstruction": (16 + 2.25 + 1 + 0.25) / 4}),
    # deviations 0.5 + 0.5 (1, 3) = 1, 2; means 0.5, 0; input (2.5, 0.5), (0, -1); z = 2, 2.5;
    # output (4, -1), (5, -1.5); errors (3, -1), (5, -2.5)
    "denoising-random": (
        {"mean": [[0.5], [0]], "std": [[1], [3]], "gaussian": [[1, 0], [0, -1]]},
        {"reconstruction": (9 + 1 + 25 + 6.25) / 4},
    ),
    # below 0.5 goes: input (0, 0), (0, 1); z = 0.5, -1.5; output (1, 0.5), (-3, 2.5); errors (0, 0.5), (-3, 1.5)
    "denoising-masking": (
        {"uniform": [[0.4, 0.9], [0.1, 0.5]]},
        {"reconstruction": (0.25 + 9 + 2.25) / 4},
    ),
    # below 0.15 becomes 0, from 0.85 on becomes 1: input (0, 1), (0, 1); z = -1.5 twice; output (-3, 2.5) twice;
    # errors (-4, 2.5), (-3, 1.5)
    "denoising-salt-pepper": (
        {"uniform": [[0.14, 0.86], [0.5, 0.16]]},
        {"reconstruction": (16 + 6.25 + 9 + 2.25) / 4},
    ),
}


def test_every_objective_has_its_row():
    assert BY_HAND.keys() == OBJECTIVES.keys(), "give every objective a value worked out by hand"


@pytest.mark.parametrize("name", OBJECTIVES)
def test_the_loss_is_what_the_equation_says(name):
    objective = OBJECTIVES[name]
    given, expected = BY_HAND[name]
    noise = {key: torch.tensor(value, dtype=torch.float64) for key, value in given.items()}
    drawn = objective.draw(X, 1, torch.Generator().manual_seed(0))
    assert {key: part.shape for key, part in drawn.items()} == {key: p.shape for key, p in noise.items()}
    loss, terms = objective.loss(net(), X, noise)
    assert {key: term.item() for key, term in terms.items()} == pytest.approx(expected, rel=1e-12)
    assert loss.item() == pytest.approx(sum(expected.values()), rel=1e-12)


def test_the_sparse_penalty_pulls_only_on_what_it_names():
    """Its gradient alone: of activations on weights and biases of the active half, of weights never on biases."""
    for kind, moves_bias in ((SparseActivations, True), (SparseWeights, False)):
        module = net()
        _, terms = kind(penalty=1.0).loss(module, X, {})
        terms["sparsity"].backward()
        bias = module.encoder[1].bias.grad
        assert (bias is not None and bool(bias.any())) == moves_bias
        if not moves_bias:
            assert module.encoder[1].weight.grad.tolist() == [[1, -1]]
