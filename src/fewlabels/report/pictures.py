"""Images of the records as PNG data URIs: inputs beside what the encoder-decoder made of them."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence

import numpy as np
from PIL import Image

from fewlabels.report.lines import Record

MOST = 10
"""Examples shown of each encoder."""


def png_uri(encoded: str, shape: Sequence[int]) -> str:
    """A PNG data URI, pixel for pixel, of base64 uint8 bytes in the order [C, H, W].

    One channel is greyscale, three are RGB; any other number is shown as its mean over channels.
    """
    pixels = np.frombuffer(base64.b64decode(encoded), dtype=np.uint8).reshape(tuple(shape))  # [C, H, W]
    if len(pixels) == 3:
        image = Image.fromarray(np.ascontiguousarray(pixels.transpose(1, 2, 0)))  # [H, W, 3]
    else:
        image = Image.fromarray(pixels.mean(axis=0).round().astype(np.uint8))  # [H, W]
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def galleries(encoders: Sequence[Record]) -> list[dict[str, object]]:
    """For each source, the images of its first seed that has any: rows of (label, URIs), examples aligned."""
    shown: dict[str, dict[str, object]] = {}
    for encoder in sorted(encoders, key=lambda e: e["seed"]):
        images = encoder["images"]
        if not images or encoder["source"] in shown:
            continue
        rows = [("original", "original"), ("input", "input, corrupted"), ("reconstructed", "reconstructed")]
        shown[encoder["source"]] = {
            "source": encoder["source"],
            "seed": encoder["seed"],
            "rows": [
                (label, [png_uri(one, images["shape"]) for one in images[key][:MOST]])
                for key, label in rows
                if images.get(key)
            ],
        }
    order = list(dict.fromkeys(e["source"] for e in encoders))
    return [shown[source] for source in order if source in shown]
