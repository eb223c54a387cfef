"""The records of a study on disk: one JSON line a run, appended and flushed; nothing is ever rewritten."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fewlabels.core.errors import InputError
from fewlabels.core.files import locked, replacing, writing
from fewlabels.core.text import one_line

RECORDS, MANIFEST, LOCK, WORK = "records.jsonl", "study.json", ".lock", ".work"
SHOWN = 60
"""Characters of a value in a message."""


@contextmanager
def study_folder(folder: Path, manifest: Mapping[str, Any], settings: Mapping[str, Any]) -> Iterator[Records]:
    """Open the folder of a study for writing, alone: a new one, or one begun with the same settings.

    More seeds are no other settings: the study goes on with those that it does not have, and the numbers of seeds asked
    for stand in its manifest, under `looks`. Raises InputError when the folder cannot be written, is in use, or holds a
    study with other settings or more seeds.
    """

    def refuse() -> None:
        raise InputError(
            f"{folder}: another study is writing here; wait for it to end, or choose another folder with `out`"
        )

    with locked(folder / LOCK, refuse):
        known = _same_study(folder, manifest, settings)
        given = {**manifest, "settings": settings}
        kept = given if known is None else _with_more_seeds(folder, known, given)
        records = Records(folder / RECORDS, tuple(kept.get("looks", ())))
        if kept != known:
            write_whole(folder / MANIFEST, json.dumps(kept, indent=2, allow_nan=False))
        yield records


class Records:
    """Rows of a study. A torn last line, left by a kill, is cut off on opening.

    looks: the numbers of seeds that the study was asked for, one after the other.
    """

    def __init__(self, path: Path, looks: tuple[int, ...] = ()) -> None:
        self._path, self.looks = path, looks
        self.rows: list[dict[str, Any]] = []
        if path.exists():
            self.rows, whole = _read(path)
            if whole < path.stat().st_size:
                with writing(path), path.open("r+b") as file:
                    file.truncate(whole)

    def append(self, row: dict[str, Any]) -> None:
        """Write one row through to the disk. Raises InputError when it cannot be written."""
        line = json.dumps(row, allow_nan=False) + "\n"
        with writing(self._path), self._path.open("a", encoding="utf-8") as file:
            file.write(line)
            file.flush()
            os.fsync(file.fileno())
        self.rows.append(row)


def read_study(folder: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Manifest and rows of a study on disk. Raises InputError when there is none."""
    if not (folder / MANIFEST).exists():
        raise InputError(f"{folder}: there is no study here; run `fewlabels study` first, or name its folder")
    return _read_manifest(folder), _read(folder / RECORDS)[0] if (folder / RECORDS).exists() else []


def latest_runs(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The last row of every run: a run that failed and was tried again counts as what it became."""
    runs = {(row["method"], row["budget"], row["seed"]): row for row in rows if row["kind"] == "run"}
    return list(runs.values())


def write_whole(path: Path, text: str) -> None:
    """Replace a file in one step: readers see the old text or the new, never a part. Raises InputError."""
    with replacing(path) as file:
        file.write(text.encode())


def _read_manifest(folder: Path) -> dict[str, Any]:
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        if not isinstance(manifest, dict):
            raise ValueError("not a JSON object")
    except (OSError, ValueError) as error:
        raise InputError(f"{folder / MANIFEST}: cannot be read ({error}); choose another folder with `out`") from None
    return manifest


def _read(path: Path) -> tuple[list[dict[str, Any]], int]:
    """The rows of a file and the number of bytes they fill; what follows the last whole row is a torn line."""
    rows, whole = [], 0
    try:
        file = path.open("rb")
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); choose another folder with `out`") from None
    with file:
        for number, line in enumerate(file, start=1):
            try:
                if not line.endswith(b"\n"):
                    break
                rows.append(json.loads(line))
            except ValueError:
                raise InputError(
                    f"{path}: line {number} is damaged; move the file away to start anew, or remove that line to "
                    "run only what it held again"
                ) from None
            whole += len(line)
    return rows, whole


def _same_study(folder: Path, manifest: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, Any] | None:
    """The manifest that the folder holds, of this very study but for its seeds; None in an empty folder."""
    if not (folder / MANIFEST).exists():
        if others := sorted(path.name for path in folder.iterdir() if path.name != LOCK):
            raise InputError(
                f"{folder}: holds other files ({others[0]}) and no study; choose a new or an empty folder with `out`"
            )
        return None
    found = _read_manifest(folder)
    known, given = found.get("settings", {}), json.loads(json.dumps(settings))
    if "data" in known and known["data"] != given.get("data"):
        raise InputError(
            f"{folder}: holds a study of other data: {_changed(found.get('dataset', {}), manifest['dataset'])}; choose "
            "another folder with `out`, or remove this one"
        )
    if difference := _first_difference("", {**known, "seeds": None}, {**given, "seeds": None}):
        raise InputError(
            f"{folder}: holds a study with other settings: {_told(*difference)}; choose another folder with `out`, or "
            "remove this one"
        )
    return found


def _with_more_seeds(folder: Path, known: dict[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """The manifest of a study that goes on with more seeds, the same where it has them all."""
    had, asked = known.get("settings", {}).get("seeds", []), list(given["settings"].get("seeds", []))
    if had == asked:
        return known
    if asked[: len(had)] != had:
        few = had[: len(asked)] == asked
        raise InputError(
            f"{folder}: `seeds` {f'is {len(asked)}' if few else f'are {asked}'}, and this study has "
            f"{len(had) if few else had}; allowed are {'as many or more' if few else 'seeds that begin with these'}, "
            "which goes on from there; or choose another folder with `out`"
        )
    looks = [*known.get("looks", [len(had)]), len(asked)]
    told = {"command": given["command"], "seeds": asked, "looks": looks}
    return {**known, **told, "settings": {**known["settings"], "seeds": asked}}


def _changed(was: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """How the data of two manifests differ: by the options they were read with, or else by what came of it.

    Studies of the first version tell no options.
    """
    after = now["options"]
    before = was.get("options", after)
    changes = [
        f"`{name}` was {before.get(name, 'not given')}, now {after.get(name, 'not given')}"
        for name in sorted({*before, *after})
        if before.get(name) != after.get(name)
    ] or [
        _told(name, was.get(name), now[name])
        for name in ("name", "examples", "shape", "classes")
        if was.get(name) != now[name]
    ]
    if "options" not in was:
        changes += [f"read now with `{name}` {value}" for name, value in after.items()]
    return ", ".join(changes) or "values or labels in them have changed"


def _told(name: str, was: Any, now: Any) -> str:
    """How two JSON values differ: both are shown, or of lists too long for that the members that one has alone."""
    before, after = json.dumps(was), json.dumps(now)
    if isinstance(was, list) and isinstance(now, list) and max(len(before), len(after)) > SHOWN:
        gone, new = ([value for value in was if value not in now], [value for value in now if value not in was])
        told = [
            f"{words} {one_line(', '.join(map(str, members)), SHOWN)}"
            for words, members in (("no longer has", gone), ("now also has", new))
            if members
        ]
        if told:
            return f"{name} {', '.join(told)}"
        if sorted(map(str, was)) == sorted(map(str, now)):
            return f"{name} has the same members in another order"
    return f"{name} was {one_line(before, SHOWN)}, now {one_line(after, SHOWN)}"


def _first_difference(name: str, was: Any, now: Any) -> tuple[str, Any, Any] | None:
    """Where two JSON values first differ: the dotted name, and both values."""
    if not (isinstance(was, dict) and isinstance(now, dict)):
        return None if was == now else (name, was, now)
    parts = ((key, f"{name}.{key}" if name else key) for key in [*now, *(was.keys() - now.keys())])
    differences = (_first_difference(path, was.get(key), now.get(key)) for key, path in parts)
    return next(filter(None, differences), None)


Rows = list[dict[str, Any]]
