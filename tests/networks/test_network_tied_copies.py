"""Tied networks stay tied: in files, copies and stacks of models, and while they are trained."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch
from network_cases import both_widths, noise
from safetensors.torch import load_file, save_file
from tied_cases import batch, every_net, loss_of, made, reconstruction, sources_of
from torch import nn
from torch.func import functional_call, grad, stack_module_state, vmap

from fewlabels.networks import parameter_count
from fewlabels.networks.layers import TiedConvTranspose2d, TiedLinear


@pytest.mark.slow
@every_net
@both_widths
def test_a_weight_is_stored_once_and_comes_back_from_a_file(spec, shape, code_width, tmp_path):
    net = made(spec, shape, code_width)
    state = net.state_dict()
    assert len({tensor.untyped_storage().data_ptr() for tensor in state.values()}) == len(state)
    assert {name for name in state if name.startswith("decoder.")} == {
        f"decoder.{i}.bias"
        for i, layer in enumerate(net.decoder)
        if isinstance(layer, TiedLinear | TiedConvTranspose2d)
    }
    assert sum(tensor.numel() for tensor in state.values()) == parameter_count(net)
    save_file(state, tmp_path / "net.safetensors")
    x = batch(shape)
    expected = reconstruction(net, x)
    for assign in (False, True):
        fresh = made(spec, shape, code_width, seed=9)
        assert not torch.allclose(reconstruction(fresh, x), expected)
        fresh.load_state_dict(load_file(tmp_path / "net.safetensors"), assign=assign)
        assert torch.equal(reconstruction(fresh, x), expected)


@every_net
def test_each_way_has_biases_of_its_own(spec, shape):
    net, x = made(spec, shape), batch(shape)
    z = noise(3, net.latent_dim, dtype=torch.float64).abs()
    code, output = net.encode(x), net.decode(z)
    with torch.no_grad():
        for parameter in net.decoder.parameters():
            parameter.add_(1.0)
    assert torch.equal(net.encode(x), code)
    assert not torch.allclose(net.decode(z), output)
    output = net.decode(z)
    with torch.no_grad():
        for name, parameter in net.encoder.named_parameters():
            if name.endswith("bias"):
                parameter.add_(1.0)
    assert torch.equal(net.decode(z), output)
    assert not torch.allclose(net.encode(x), code)


@every_net
@pytest.mark.parametrize("again", [copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net))], ids=["copy", "pickle"])
def test_a_copy_is_tied_to_itself(spec, shape, again):
    net = made(spec, shape)
    z = noise(3, net.latent_dim, dtype=torch.float64).abs()
    before = net.decode(z)
    twin = again(net)
    assert torch.equal(twin.decode(z), before)
    for there, _ in sources_of(twin):
        seen = twin.decode(z)
        with torch.no_grad():
            there.weight.mul_(3.0)
        assert not torch.allclose(twin.decode(z), seen)
    assert torch.equal(net.decode(z), before)
    part = again(net.part(0, 1))  # a part alone, likewise
    output = part.decode(torch.ones(2, part.latent_dim, dtype=torch.float64))
    with torch.no_grad():
        sources_of(part)[0][0].weight.mul_(3.0)
    assert not torch.allclose(part.decode(torch.ones(2, part.latent_dim, dtype=torch.float64)), output)


@every_net
def test_models_stacked_compute_and_learn_as_alone(spec, shape):
    nets, x = [made(spec, shape, 2, seed) for seed in range(3)], batch(shape)
    skeleton = copy.deepcopy(nets[0]).to("meta")  # so that no weight of its own can play a part

    class Loss(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = skeleton

        def forward(self, x):
            return loss_of(self.net, x)

    stacked, _ = stack_module_state(nets)
    named = {f"net.{name}": tensor.detach() for name, tensor in stacked.items()}
    loss = Loss()

    def run(state, x):
        return functional_call(loss, state, (x,))

    losses = vmap(run, in_dims=(0, None))(named, x)
    gradients = vmap(grad(run), in_dims=(0, None))(named, x)
    assert len(set(losses.tolist())) == 3
    for i, net in enumerate(nets):
        alone = loss_of(net, x)
        torch.testing.assert_close(losses[i], alone)
        alone.backward()
        for name, parameter in net.named_parameters():
            torch.testing.assert_close(gradients[f"net.{name}"][i], parameter.grad, msg=name)


@pytest.mark.slow
@every_net
@pytest.mark.parametrize("optimiser", [torch.optim.SGD, torch.optim.Adam], ids=["sgd", "adam"])
def test_training_keeps_them_tied(spec, shape, optimiser):
    net, x = made(spec, shape), batch(shape)
    first = loss_of(net, x).item()
    update = optimiser(net.parameters(), lr=1e-4)
    for _ in range(3):
        update.zero_grad()
        loss_of(net, x).backward()
        update.step()
    assert loss_of(net, x).item() < first
    assert net.state_dict().keys() == made(spec, shape).state_dict().keys()
    start = made(spec, shape)
    assert not any(torch.equal(*pair) for pair in zip(net.parameters(), start.parameters(), strict=True))
    fresh = made(spec, shape, seed=9)
    for (there, back), (trained, own) in zip(sources_of(fresh), sources_of(net), strict=True):
        there.weight.data = trained.weight.detach().clone()
        back.bias.data = own.bias.detach().clone()
    z = noise(3, net.latent_dim, dtype=torch.float64)
    assert torch.equal(net.decode(z), fresh.decode(z))  # nothing but the encoder's weights and the biases matters
