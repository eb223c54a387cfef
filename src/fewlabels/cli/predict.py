"""`fewlabels predict CLASSIFIER DATA -o predictions.csv` and `fewlabels embed MODEL DATA -o codes.npy`"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from fewlabels.cli import options


def predict(
    classifier: options.Classifier,
    data: options.Data,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="CSV of file or row, label, probability, margin.", show_default="stdout"),
    ] = None,
    abstain: Annotated[
        float | None, typer.Option(help="Leave the label blank where its probability is lower.", show_default="never")
    ] = None,
    probabilities: Annotated[
        bool, typer.Option("--probabilities", help="Tell the probability of every class, too.")
    ] = False,
    target: options.Target = None,
    skip_broken: options.SkipBroken = False,
    device: options.Device = "auto",
    overwrite: options.Overwrite = False,
    json: options.Json = False,
) -> None:
    """Name the class of every example of DATA.

    DATA may be a single image, or have more examples than fit into memory.
    With --json: a line an example on stdout, or, with --out, what was done.
    """
    from fewlabels.cli import console
    from fewlabels.cli.model_text import print_lines
    from fewlabels.core.files import check_new
    from fewlabels.core.progress import duration
    from fewlabels.data import open_stream
    from fewlabels.models import (
        counting_unknown,
        load_classifier,
        on_device,
        predictions,
        save_predictions,
        write_predictions,
    )
    from fewlabels.training import choose_device

    if out is not None:
        check_new(out, overwrite)
    model = on_device(load_classifier(classifier), choose_device(device))
    stream, unknown = counting_unknown(
        model, open_stream(data, model.signature, target=target, skip_broken=skip_broken)
    )
    classes, started = model.classes if probabilities else (), time.perf_counter()
    with console.counting("predicting", stream.n) as count:
        found = count(predictions(model, stream, abstain))
        if out is not None:
            n, blank = save_predictions(found, stream.key, out, classes)
        elif json:
            n, blank = print_lines(found, stream.key, classes)
        else:
            n, blank = write_predictions(found, stream.key, sys.stdout, classes)
    console.say_unknown(unknown, n)
    share = f"{blank:,} of {n:,} examples ({blank / max(n, 1):.1%}) are less sure than {abstain} and have no label."
    lines = [share] if abstain is not None else []
    if out is None:
        for line in lines:
            console.say(line)
        return
    result = {
        "predictions": str(out),
        "examples": n,
        "abstained": blank,
        "share": blank / max(n, 1),
        "unknown_categories": unknown,
        "left_out": stream.broken,
    }
    seconds = time.perf_counter() - started
    words = [f"{n:,} examples in {duration(seconds)}.", *lines, f"Predictions: {out}"]
    console.tell(json, {**result, "seconds": round(seconds, 3)}, words)


def embed(
    model: options.Model,
    data: options.Data,
    out: Annotated[Path, typer.Option("--out", "-o", help="The codes, [n, width] float32, as .npy.")],
    target: options.Target = None,
    skip_broken: options.SkipBroken = False,
    device: options.Device = "auto",
    overwrite: options.Overwrite = False,
    json: options.Json = False,
) -> None:
    """Write the codes of the examples of DATA.

    They are those of an encoder, or of the encoder inside a classifier, in the order of the examples.
    """
    from fewlabels.cli import console
    from fewlabels.core.files import check_new
    from fewlabels.data import open_stream
    from fewlabels.models import counting_unknown, load_model, on_device, save_codes
    from fewlabels.training import choose_device

    check_new(out, overwrite)
    found = on_device(load_model(model), choose_device(device))
    stream, unknown = counting_unknown(
        found, open_stream(data, found.signature, target=target, skip_broken=skip_broken)
    )
    n, width = save_codes(found, stream, out)
    console.say_unknown(unknown, n)
    result = {
        "codes": str(out),
        "examples": n,
        "width": width,
        "unknown_categories": unknown,
        "left_out": stream.broken,
    }
    console.tell(json, result, [f"{n:,} examples of {width} codes: {out}"])
