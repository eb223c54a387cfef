"""Random damage to model folders: the same predictions to the bit, or one clear refusal."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from damage import put
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from fewlabels.core.errors import InputError
from fewlabels.models import ClassifierModel, load_model, save_model
from fewlabels.models.config import checksum
from fewlabels.models.folder import CONFIG, WEIGHTS
from made_up_models import classifier_model, examples

TABLE = "mlp of table"
WORDS = ["Dense", "Conv", "Residual", "Variational", "codes", "raw", "pca", "whole", "cnn", "control", "transfer"]
often = settings(max_examples=300, deadline=None)
seldom = settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])


class Intact(NamedTuple):
    """A folder, what its files hold, and what its model says."""

    folder: Path
    files: dict[str, bytes]
    x: np.ndarray
    log_proba: np.ndarray


@pytest.fixture(scope="module")
def intact(tmp_path_factory) -> Intact:
    folder, model = tmp_path_factory.mktemp("model"), classifier_model(TABLE)
    save_model(model, folder)
    x = examples(model.signature)
    return Intact(folder, {name: (folder / name).read_bytes() for name in (CONFIG, WEIGHTS)}, x, model.log_proba(x))


def loaded(intact: Intact) -> ClassifierModel | None:
    """The model, or None where it was refused, in one line."""
    try:
        model = load_model(intact.folder)
    except InputError as error:
        words = str(error)
    else:
        assert isinstance(model, ClassifierModel)
        return model
    assert words.startswith(str(intact.folder))
    assert words.isprintable()
    return None


@st.composite
def changes(draw: st.DrawFn) -> Callable[[bytes], bytes]:
    """Bytes written over, put in, taken out, or cut off."""
    kind = draw(st.sampled_from(["over", "in", "out", "off"]))
    place = draw(st.floats(0, 1, exclude_max=True))
    some = draw(st.binary(min_size=1, max_size=9))

    def change(old: bytes) -> bytes:
        at = int(place * len(old))
        if kind == "off":
            return old[:at]
        kept = old[at + (0 if kind == "in" else len(some)) :]
        return old[:at] + (b"" if kind == "out" else some) + kept

    return change


@pytest.mark.slow
@often
@given(st.sampled_from([CONFIG, WEIGHTS]), st.lists(changes(), min_size=1, max_size=3))
def test_random_bytes_are_refused_or_change_no_prediction(intact, name, several):
    content = intact.files[name]
    for change in several:
        content = change(content)
    for other, old in intact.files.items():
        (intact.folder / other).write_bytes(content if other == name else old)
    model = loaded(intact)
    if model is not None:
        np.testing.assert_array_equal(model.log_proba(intact.x), intact.log_proba)
        assert name == CONFIG or content == intact.files[name]


@pytest.mark.slow
@seldom
@given(changes())
def test_random_bytes_with_right_checksums_are_a_model_or_refused(intact, change):
    content = change(intact.files[WEIGHTS])
    (intact.folder / WEIGHTS).write_bytes(content)
    (intact.folder / CONFIG).write_bytes(intact.files[CONFIG])
    put("weights", {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)})(intact.folder)
    model = loaded(intact)
    if model is not None:
        assert model.log_proba(intact.x).shape == intact.log_proba.shape


def places(value: Any, above: tuple = ()) -> Iterator[tuple]:
    """Where anything stands in JSON values."""
    yield above
    if isinstance(value, dict | list):
        for name, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places(item, (*above, name))


STRANGE = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 70_000),
    st.sampled_from([2**24, 2**31, 2**63, 10**30, 1.0, -0.5, 1e308]),
    st.text(max_size=4),
    st.sampled_from(WORDS),
    st.lists(st.integers(0, 5), max_size=4),
    st.dictionaries(st.sampled_from(["kind", "hidden", "x"]), st.none() | st.integers(0, 9), max_size=2),
)


@pytest.mark.slow
@seldom
@given(st.data())
def test_a_config_that_claims_anything_is_a_model_or_refused(intact, data):
    values = json.loads(intact.files[CONFIG])
    del values["checksum"]
    found = [place for place in places(values) if place and place[0] not in ("facts", "job")]
    for _ in range(data.draw(st.integers(1, 2))):
        *above, last = data.draw(st.sampled_from(found))
        inner = values
        for name in above:
            usable = isinstance(inner, dict) and name in inner
            usable |= isinstance(inner, list) and isinstance(name, int) and name < len(inner)
            assume(usable)
            inner = inner[name]
        assume(isinstance(inner, dict) or (isinstance(inner, list) and isinstance(last, int) and last < len(inner)))
        inner[last] = data.draw(STRANGE)
    (intact.folder / WEIGHTS).write_bytes(intact.files[WEIGHTS])
    (intact.folder / CONFIG).write_text(json.dumps({**values, "checksum": checksum(values)}), encoding="utf-8")
    model = loaded(intact)
    if model is not None:
        assert model.log_proba(intact.x).shape == intact.log_proba.shape
