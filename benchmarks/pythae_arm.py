"""The arm of pythae's trainer. It runs in the environment of that library, beside this checkout's networks."""

from __future__ import annotations

import logging
import tempfile
import time
from typing import Any

import torch
from pythae.data.datasets import BaseDataset
from pythae.models import AE, AEConfig
from pythae.models.base.base_utils import ModelOutput
from pythae.models.nn import BaseDecoder, BaseEncoder
from pythae.trainers import BaseTrainer, BaseTrainerConfig
from pythae.trainers.training_callbacks import TrainingCallback
from torch import Tensor, nn

from benchmarks.side_by_side import Measure
from benchmarks.workloads import SHAPE, WORKLOADS, fresh_network, held_out_loss, mnist_train, standardised
from fewlabels.networks import Autoencoder, state_hash


class Encoder(BaseEncoder):
    def __init__(self, layers: nn.Module) -> None:
        super().__init__()
        self.layers = layers

    def forward(self, x: Tensor) -> ModelOutput:
        return ModelOutput(embedding=self.layers(x))


class Decoder(BaseDecoder):
    def __init__(self, layers: nn.Module) -> None:
        super().__init__()
        self.layers = layers

    def forward(self, z: Tensor) -> ModelOutput:
        return ModelOutput(reconstruction=self.layers(z))


class Clock(TrainingCallback):
    """Seconds from the beginning of the first epoch to the end of the latest: saving the model is left out."""

    def __init__(self) -> None:
        self._began: float | None = None
        self.seconds = 0.0

    def on_epoch_begin(self, training_config: BaseTrainerConfig, **others: Any) -> None:
        self._began = self._began or time.perf_counter()

    def on_epoch_end(self, training_config: BaseTrainerConfig, **others: Any) -> None:
        assert self._began is not None
        self.seconds = time.perf_counter() - self._began


def trainer(name: str, n: int, epochs: int) -> Measure:
    """Trains as the other arms do; its loss is the sum over pixels, which Adam's steps do not depend on."""
    logging.disable(logging.INFO)
    workload = WORKLOADS[name]
    x = standardised(mnist_train(n))

    def fitted(net: Autoencoder, examples: Tensor, epochs: int, seed: int) -> float:
        """Trains the network in place: seconds."""
        model = AE(AEConfig(input_dim=SHAPE, latent_dim=net.latent_dim), Encoder(net.encoder), Decoder(net.decoder))
        clock = Clock()
        with tempfile.TemporaryDirectory() as folder:
            config = BaseTrainerConfig(
                output_dir=folder,
                num_epochs=epochs,
                per_device_train_batch_size=workload.batch,
                learning_rate=workload.lr,
                optimizer_cls="Adam",
                seed=seed,
                no_cuda=True,
            )
            data = BaseDataset(examples, torch.zeros(len(examples)))
            BaseTrainer(model, data, training_config=config, callbacks=[clock]).train()
        return clock.seconds

    def measure(repeat: int) -> dict[str, Any]:
        net = fresh_network(workload, repeat)
        start = state_hash(net)
        seconds = fitted(net, x, epochs, repeat)
        return {"value": epochs * n / seconds, "held-out loss": held_out_loss(net.eval()), "start": start}

    fitted(fresh_network(workload, 0), x[: 5 * workload.batch], 1, 0)
    return measure
