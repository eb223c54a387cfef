"""Images of the records as PNG data URIs: inputs beside what the encoder-decoder made of them, step by step."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image

from fewlabels.report.lines import Record, StudyFigures
from fewlabels.report.sections import Drawn

MOST = 10
"""Examples shown of each encoder."""
WHITE = 255


def draw(figures: StudyFigures) -> Drawn | None:
    found = galleries(figures.encoders)
    flips = figures.manifest.get("settings", {}).get("flips")
    return Drawn({"galleries": found, "flips": flips}) if found else None


def png_uri(encoded: str, shape: Sequence[int]) -> str:
    """A PNG data URI, pixel for pixel, of base64 uint8 bytes in the order [C, H, W].

    One channel is greyscale, three are RGB; any other number is shown as its mean over channels.
    """
    return _uri(_pixels(encoded, shape))


def strip_uri(encoded: Sequence[str], shape: Sequence[int]) -> str:
    """Images side by side in one PNG, with a white gap of an eighth of their width: [H, n * W + (n - 1) * gap]."""
    images = [_pixels(one, shape) for one in encoded]
    gap = np.full_like(images[0][:, : gap_of(shape)], WHITE)
    parts = [part for image in images for part in (gap, image)]
    return _uri(np.concatenate(parts[1:], axis=1))


def gap_of(shape: Sequence[int]) -> int:
    return max(1, shape[2] // 8)


def _pixels(encoded: str, shape: Sequence[int]) -> np.ndarray:
    """[H, W] or [H, W, 3] uint8."""
    pixels = np.frombuffer(base64.b64decode(encoded), dtype=np.uint8).reshape(tuple(shape))  # [C, H, W]
    if len(pixels) == 3:
        return pixels.transpose(1, 2, 0)
    grey: np.ndarray = pixels.mean(axis=0).round().astype(np.uint8)
    return grey


def _uri(pixels: np.ndarray) -> str:
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(buffer, format="PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def galleries(encoders: Sequence[Record]) -> list[dict[str, Any]]:
    """For each source, the images of its first seed that has any: rows of (label, URIs), examples aligned.

    `strip` holds (label, URI) a recorded step, the same examples in each; reconstructions have the originals on top.
    """
    shown: dict[str, dict[str, Any]] = {}
    for encoder in sorted(encoders, key=lambda e: e["seed"]):
        images = encoder["images"]
        if images and encoder["source"] not in shown:
            shown[encoder["source"]] = _gallery(encoder, images)
    order = list(dict.fromkeys(e["source"] for e in encoders))
    return [shown[source] for source in order if source in shown]


def _gallery(encoder: Record, images: Record) -> dict[str, Any]:
    samples = images.get("shows") == "samples"
    if images.get("shows") == "views":
        rows = [("original", "original"), ("first", "one view"), ("second", "another")]
    elif samples:
        rows = [("original", "examples of the data"), ("reconstructed", "generated")]
    else:
        rows = [("original", "original"), ("input", "input, corrupted"), ("reconstructed", "reconstructed")]
    shape, strip = images["shape"], images.get("strip") or {"step": [], "frames": []}
    steps = [
        (f"step {step:,}", frame[:MOST]) for step, frame in zip(strip["step"], strip["frames"], strict=True) if frame
    ]
    if steps and not samples:
        steps.insert(0, ("original", images["original"][: len(steps[0][1])]))
    return {
        "source": encoder["source"],
        "seed": encoder["seed"],
        "samples": samples,
        "rows": [
            (label, [png_uri(one, shape) for one in images[key][:MOST]]) for key, label in rows if images.get(key)
        ],
        "strip": [(label, strip_uri(frame, shape)) for label, frame in steps],
    }
