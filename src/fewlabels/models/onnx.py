"""A model as one ONNX file, from examples as they come to probabilities or codes, to be used without fewlabels."""

from __future__ import annotations

import copy
import json
import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import asdict, dataclass
from importlib.metadata import version
from importlib.util import find_spec
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from fewlabels.core.errors import FewlabelsError, InputError
from fewlabels.core.files import replacing
from fewlabels.core.text import one_line
from fewlabels.data import NUMBER, Signature
from fewlabels.models.card import resizing
from fewlabels.models.classifier import ClassifierModel
from fewlabels.models.encoder import EncoderModel
from fewlabels.models.modules import Encode, Prepare

OPSET = 18
"""The version of ONNX's operators: old enough for the runtimes in use, and what torch writes without converting."""

INPUT = "examples"
NEEDED = ("onnx", "onnxruntime", "onnxscript")
CHECKED_BATCHES = (1, 7, 32)
TOLERANCE = 1e-5
"""Of probabilities; of codes, for each unit of the largest."""


@dataclass(frozen=True)
class ExportReport:
    """The file at `path`, its size in bytes, and its inputs and outputs in words, 'codes [B, 9] float32'.

    difference: the largest seen between what the file and the model say of the same examples.
    before: what is left to do to images before the file takes them, in words; None where nothing is.
    """

    path: Path
    bytes: int
    opset: int
    inputs: str
    outputs: str
    difference: float
    before: str | None


def export_onnx(
    model: ClassifierModel | EncoderModel, path: str | os.PathLike[str], overwrite: bool = False
) -> ExportReport:
    """Write the model as one ONNX file for batches of any size, checked with onnxruntime before it gets its name.

    Input `examples`: images [B, C, H, W] of the signature's dtype, vectors [B, D] float32, rows of a table [B, C]
    float32 in which NaN is a missing value and a category is its number. Scaling and encoding are in the file.
    Outputs of a classifier: `probabilities` [B, K] float32, calibrated, and `label` [B] int64, an index into the
    classes; of an encoder: `codes` [B, latent_dim] float32.
    The file's metadata hold `classes` and `signature` as JSON.

    Raises InputError for a path that cannot be written and where the packages of `fewlabels[onnx]` are missing;
    FewlabelsError where the file cannot be made, or says something else than the model.
    """
    path = Path(path)
    _check_path(path, overwrite)
    if missing := [name for name in NEEDED if find_spec(name) is None]:
        raise InputError(f'export needs {missing[0]}, which is not installed; pip install "fewlabels[onnx]"')
    outputs = ("probabilities", "label") if isinstance(model, ClassifierModel) else ("codes",)
    content = _onnx_bytes(model, outputs)
    difference = _difference(model, content)
    with replacing(path) as file:
        file.write(content)
    return ExportReport(path, len(content), OPSET, *_forms(model), difference, resizing(model.signature))


class _Answering(nn.Module):
    """Examples -> probabilities [B, K] and label [B] of a classifier, codes [B, latent_dim] of an encoder."""

    def __init__(self, module: nn.Module, classifies: bool) -> None:
        super().__init__()
        self.module = module
        self._classifies = classifies

    def forward(self, examples: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        found = self.module(examples)
        return (found.softmax(dim=1), found.argmax(dim=1)) if self._classifies else found


def _onnx_bytes(model: ClassifierModel | EncoderModel, outputs: tuple[str, ...]) -> bytes:
    """The file, as yet unchecked. Raises FewlabelsError."""
    module = copy.deepcopy(model.module).cpu().eval()
    batch = torch.from_numpy(_made_up(model, 2, np.random.default_rng(0)))
    with _quiet():
        try:
            program = torch.onnx.export(
                _Answering(module, isinstance(model, ClassifierModel)),
                (batch,),
                input_names=[INPUT],
                output_names=list(outputs),
                opset_version=OPSET,
                dynamo=True,
                external_data=False,
                dynamic_shapes=({0: torch.export.Dim("batch")},),
                verbose=False,
            )
            assert program is not None
            proto = program.model_proto
            for node in [*proto.graph.node, *(node for function in proto.functions for node in function.node)]:
                del node.metadata_props[:]  # places in the source, which nobody else has
            proto.producer_name, proto.producer_version = "fewlabels", version("fewlabels")
            del proto.metadata_props[:]
            for name, value in _metadata(model).items():
                proto.metadata_props.add(key=name, value=value)
            content: bytes = proto.SerializeToString(deterministic=True)
        except Exception as error:  # torch raises many kinds
            raise FewlabelsError(
                f"the model cannot be written as ONNX ({one_line(error)}); please report it"
            ) from error
    return content


def _metadata(model: ClassifierModel | EncoderModel) -> dict[str, str]:
    """What a script needs to feed the file and to name its answers."""
    values: dict[str, Any] = {"signature": {"kind": model.signature.kind, **asdict(model.signature)}}
    if isinstance(model, ClassifierModel):
        values["classes"] = model.classes
    if first := resizing(model.signature):
        values["before"] = first
    return {
        "producer": f"fewlabels {version('fewlabels')}",
        **{name: json.dumps(value) for name, value in values.items()},
    }


def _difference(model: ClassifierModel | EncoderModel, content: bytes) -> float:
    """The largest between what the file and the model say of the same examples. Raises FewlabelsError."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = options.inter_op_num_threads = torch.get_num_threads()
    try:
        with _quiet():
            session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
            found = [(x, session.run(None, {INPUT: x})) for x in _batches(model)]
    except Exception as error:  # onnxruntime raises many kinds
        raise FewlabelsError(
            f"onnxruntime cannot use the exported model ({one_line(error)}); please report it"
        ) from error
    exact = copy.deepcopy(model.module).cpu().double()
    largest = 0.0
    for x, (answer, *label) in found:
        expected = np.exp(model.log_proba(x)) if isinstance(model, ClassifierModel) else model.embed(x)
        allowed = _allowed(model, expected, exact, x)
        agrees = answer.shape == expected.shape
        difference = float(np.abs(answer - expected).max()) if agrees else float("inf")
        if label:
            named = np.take_along_axis(expected, label[0][:, None], axis=1)[:, 0]
            agrees &= bool((expected.max(axis=1) - named <= allowed).all())
        if not (agrees and difference <= allowed):  # so that NaN is refused, too
            raise FewlabelsError(
                f"the exported model differs from the model itself by {difference:.2g} on {len(x)} made-up examples; "
                f"allowed is {allowed:.2g}; nothing was written: please report it"
            )
        largest = max(largest, difference)
    return largest


@torch.no_grad()
def _allowed(model: ClassifierModel | EncoderModel, expected: np.ndarray, exact: nn.Module, x: np.ndarray) -> float:
    """How far the file may be from what the model says: the tolerance, and what rounding costs the model itself.

    exact: the model's module in float64. Group normalisation of images of one colour, say, is a matter of rounding.
    """
    answer = exact(torch.from_numpy(x))
    if isinstance(model, ClassifierModel):
        return TOLERANCE + float(np.abs(answer.softmax(dim=1).numpy() - expected).max())
    return TOLERANCE * max(1.0, float(np.abs(expected).max())) + float(np.abs(answer.numpy() - expected).max())


def _batches(model: ClassifierModel | EncoderModel) -> Iterator[np.ndarray]:
    """What the file is checked on: made-up examples in batches of several sizes; black and white images."""
    rng = np.random.default_rng(1)
    yield from (_made_up(model, n, rng) for n in CHECKED_BATCHES)
    if model.signature.dtype == "uint8":
        yield from (np.full((2, *model.signature.shape), value, dtype=np.uint8) for value in (0, 255))


def _made_up(model: ClassifierModel | EncoderModel, n: int, rng: np.random.Generator) -> np.ndarray:
    """n examples of the signature, spread as those that the model was trained on."""
    signature, prepare = model.signature, model.module.prepare
    shape = (n, *signature.shape)
    if signature.dtype == "uint8":
        return rng.integers(0, 256, shape, dtype=np.uint8)
    numbers = rng.normal(size=shape).astype(np.float32)
    if isinstance(prepare.encode, Encode):
        return _made_up_rows(signature, prepare, numbers, rng)
    scaling = prepare.preparation().scaling
    unscaled: np.ndarray = numbers * scaling.scale + scaling.shift
    return unscaled


def _made_up_rows(signature: Signature, prepare: Prepare, numbers: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Rows [n, C] with known and unknown categories (-1) and missing values. numbers: [n, C], standard normal."""
    preparation = prepare.preparation()
    encoding, scaling = preparation.encoding, preparation.scaling
    assert encoding is not None
    assert signature.columns is not None
    for source, role, shift, scale in zip(encoding.source, encoding.role, scaling.shift, scaling.scale, strict=True):
        if role == NUMBER:
            numbers[:, source] = numbers[:, source] * scale + shift
    for c, column in enumerate(signature.columns):
        if column.categories is not None:
            numbers[:, c] = rng.integers(-1, len(column.categories), len(numbers))
    numbers[rng.random(numbers.shape) < 0.2] = np.nan
    return numbers


@contextmanager
def _quiet() -> Iterator[None]:
    """What torch and onnxruntime say while they work reaches nobody."""
    disabled = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings(), redirect_stdout(StringIO()), redirect_stderr(StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(disabled)


def _forms(model: ClassifierModel | EncoderModel) -> tuple[str, str]:
    """Inputs and outputs in words."""
    signature = model.signature
    inputs = f"{INPUT} [{', '.join(['B', *map(str, signature.shape)])}] {signature.dtype}"
    if isinstance(model, ClassifierModel):
        return inputs, f"probabilities [B, {len(model.classes)}] float32, label [B] int64"
    return inputs, f"codes [B, {model.latent_dim}] float32"


def _check_path(path: Path, overwrite: bool) -> None:
    if path.is_dir():
        raise InputError(f"{path}: is a folder; name a file, such as {path / 'model.onnx'}")
    if os.path.lexists(path) and not overwrite:
        raise InputError(f"{path}: exists already; choose another file, or replace it with `overwrite=True`")
    if not path.parent.is_dir():
        raise InputError(f"{path}: there is no folder {path.parent}; make it, or choose another file")
