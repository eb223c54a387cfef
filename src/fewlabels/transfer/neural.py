"""Classifiers trained in steps: an MLP head on fixed features, a whole network from any start."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fewlabels.networks import Autoencoder, channels_last, parameter_count, seeded
from fewlabels.objectives import Objective
from fewlabels.training import Examples, Group, Recipe, fit
from fewlabels.transfer.classifier import Classifier, Inputs, Setting
from fewlabels.transfer.features import Centring

RATES: tuple[Setting, ...] = ({"lr": 1e-3}, {"lr": 3e-3}, {"lr": 1e-2}, {"lr": 3e-2})
DEFAULT_RATE: Setting = {"lr": 1e-2}
BATCH = 32
EPOCHS = 15
FEWEST_STEPS, MOST_STEPS = 150, 500


def recipe_for(n: int, lr: float) -> Recipe:
    """The recipe of every classifier trained in steps: 15 epochs of 32 examples, though 150 to 500 steps."""
    steps = min(MOST_STEPS, max(FEWEST_STEPS, EPOCHS * n // BATCH))
    return Recipe(steps=steps, batch_size=BATCH, lr=lr, weight_decay=1e-2, schedule="one-cycle")


@dataclass(frozen=True)
class MlpHead:
    """One hidden layer of ReLU units on fixed features (paper 2 has 64)."""

    classes: int
    hidden: int = 64
    settings: tuple[Setting, ...] = RATES
    default: Setting = field(default_factory=lambda: DEFAULT_RATE)

    def fit(self, x: Inputs, y: np.ndarray, setting: Setting, seed: int) -> Classifier:
        """x: [n, D] features."""
        assert isinstance(x, np.ndarray)
        widths = (x.shape[1], self.hidden, self.classes)
        head = seeded(seed, lambda: nn.Sequential(nn.Linear(*widths[:2]), nn.ReLU(), nn.Linear(*widths[1:])))
        return train_classifier(head, [Group(tuple(head.parameters()))], x, y, setting["lr"], seed)


class EncoderClassifier(nn.Module):
    """encoder -> embed -> centre -> linear: [B, *input_shape] -> logits [B, K]."""

    def __init__(self, net: Autoencoder, objective: Objective, centring: Centring, classes: int) -> None:
        super().__init__()
        self.encoder = net.encoder
        self.head = nn.Linear(net.latent_dim, classes)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)
        self.mean: Tensor
        self.register_buffer("mean", torch.from_numpy(centring.mean))
        self._scale = centring.scale
        self._embed = lambda x: objective.embed(net, x)

    def forward(self, x: Tensor) -> Tensor:
        codes = self._embed(x)  # [B, latent_dim]
        return self.head((codes - self.mean) / self._scale)


@dataclass(frozen=True)
class FineTune:
    """Encoder and linear head trained together, the encoder at its own rate. From random weights: from scratch.

    start: makes a fresh copy of the network to begin from. objective: says which codes the head sees.
    centring: of the starting encoder's codes. encoder_rate: the encoder's learning rate as a share of the head's.
    """

    classes: int
    start: Callable[[], Autoencoder]
    objective: Objective
    centring: Centring
    encoder_rate: float = 0.1
    settings: tuple[Setting, ...] = RATES
    default: Setting = field(default_factory=lambda: DEFAULT_RATE)

    def fit(self, x: Inputs, y: np.ndarray, setting: Setting, seed: int) -> Classifier:
        """x: n Examples."""
        model = EncoderClassifier(self.start(), self.objective, self.centring, self.classes)
        groups = [
            Group(tuple(model.head.parameters())),
            Group(tuple(model.encoder.parameters()), rate=self.encoder_rate),
        ]
        return train_classifier(model, groups, x, y, setting["lr"], seed)


@dataclass(frozen=True)
class WholeNetwork:
    """Any classifier network trained from fresh random weights."""

    build: Callable[[], nn.Module]
    settings: tuple[Setting, ...] = RATES
    default: Setting = field(default_factory=lambda: DEFAULT_RATE)

    def fit(self, x: Inputs, y: np.ndarray, setting: Setting, seed: int) -> Classifier:
        """x: n Examples."""
        model = channels_last(seeded(seed, self.build))
        return train_classifier(model, [Group(tuple(model.parameters()))], x, y, setting["lr"], seed)


def train_classifier(
    model: nn.Module, groups: list[Group], x: Inputs, y: np.ndarray, lr: float, seed: int
) -> Classifier:
    """Minimise cross-entropy over the labelled inputs. Dropout, if any, draws from the seed too."""
    inputs, targets = _tensor(x), torch.from_numpy(y)

    def loss_of(index: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        return F.cross_entropy(model(inputs[index]), targets[index]), {}

    generator = torch.Generator().manual_seed(seed)
    history = seeded(seed, lambda: fit(model, groups, loss_of, len(y), recipe_for(len(y), lr), generator))

    @torch.no_grad()
    def log_proba(x: Inputs) -> np.ndarray:
        batches = x.batches() if isinstance(x, Examples) else torch.from_numpy(x).split(1000)
        return torch.cat([F.log_softmax(model(batch).double(), dim=1) for batch in batches]).numpy()

    trained = sum(parameter.numel() for group in groups for parameter in group.parameters)
    return Classifier(log_proba, trained=trained, total=parameter_count(model), curve=history.loss)


def _tensor(x: Inputs) -> Tensor:
    return x.batch(slice(None)) if isinstance(x, Examples) else torch.from_numpy(x)
