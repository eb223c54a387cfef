"""The command line, one file a command. Data to stdout, messages to stderr; heavy imports only where they work."""

from __future__ import annotations

import gc
import os
import sys
from contextlib import suppress
from typing import Annotated

import typer

from fewlabels import __version__
from fewlabels.cli.command import Command
from fewlabels.cli.evaluate import evaluate
from fewlabels.cli.export import export
from fewlabels.cli.finetune import finetune
from fewlabels.cli.methods import methods
from fewlabels.cli.predict import embed, predict
from fewlabels.cli.pretrain import pretrain
from fewlabels.cli.study import study
from fewlabels.core.errors import FewlabelsError

FAILED = 1

app = typer.Typer(
    name="fewlabels",
    help="Pretrain on many unlabelled examples, classify with few labels, and measure honestly whether it paid.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
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


for command in (study, methods, pretrain, finetune, evaluate, predict, embed, export):
    app.command(cls=Command)(command)


def main() -> None:
    """Entry point: every error the user can meet becomes one line on stderr and its exit code."""
    gc.set_threshold(50_000, 20, 100)  # to import torch makes a million objects, and none to collect
    try:
        app()
    except FewlabelsError as error:
        _end(str(error), error.exit_code)
    except BrokenPipeError:  # whoever read stdout has seen enough
        _close_stdout()
        sys.exit(FAILED)
    except OSError as error:
        _close_stdout()
        _end(f"{error.filename or 'stdout'}: {error.strerror or error}", FAILED)
    finally:
        gc.freeze()  # lest the interpreter search all of torch for cycles, several times, as it ends: half a second


def _end(message: str, code: int) -> None:
    print(f"fewlabels: {message}", file=sys.stderr)
    sys.exit(code)


def _close_stdout() -> None:
    """Let go of what is left to print: it would fail once more at the end."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
