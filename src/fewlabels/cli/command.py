"""What every command does alike: its help, its messages in the shell's words, and its end at Ctrl-C."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import typer
from typer.core import TyperCommand

from fewlabels.cli.console import INTERRUPTED, say
from fewlabels.core.errors import FewlabelsError


def _kinds_of_data() -> str:
    from fewlabels.data.readers.registry import kinds_of_data

    return f"{kinds_of_data()}. docs/data.md tells how each must look."


FROM_TABLES: Mapping[str, Callable[[], str]] = {"data": _kinds_of_data}
"""The help of parameters that lists the rows of a table, made when it is asked for: tables need heavy imports."""


IN_OTHER_WORDS = {"stratified=False": "--draw as-collected", "threshold": "--abstain"}
"""Settings of Python whose options have other names."""


class Command(TyperCommand):
    """A command whose help tells what the tables hold, and whose messages name its options, not settings of Python."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        for parameter in self.params:
            if parameter.name in FROM_TABLES:
                parameter.help = FROM_TABLES[parameter.name]()  # type: ignore[attr-defined]
        super().format_help(ctx, formatter)

    def invoke(self, ctx: Any) -> Any:
        warnings.showwarning = self._show_warning
        try:
            return super().invoke(ctx)
        except FewlabelsError as error:
            error.args = (self.in_shell_words(str(error)),)
            raise
        except KeyboardInterrupt:
            say("interrupted; nothing that was there before has changed")
            raise typer.Exit(INTERRUPTED) from None

    def in_shell_words(self, message: str) -> str:
        """The message with this command's options for `setting` and `setting=True`; other backquotes stay."""
        options = {
            parameter.name: parameter.opts[0] for parameter in self.params if parameter.param_type_name == "option"
        }

        def option(found: re.Match[str]) -> str:
            words = IN_OTHER_WORDS.get(found[1]) or options.get(found[1].removesuffix("=True"), "")
            return words if words.split(" ")[0] in options.values() else found[0]

        return re.sub(r"`([\w=]+)`", option, message)

    def _show_warning(
        self, message: Any, category: Any, filename: str, lineno: int, file: Any = None, line: Any = None
    ) -> None:
        """Our own warnings in one line; those of libraries are not for users of a command."""
        if f"{os.sep}fewlabels{os.sep}" in filename:
            say(self.in_shell_words(str(message)))
