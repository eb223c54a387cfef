"""The command line, one file a command. Data to stdout, messages to stderr; heavy imports only where they work."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from fewlabels import __version__
from fewlabels.cli.evaluate import evaluate
from fewlabels.cli.export import export
from fewlabels.cli.finetune import finetune
from fewlabels.cli.predict import embed, predict
from fewlabels.cli.pretrain import pretrain
from fewlabels.cli.study import study
from fewlabels.errors import FewlabelsError

INTERRUPTED = 130

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


for command in (study, pretrain, finetune, evaluate, predict, embed, export):
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
            "fewlabels: interrupted; nothing that was there before has changed",
            file=sys.stderr,
        )
        sys.exit(INTERRUPTED)
