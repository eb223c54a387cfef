"""Model folders: `config.json`, `model.safetensors` and a model card. Nothing in them is ever run.

A folder is read with suspicion: sizes are checked before memory is taken, both files against checksums, and every
tensor against what the config asks for. What differs in any way is refused.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError
from safetensors.torch import load, save
from torch import Tensor

from fewlabels.errors import InputError
from fewlabels.models.blank import blank, network_and_objective
from fewlabels.models.card import model_card
from fewlabels.models.classifier import ClassifierModel
from fewlabels.models.config import VERSION, CodeFeatures, Config, Weights, checksum
from fewlabels.models.encoder import EncoderModel
from fewlabels.models.layers import Encode
from fewlabels.models.nets import ClassifierNet, EncoderNet, ready
from fewlabels.settings import to_json

CONFIG, WEIGHTS, CARD = "config.json", "model.safetensors", "README.md"
SEEN = "seen"
"""The tensor that is no weight: digests of the labelled examples."""

MOST_CONFIG_BYTES = 64 * 2**20
AGAIN = "get the folder anew from where it came"

Model = EncoderModel | ClassifierModel


def check_free(folder: Path, overwrite: bool = False, others: tuple[str, ...] = ()) -> None:
    """Raise InputError where a model cannot be saved in `folder`, or would take the place of something.

    overwrite: another model may be replaced. others: names of files that may stand there besides.
    """
    if not folder.exists():
        return
    if not folder.is_dir():
        raise InputError(f"{folder}: is a file, where the folder of a model is to be; choose another with -o")
    found = {entry.name for entry in folder.iterdir()}
    if strangers := sorted(found - {CONFIG, WEIGHTS, CARD, *others}):
        raise InputError(
            f"{folder}: holds other files ({strangers[0]}) and no model alone; choose a new or an empty folder with -o"
        )
    if CONFIG in found and not overwrite:
        raise InputError(f"{folder}: holds a model already; choose another folder with -o, or replace it: --overwrite")


def save_model(model: Model, folder: Path) -> None:
    """Write the model's folder: all files beside their places first, so that a full disk leaves what was there.

    Raises InputError where it cannot be written.
    """
    tensors = {name: tensor.contiguous().cpu() for name, tensor in model.module.state_dict().items()}
    if isinstance(model, ClassifierModel):
        tensors[SEEN] = torch.from_numpy(model.seen)
    weights = save(tensors)
    config = _config(model, Weights(sha256=hashlib.sha256(weights).hexdigest(), bytes=len(weights)))
    contents = {WEIGHTS: weights, CARD: model_card(config).encode(), CONFIG: config.dumps().encode()}
    parts = {name: folder / f".{name}.{os.getpid()}.part" for name in contents}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in contents.items():
            with parts[name].open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        for name, part in parts.items():
            part.replace(folder / name)
    except OSError as error:
        raise InputError(
            f"{folder}: cannot be written ({error.strerror}); free space or choose another folder with -o"
        ) from None
    finally:
        for part in parts.values():
            with suppress(OSError):
                part.unlink(missing_ok=True)


def load_encoder(folder: str | os.PathLike[str]) -> EncoderModel:
    """The encoder in a folder. Raises InputError for whatever is not one, as it was saved."""
    model = load_model(folder)
    if not isinstance(model, EncoderModel):
        raise InputError(f"{folder}: holds a classifier, needed is an encoder; `fewlabels pretrain` makes one")
    return model


def load_classifier(folder: str | os.PathLike[str]) -> ClassifierModel:
    """The classifier in a folder. Raises InputError for whatever is not one, as it was saved."""
    model = load_model(folder)
    if not isinstance(model, ClassifierModel):
        raise InputError(f"{folder}: holds an encoder, needed is a classifier; `fewlabels finetune` makes one of it")
    return model


def load_model(folder: str | os.PathLike[str]) -> Model:
    """The model in a folder. Raises InputError for whatever is not one, as it was saved."""
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; name the folder of a model, as -o named it")
    if not (folder / CONFIG).exists():
        raise InputError(f"{folder}: holds no {CONFIG}, so no model; name the folder of a model, as -o named it")
    config = _read_config(folder / CONFIG)
    tensors = _read_weights(folder / WEIGHTS, config.weights)
    seen = tensors.pop(SEEN, None)
    try:
        module = blank(config)
    except Exception as error:  # a hostile config may fail anywhere in building what it asks for
        raise InputError(
            f"{folder / CONFIG}: asks for a network that cannot be built ({_line(error)}); {AGAIN}"
        ) from None
    _check_tensors(folder / WEIGHTS, tensors, module.state_dict())
    module.load_state_dict(tensors, assign=True)
    _check_values(folder / WEIGHTS, module, config.signature.shape[0])
    ready(module)
    if isinstance(module, EncoderNet):
        assert isinstance(config.features, CodeFeatures)
        network, objective = network_and_objective(config.features)
        return EncoderModel(module, config.signature, network, objective, config.job or {}, config.facts)
    if seen is None or seen.dtype != torch.uint8 or seen.dim() != 2:
        raise InputError(f"{folder / WEIGHTS}: lacks the digests of its labelled examples; {AGAIN}")
    return ClassifierModel(
        module, config.signature, config.classes, config.features, config.head, seen.numpy(), config.facts
    )


def _config(model: Model, weights: Weights) -> Config:
    encode = model.module.prepare.encode
    encoded = len(encode.source) if isinstance(encode, Encode) else None
    common: dict[str, Any] = {
        "signature": model.signature,
        "encoded": encoded,
        "facts": model.facts,
        "weights": weights,
    }
    if isinstance(model, EncoderModel):
        features = CodeFeatures(network=to_json(model.network), objective=to_json(model.objective))
        return Config(kind="encoder", features=features, job=dict(model.job), **common)
    return Config(kind="classifier", features=model.features, head=model.head, classes=model.classes, **common)


def _read_config(path: Path) -> Config:
    content = _read(path, MOST_CONFIG_BYTES)
    try:
        values = json.loads(content)
        if not isinstance(values, dict):
            raise ValueError("not a JSON object")
        stated = values.pop("checksum", None)
        if values.get("format") == "fewlabels model" and values.get("version") != VERSION:
            raise InputError(
                f"{path}: is of format version {values.get('version')!r}, this fewlabels reads {VERSION}; install a "
                "newer one"
            )
        if stated != checksum(values):
            raise ValueError("its checksum does not fit; it was changed or damaged")
        return Config(**values)
    except InputError:
        raise
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise InputError(f"{path}: is no config of a model ({where}: {first['msg']}); {AGAIN}") from None
    except (ValueError, TypeError, RecursionError) as error:
        raise InputError(f"{path}: is no config of a model ({_line(error)}); {AGAIN}") from None


def _read_weights(path: Path, stated: Weights) -> dict[str, Tensor]:
    content = _read(path, stated.bytes)
    if len(content) != stated.bytes:
        raise InputError(f"{path}: has {len(content):,} bytes, its config says {stated.bytes:,}; {AGAIN}")
    if hashlib.sha256(content).hexdigest() != stated.sha256:
        raise InputError(f"{path}: was changed or damaged, its checksum is not the config's; {AGAIN}")
    try:
        return load(content)
    except Exception as error:  # the parser raises several kinds
        raise InputError(f"{path}: is no file of weights ({_line(error)}); {AGAIN}") from None


def _read(path: Path, most: int) -> bytes:
    """A regular file of at most so many bytes."""
    try:
        known = path.stat()
        if not stat.S_ISREG(known.st_mode):
            raise InputError(f"{path}: is no regular file; {AGAIN}")
        if known.st_size > most:
            raise InputError(f"{path}: has {known.st_size:,} bytes, at most {most:,} were expected; {AGAIN}")
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); {AGAIN}") from None


def _check_tensors(path: Path, found: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> None:
    if missing := sorted(wanted.keys() - found.keys()):
        raise InputError(f"{path}: lacks {missing[0]!r}, which its config asks for; {AGAIN}")
    if extra := sorted(found.keys() - wanted.keys()):
        raise InputError(f"{path}: holds {extra[0]!r}, which its config does not ask for; {AGAIN}")
    for name, tensor in found.items():
        form, asked = (tensor.dtype, *tensor.shape), (wanted[name].dtype, *wanted[name].shape)
        if form != asked:
            raise InputError(f"{path}: {name!r} is {_form(tensor)}, its config asks for {_form(wanted[name])}; {AGAIN}")
        if tensor.is_floating_point() and not tensor.isfinite().all():
            raise InputError(f"{path}: {name!r} has NaN or infinite values; {AGAIN}")


def _check_values(path: Path, module: EncoderNet | ClassifierNet, columns: int) -> None:
    """Raise InputError for values with which the layers that are not trained cannot work."""
    faults = {"prepare.scale": (module.prepare.scale == 0).any()}
    if not isinstance(module.centre, torch.nn.Identity):
        faults["centre.scale"] = module.centre.scale <= 0
    if isinstance(module, ClassifierNet):
        faults["temperature"] = module.temperature <= 0
    if isinstance(encode := module.prepare.encode, Encode):
        faults["prepare.encode.role"] = ((encode.role < 0) | (encode.role > 2)).any()
        faults["prepare.encode.source"] = ((encode.source < 0) | (encode.source >= columns)).any()
    for name, is_bad in faults.items():
        if is_bad:
            raise InputError(f"{path}: {name!r} has values that it cannot have; {AGAIN}")


def _form(tensor: Tensor) -> str:
    return f"{str(tensor.dtype).removeprefix('torch.')} of shape {tuple(tensor.shape)}"


def _line(error: Exception) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 120 else f"{text[:117]}..."
