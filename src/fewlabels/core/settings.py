"""Settings are frozen dataclasses; here they become JSON and come back, by the name of their class.

By hand, and not by pydantic's TypeAdapter: that takes 0.1 s to import and 0.3 s to prepare for one network, drops names
that a class has not, and takes "16" for 16; the class is chosen at run time from a table that people may add to.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from fewlabels.core.errors import InputError


def to_json(settings: Any) -> dict[str, Any]:
    """A frozen dataclass as plain JSON values: its fields, nested ones likewise, and `kind`, the class's name."""
    values = {field.name: _plain(getattr(settings, field.name)) for field in fields(settings)}
    return {"kind": type(settings).__name__, **values}


def from_json(values: Mapping[str, Any], kinds: Mapping[str, type]) -> Any:
    """The inverse of `to_json`. kinds: the classes that may appear, by name; no other is ever built."""
    if values.get("kind") not in kinds:
        raise InputError(f"unknown kind {values.get('kind')!r} in settings; allowed are {', '.join(sorted(kinds))}")
    kind = kinds[values["kind"]]
    known = {field.name for field in fields(kind)}
    given = {name: _rich(value, kinds) for name, value in values.items() if name != "kind"}
    if unknown := sorted(given.keys() - known):
        raise InputError(f"{kind.__name__} has no setting {', '.join(unknown)}; allowed are {', '.join(sorted(known))}")
    return kind(**given)


def require(condition: bool, owner: object, setting: str, allowed: str) -> None:
    """Refuse a setting outside its range, in one line: whose, which, the value got, what is allowed."""
    if not condition:
        raise InputError(f"{type(owner).__name__}: {setting} is {getattr(owner, setting)!r}; allowed is {allowed}")


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        return to_json(value)
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value


def _rich(value: Any, kinds: Mapping[str, type]) -> Any:
    if isinstance(value, Mapping):
        return from_json(value, kinds)
    if isinstance(value, list):
        return tuple(_rich(item, kinds) for item in value)
    return value
