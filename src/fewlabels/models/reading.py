"""The files of a model folder, read with suspicion: what is not as `save_model` wrote it is refused in one line."""

from __future__ import annotations

import copy
import hashlib
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError
from safetensors.torch import load
from torch import Tensor, nn

from fewlabels.core.errors import InputError
from fewlabels.core.settings import from_json
from fewlabels.core.text import one_line
from fewlabels.data import CATEGORY, MISSING, NUMBER, Signature
from fewlabels.data.blocks import SIZE
from fewlabels.models.config import (
    VERSION,
    CodeFeatures,
    Config,
    PcaFeatures,
    RawFeatures,
    WholeFeatures,
    checksum,
    loads,
    parse,
)
from fewlabels.models.modules import ClassifierNet, Encode, EncoderNet, Prepare, blank_preparation
from fewlabels.networks import NETWORKS, Autoencoder, Network, outline, size_of
from fewlabels.objectives import Objective, kinds
from fewlabels.transfer import CONTROLS, LAYERS, TRANSFERS, Centre, PrincipalComponents, Raw, features_at, width_at

SEEN = "seen"
"""The tensor that is no weight: digests of the labelled examples."""

MOST_CONFIG_BYTES = 16 * 2**20
MOST_REHEARSED = 2**24
"""Of an example's pixels times the numbers made of one: more is rehearsed without values, which torch takes a second
to prepare for."""
UNBUILT = "asks for a network that cannot be built"
AGAIN = "the file is damaged; copy or download the folder again"


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
        what = one_line(f"{'.'.join(map(str, first['loc']))}: {first['msg']}")
        raise InputError(f"{path}: is no config of a model ({what}); {AGAIN}") from None
    except (ValueError, TypeError, RecursionError) as error:
        raise InputError(f"{path}: is no config of a model ({one_line(error)}); {AGAIN}") from None


def build(path: Path, config: Config) -> EncoderNet | ClassifierNet:
    """The module that the config at `path` asks for, without values or memory. Raises InputError."""
    try:
        return blank(config)
    except Exception as error:  # a hostile config may fail anywhere in building what it asks for
        raise InputError(f"{path}: {UNBUILT} ({one_line(error)}); {AGAIN}") from None


@torch.no_grad()
def rehearse(path: Path, module: EncoderNet | ClassifierNet, signature: Signature) -> None:
    """One example through all layers: what could be built may still not fit together. Raises InputError."""
    widest = max((weight.numel() // weight.shape[1:2].numel() for weight in module.parameters()), default=1)
    if size_of(signature.shape[1:]) * widest > MOST_REHEARSED:
        module = copy.deepcopy(module).to("meta")
    device = next(module.buffers()).device
    try:
        answer = module(torch.zeros(1, *signature.shape, dtype=getattr(torch, signature.dtype), device=device))
        if isinstance(module, EncoderNet):
            module.net.decode(answer)
    except Exception as error:
        raise InputError(f"{path}: {UNBUILT} ({one_line(error)}); {AGAIN}") from None


def read_weights(path: Path, config: Config, module: EncoderNet | ClassifierNet) -> Tensor:
    """Give the module the weights at `path`; the digests [n, 16] uint8 of the labelled examples.

    Raises InputError for whatever is not the file that the config tells of, or does not fit the module.
    """
    wanted, dropped = dict(module.state_dict()), _heads(config, module)
    if isinstance(module, ClassifierNet):
        wanted[SEEN] = torch.empty(config.labelled, SIZE, dtype=torch.uint8, device="meta")
    _check_size(path, config, wanted, dropped)
    content, stated = _read(path, config.weights.bytes), config.weights
    if len(content) != stated.bytes:
        raise InputError(f"{path}: has {len(content):,} bytes, its config says {stated.bytes:,}; {AGAIN}")
    if hashlib.sha256(content).hexdigest() != stated.sha256:
        raise InputError(f"{path}: was changed or damaged, its checksum is not the config's; {AGAIN}")
    try:
        tensors = load(content)
    except Exception as error:  # the parser raises several kinds
        raise InputError(f"{path}: is no file of weights ({one_line(error)}); {AGAIN}") from None
    tensors = {name: tensor for name, tensor in tensors.items() if name not in dropped}
    _check_tensors(path, tensors, wanted)
    seen = tensors.pop(SEEN, torch.empty(0, SIZE, dtype=torch.uint8))
    module.load_state_dict(tensors, assign=True)
    _check_values(path, module, config.signature)
    return seen


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


def _heads(config: Config, module: EncoderNet | ClassifierNet) -> dict[str, Tensor]:
    """What earlier versions saved along with an encoder: the heads of its objective."""
    if isinstance(module, ClassifierNet) or not isinstance(config.features, CodeFeatures):
        return {}
    objective = network_and_objective(config.features)[1]
    with torch.device("meta"):
        heads = nn.ModuleDict(objective.heads(module.net))
    return {f"net.{name}": tensor for name, tensor in heads.state_dict().items()}


def _check_size(path: Path, config: Config, wanted: Mapping[str, Tensor], dropped: Mapping[str, Tensor]) -> None:
    """Raise InputError for a stated size that cannot be right, before any memory is taken for it."""
    needed, more = (sum(t.numel() * t.element_size() for t in tensors.values()) for tensors in (wanted, dropped))
    header = 1024 + sum(300 + len(name) for name in (*wanted, *dropped))
    if not needed <= config.weights.bytes <= needed + more + header:
        raise InputError(
            f"{path}: is of {config.weights.bytes:,} bytes, says its config, whose network takes {needed:,}; {AGAIN}"
        )


def _check_tensors(path: Path, found: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> None:
    if missing := sorted(wanted.keys() - found.keys()):
        raise InputError(f"{path}: lacks {one_line(missing[0])!r}, which its config asks for; {AGAIN}")
    if extra := sorted(found.keys() - wanted.keys()):
        raise InputError(f"{path}: holds {one_line(extra[0])!r}, which its config does not ask for; {AGAIN}")
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
            net = net if objective.decodes else net.without_decoder()
            module: EncoderNet | ClassifierNet = EncoderNet(prepare, net, objective, _centre(net.latent_dim))
        else:
            module = _classifier(config, prepare, shape)
    return module.to("meta").eval()


def network_and_objective(features: CodeFeatures) -> tuple[Network, Objective]:
    """Raises whatever a config may cause, and InputError for a network of more layers than any has."""
    network, objective = from_json(features.network, NETWORKS), from_json(features.objective, kinds())
    if not isinstance(objective, Objective):
        raise InputError(f"{type(objective).__name__} is no objective")
    if (layers := network.depth) > MOST_LAYERS:
        raise InputError(f"its network has {layers:,} layers; allowed are {MOST_LAYERS:,}")
    return network, objective


def _classifier(config: Config, prepare: Prepare, shape: tuple[int, ...]) -> ClassifierNet:
    classes = len(config.classes)
    if config.head is None:
        assert isinstance(config.features, WholeFeatures)
        control = CONTROLS.get(config.features.control)
        if control is None or control.network is None:
            raise InputError(f"control {config.features.control!r} is unknown, or no network")
        return ClassifierNet(prepare, control.network(shape, classes), None, nn.Identity(), 1.0)
    features, width = _features(config, shape)
    transfer = TRANSFERS.get(config.head.transfer)
    if transfer is None or transfer.head is None:
        raise InputError(f"transfer {config.head.transfer!r} is unknown, or has no head")
    return ClassifierNet(prepare, features, _centre(width), transfer.head(width, classes, config.head.settings), 1.0)


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
    if features.layer not in (None, *LAYERS):
        raise InputError(f"layer {features.layer!r} is unknown")
    return features_at(net, objective, features.layer), width_at(net, features.layer)


def _centre(width: int) -> Centre:
    return Centre(torch.empty(width), torch.empty(()))
