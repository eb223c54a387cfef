"""Model folders: `config.json`, `model.safetensors` and a model card. Nothing in them is ever run.

A folder is read with suspicion (`reading.py`): sizes are checked before memory is taken, both files against checksums,
and every tensor against what the config asks for. What differs in any way is refused.
"""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError
from safetensors.torch import save

from fewlabels.core.errors import InputError
from fewlabels.core.files import locked, replacing
from fewlabels.core.settings import to_json
from fewlabels.core.text import one_line
from fewlabels.models.card import model_card
from fewlabels.models.classifier import ClassifierModel
from fewlabels.models.config import CodeFeatures, Config, Weights
from fewlabels.models.encoder import EncoderModel
from fewlabels.models.modules import Encode, EncoderNet, ready
from fewlabels.models.reading import (
    MOST_CONFIG_BYTES,
    SEEN,
    build,
    network_and_objective,
    read_config,
    read_weights,
    rehearse,
)

CONFIG, WEIGHTS, CARD = "config.json", "model.safetensors", "README.md"
FILES = (CONFIG, WEIGHTS, CARD)
LOCK = f".{CONFIG}.lock"
CHECKPOINT = "checkpoint.safetensors"
"""Of a pretraining that is not finished yet, in the folder that its encoder is to have."""

Model = EncoderModel | ClassifierModel


def check_free(folder: Path, overwrite: bool = False, others: tuple[str, ...] = ()) -> None:
    """Raise InputError where a model cannot be saved in `folder`, or would take the place of something.

    overwrite: another model may be replaced. others: names of files that may stand there besides.
    """
    try:
        found = {entry.name for entry in folder.iterdir()} if os.path.lexists(folder) else set()
    except NotADirectoryError:
        raise InputError(f"{folder}: is a file, where the folder of a model is to be; choose another place") from None
    except OSError as error:
        raise InputError(f"{folder}: cannot be read ({error.strerror}); choose another folder") from None
    own = {*FILES, *others, *(f"{name}.part" for name in others)}
    if strangers := sorted(name for name in found - own if not _is_left_over(name, (*FILES, *others))):
        raise InputError(
            f"{folder}: holds other files ({strangers[0]!r}) and no model alone; choose a new or an empty folder"
        )
    if CONFIG in found and not overwrite:
        raise InputError(f"{folder}: holds a model already; choose another, or replace it with `overwrite=True`")
    if (taken := sorted(found & {*FILES})) and not overwrite:
        raise InputError(f"{folder}: holds {taken[0]}; choose another, or replace it with `overwrite=True`")
    place = next(place for place in (folder, *folder.absolute().parents) if os.path.lexists(place))
    if not (place.is_dir() and os.access(place, os.W_OK | os.X_OK)):
        reason = "cannot be written to" if place.is_dir() else "is no folder"
        raise InputError(f"{folder}: cannot be made, since {place} {reason}; choose another place")


def save_model(
    model: Model, folder: str | os.PathLike[str], overwrite: bool = False, others: tuple[str, ...] = ()
) -> None:
    """Write the model's folder: whatever stops it, at any moment the old model or the new one can be loaded.

    Of several at once, one writes after the other.

    Parameters
    ----------
    model
        An encoder or a classifier.
    folder
        Made if need be.
    overwrite
        Whether another model may be replaced.
    others
        Names of files that may stand in the folder besides.

    Raises
    ------
    InputError
        Where a model, or something else, is there already, for a model that could not be read again, and where the
        folder cannot be written.
    """
    folder = Path(folder)
    check_free(folder, overwrite, others)
    tensors = {name: tensor.contiguous().cpu() for name, tensor in model.module.state_dict().items()}
    if isinstance(model, ClassifierModel):
        tensors[SEEN] = torch.from_numpy(model.seen)
    weights = save(tensors)
    try:
        config = _config(model, Weights(sha256=hashlib.sha256(weights).hexdigest(), bytes=len(weights)))
    except ValidationError as error:
        raise InputError(f"{folder}: the model cannot be saved ({one_line(error.errors()[0]['msg'])})") from None
    written = config.dumps().encode()
    if len(written) > MOST_CONFIG_BYTES:
        raise InputError(
            f"{folder}: its classes and columns take {len(written):,} bytes; allowed are {MOST_CONFIG_BYTES:,}; give "
            "fewer categories"
        )
    with locked(folder / LOCK, waiting=lambda: None):
        check_free(folder, overwrite, others)
        try:
            with replacing(folder / CONFIG, follow=False) as file:
                file.write(written)
                with replacing(folder / CARD, follow=False) as card:
                    card.write(model_card(config).encode())
                with replacing(_aside(folder, config), follow=False) as aside:
                    aside.write(weights)
        finally:
            _tidy(folder)


def load_encoder(folder: str | os.PathLike[str]) -> EncoderModel:
    """The encoder in a folder.

    Returns
    -------
    EncoderModel

    Raises
    ------
    InputError
        For whatever is no encoder, as it was saved.
    """
    model = load_model(folder)
    if not isinstance(model, EncoderModel):
        raise InputError(f"{folder}: holds a classifier, needed is an encoder; `fewlabels pretrain` makes one")
    return model


def load_classifier(folder: str | os.PathLike[str]) -> ClassifierModel:
    """The classifier in a folder.

    Returns
    -------
    ClassifierModel

    Raises
    ------
    InputError
        For whatever is no classifier, as it was saved.
    """
    model = load_model(folder)
    if not isinstance(model, ClassifierModel):
        raise InputError(f"{folder}: holds an encoder, needed is a classifier; `fewlabels finetune` makes one of it")
    return model


def load_model(folder: str | os.PathLike[str]) -> Model:
    """The model in a folder. Raises InputError for whatever is not one, as it was saved."""
    folder = Path(folder)
    if not os.path.isdir(folder):
        found = "is a file, and no folder" if os.path.lexists(folder) else "no such folder"
        raise InputError(f"{folder}: {found}; name the folder of a model")
    if not os.path.lexists(folder / CONFIG) and os.path.lexists(folder / CHECKPOINT):
        raise InputError(
            f"{folder}: holds a pretraining that was stopped; finish it: `fewlabels pretrain ... --resume`"
        )
    if not os.path.lexists(folder / CONFIG):
        raise InputError(f"{folder}: holds no {CONFIG}, so no model; name the folder of a model")
    while True:
        before = _marks(folder)
        config = read_config(folder / CONFIG)
        module = build(folder / CONFIG, config)
        try:
            seen = read_weights(_weights_of(folder, config), config, module)
            break
        except InputError:
            if _marks(folder) == before:
                raise  # they are damaged; else another process has replaced the model meanwhile
    rehearse(folder / CONFIG, ready(module), config.signature)
    if isinstance(module, EncoderNet):
        assert isinstance(config.features, CodeFeatures)
        network, objective = network_and_objective(config.features)
        return EncoderModel(module, config.signature, network, objective, config.job or {}, config.facts)
    return ClassifierModel(
        module, config.signature, config.classes, config.features, config.head, seen.numpy(), config.facts
    )


def _config(model: Model, weights: Weights) -> Config:
    encode = model.module.prepare.encode
    encoded = len(encode.source) if isinstance(encode, Encode) else None
    common: dict[str, Any] = {
        "signature": model.signature,
        "encoded": encoded,
        "facts": _writable(model.facts),
        "weights": weights,
    }
    if isinstance(model, EncoderModel):
        features = CodeFeatures(network=to_json(model.network), objective=to_json(model.objective))
        return Config(kind="encoder", features=features, job=_writable(model.job), **common)
    labelled, head = len(model.seen), model.head
    return Config(
        kind="classifier", features=model.features, head=head, classes=model.classes, labelled=labelled, **common
    )


def _writable(value: Any) -> Any:
    """The same with None for numbers that JSON has not, and a question mark for what is no character."""
    if isinstance(value, Mapping):
        return {_writable(name): _writable(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_writable(item) for item in value]
    if isinstance(value, str):
        return value.encode(errors="replace").decode()
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _aside(folder: Path, config: Config) -> Path:
    """Where the weights of a config lie from before it takes its place until they take theirs."""
    return folder / f".{WEIGHTS}.{config.weights.sha256[:32]}"


def _weights_of(folder: Path, config: Config) -> Path:
    """Where the weights of the config in the folder lie."""
    aside = _aside(folder, config)
    return aside if aside.exists() else folder / WEIGHTS


def _marks(folder: Path) -> list[tuple[int, int] | None]:
    """What tells the files of one save from those of another."""
    marks: list[tuple[int, int] | None] = []
    for path in (folder / CONFIG, folder / WEIGHTS):
        try:
            found = path.stat()
            marks.append((found.st_ino, found.st_mtime_ns))
        except OSError:
            marks.append(None)
    return marks


def _tidy(folder: Path) -> None:
    """Give the weights of the config in the folder their place, and remove what else was left there, now or by a
    process that was killed. What cannot be done, the next save does.
    """
    with suppress(OSError, InputError):
        aside = _aside(folder, read_config(folder / CONFIG))
        if aside.exists():
            aside.replace(folder / WEIGHTS)
    with suppress(OSError):
        for path in folder.iterdir():
            if _is_left_over(path.name, FILES) and path.name != LOCK:
                path.unlink()


def _is_left_over(name: str, names: tuple[str, ...]) -> bool:
    """Whether it is what a process leaves that is killed on the way to a file of one of the names."""
    return any(name.startswith(f".{own}.") for own in names)
