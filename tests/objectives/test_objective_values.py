"""One value a row of OBJECTIVES, worked out by hand on a net with two inputs and one code."""

from __future__ import annotations

from math import exp, log, sqrt
from typing import Any, NamedTuple

import pytest
import torch
from objective_cases import build
from torch import Tensor

from fewlabels.networks import Autoencoder, Conv, Dense, Residual
from fewlabels.objectives import OBJECTIVES, Objective, Reconstruction, SparseActivations, SparseWeights

X = torch.tensor([[1.0, 0.0], [0.0, 1.0]], dtype=torch.float64)

# z = x1 - 2 x2 + 0.5; output = (2 z, 1 - z)
WEIGHTS = {
    "encoder.1.weight": [[1.0, -2.0]],
    "encoder.1.bias": [0.5],
    "decoder.0.weight": [[2.0], [-1.0]],
    "decoder.0.bias": [0.0, 1.0],
}

# mu = z, ln sigma^2 = 2 ln 2 x2: sigma is 1, then 2
TWO_NUMBERS = {"encoder.1.weight": [[1.0, -2.0], [0.0, 2 * log(2)]], "encoder.1.bias": [0.5, 0.0]}


class Row(NamedTuple):
    """noise: as `draw` would give it. terms: of the loss. weights: those that are not WEIGHTS, a number fills all."""

    noise: dict[str, Any]
    terms: dict[str, float]
    weights: dict[str, Any] = {}  # noqa: RUF012


def net(objective: Objective, weights: dict[str, Any]) -> Autoencoder:
    """The linear autoencoder of WEIGHTS with the objective's heads, every weight of it given."""
    made = build(Dense(hidden=(), latent_dim=1), (2,), objective).double()
    state = made.state_dict()
    given = {name: value for name, value in WEIGHTS.items() if name in state} | weights
    assert given.keys() == state.keys(), "give every weight its value"
    made.load_state_dict(
        {name: torch.tensor(value, dtype=torch.float64).expand_as(state[name]) for name, value in given.items()}
    )
    return made


def softplus(logit: float) -> float:
    """- ln(1 - s(logit)) = ln(1 + e^logit), with s the sigmoid; - ln s(logit) = softplus(-logit)."""
    return log(1 + exp(logit))


# Uncorrupted: z = 1.5, -1.5; output (3, -0.5), (-3, 2.5); errors (2, -0.5), (-3, 1.5); their squares' mean:
PLAIN = (4 + 0.25 + 9 + 2.25) / 4

# The variational rows: z = 1.5 - 0.5 * 1, -1.5 + 1 * 2 = 1, 0.5; output (2, 0), (1, 0.5)
# KL = (1 + 1.5^2 - 1 - 0) / 2, (4 + 1.5^2 - 1 - 2 ln 2) / 2
KL = (1.125 + 2.625 - log(2)) / 2  # their mean

S = 1 / (1 + exp(-1.5))

# The discriminator's logits, 2 leaky(z), of X: z = 1.5, -1.5; leaky 1.5, -0.3; logits 3, -0.6.
# The generator makes (2, 0), (0, 1) of e = 1, 0: z = 2.5, -1.5; leaky 2.5, -0.3; logits 5, -0.6.
DISCRIMINATOR = {"heads.critic.1.weight": 2.0, "heads.critic.1.bias": 0.0}
PRIOR = {"prior": [[1], [0]]}

BY_HAND = {
    "reconstruction": Row({}, {"reconstruction": PLAIN}),
    # mean relu(z) = (1.5 + 0) / 2, mean relu(output) = (3 + 0 + 0 + 2.5) / 4
    "sparse": Row({}, {"reconstruction": PLAIN, "sparsity": 1e-3 * (0.75 + 1.375)}),
    # |1| + |-2| + |2| + |-1|, no biases
    "sparse-weights": Row({}, {"reconstruction": PLAIN, "sparsity": 1e-5 * 6}),
    # a = S, 1 - S with S = sigmoid(1.5), their mean 1/2: KL(0.05 || 0.5) = ln 2 + 0.05 ln 0.05 + 0.95 ln 0.95;
    # output (2 S, 1 - S), (2 - 2 S, S); errors (2 S - 1, 1 - S), (2 - 2 S, S - 1)
    "sparse-target": Row(
        {},
        {
            "reconstruction": ((2 * S - 1) ** 2 + 6 * (1 - S) ** 2) / 4,
            "sparsity": 1e-2 * (log(2) + 0.05 * log(0.05) + 0.95 * log(0.95)),
        },
    ),
    # input (2, 0), (0, 0); z = 2.5, 0.5; output (5, -1.5), (1, 0.5); errors against the clean (4, -1.5), (1, -0.5)
    "denoising": Row({"gaussian": [[1, 0], [0, -1]]}, {"reconstruction": (16 + 2.25 + 1 + 0.25) / 4}),
    # deviations 0.5 + 0.5 (1, 3) = 1, 2; means 0.5, 0; input (2.5, 0.5), (0, -1); z = 2, 2.5;
    # output (4, -1), (5, -1.5); errors (3, -1), (5, -2.5)
    "denoising-random": Row(
        {"mean": [[0.5], [0]], "std": [[1], [3]], "gaussian": [[1, 0], [0, -1]]},
        {"reconstruction": (9 + 1 + 25 + 6.25) / 4},
    ),
    # below 0.5 goes: input (0, 0), (0, 1); z = 0.5, -1.5; output (1, 0.5), (-3, 2.5); errors (0, 0.5), (-3, 1.5)
    "denoising-masking": Row({"uniform": [[0.4, 0.9], [0.1, 0.5]]}, {"reconstruction": (0.25 + 9 + 2.25) / 4}),
    # below 0.15 becomes 0, from 0.85 on becomes 1: input (0, 1), (0, 1); z = -1.5 twice; output (-3, 2.5) twice;
    # errors (-4, 2.5), (-3, 1.5)
    "denoising-salt-pepper": Row(
        {"uniform": [[0.14, 0.86], [0.5, 0.16]]}, {"reconstruction": (16 + 6.25 + 9 + 2.25) / 4}
    ),
    # input (0, 0), (0, 1); z = 0.5, -1.5; output (1, 0.5), (-3, 2.5); errors on the first, hidden, numbers: 0, -3
    "masked": Row({"hidden": [[1, 0], [1, 0]]}, {"reconstruction": 9 / 2}),
    # J = (1, -2): J v = 1 - 2, 2 + 0
    "contractive": Row({"direction": [[1, 1], [2, 0]]}, {"reconstruction": PLAIN, "contraction": 1e-3 * (1 + 4) / 2}),
    # errors (1, 0), (1, -0.5)
    "variational": Row(
        {"gaussian": [[-0.5], [1]], "risen": [1, 1]},
        {"reconstruction": (1 + 0 + 1 + 0.25) / 4, "divergence": 1e-3 * KL},
        TWO_NUMBERS,
    ),
    # logits (2, 0), (1, 0.5) against (1, 0), (0, 1): - ln s(2), - ln(1 - s(0)), - ln(1 - s(1)), - ln s(0.5);
    # beta = 1 is a weight of 1 / 2, and the warm-up is half way
    "variational-bernoulli": Row(
        {"gaussian": [[-0.5], [1]], "risen": [0.5, 0.5]},
        {
            "reconstruction": (softplus(-2) + softplus(0) + softplus(1) + softplus(-0.5)) / 4,
            "divergence": 0.5 * KL / 2,
        },
        TWO_NUMBERS,
    ),
    # 64 hidden units alike: the critic's logit is relu(z) - 1, that is 0.5, -1 of the codes, and 1, -1 of e = 2, 0
    "adversarial": Row(
        {"prior": [[2], [0]]},
        {
            "reconstruction": PLAIN,
            "encoder": 1e-3 * (softplus(-0.5) + softplus(1)) / 2,
            "critic": (softplus(-1) + softplus(1)) / 2 + (softplus(0.5) + softplus(-1)) / 2,
        },
        {
            "heads.critic.0.weight": 1.0,
            "heads.critic.0.bias": 0.0,
            "heads.critic.2.weight": 1 / 64,
            "heads.critic.2.bias": 0.0,
            "heads.critic.4.weight": 1 / 64,
            "heads.critic.4.bias": -1.0,
        },
    ),
    # L_D = - ln s(3, -0.6) - ln(1 - s(5, -0.6)), L_G = - ln s(5, -0.6), means of two each
    "gan": Row(
        PRIOR,
        {
            "discriminator": (softplus(-3) + softplus(0.6)) / 2 + (softplus(5) + softplus(-0.6)) / 2,
            "generator": (softplus(-5) + softplus(0.6)) / 2,
        },
        DISCRIMINATOR,
    ),
    # L_D: max(0, 1 - 3), 1 + 0.6; 1 + 5, 1 - 0.6. L_G = - mean (5, -0.6)
    "gan-hinge": Row(
        PRIOR, {"discriminator": (0 + 1.6) / 2 + (6 + 0.4) / 2, "generator": -(5 - 0.6) / 2}, DISCRIMINATOR
    ),
}

# Views (1, 0) and (0, 1), then (0, 1) twice: z = 1.5, -1.5, -1.5, -1.5, their mean -0.75 and variance 27 / 16.
# Standardised and behind the ReLU HIGH, 0, 0, 0; all hidden units are alike, and so are all outputs.
VIEWS = {"first": [[1, 0], [0, 1]], "second": [[0, 1], [0, 1]]}
HIGH = 2.25 / sqrt(27 / 16 + 1e-5)


def head(name: str, hidden: int, first: float, last: float, bias: float) -> dict[str, float]:
    """A head whose outputs are last relu(standardised first z) + bias, with hidden units that share in it."""
    return {
        f"heads.{name}.0.weight": first,
        f"heads.{name}.1.weight": 1.0,
        f"heads.{name}.1.bias": 0.0,
        f"heads.{name}.3.weight": last / hidden,
        f"heads.{name}.3.bias": bias,
    }


PROJECTION = head("projection", 256, 1.0, 1.0, -0.5)

BY_HAND |= {
    # projections + - - -: cosines 1 and -1, over the temperature 5 and -5. Of the first example one view has -5 with
    # all others, the other -5 with it and 5 with the rest; those of the second have 5, and with the rest 5 and -5
    "contrastive": Row(
        VIEWS,
        {"contrast": (log(3) + log(1 + 2 * exp(10)) + 2 * log(2 + exp(-10))) / 4},
        PROJECTION,
    ),
    # projections HIGH and 0, 0 and 0, all less 1/2: differences HIGH and 0. Variances HIGH^2 / 2 and 0; so is every
    # covariance, of 256 * 255 pairs over 256
    "vicreg": Row(
        VIEWS,
        {
            "invariance": 25 * HIGH**2 / 2,
            "variance": 25 * (max(0.0, 1 - sqrt(HIGH**2 / 2 + 1e-4)) + 1 - sqrt(1e-4)) / 2,
            "covariance": 255 * (HIGH**2 / 2) ** 2,
        },
        PROJECTION,
    ),
    # the predictor turns signs: its input, 64 times HIGH - 1/2, -1/2, -1/2, -1/2, becomes 0, LOW, LOW, LOW, less 0.1:
    # foretold - + + +; the target's copy gives the other view's sign, - - + -: cosines 1, -1, 1, -1
    "distillation": Row(
        VIEWS,
        {"distance": (0 + 4 + 0 + 4) / 4},
        {f"heads.target_{name}": value for name, value in WEIGHTS.items() if name.startswith("encoder")}
        | PROJECTION
        | {name.replace("projection", "target_projection"): value for name, value in PROJECTION.items()}
        | head("predictor", 256, -1.0, 1.0, -0.1),
    ),
}


def test_every_objective_has_its_row():
    assert BY_HAND.keys() == OBJECTIVES.keys(), "give every objective a value worked out by hand"


@pytest.mark.parametrize("name", OBJECTIVES)
def test_the_loss_is_what_the_equation_says(name):
    objective = OBJECTIVES[name]
    row = BY_HAND[name]
    noise = {key: torch.tensor(value, dtype=torch.float64) for key, value in row.noise.items()}
    drawn = objective.draw(X, 1, torch.Generator().manual_seed(0))
    assert shapes(drawn) == shapes(noise)
    loss, terms = objective.loss(net(objective, row.weights), X, noise)
    assert {key: term.item() for key, term in terms.items()} == pytest.approx(row.terms, rel=1e-12)
    assert loss.item() == pytest.approx(sum(row.terms.values()), rel=1e-12)


def shapes(noise: dict[str, Tensor]) -> dict[str, tuple[int, ...]]:
    return {key: tuple(part.shape) for key, part in noise.items()}


def test_the_sparse_penalty_pulls_only_on_what_it_names():
    """Its gradient alone: of activations on weights and biases of the active half, of weights never on biases."""
    for kind, moves_bias in ((SparseActivations, True), (SparseWeights, False)):
        module = net(Reconstruction(), {})
        _, terms = kind(penalty=1.0).loss(module, X, {})
        terms["sparsity"].backward()
        bias = module.encoder[1].bias.grad
        assert (bias is not None and bool(bias.any())) == moves_bias
        if not moves_bias:
            assert module.encoder[1].weight.grad.tolist() == [[1, -1]]


def test_the_penalty_on_weights_leaves_biases_and_gains_out_and_counts_tied_weights_once():
    # convolutions there and back 9 * 4 each, in four blocks' convolutions 9 * 4 * 4, codes 3 from and to 4 * 4 * 4
    residual = 2 * 9 * 4 + 4 * 9 * 4 * 4 + 2 * 3 * 64
    tied = 9 * 4 + 3 * 64
    nets = {Residual(channels=(4,), latent_dim=3): residual, Conv(channels=(4,), latent_dim=3, tied=True): tied}
    for spec, count in nets.items():
        objective = SparseWeights(penalty=1.0)
        module = build(spec, (1, 8, 8), objective)
        for parameter in module.parameters():
            torch.nn.init.constant_(parameter, -0.5 if parameter.dim() > 1 else 7.0)
        terms = objective.loss(module, torch.zeros(2, 1, 8, 8), {})[1]
        assert terms["sparsity"].item() == pytest.approx(0.5 * count)
