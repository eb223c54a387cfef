"""The loop against a plain one written out here, and what it promises about modes, groups and diverging losses."""

from __future__ import annotations

import copy
import math

import pytest
import torch
from torch import Tensor, nn

from fewlabels.core.errors import FewlabelsError, TrainingDiverged
from fewlabels.networks import Dense, seeded, state_hash
from fewlabels.objectives import Denoising, MaskingNoise, Reconstruction, SparseActivations
from fewlabels.training import Examples, Group, Job, Recipe, fit, mean_loss, train
from fewlabels.training.examples import Scaling

N, STEPS = 10, 9
ONE = Scaling(torch.zeros(1).numpy(), torch.ones(1).numpy())


def regression() -> tuple[nn.Module, Tensor, Tensor]:
    module = seeded(0, lambda: nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 2)).double())
    x, y = torch.randn(2, N, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    return module, x, 3 * y[:, :2]


class PlainOptimiser:
    """Adam, AdamW and SGD with momentum, from their equations."""

    def __init__(self, parameters: list[Tensor], recipe: Recipe) -> None:
        self.parameters, self.recipe, self.t = parameters, recipe, 0
        self.first = [torch.zeros_like(p) for p in parameters]
        self.second = [torch.zeros_like(p) for p in parameters]

    @torch.no_grad()
    def step(self, rate: float) -> None:
        self.t += 1
        gradients = [p.grad for p in self.parameters]
        if self.recipe.clip_norm is not None:
            norm = math.sqrt(sum((g * g).sum().item() for g in gradients))
            gradients = [g * min(1.0, self.recipe.clip_norm / norm) for g in gradients]
        for p, g, m, v in zip(self.parameters, gradients, self.first, self.second, strict=True):
            decay = self.recipe.weight_decay * p
            if self.recipe.optimiser == "sgd":
                m.copy_(self.recipe.momentum * m + g + decay)
                p.sub_(rate * m)
                continue
            g_and_decay = g + decay if self.recipe.optimiser == "adam" else g
            m.copy_(0.9 * m + 0.1 * g_and_decay)
            v.copy_(0.999 * v + 0.001 * g_and_decay**2)
            if self.recipe.optimiser == "adamw":
                p.sub_(rate * decay)
            p.sub_(rate * (m / (1 - 0.9**self.t)) / ((v / (1 - 0.999**self.t)).sqrt() + 1e-8))


def plain_batches(n: int, size: int, steps: int, generator: torch.Generator):
    """Shuffled epochs of n // size batches."""
    made = 0
    while made < steps:
        order = torch.randperm(n, generator=generator)
        for k in range(n // size):
            if made < steps:
                made += 1
                yield order[k * size : (k + 1) * size]


def flat(module: nn.Module) -> Tensor:
    return torch.cat([parameter.detach().reshape(-1) for parameter in module.parameters()])


@pytest.mark.parametrize("schedule", ["constant", "cosine"])
@pytest.mark.parametrize("clip_norm", [None, 0.5, 1e3])
@pytest.mark.parametrize("weight_decay", [0.0, 0.1])
@pytest.mark.parametrize("optimiser", ["adam", "adamw", "sgd"])
def test_fit_equals_a_plain_loop(optimiser, weight_decay, clip_norm, schedule):
    recipe = Recipe(
        steps=STEPS,
        batch_size=4,
        optimiser=optimiser,
        lr=0.05,
        momentum=0.8,
        weight_decay=weight_decay,
        clip_norm=clip_norm,
        schedule=schedule,
    )
    module, x, y = regression()
    plain = copy.deepcopy(module)
    seen = []

    def loss_of(index):
        seen.append(index.tolist())
        loss = (module(x[index]) - y[index]).square().mean()
        return loss, {"error": loss, "twice": 2 * loss}

    generator = torch.Generator().manual_seed(3)
    history = fit(module, [Group(tuple(module.parameters()))], loss_of, N, recipe, generator)

    optimise = PlainOptimiser(list(plain.parameters()), recipe)
    losses, batches = [], []
    for step, index in enumerate(plain_batches(N, 4, STEPS, torch.Generator().manual_seed(3))):
        plain.zero_grad()
        loss = (plain(x[index]) - y[index]).square().mean()
        loss.backward()
        optimise.step(0.05 * (0.5 * (1 + math.cos(math.pi * step / STEPS)) if schedule == "cosine" else 1))
        losses.append(loss.item())
        batches.append(index.tolist())

    assert seen == batches
    torch.testing.assert_close(flat(module), flat(plain), rtol=0, atol=1e-6)
    assert (flat(module) - flat(regression()[0])).abs().max() > 1e-2
    assert history.loss == pytest.approx(losses, rel=1e-6)
    assert history.terms["error"] == pytest.approx(losses, rel=1e-6)
    assert history.terms["twice"] == pytest.approx([2 * loss for loss in losses], rel=1e-6)
    assert (history.validation_step, history.validation_loss, history.best_step) == ([], [], None)
    assert history.seconds > 0


@pytest.mark.parametrize("objective", [Reconstruction(), SparseActivations(0.1), Denoising(MaskingNoise(0.3))])
def test_train_equals_a_plain_loop(objective):
    recipe = Recipe(steps=8, batch_size=5, optimiser="adam", lr=0.01)
    job = Job(Dense(hidden=(6,), latent_dim=3), objective, recipe, seed=4)
    x = torch.rand(12, 7, generator=torch.Generator().manual_seed(0))
    net, history = train(job, Examples(x.numpy(), ONE))

    plain = seeded(4, lambda: job.network.build((7,)))
    generator = torch.Generator().manual_seed(4)
    optimise = PlainOptimiser(list(plain.parameters()), recipe)
    losses = []
    for index in plain_batches(12, 5, 8, generator):
        plain.zero_grad()
        loss, _ = objective.loss(plain, x[index], objective.draw(x[index], 3, generator))
        loss.backward()
        optimise.step(0.01)
        losses.append(loss.item())
    torch.testing.assert_close(flat(net), flat(plain), rtol=0, atol=1e-6)
    assert history.loss == pytest.approx(losses, rel=1e-5)


def test_the_same_seed_gives_the_same_bits_and_another_others():
    examples = Examples(torch.rand(12, 7, generator=torch.Generator().manual_seed(0)).numpy(), ONE)
    job = Job(Dense(hidden=(6,), latent_dim=3), Denoising(), Recipe(steps=6, batch_size=5), seed=1)
    before = torch.get_rng_state()
    first, again = train(job, examples, examples), train(job, examples, examples)
    assert torch.equal(torch.get_rng_state(), before)
    assert state_hash(first[0]) == state_hash(again[0])
    assert first[1].loss == again[1].loss
    assert first[1].validation_loss == again[1].validation_loss
    other, _ = train(Job(job.network, job.objective, job.recipe, seed=2), examples, examples)
    assert state_hash(other) != state_hash(first[0])


def test_validation_does_not_change_the_training():
    examples = Examples(torch.rand(12, 7, generator=torch.Generator().manual_seed(0)).numpy(), ONE)
    recipe = Recipe(steps=6, batch_size=5, validate_every=2)
    job = Job(Dense(hidden=(6,), latent_dim=3), Denoising(), recipe)
    assert train(job, examples)[1].loss == train(job, examples, examples)[1].loss


def test_mean_loss_is_the_mean_over_all_examples_with_the_same_noise_every_time():
    x = torch.rand(1003, 4, generator=torch.Generator().manual_seed(0))  # more than one batch of 1000
    net = seeded(0, lambda: Dense(hidden=(), latent_dim=2).build((4,)))
    expected = (net.decode(net.encode(x)) - x).square().mean().item()
    examples = Examples(x.numpy(), ONE)
    assert mean_loss(Reconstruction(), net, examples) == pytest.approx(expected, rel=1e-6)
    noisy = mean_loss(Denoising(), net, examples)
    assert noisy == mean_loss(Denoising(), net, examples)
    assert noisy > expected


class Two(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Parameter(torch.zeros(3, dtype=torch.float64))
        self.b = nn.Parameter(torch.zeros(3, dtype=torch.float64))
        self.idle = nn.Parameter(torch.full((3,), 0.7, dtype=torch.float64))

    def loss(self, index: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        return sum((p - 5).square().sum() for p in (self.a, self.b, self.idle)), {}


@pytest.mark.parametrize("steps", [1, 4])
def test_a_group_moves_at_its_own_rate_and_others_not_at_all(steps):
    module, other = Two(), Two()
    recipe = Recipe(steps=steps, optimiser="sgd", momentum=0, lr=1e-3)
    generator = torch.Generator().manual_seed(0)
    fit(module, [Group((module.a,)), Group((module.b,), rate=0.1)], module.loss, 3, recipe, generator)
    fit(other, [Group((other.a,), rate=0.1)], other.loss, 3, recipe, generator)
    # p <- p - rate lr 2 (p - 5)
    for parameter, rate in ((module.a, 1), (module.b, 0.1), (other.a, 0.1)):
        expected = 5 * (1 - (1 - 2e-3 * rate) ** steps)
        torch.testing.assert_close(parameter.detach(), torch.full_like(parameter, expected), rtol=1e-9, atol=0)
    if steps == 1:
        torch.testing.assert_close(module.a.detach(), 10 * module.b.detach())
    assert torch.equal(module.idle.detach(), torch.full((3,), 0.7, dtype=torch.float64))
    assert torch.equal(other.b.detach(), torch.zeros(3, dtype=torch.float64))


def test_only_trained_gradients_count_for_clipping():
    module = Two()
    recipe = Recipe(steps=1, optimiser="sgd", momentum=0, lr=1.0, clip_norm=2.0)
    groups = [Group((module.a,)), Group((module.b,), rate=0.5)]
    fit(module, groups, module.loss, 3, recipe, torch.Generator().manual_seed(0))
    # six equal gradients of norm 2 together
    torch.testing.assert_close(module.a.detach(), torch.full_like(module.a, 2 / 6**0.5))
    torch.testing.assert_close(module.b.detach(), torch.full_like(module.a, 1 / 6**0.5))


def test_the_module_trains_in_training_mode_and_validates_in_evaluation_mode():
    module = seeded(0, lambda: nn.Sequential(nn.Dropout(0.5), nn.Linear(3, 1))).eval()
    modes: list[tuple[str, bool]] = []

    def loss_of(index):
        modes.append(("train", module.training))
        return module(torch.ones(2, 3)).square().mean(), {}

    def validation_loss():
        modes.append(("validate", module.training))
        return 1.0

    recipe = Recipe(steps=5, validate_every=2)
    generator = torch.Generator().manual_seed(0)
    fit(module, [Group(tuple(module.parameters()))], loss_of, 4, recipe, generator, validation_loss)
    assert [name for name, _ in modes] == [*["train", "train", "validate"] * 2, "train", "validate"]
    assert all(training == (name == "train") for name, training in modes)
    assert not module.training


def test_progress_hears_the_steps_and_the_latest_loss():
    module = Two()
    heard = []
    recipe = Recipe(steps=120, batch_size=2, optimiser="sgd", momentum=0, lr=1e-3)
    generator = torch.Generator().manual_seed(0)

    def progress(done: int, loss: float, speed: float) -> None:
        heard.append((done, loss, speed))

    history = fit(module, [Group((module.a,))], module.loss, 3, recipe, generator, progress=progress)
    assert [done for done, _, _ in heard] == [1, 2, 4, 8, 16, 32, 50, 100, 120]
    assert [loss for _, loss, _ in heard] == [history.loss[done - 1] for done, _, _ in heard]
    assert all(speed > 0 for _, _, speed in heard)


@pytest.mark.parametrize(
    ("bad", "steps", "calls"), [(1, 5, 5), (7, 120, 50), (50, 120, 50), (51, 120, 100), (113, 120, 120)]
)
@pytest.mark.parametrize("value", ["nan", "inf"])
def test_a_loss_that_is_not_finite_names_its_step_and_a_smaller_rate(bad, steps, calls, value):
    module = Two()
    made = []

    def loss_of(index):
        made.append(index)
        loss, terms = module.loss(index)
        return (loss * float(value) if len(made) == bad else loss), terms

    recipe = Recipe(steps=steps, optimiser="sgd", lr=0.02, momentum=0)
    message = (
        rf"the loss is {value} at step {bad} of {steps} with learning rate 0\.02; "
        r"try a learning rate of 0\.002, or clip_norm=1"
    )
    with pytest.raises(TrainingDiverged, match=message) as error:
        fit(module, [Group((module.idle,))], loss_of, 3, recipe, torch.Generator().manual_seed(0))
    assert len(made) == calls
    assert isinstance(error.value, FewlabelsError)
    assert error.value.exit_code == 1


def test_a_rate_far_too_large_diverges_by_itself():
    module = Two()
    recipe = Recipe(steps=200, optimiser="sgd", lr=1e4, momentum=0)
    with pytest.raises(TrainingDiverged, match=r"at step .* try a learning rate of 1000"):
        fit(module, [Group((module.a,))], module.loss, 3, recipe, torch.Generator().manual_seed(0))


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_validation_loss_that_is_not_finite_stops_training_too(value):
    module = Two()
    planted = iter([3.0, value, 2.0])
    recipe = Recipe(steps=6, validate_every=2, optimiser="sgd", lr=0.02, momentum=0)
    with pytest.raises(TrainingDiverged, match=rf"the validation loss is {value} at step 4 of 6 with .* rate 0\.02"):
        fit(
            module,
            [Group((module.a,))],
            module.loss,
            3,
            recipe,
            torch.Generator().manual_seed(0),
            lambda: next(planted),
        )
