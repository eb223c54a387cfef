"""Encoders and classifiers as one module each, from examples as they come to codes or logits."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from fewlabels.data import CATEGORY, NUMBER, Encoding, Preparation, Scaling, Signature
from fewlabels.networks import Autoencoder
from fewlabels.objectives import Objective
from fewlabels.training import Numerics
from fewlabels.transfer import Centre


class Prepare(nn.Module):
    """A `Preparation` as a layer: [B, *signature shape] of any real type -> [B, *shape] float32, or float64 where the
    layer was made so.
    """

    def __init__(self, preparation: Preparation) -> None:
        super().__init__()
        self.shift: Tensor
        self.scale: Tensor
        self.register_buffer("shift", torch.from_numpy(preparation.scaling.shift))
        self.register_buffer("scale", torch.from_numpy(preparation.scaling.scale))
        self.encode = nn.Identity() if preparation.encoding is None else Encode(preparation.encoding)

    def forward(self, x: Tensor) -> Tensor:
        prepared: Tensor = (self.encode(x.to(self.shift.dtype)) - self.shift) / self.scale
        return prepared

    def preparation(self) -> Preparation:
        """The same as arrays."""
        encoding = self.encode.encoding() if isinstance(self.encode, Encode) else None
        return Preparation(encoding, Scaling(self.shift.numpy(force=True), self.scale.numpy(force=True)))


class Encode(nn.Module):
    """An `Encoding` as a layer: rows [B, C] -> vectors [B, D]."""

    def __init__(self, encoding: Encoding) -> None:
        super().__init__()
        self.source: Tensor
        self.role: Tensor
        self.given: Tensor
        self.register_buffer("source", torch.from_numpy(encoding.source))
        self.register_buffer("role", torch.from_numpy(encoding.role))
        self.register_buffer("given", torch.from_numpy(encoding.given))

    def forward(self, rows: Tensor) -> Tensor:
        values = rows[:, self.source]  # [B, D]
        missing = torch.isnan(values)
        numbers = torch.where(missing, self.given, values)
        equal, missing = (values == self.given).to(rows.dtype), missing.to(rows.dtype)  # onnxruntime selects no bools
        return torch.where(self.role == NUMBER, numbers, torch.where(self.role == CATEGORY, equal, missing))

    def encoding(self) -> Encoding:
        return Encoding(*(part.numpy(force=True) for part in (self.source, self.role, self.given)))


def blank_preparation(signature: Signature, width: int | None) -> Preparation:
    """One of the right shapes, without values. width: of the encoding of a table's rows."""
    size = signature.shape[0] if width is None else width
    if signature.dtype == "uint8":
        shape: tuple[int, ...] = (1,) * len(signature.shape)
    else:
        shape = (size, 1, 1) if signature.kind == "images" else (size,)
    encoding = None
    if width is not None:
        whole = np.zeros(width, dtype=np.int64)
        encoding = Encoding(whole, whole.copy(), np.zeros(width, dtype=np.float32))
    return Preparation(encoding, Scaling(np.zeros(shape, np.float32), np.zeros(shape, np.float32)))


NetT = TypeVar("NetT", bound=nn.Module)


class EncoderNet(nn.Module):
    """Examples [B, *signature shape] -> codes [B, latent_dim], as the objective embeds them, not centred.

    centre: of the codes of the unlabelled pool, for classifiers to come. Heads of the net are left behind.
    """

    def __init__(self, prepare: Prepare, net: Autoencoder, objective: Objective, centre: Centre) -> None:
        super().__init__()
        self.prepare = prepare
        self.net = net.without_heads()
        self.centre = centre
        self._objective = objective

    def forward(self, x: Tensor) -> Tensor:
        return self._objective.embed(self.net, self.prepare(x))


class ClassifierNet(nn.Module):
    """Examples [B, *signature shape] -> logits [B, K], divided by the temperature (Guo et al. 2017, section 4.2).

    centre: None where `features` are logits already and `head` is the identity.
    """

    def __init__(
        self, prepare: Prepare, features: nn.Module, centre: Centre | None, head: nn.Module, temperature: float
    ) -> None:
        super().__init__()
        self.prepare = prepare
        self.features = features
        self.centre = nn.Identity() if centre is None else centre
        self.head = head
        self.temperature: Tensor
        self.register_buffer("temperature", torch.tensor(temperature, dtype=torch.float32))

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(self.centre(self.features(self.prepare(x)))) / self.temperature
        return logits


def ready(module: NetT, device: str = "cpu") -> NetT:
    """The module for use: on the device, weights in one memory format wherever they come from, nothing to train."""
    return Numerics(device).to(module.eval().requires_grad_(False))
