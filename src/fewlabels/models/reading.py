"""The files of a model folder, read with suspicion: whatever is not as `save_model` wrote it is refused in one line."""

from __future__ import annotations

import hashlib
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError
from safetensors.torch import load
from torch import Tensor

from fewlabels.core.errors import InputError
from fewlabels.data import CATEGORY, MISSING, NUMBER, Signature
from fewlabels.data.digests import SIZE
from fewlabels.models.blank import blank
from fewlabels.models.config import VERSION, Config, checksum, loads, parse
from fewlabels.models.layers import Encode
from fewlabels.models.modules import ClassifierNet, EncoderNet

SEEN = "seen"
"""The tensor that is no weight: digests of the labelled examples."""

MOST_CONFIG_BYTES = 16 * 2**20
AGAIN = "get the folder anew from where it came"


def read_config(path: Path) -> Config:
    """Raises InputError for whatever is no config that this version can read, as it was saved."""
    content = _read(path, MOST_CONFIG_BYTES)
    try:
        values = loads(content)
        stated, version = values.pop("checksum", None), values.get("version")
        if values.get("format") == "fewlabels model" and type(version) is int and version > VERSION:
            raise InputError(
                f"{path}: is of format version {version!r}, this fewlabels reads {VERSION}; install a newer one"
            )
        if stated != checksum(values):
            raise ValueError("its checksum does not fit; it was changed or damaged")
        return parse(values)
    except InputError:
        raise
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise InputError(f"{path}: is no config of a model ({line(f'{where}: ' + first['msg'])}); {AGAIN}") from None
    except (ValueError, TypeError, RecursionError) as error:
        raise InputError(f"{path}: is no config of a model ({line(error)}); {AGAIN}") from None


def build(path: Path, config: Config) -> EncoderNet | ClassifierNet:
    """The module that the config at `path` asks for, without values or memory. Raises InputError."""
    try:
        return blank(config)
    except Exception as error:  # a hostile config may fail anywhere in building what it asks for
        raise InputError(f"{path}: asks for a network that cannot be built ({line(error)}); {AGAIN}") from None


def read_weights(path: Path, config: Config, module: EncoderNet | ClassifierNet) -> Tensor:
    """Give the module the weights at `path`; the digests [n, 16] uint8 of the labelled examples.

    Raises InputError for whatever is not the file that the config tells of, or does not fit the module.
    """
    wanted = dict(module.state_dict())
    if isinstance(module, ClassifierNet):
        wanted[SEEN] = torch.empty(config.labelled, SIZE, dtype=torch.uint8, device="meta")
    _check_size(path, config, wanted)
    content, stated = _read(path, config.weights.bytes), config.weights
    if len(content) != stated.bytes:
        raise InputError(f"{path}: has {len(content):,} bytes, its config says {stated.bytes:,}; {AGAIN}")
    if hashlib.sha256(content).hexdigest() != stated.sha256:
        raise InputError(f"{path}: was changed or damaged, its checksum is not the config's; {AGAIN}")
    try:
        tensors = load(content)
    except Exception as error:  # the parser raises several kinds
        raise InputError(f"{path}: is no file of weights ({line(error)}); {AGAIN}") from None
    _check_tensors(path, tensors, wanted)
    seen = tensors.pop(SEEN, torch.empty(0, SIZE, dtype=torch.uint8))
    module.load_state_dict(tensors, assign=True)
    _check_values(path, module, config.signature)
    return seen


def line(found: object) -> str:
    """What an error says, or other text that may be hostile, in one short line without control characters."""
    text = " ".join(str(found).split()) or type(found).__name__
    text = "".join(mark if mark.isprintable() else ascii(mark)[1:-1] for mark in text[:200])
    return text if len(text) <= 120 else f"{text[:117]}..."


def _read(path: Path, most: int) -> bytes:
    """A regular file of at most so many bytes."""
    try:
        known = path.stat()
        if not stat.S_ISREG(known.st_mode):
            raise InputError(f"{path}: is no regular file; {AGAIN}")
        if known.st_size > most:
            raise InputError(f"{path}: has {known.st_size:,} bytes, at most {most:,} were expected; {AGAIN}")
        with path.open("rb") as file:
            return file.read(known.st_size + 1)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error}); {AGAIN}") from None


def _check_size(path: Path, config: Config, wanted: Mapping[str, Tensor]) -> None:
    """Raise InputError for a stated size that cannot be right, before any memory is taken for it."""
    needed = sum(tensor.numel() * tensor.element_size() for tensor in wanted.values())
    header = 1024 + sum(300 + len(name) for name in wanted)
    if not needed <= config.weights.bytes <= needed + header:
        raise InputError(
            f"{path}: is of {config.weights.bytes:,} bytes, says its config, whose network takes {needed:,}; {AGAIN}"
        )


def _check_tensors(path: Path, found: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> None:
    if missing := sorted(wanted.keys() - found.keys()):
        raise InputError(f"{path}: lacks {line(missing[0])!r}, which its config asks for; {AGAIN}")
    if extra := sorted(found.keys() - wanted.keys()):
        raise InputError(f"{path}: holds {line(extra[0])!r}, which its config does not ask for; {AGAIN}")
    for name, tensor in sorted(found.items()):
        form, asked = (tensor.dtype, *tensor.shape), (wanted[name].dtype, *wanted[name].shape)
        if form != asked:
            raise InputError(f"{path}: {name!r} is {_form(tensor)}, its config asks for {_form(wanted[name])}; {AGAIN}")
        if tensor.is_floating_point() and not tensor.isfinite().all():
            raise InputError(f"{path}: {name!r} has NaN or infinite values; {AGAIN}")


def _check_values(path: Path, module: EncoderNet | ClassifierNet, signature: Signature) -> None:
    """Raise InputError for values with which the layers that are not trained cannot work."""
    scales = {"prepare.scale": module.prepare.scale}
    if not isinstance(module.centre, torch.nn.Identity):
        scales["centre.scale"] = module.centre.scale
    if isinstance(module, ClassifierNet):
        scales["temperature"] = module.temperature
    faults: dict[str, Any] = {name: not _divides(scale) for name, scale in scales.items()}
    if isinstance(encode := module.prepare.encode, Encode):
        faults.update(_encoding_faults(encode, signature))
    for name, is_bad in faults.items():
        if is_bad:
            raise InputError(f"{path}: {name!r} has values that it cannot have; {AGAIN}")


def _divides(scale: Tensor) -> bool:
    """Whether all are above zero, and far enough for their inverse to be finite."""
    return bool(((scale > 0) & (1 / scale).isfinite()).all())


def _encoding_faults(encode: Encode, signature: Signature) -> dict[str, bool]:
    """By the name of the tensor, whether it points at a column or a category that the signature has not."""
    source, role, given = (part.tolist() for part in (encode.source, encode.role, encode.given))
    columns = signature.columns
    assert columns is not None
    if not all(0 <= column < len(columns) for column in source):
        return {"prepare.encode.source": True}
    categories = [columns[column].categories for column in source]
    allowed = [(MISSING, NUMBER if known is None else CATEGORY) for known in categories]
    numbers = [
        float(number).is_integer() and 0 <= number < len(known or ())
        for number, known, what in zip(given, categories, role, strict=True)
        if what == CATEGORY
    ]
    return {
        "prepare.encode.role": not all(what in these for what, these in zip(role, allowed, strict=True)),
        "prepare.encode.given": not all(numbers),
    }


def _form(tensor: Tensor) -> str:
    return f"{str(tensor.dtype).removeprefix('torch.')} of shape {tuple(tensor.shape)}"
