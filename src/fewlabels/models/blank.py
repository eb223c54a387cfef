"""From a model's config to its module without values, which costs no memory whatever the config claims."""

from __future__ import annotations

import torch
from torch import nn

from fewlabels.core.errors import InputError
from fewlabels.core.settings import from_json
from fewlabels.data import Signature
from fewlabels.models.config import CodeFeatures, Config, PcaFeatures, RawFeatures
from fewlabels.models.layers import Prepare, blank_preparation
from fewlabels.models.modules import ClassifierNet, EncoderNet
from fewlabels.networks import NETWORKS, Autoencoder, Conv, Dense, Network, Residual, outline, size_of, small_cnn
from fewlabels.objectives import KINDS, Objective
from fewlabels.transfer import Centre, Codes, PrincipalComponents, Raw, mlp_head

MOST_LAYERS = 1000
"""Of a network on its way down: a layer takes memory even without its weights."""


def blank(config: Config) -> EncoderNet | ClassifierNet:
    """The module, its parameters and buffers without memory or values. Raises whatever a config may cause."""
    signature = config.signature
    shape = signature.shape if config.encoded is None else (config.encoded,)
    prepare = Prepare(blank_preparation(signature, config.encoded))
    with torch.device("meta"):
        if config.kind == "encoder":
            assert isinstance(config.features, CodeFeatures)
            network, objective = network_and_objective(config.features)
            net = outline(network, shape, objective.code_width)
            net.critic = objective.critic(net.latent_dim)
            module: EncoderNet | ClassifierNet = EncoderNet(prepare, net, objective, _centre(net.latent_dim))
        else:
            module = _classifier(config, prepare, shape)
    module = module.to("meta").eval()
    _rehearse(module, signature)
    return module


@torch.no_grad()
def _rehearse(module: EncoderNet | ClassifierNet, signature: Signature) -> None:
    """One example through all layers, without values: what can be built may still not fit together."""
    answer = module(torch.empty(1, *signature.shape, dtype=getattr(torch, signature.dtype), device="meta"))
    if isinstance(module, EncoderNet):
        module.net.decode(answer)


def network_and_objective(features: CodeFeatures) -> tuple[Network, Objective]:
    """Raises whatever a config may cause, and InputError for a network of more layers than any has."""
    network, objective = from_json(features.network, NETWORKS), from_json(features.objective, KINDS)
    if not isinstance(objective, Objective):
        raise InputError(f"{type(objective).__name__} is no objective")
    if (layers := _depth(network)) > MOST_LAYERS:
        raise InputError(f"its network has {layers:,} layers; allowed are {MOST_LAYERS:,}")
    return network, objective


def _depth(network: Network) -> int:
    """Layers, or blocks of them, on the way down."""
    if isinstance(network, Residual):
        return len(network.channels) * (1 + network.blocks)
    assert isinstance(network, Conv | Dense)
    return len(network.hidden) + (len(network.channels) if isinstance(network, Conv) else 1)


def _classifier(config: Config, prepare: Prepare, shape: tuple[int, ...]) -> ClassifierNet:
    classes = len(config.classes)
    if config.head is None:
        return ClassifierNet(prepare, small_cnn(shape, classes), None, nn.Identity(), 1.0)
    features, width = _features(config, shape)
    head = mlp_head(width, config.head.hidden, classes) if config.head.hidden else nn.Linear(width, classes)
    return ClassifierNet(prepare, features, _centre(width), head, 1.0)


def _features(config: Config, shape: tuple[int, ...]) -> tuple[nn.Module, int]:
    """What gives the features, and how many."""
    features, numbers = config.features, size_of(shape)
    if isinstance(features, RawFeatures):
        return Raw(), numbers
    if isinstance(features, PcaFeatures):
        axes = torch.empty(features.components, numbers)
        return PrincipalComponents(torch.empty(numbers), axes), features.components
    assert isinstance(features, CodeFeatures)
    network, objective = network_and_objective(features)
    net: Autoencoder = outline(network, shape, objective.code_width).without_decoder()
    return Codes(net, objective), net.latent_dim


def _centre(width: int) -> Centre:
    return Centre(torch.empty(width), torch.empty(()))
