"""Options that several commands share: one name, one meaning, one default."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Data = Annotated[str, typer.Argument(metavar="DATA")]
Size = Annotated[int | None, typer.Option(help="Resize images to SIZE x SIZE pixels.")]
Labels = Annotated[
    Path | None, typer.Option(help="CSV of labels: file,label of a folder of images; row,label of an array.")
]
Target = Annotated[
    str | None,
    typer.Option(help="Column of labels, of a table.", show_default="that of the model, else label, if it is there"),
]
Ignore = Annotated[list[str] | None, typer.Option(help="Column to leave out, of a table; may be given several times.")]
FoldCase = Annotated[
    bool, typer.Option("--fold-case", help="Make classes one whose names differ by case or blanks only.")
]
MinPerClass = Annotated[
    int, typer.Option(help="Count examples of classes with fewer labelled ones than this as unlabelled.")
]
SkipBroken = Annotated[
    bool, typer.Option("--skip-broken", help="Go on without images of a folder that cannot be read; they are named.")
]
Network = Annotated[
    str,
    typer.Option(help="default, chosen by the shape of examples, or a network's name; `fewlabels methods` lists them."),
]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")]
Precision = Annotated[
    str, typer.Option(help="Of pretraining: float32, bfloat16, or auto, the fastest here (measured once).")
]
MemoryFormat = Annotated[
    str, typer.Option(help="Of images in pretraining: channels-last, contiguous, or auto, likewise.")
]
Flips = Annotated[
    bool | None,
    typer.Option(
        "--flips/--no-flips",
        help="Whether views of images may exchange left and right.",
        show_default="those of colour images may; an encoder is fine-tuned as it was pretrained",
    ),
]
Seed = Annotated[
    int, typer.Option(min=0, max=2**63 - 1, help="Of weights, order and folds: the same seed, the same result.")
]
Threads = Annotated[
    int, typer.Option(min=1, help="Of the processor; more than one pays for large networks alone, on idle cores.")
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace what an earlier run left there.")]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Encoder = Annotated[Path, typer.Argument(metavar="ENCODER", help="Folder of an encoder.", show_default=False)]
Model = Annotated[
    Path, typer.Argument(metavar="MODEL", help="Folder of a classifier or an encoder.", show_default=False)
]
Classifier = Annotated[Path, typer.Argument(metavar="CLASSIFIER", help="Folder of a classifier.", show_default=False)]
