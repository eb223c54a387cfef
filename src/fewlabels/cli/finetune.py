"""`fewlabels finetune ENCODER DATA -o classifier/`"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fewlabels.cli import options


def finetune(
    encoder: options.Encoder,
    data: options.Data,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of the classifier.")],
    labels: options.Labels = None,
    target: options.Target = None,
    fold_case: options.FoldCase = False,
    min_per_class: options.MinPerClass = 1,
    skip_broken: options.SkipBroken = False,
    transfer: Annotated[
        str, typer.Option(help="best: of several, inside the labels; or a name of `fewlabels methods`.")
    ] = "best",
    layer: Annotated[
        str | None, typer.Option(help="What is read from the encoder instead of its code: below, below-pooled.")
    ] = None,
    flips: options.Flips = None,
    seed: options.Seed = 0,
    device: options.Device = "auto",
    threads: options.Threads = 1,
    overwrite: options.Overwrite = False,
    json: options.Json = False,
) -> None:
    """Make a classifier of ENCODER and labels.

    They are those of DATA, or of --labels. Ways of transfer and their settings are chosen by validation inside the
    labels, where its accuracy is estimated, too.
    """
    import torch

    from fewlabels.cli import console
    from fewlabels.cli.model_text import accuracy_lines
    from fewlabels.data import load
    from fewlabels.models import check_free, load_encoder, save_model
    from fewlabels.pipelines.finetune import finetune
    from fewlabels.training import choose_device

    torch.set_num_threads(threads)
    check_free(out, overwrite)
    start, device = load_encoder(encoder), choose_device(device)
    with console.reading(data) as progress:
        dataset = load(
            data,
            labels=labels,
            target=target,
            fold_case=fold_case,
            min_per_class=min_per_class,
            signature=start.signature,
            progress=progress,
            skip_broken=skip_broken,
        )
    with console.fitting() as progress:
        classifier = finetune(start, dataset, transfer, seed, device, layer, flips, progress)
    save_model(classifier, out, overwrite)
    result = {"classifier": str(out), "classes": list(classifier.classes), **classifier.facts}
    console.tell(json, result, [*accuracy_lines(classifier), f"Classifier: {out}"])
