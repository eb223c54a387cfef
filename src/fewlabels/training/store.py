"""Encoders kept on disk by a key of everything that determines them, so that none is trained twice."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from fewlabels.core.errors import InputError
from fewlabels.core.files import replacing
from fewlabels.core.provenance import installed_versions
from fewlabels.core.settings import to_json
from fewlabels.networks import Autoencoder, state_hash
from fewlabels.training.ensemble.pretrain import train_stacked
from fewlabels.training.examples import Examples
from fewlabels.training.history import History
from fewlabels.training.pretrain import Job, build

STRIP = "strip of pictures"
"""The tensor of a file that is no weight."""


@dataclass(frozen=True, eq=False)
class Pretrained:
    """A trained autoencoder, less its heads; its key; and how its training went, now or when it was first kept."""

    net: Autoencoder
    key: str
    history: History
    from_store: bool


class EncoderStore:
    """A folder of encoders; several processes may use it at once. A damaged file counts as missing."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get_or_train(self, job: Job, x: Examples, validation: Examples, data: Mapping[str, str]) -> Pretrained:
        """The job's encoder, from the store if it is there, else trained and kept.

        data: what identifies x and validation, such as hashes of the data set and of the pool.
        """
        return self.get_or_train_all([job], x, validation, data)[0]

    def get_or_train_all(
        self, jobs: Sequence[Job], x: Examples, validation: Examples, data: Mapping[str, str]
    ) -> list[Pretrained]:
        """The encoders of several jobs, those that are not in the store trained together and kept."""
        keys = [self.key(job, data) for job in jobs]
        found = {key: self._load(job, key, x.shape) for job, key in zip(jobs, keys, strict=True)}
        missing = {key: job for job, key in zip(jobs, keys, strict=True) if found[key] is None}
        trained = train_stacked(list(missing.values()), x, validation) if missing else []
        for key, (net, history) in zip(missing, trained, strict=True):
            bare = net.without_heads()
            self._save(key, bare, history)
            found[key] = Pretrained(bare, key, history, from_store=False)
        return [pretrained for key in keys if (pretrained := found[key]) is not None]

    @staticmethod
    def key(job: Job, data: Mapping[str, str]) -> str:
        """SHA-256 of the job, the data and what else the weights depend on: threads, versions, our own code."""
        everything = {
            "job": to_json(job),
            "kinds": _kinds(job),
            "data": dict(data),
            "threads": torch.get_num_threads(),
            "versions": installed_versions(),
        }
        return hashlib.sha256(json.dumps(everything, sort_keys=True).encode()).hexdigest()

    def _path(self, key: str) -> Path:
        return self._folder / f"{key}.safetensors"

    def _load(self, job: Job, key: str, input_shape: tuple[int, ...]) -> Pretrained | None:
        net = build(job, input_shape).without_heads()
        try:
            with safe_open(str(self._path(key)), framework="pt") as file:
                metadata = file.metadata()
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            strip = tensors.pop(STRIP, None)
            net.load_state_dict(tensors)
            history = History(**json.loads(metadata["history"]), strip=strip)
            intact = metadata["digest"] == _digest(net, metadata["history"], strip)
        except (OSError, SafetensorError, RuntimeError, KeyError, TypeError, ValueError):
            return None
        return Pretrained(net.eval(), key, history, from_store=True) if intact else None

    def _save(self, key: str, net: Autoencoder, history: History) -> None:
        """Keep the encoder. A folder that cannot be written costs the saving, not the training."""
        described = json.dumps({name: value for name, value in vars(history).items() if name != "strip"})
        metadata = {"history": described, "digest": _digest(net, described, history.strip)}
        tensors = {name: tensor.contiguous().cpu() for name, tensor in net.state_dict().items()}
        if history.strip is not None:
            tensors[STRIP] = history.strip.contiguous()
        with suppress(OSError, InputError):
            self._folder.mkdir(parents=True, exist_ok=True)
            with replacing(self._path(key)) as file:
                file.write(save(tensors, metadata=metadata))


def _kinds(settings: Any) -> list[str]:
    """Full names of the classes of settings and of all settings within them, in order."""
    if isinstance(settings, tuple):
        return [name for part in settings for name in _kinds(part)]
    if not is_dataclass(settings):
        return []
    kind = type(settings)
    parts = tuple(getattr(settings, field.name) for field in fields(settings))
    return [f"{kind.__module__}.{kind.__qualname__}", *_kinds(parts)]


def _digest(net: Autoencoder, history: str, strip: Tensor | None) -> str:
    """SHA-256 over everything a file holds."""
    digest = hashlib.sha256(f"{state_hash(net)}:{history}".encode())
    if strip is not None:
        digest.update(strip.contiguous().numpy().tobytes())
    return digest.hexdigest()
