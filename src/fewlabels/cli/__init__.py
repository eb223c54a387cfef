"""The command line: `fewlabels study DATA`. Data to stdout, messages to stderr; heavy imports only where they work."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from fewlabels import __version__
from fewlabels.cli.evaluate import evaluate
from fewlabels.cli.export import export
from fewlabels.cli.finetune import finetune
from fewlabels.cli.predict import embed, predict
from fewlabels.cli.pretrain import pretrain
from fewlabels.errors import FewlabelsError

INTERRUPTED, PARTLY_FAILED = 130, 3

app = typer.Typer(
    name="fewlabels",
    help="Pretrain on many unlabelled examples, classify with few labels, and measure honestly whether it paid.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"fewlabels {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Pretrain on many unlabelled examples, classify with few labels, and measure honestly whether it paid."""


@app.command()
def study(
    data: Annotated[
        str,
        typer.Argument(
            help="digits, mnist, fashion-mnist, kmnist; a folder of images; a .csv, .tsv or .parquet table; a .npz or "
            ".npy file; hf:NAME of the Hugging Face hub. docs/data.md tells how each must look."
        ),
    ],
    methods: Annotated[
        str,
        typer.Option(
            help="Comma-separated: default, all, controls, or denoising, sparse/tied/greedy+probe, raw+mlp, scratch."
        ),
    ] = "default",
    budgets: Annotated[
        str | None,
        typer.Option(help="Comma-separated numbers of labels.", show_default="10,30,100,... up to 1000"),
    ] = None,
    seeds: Annotated[int, typer.Option(help="Repetitions, each with its own label draw and weights.")] = 5,
    workers: Annotated[
        int | None, typer.Option(help="Processes of one thread each.", show_default="one a core")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the study.", show_default="runs/NAME")] = None,
    network: Annotated[
        str,
        typer.Option(
            help="default, by the examples' shape; linear, tied, dense, residual, overcomplete, paper1, paper2, paper3."
        ),
    ] = "default",
    size: Annotated[int | None, typer.Option(help="Resize images to SIZE x SIZE pixels.")] = None,
    labels: Annotated[
        Path | None, typer.Option(help="CSV of labels: file,label of a folder of images; row,label of an array.")
    ] = None,
    target: Annotated[
        str | None, typer.Option(help="Column of labels, of a table.", show_default="label, if there is one")
    ] = None,
    ignore: Annotated[
        list[str] | None, typer.Option(help="Column to leave out, of a table; may be given several times.")
    ] = None,
    draw: Annotated[str, typer.Option(help="How labels are drawn: stratified or as-collected.")] = "stratified",
    pretraining: Annotated[
        str, typer.Option(help="shared: one encoder an objective; per-seed: a fresh one for every seed.")
    ] = "shared",
    transductive: Annotated[
        bool, typer.Option("--transductive", help="Let pretraining see the test inputs, never their labels.")
    ] = False,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    precision: Annotated[
        str, typer.Option(help="Of pretraining: float32, bfloat16, or auto, the fastest here (measured once).")
    ] = "auto",
    memory_format: Annotated[
        str, typer.Option(help="Of images in pretraining: channels-last, contiguous, or auto, likewise.")
    ] = "auto",
    json: Annotated[bool, typer.Option("--json", help="Print the verdict as JSON.")] = False,
) -> None:
    """Measure whether pretraining is worth it on DATA: a verdict a budget, and a page.

    The same command goes on where an interrupted study stopped.
    """
    from fewlabels.cli import console
    from fewlabels.data import load
    from fewlabels.studies import run_study

    wanted = console.numbers("--budgets", budgets) if budgets is not None else None
    stratified = console.one_of("--draw", draw, ("stratified", "as-collected")) == "stratified"
    per_seed = console.one_of("--pretraining", pretraining, ("shared", "per-seed")) == "per-seed"
    try:
        with console.conversion() as progress:
            dataset = load(data, size=size, labels=labels, target=target, ignore=ignore or (), progress=progress)
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
            device=device,
            precision=precision,
            memory_format=memory_format,
            command=console.command_line(sys.argv),
            watch=console.watch_grid,
        )
    except KeyboardInterrupt:
        console.say("interrupted; what is finished is kept, the same command goes on from here")
        raise typer.Exit(INTERRUPTED) from None
    page = result.report()
    if json:
        console.print_json(result, page)
    else:
        console.print_verdict(result, page)
    if result.failed:
        console.print_failures(result)
        raise typer.Exit(PARTLY_FAILED)


for command in (pretrain, finetune, evaluate, predict, embed, export):
    app.command()(command)


def main() -> None:
    """Entry point: every error the user can meet becomes one line on stderr and its exit code."""
    try:
        app()
    except FewlabelsError as error:
        print(f"fewlabels: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        print(
            "fewlabels: interrupted; what is finished is kept, the same command goes on from here",
            file=sys.stderr,
        )
        sys.exit(INTERRUPTED)


if __name__ == "__main__":
    main()
