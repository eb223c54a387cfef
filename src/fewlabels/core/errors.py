"""The errors a user can meet. Each message says what was wrong, what was found, what is allowed, what to do next.

It names settings as Python has them, in backquotes: `workers`, `overwrite=True`; the command line says its options.
"""


class FewlabelsError(Exception):
    """Anything fewlabels reports in one clear line; `exit_code` is the command line's answer."""

    exit_code = 1


class InputError(FewlabelsError, ValueError):
    """What the user gave cannot be used: a file, an option, a folder. Nothing was changed."""

    exit_code = 2


class StorageError(InputError):
    """A place that the user named cannot take what is written there: its disk is full, or broken."""

    exit_code = 1


class TrainingDiverged(FewlabelsError):
    """A loss became NaN or infinite; the message names the step and what to try."""


class IntegrityError(FewlabelsError):
    """A promise of the study was broken: a frozen encoder moved, a transferred one differs from its source."""
