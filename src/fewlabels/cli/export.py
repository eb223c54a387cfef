"""`fewlabels export MODEL model.onnx`"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from fewlabels.cli import options


def export(
    model: options.Model,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The file to write, such as model.onnx.")],
    overwrite: options.Overwrite = False,
    json: options.Json = False,
) -> None:
    """Write MODEL as one ONNX file.

    Scaling and encoding are inside; before the file appears, onnxruntime must answer as Python does.
    """
    from fewlabels.cli import console
    from fewlabels.models import export_onnx, load_model

    made = export_onnx(load_model(model), file, overwrite)
    lines = [
        f"{made.inputs} -> {made.outputs}, opset {made.opset}; differs from Python by {made.difference:.1e} at most.",
        *([f"The file does not resize: {made.before}."] if made.before else []),
        f"ONNX: {file} ({made.bytes:,} bytes)",
    ]
    console.tell(json, {**asdict(made), "path": str(file)}, lines)
