"""`fewlabels study DATA`"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from fewlabels.cli import options

PARTLY_FAILED = 3


def study(
    data: options.Data,
    methods: Annotated[
        str,
        typer.Option(
            help="Comma-separated: default, all, controls, or denoising, sparse/tied/greedy+probe, raw+mlp, scratch; "
            "`fewlabels methods` lists what they are made of."
        ),
    ] = "default",
    budgets: Annotated[
        str | None,
        typer.Option(help="Comma-separated numbers of labels.", show_default="10,30,100,... up to 1000"),
    ] = None,
    seeds: Annotated[
        int,
        typer.Option(help="Repetitions, each with its own label draw and weights. A finished study goes on with more."),
    ] = 5,
    workers: Annotated[
        int | None, typer.Option(help="Processes of one thread each.", show_default="one a core")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Folder of the study.", show_default="runs/NAME")
    ] = None,
    network: options.Network = "default",
    size: options.Size = None,
    labels: options.Labels = None,
    target: options.Target = None,
    ignore: options.Ignore = None,
    fold_case: options.FoldCase = False,
    min_per_class: options.MinPerClass = 1,
    skip_broken: options.SkipBroken = False,
    draw: Annotated[str, typer.Option(help="How labels are drawn: stratified or as-collected.")] = "stratified",
    pretraining: Annotated[
        str, typer.Option(help="shared: one encoder an objective; per-seed: a fresh one for every seed.")
    ] = "shared",
    transductive: Annotated[
        bool, typer.Option("--transductive", help="Let pretraining see the test inputs, never their labels.")
    ] = False,
    flips: options.Flips = None,
    device: options.Device = "auto",
    precision: options.Precision = "auto",
    memory_format: options.MemoryFormat = "auto",
    keep_best: Annotated[
        Path | None,
        typer.Option(help="Folder for a classifier made by the best method from all labels.", show_default="none"),
    ] = None,
    overwrite: options.Overwrite = False,
    json: options.Json = False,
) -> None:
    """Measure whether pretraining pays on DATA.

    There is a verdict a budget, and a page. The same command goes on where an interrupted study stopped.
    """
    from fewlabels.cli import console
    from fewlabels.core.progress import Display

    with console.busy("starting"):
        from fewlabels.cli import study_text
        from fewlabels.data import load
        from fewlabels.models import load_classifier
        from fewlabels.study.study import run_study

    wanted = console.numbers("--budgets", budgets) if budgets is not None else None
    stratified = console.one_of("--draw", draw, ("stratified", "as-collected")) == "stratified"
    per_seed = console.one_of("--pretraining", pretraining, ("shared", "per-seed")) == "per-seed"
    try:
        with console.reading(data) as progress:
            dataset = load(
                data,
                size=size,
                labels=labels,
                target=target,
                ignore=ignore or (),
                fold_case=fold_case,
                min_per_class=min_per_class,
                progress=progress,
                skip_broken=skip_broken,
            )
        with Display() as display:
            result = run_study(
                dataset,
                [name.strip() for name in methods.split(",") if name.strip()],
                wanted,
                seeds,
                out=out,
                workers=workers,
                network=network,
                stratified=stratified,
                pretraining_per_seed=per_seed,
                transductive=transductive,
                flips=flips,
                device=device,
                precision=precision,
                memory_format=memory_format,
                keep_best=keep_best,
                overwrite=overwrite,
                command=console.command_line(sys.argv),
                watch=study_text.Progress(display),
            )
    except KeyboardInterrupt:
        console.say("interrupted; what is finished is kept, the same command goes on from here")
        raise typer.Exit(console.INTERRUPTED) from None
    page = result.report()
    kept = None if keep_best is None else load_classifier(keep_best)
    if json:
        study_text.print_json(result, page, keep_best, kept)
    else:
        study_text.print_verdict(result, page)
        study_text.print_kept(result, keep_best, kept)
    if result.failed:
        study_text.print_failures(result)
        raise typer.Exit(PARTLY_FAILED)
