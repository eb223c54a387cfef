"""Network specs, and the autoencoders they build. Knows nothing of objectives."""

from fewlabels.networks.autoencoder import (
    Autoencoder,
    Network,
    Stage,
    channels_last,
    outline,
    parameter_count,
    seeded,
    size_of,
    state_hash,
)
from fewlabels.networks.conv import Conv
from fewlabels.networks.convnet import convnet, small_cnn
from fewlabels.networks.dense import Dense, linear_decoder
from fewlabels.networks.layers import batch_normalisations
from fewlabels.networks.pooled import PooledConv
from fewlabels.networks.registry import (
    NETWORKS,
    PAPER_1,
    PAPER_2,
    PAPER_3,
    PRESETS,
    VARIANTS,
    Variant,
    default_network,
    with_latent_dim,
)
from fewlabels.networks.residual import Residual

__all__ = [
    "NETWORKS",
    "PAPER_1",
    "PAPER_2",
    "PAPER_3",
    "PRESETS",
    "VARIANTS",
    "Autoencoder",
    "Conv",
    "Dense",
    "Network",
    "PooledConv",
    "Residual",
    "Stage",
    "Variant",
    "batch_normalisations",
    "channels_last",
    "convnet",
    "default_network",
    "linear_decoder",
    "outline",
    "parameter_count",
    "seeded",
    "size_of",
    "small_cnn",
    "state_hash",
    "with_latent_dim",
]
