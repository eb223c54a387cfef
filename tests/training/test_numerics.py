"""Where and how numbers are computed: what is refused, what changes in memory alone, and what precision keeps."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn
from toy_training import examples, patterns

from fewlabels.core.errors import InputError
from fewlabels.networks import Conv, Dense, state_hash
from fewlabels.objectives import Denoising, Reconstruction
from fewlabels.training import Job, Layerwise, Numerics, Recipe, build, choose_device, mean_loss, train
from fewlabels.training.sampler import Batches

CONTIGUOUS, BFLOAT16 = Numerics(memory_format="contiguous"), Numerics(precision="bfloat16")
CONV = Conv(channels=(3, 4), latent_dim=3)


@pytest.mark.parametrize(
    ("setting", "value", "allowed"),
    [
        ("device", "gpu", "'cpu', 'cuda' or 'mps'"),
        ("device", "auto", "'cpu', 'cuda' or 'mps'"),
        ("device", "", "'cpu', 'cuda' or 'mps'"),
        ("precision", "float16", "'float32' or 'bfloat16'"),
        ("memory_format", "channels_last", "'channels-last' or 'contiguous'"),
    ],
)
def test_wrong_settings_are_refused(setting, value, allowed):
    with pytest.raises(InputError) as error:
        Numerics(**{setting: value})
    assert str(error.value) == f"Numerics: {setting} is {value!r}; allowed is {allowed}"


@pytest.mark.parametrize("device", ["cpu", "cuda", "cuda:1", "mps"])
def test_a_device_may_have_a_number(device):
    assert Numerics(device).device == device


def machine(monkeypatch: pytest.MonkeyPatch, *present: str) -> None:
    """A machine with these accelerators."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: "cuda" in present)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: "mps" in present)


@pytest.mark.parametrize(
    ("present", "best"), [((), "cpu"), (("mps",), "mps"), (("cuda",), "cuda"), (("mps", "cuda"), "cuda")]
)
def test_auto_is_the_best_device_here(monkeypatch, present, best):
    machine(monkeypatch, *present)
    assert choose_device() == choose_device("auto") == best
    assert [choose_device(name) for name in ("cpu", *present)] == ["cpu", *present]


@pytest.mark.parametrize(
    ("name", "present", "here"), [("cuda", (), "cpu"), ("mps", (), "cpu"), ("mps", ("cuda",), "cpu, cuda")]
)
def test_a_device_that_is_not_here_is_refused(monkeypatch, name, present, here):
    machine(monkeypatch, *present)
    with pytest.raises(InputError) as error:
        choose_device(name)
    message = f"`device` is '{name}', which this machine or this build of torch lacks; here are: {here}"
    assert str(error.value) == message


def test_a_device_nobody_has_is_refused():
    with pytest.raises(InputError) as error:
        choose_device("tpu")
    assert str(error.value) == "`device` is 'tpu'; allowed are auto, cpu, cuda, mps"


def test_examples_in_either_memory_format_have_the_same_values():
    x = examples((3, 4, 5))
    plain = x.on(CONTIGUOUS)
    assert x.on(Numerics()) is x
    assert (plain.shape, len(plain), plain.scaling) == (x.shape, len(x), x.scaling)
    for index in (slice(2, 9), np.array([4, 0, 4]), torch.tensor([1, 7])):
        one, other = x.batch(index), plain.batch(index)
        assert torch.equal(one, other)
        assert one.is_contiguous(memory_format=torch.channels_last)
        assert not one.is_contiguous()
        assert other.is_contiguous()
    assert plain.take(np.array([3])).batch(slice(None)).is_contiguous()
    assert plain.first(2).batch(slice(None)).is_contiguous()


def test_vectors_are_as_they_are_in_either_format():
    x = examples((6,))
    assert torch.equal(x.on(CONTIGUOUS).batch(slice(None)), x.batch(slice(None)))


@pytest.mark.parametrize(("numerics", "plain"), [(CONTIGUOUS, True), (Numerics(), False)])
def test_weights_of_convolutions_lie_in_the_memory_format(numerics, plain):
    """Those of inner stages too, while and after they are trained; their values do not depend on it."""
    job = Job(CONV, Reconstruction(), Recipe(steps=4), layerwise=Layerwise(), numerics=numerics)
    start, (net, _) = build(job, (2, 8, 9)), train(job, examples((2, 8, 9)))
    assert state_hash(start) == state_hash(build(replace(job, numerics=Numerics()), (2, 8, 9)))
    for module in (start, net):
        kernels = [p for p in module.parameters() if p.dim() == 4 and p.shape[1] > 1]
        assert len(kernels) >= 3
        assert {kernel.is_contiguous() for kernel in kernels} == {plain}


def test_memory_format_changes_training_by_rounding_alone():
    job = Job(CONV, Denoising(), Recipe(steps=10, batch_size=8, epsilon=1e-3, lr=0.01))
    x, validation = examples((2, 8, 9)), examples((2, 8, 9), n=9, seed=1)
    (net, history), (other, told) = (
        train(replace(job, numerics=numerics), x, validation) for numerics in (Numerics(), CONTIGUOUS)
    )
    torch.testing.assert_close(net.state_dict(), other.state_dict(), rtol=1e-4, atol=1e-5)
    assert history.loss == pytest.approx(told.loss, rel=1e-5)
    assert history.validation_loss == pytest.approx(told.validation_loss, rel=1e-5)


def test_bfloat16_learns_as_much_and_keeps_float32():
    """From a start whose minimum is steady: from others, rounding may lead to a better or a worse one."""
    x, validation = patterns((20,)), patterns((20,), n=32, seed=1)
    recipe = Recipe(steps=300, batch_size=16, lr=0.01, schedule="one-cycle")
    job = Job(Dense(hidden=(12,), latent_dim=3), Reconstruction(), recipe)
    (_, full), (net, half) = (
        train(replace(job, numerics=numerics), x, validation) for numerics in (Numerics(), BFLOAT16)
    )
    assert min(half.validation_loss) == pytest.approx(min(full.validation_loss), rel=0.02)
    assert half.loss[0] != full.loss[0]
    assert half.loss[0] == pytest.approx(full.loss[0], rel=0.02)
    assert {tensor.dtype for tensor in net.state_dict().values()} == {torch.float32}
    assert min(half.validation_loss) == mean_loss(Reconstruction(), net, validation)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_layers_compute_in_the_precision_in_training_and_in_float32_elsewhere(monkeypatch, precision):
    computed: dict[bool, set[torch.dtype]] = {True: set(), False: set()}
    forward = nn.Linear.forward

    def noted(self, batch):
        output = forward(self, batch)
        computed[torch.is_grad_enabled()].add(output.dtype)
        return output

    monkeypatch.setattr(nn.Linear, "forward", noted)
    job = Job(Dense(hidden=(6,), latent_dim=3), Reconstruction(), Recipe(steps=4), layerwise=Layerwise())
    x = examples((1, 4, 4))
    train(replace(job, numerics=Numerics(precision=precision)), x, x)
    assert computed == {True: {getattr(torch, precision)}, False: {torch.float32}}


@pytest.mark.parametrize(("n", "size", "steps", "epochs"), [(10, 4, 4, 2), (10, 4, 3, 2), (10, 10, 3, 3), (3, 8, 1, 1)])
def test_after_the_last_batch_nothing_more_is_drawn(n, size, steps, epochs):
    """Each epoch is one permutation of all examples; what trains next, from the same generator, begins right there."""
    generator, other = torch.Generator().manual_seed(1), torch.Generator().manual_seed(1)
    assert len(list(Batches(n, Recipe(steps=steps, batch_size=size), generator))) == steps
    for _ in range(epochs):
        torch.randperm(n, generator=other)
    assert torch.equal(generator.get_state(), other.get_state())
