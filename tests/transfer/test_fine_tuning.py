"""Fine-tuning: what moves, what stays, and where the head begins."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest
import torch
from toy_task import CENTRING, NET, SETTING, D, K, N, accuracy, as_examples, finetune, toy

from fewlabels.networks import Dense, PooledConv, parameter_count, seeded, state_hash
from fewlabels.objectives import Objective, Reconstruction
from fewlabels.transfer import (
    Centring,
    Codes,
    FineTune,
    Probe,
    Task,
    features_of,
    fit_one,
)
from fewlabels.transfer.finetune import EncoderClassifier
from fewlabels.transfer.probe import linear


@pytest.mark.parametrize("several", [False, True])
def test_fine_tuning_changes_the_copy_and_never_the_original(several):
    x, y = toy(0)
    before, encoder, decoder = (state_hash(part) for part in (NET, NET.encoder, NET.decoder))
    copies: list = []
    tasks = [Task(np.arange(N), SETTING, N, 0)] * (2 if several else 1)
    classifiers = finetune(copies).fit_all(as_examples(x), y, tasks)
    assert state_hash(NET) == before
    for net, classifier in zip(copies[-len(tasks) :], classifiers, strict=True):
        assert state_hash(net.encoder) != encoder
        assert state_hash(net.decoder) == decoder
        assert not net.encoder.training
        size = parameter_count(NET.encoder) + (4 + 1) * K
        assert (classifier.trained, classifier.total) == (size, size)


@pytest.mark.parametrize("several", [False, True])
def test_at_rate_zero_the_encoder_stays_and_the_head_learns(several):
    x, y = toy(0)
    copies: list = []
    tasks = [Task(np.arange(N), SETTING, N, 0)] * (2 if several else 1)
    classifier = finetune(copies, rate=0.0).fit_all(as_examples(x), y, tasks)[0]
    assert state_hash(copies[-1].encoder) == state_hash(NET.encoder)
    assert np.mean(classifier.curve[-10:]) < 0.7 * classifier.curve[0]


def test_a_larger_encoder_rate_moves_the_encoder_further():
    x, y = toy(0)
    moved = []
    for rate in (0.01, 0.1, 1.0):
        copies: list = []
        fit_one(finetune(copies, rate), as_examples(x), y, SETTING, seed=0)
        pairs = zip(copies[-1].encoder.parameters(), NET.encoder.parameters(), strict=True)
        moved.append(sum((a - b).square().sum().item() for a, b in pairs) ** 0.5)
    assert moved[0] < moved[1] / 3 < moved[2] / 9


@pytest.mark.parametrize("present", [(0, 1, 2), (0, 2)])
def test_the_head_starts_as_the_probe_of_the_labels_it_is_given(short, present):
    x, y = toy(0)
    x, index = as_examples(x), np.flatnonzero(np.isin(y, present))[::2]
    features = CENTRING.apply(features_of(Codes(NET, Reconstruction()), x))
    probe = fit_one(Probe(K), features[index], y[index], Probe(K).default, seed=0)
    assert not np.allclose(probe.log_proba(features), np.log(1 / K), atol=0.1)
    tasks = [Task(np.arange(0, N, 3), {"lr": 1e-12}, N, 0), Task(index, {"lr": 1e-12}, N, 0)]
    start = finetune().fit_all(x, y, tasks)
    np.testing.assert_allclose(start[1].log_proba(x), probe.log_proba(features), rtol=1e-4, atol=1e-4)
    assert abs(start[0].log_proba(x) - start[1].log_proba(x)).max() > 0.01


def test_the_head_sees_centred_codes():
    head = linear(np.eye(4), np.array([0.0, 1.0, 2.0, 3.0]))
    model = EncoderClassifier(Codes(copy.deepcopy(NET), Reconstruction()), Centring(np.ones(4, np.float32), 2.0), head)
    x = torch.from_numpy(toy(0)[0])
    torch.testing.assert_close(model(x), (NET.encode(x) - 1) / 2 + torch.arange(4.0))


@dataclass(frozen=True)
class Halved(Objective):
    """Embeds the first half of a code of two numbers a dimension."""

    code_width: ClassVar[int] = 2

    def loss(self, net, x, noise):
        raise NotImplementedError

    def embed(self, net, x):
        return net.encode(x)[:, : net.latent_dim]


@pytest.mark.parametrize("several", [False, True])
def test_the_objective_says_which_codes_the_head_sees(several):
    net = seeded(0, lambda: Dense(hidden=(8,), latent_dim=4).build((D,), code_width=2))
    (x, y), copies = toy(0), []

    def start():
        copies.append(copy.deepcopy(net))
        return copies[-1]

    learner = FineTune(K, start, Halved(), Centring(np.zeros(4, np.float32), 1.0), encoder_rate=1.0)
    classifier = learner.fit_all(as_examples(x), y, [Task(np.arange(N), SETTING, N, 0)] * (2 if several else 1))[0]
    assert accuracy(classifier, as_examples(x), y) == 1
    before, after = net.encoder[-1].weight, copies[-1].encoder[-1].weight
    assert not torch.equal(after[:4], before[:4])
    # the other half feeds nothing: weight decay alone moves it, every row by the same factor
    factors = (after[4:] / before[4:]).detach()
    torch.testing.assert_close(factors, factors.mean().expand_as(factors), rtol=1e-3, atol=0)


def pooled(trained_on: torch.Tensor | None):
    """A small network with batch normalisation, its running statistics those of a batch, or none yet."""
    net = seeded(0, lambda: PooledConv(channels=(4,)).build((1, 6, 6)))
    if trained_on is not None:
        with torch.no_grad():
            net.train().encode(trained_on)
    return net.eval()


def statistics(net) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in net.encoder.state_dict().items() if "running" in name}


@pytest.mark.parametrize("pretrained", [True, False])
def test_few_labels_leave_the_running_statistics_of_a_pretraining_and_gather_their_own_from_scratch(pretrained):
    draws = np.random.default_rng(0)
    pool = torch.from_numpy(draws.normal(size=(64, 1, 6, 6)).astype(np.float32))
    x, y = (5 + 3 * draws.normal(size=(10, 1, 6, 6))).astype(np.float32), np.arange(10) % 2
    net = pooled(pool if pretrained else None)
    before, copies = statistics(net), []

    def start():
        copies.append(copy.deepcopy(net))
        return copies[-1]

    learner = FineTune(2, start, Reconstruction(), Centring(np.zeros(20, np.float32), 1.0))
    classifier = fit_one(learner, as_examples(x), y, SETTING, seed=0)
    after = statistics(copies[-1])
    assert all(torch.equal(before[name], after[name]) for name in before) == pretrained
    assert not any(part.training for part in classifier.module.modules())
    assert state_hash(copies[-1].encoder[0]) != state_hash(net.encoder[0])  # its weights are fine-tuned either way
