"""Ways to damage a model folder: by accident, and by an author who keeps every checksum right."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from safetensors.torch import load, save
from torch import Tensor

from fewlabels.models.config import checksum
from fewlabels.models.folder import CONFIG, WEIGHTS

Change = Callable[[dict[str, Any]], Any]
Damage = Callable[[Path], Any]


def claim(change: Change) -> Damage:
    """Change the config's values, and put its checksum right."""

    def damage(folder: Path) -> None:
        values = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
        del values["checksum"]
        change(values)
        text = json.dumps({**values, "checksum": checksum(values)})
        (folder / CONFIG).write_text(text, encoding="utf-8")

    return damage


def put(path: str, value: Any) -> Damage:
    """Set one value of the config, such as 'signature.dtype', and put its checksum right."""
    *above, last = path.split(".")

    def change(values: dict[str, Any]) -> None:
        for name in above:
            values = values[name]
        values[last] = value

    return claim(change)


def text(change: Callable[[str], str]) -> Damage:
    """Change the config as text; its checksum stays as it is."""

    def damage(folder: Path) -> None:
        old = (folder / CONFIG).read_text(encoding="utf-8")
        new = change(old)
        assert new != old
        (folder / CONFIG).write_text(new, encoding="utf-8")

    return damage


def bytes_of(name: str, change: Callable[[bytes], bytes]) -> Damage:
    """Change a file's bytes; checksums stay as they are."""

    def damage(folder: Path) -> None:
        (folder / name).write_bytes(change((folder / name).read_bytes()))

    return damage


def raw_weights(change: Callable[[bytes], bytes]) -> Damage:
    """Change the bytes of the weights, and put size and checksums right."""

    def damage(folder: Path) -> None:
        content = change((folder / WEIGHTS).read_bytes())
        (folder / WEIGHTS).write_bytes(content)
        stated = {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
        put("weights", stated)(folder)

    return damage


def tensors(change: Change) -> Damage:
    """Change the tensors, and put size and checksums right."""

    def changed(content: bytes) -> bytes:
        found = load(content)
        change(found)
        return save({name: tensor.contiguous() for name, tensor in found.items()})

    return raw_weights(changed)


def tensor(name: str, change: Callable[[Tensor], Tensor]) -> Damage:
    """Change one tensor, and put size and checksums right."""
    return tensors(lambda found: found.update({name: change(found[name].clone())}))


def entry(name: str, place: int, value: float) -> Damage:
    """Set one number of a tensor, and put size and checksums right."""

    def change(found: Tensor) -> Tensor:
        found.view(-1)[place] = value
        return found

    return tensor(name, change)


def header(change: Change) -> Damage:
    """Change the header of the weights, and put size and checksums right."""

    def changed(content: bytes) -> bytes:
        length = int.from_bytes(content[:8], "little")
        values = json.loads(content[8 : 8 + length])
        change(values)
        new = json.dumps(values).encode()
        return len(new).to_bytes(8, "little") + new + content[8 + length :]

    return raw_weights(changed)
