"""Models of every kind, small and untrained, and examples for them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import nn

from fewlabels.core.settings import to_json
from fewlabels.data import Column, Preparation, Signature, fit_encoding, fit_scaling
from fewlabels.models.classifier import ClassifierModel
from fewlabels.models.config import CodeFeatures, Features, Head, PcaFeatures, RawFeatures, WholeFeatures
from fewlabels.models.encoder import EncoderModel
from fewlabels.models.modules import ClassifierNet, EncoderNet, Prepare, ready
from fewlabels.networks import PAPER_1, PAPER_2, PAPER_3, Conv, Dense, Network, Residual, seeded, size_of, small_cnn
from fewlabels.objectives import (
    AdversarialAutoencoder,
    Denoising,
    GaussianNoise,
    GenerativeAdversarial,
    Objective,
    Reconstruction,
    Variational,
)
from fewlabels.training import Job
from fewlabels.training.pretrain import build
from fewlabels.transfer import Centre, Codes, PrincipalComponents, Raw, mlp_head

CLASSES = ("cat", "dog", "möwe")
GREY, COLOUR, MNIST = (Signature(shape, "uint8") for shape in ((1, 8, 8), (3, 9, 8), (1, 28, 28)))
FLOATS, VECTORS = Signature((2, 8, 8), "float32"), Signature((6,), "float32")
TABLE = Signature(
    (4,),
    "float32",
    (Column("age"), Column("colour", ("blue", "green", "red")), Column("weight"), Column("city", ("Bonn", "Köln"))),
)
DENSE, CONV, RESIDUAL = Dense((9,), 4), Conv((4, 3), latent_dim=5), Residual((4, 8), latent_dim=5)
DENOISING = Denoising(GaussianNoise())

ENCODERS: dict[str, tuple[Network, Objective, Signature]] = {
    "dense": (DENSE, Reconstruction(), GREY),
    "dense-floats": (DENSE, DENOISING, FLOATS),
    "dense-vectors": (DENSE, DENOISING, VECTORS),
    "table": (DENSE, DENOISING, TABLE),
    "tied": (replace(DENSE, tied=True), Reconstruction(), VECTORS),
    "conv": (CONV, DENOISING, COLOUR),
    "tied-conv": (replace(CONV, tied=True), Reconstruction(), GREY),
    "residual": (RESIDUAL, Reconstruction(), COLOUR),
    "variational": (DENSE, Variational(), VECTORS),
    "variational-conv": (PAPER_1, Variational(), GREY),
    "adversarial": (DENSE, AdversarialAutoencoder(hidden=6), VECTORS),
    "gan": (CONV, GenerativeAdversarial(), GREY),
    "paper1": (PAPER_1, Reconstruction(), MNIST),
    "paper2": (PAPER_2, Reconstruction(), MNIST),
    "paper3": (PAPER_3, Reconstruction(), GREY),
}
CLASSIFIERS: dict[str, tuple[str, Signature, int | None]] = {
    **{f"codes of {name}": (name, signature, None) for name, (_, _, signature) in ENCODERS.items()},
    "mlp": ("conv", COLOUR, 7),
    "mlp of table": ("table", TABLE, 5),
    "raw": ("raw", FLOATS, None),
    "raw table": ("raw", TABLE, 3),
    "pca": ("pca", GREY, None),
    "pca mlp": ("pca", VECTORS, 4),
    "cnn": ("cnn", COLOUR, None),
}
"""By name: the source of features, the signature, and the units of the head's hidden layer."""


def examples(signature: Signature, n: int = 11, seed: int = 5) -> np.ndarray:
    """[n, *signature.shape]; a table's rows hold missing values and an unknown category."""
    rng = np.random.default_rng(seed)
    if signature.dtype == "uint8":
        return rng.integers(0, 256, (n, *signature.shape), dtype=np.uint8)
    x = (3 + 2 * rng.normal(size=(n, *signature.shape))).astype(np.float32)
    for c, column in enumerate(signature.columns or ()):
        if column.categories is not None:
            x[:, c] = np.arange(n) % (len(column.categories) + 1) - 1
        x[c + 1 :: 5, c] = np.nan
    return x


def preparation(signature: Signature) -> Preparation:
    x, encoding = examples(signature, 40, seed=1), None
    if signature.columns is not None:
        encoding = fit_encoding(signature.columns, np.where(x == -1, 0, x))
        x = encoding.apply(x)
    return Preparation(encoding, fit_scaling(x))


def inputs(signature: Signature) -> tuple[int, ...]:
    """The shape of what networks read."""
    encoding = preparation(signature).encoding
    return signature.shape if encoding is None else (encoding.width,)


def facts(kind: str) -> dict[str, dict]:
    told = {
        "data": {"name": "made up", "examples": 1200, "signature": "whatever"},
        "pretraining": {"objective": "denoising", "network": to_json(DENSE), "parameters": 1234, "seed": 7},
        "versions": {"fewlabels": "0"},
    }
    if kind == "encoder":
        return told
    accuracy = {"held_out": {"accuracy": 0.853, "accuracy_interval": [0.801, 0.894], "examples": 179}}
    labels = {"examples": 179, "per_class": [60, 59, 60]}
    return {**told, "labels": labels, "settings": {"transfer": "probe", "seed": 7}, "accuracy": accuracy}


def encoder_model(name: str = "dense-vectors", seed: int = 0) -> EncoderModel:
    network, objective, signature = ENCODERS[name]
    job = Job(network, objective, seed=seed)
    net = build(job, inputs(signature))
    module = EncoderNet(Prepare(preparation(signature)), net, objective, centre(net.latent_dim))
    return EncoderModel(ready(module), signature, network, objective, to_json(job), facts("encoder"))


def classifier_model(name: str = "codes of dense-vectors", seed: int = 0) -> ClassifierModel:
    source, signature, hidden = CLASSIFIERS[name]
    shape = inputs(signature)

    def drawn() -> tuple[nn.Module, Features, Head | None]:
        prepare = Prepare(preparation(signature))
        if source == "cnn":
            features, kind = small_cnn(shape, len(CLASSES)), WholeFeatures(control="cnn")
            return ClassifierNet(prepare, features, None, nn.Identity(), 0.7), kind, None
        features, width, kind = _features(source, shape)
        head = mlp_head(width, hidden, len(CLASSES)) if hidden else nn.Linear(width, len(CLASSES))
        return (
            ClassifierNet(prepare, features, centre(width), head, 0.7),
            kind,
            (Head(transfer="mlp", settings={"hidden": hidden}) if hidden else Head(transfer="probe")),
        )

    module, kind, head = seeded(seed, drawn)
    seen = np.random.default_rng(seed).integers(0, 256, (9, 16), dtype=np.uint8)
    return ClassifierModel(ready(module), signature, CLASSES, kind, head, seen, facts("classifier"))


def _features(source: str, shape: tuple[int, ...]) -> tuple[nn.Module, int, Features]:
    if source == "raw":
        return Raw(), size_of(shape), RawFeatures()
    if source == "pca":
        axes = torch.randn(3, size_of(shape))
        return PrincipalComponents(torch.randn(size_of(shape)), axes), 3, PcaFeatures(components=3)
    network, objective, _ = ENCODERS[source]
    net = build(Job(network, objective, seed=3), shape).without_decoder()
    kind = CodeFeatures(network=to_json(network), objective=to_json(objective))
    return Codes(net.eval(), objective), net.latent_dim, kind


def centre(width: int) -> Centre:
    return Centre(torch.linspace(-0.1, 0.1, width), torch.tensor(0.5))


def answers_of(model: EncoderModel | ClassifierModel, n: int = 11) -> np.ndarray:
    """What the model says of made-up examples."""
    x = examples(model.signature, n)
    return model.log_proba(x) if isinstance(model, ClassifierModel) else model.embed(x)
