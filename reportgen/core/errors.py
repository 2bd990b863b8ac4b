"""The errors: each says what happened, what to do, and the exit code of the command.

Library code raises them; `cli` needs no try/except, because click prints them and exits.
"""

from typing import IO, Any, ClassVar

import click


class ReportgenError(click.ClickException):
    """A failure that the user can act on: one line of fact, one line of hint.

    Args:
        message: What happened, where, with the value.
        hint: What to do about it; left out when there is nothing to say.
    """

    exit_code: ClassVar[int] = 70

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint
        if hint:
            self.add_note(f"hint: {hint}")  # Python and notebooks show it below the message

    def show(self, file: IO[Any] | None = None) -> None:
        """Print the error and its hint, one line each, on stderr."""
        click.echo(f"error: {one_line(self.message)}", file=file, err=file is None)
        if self.hint:
            click.echo(f"hint: {one_line(self.hint)}", file=file, err=file is None)


class UsageError(ReportgenError):
    """The command line or a preset is invalid."""

    exit_code = 2


class DataError(ReportgenError):
    """The input text, file, row or label cannot be used."""

    exit_code = 3


class ModelError(ReportgenError):
    """The model or its tokenizer cannot be used, or gave numbers that cannot be right."""

    exit_code = 4


class ImportanceError(ReportgenError):
    """The head importance cannot be read or does not fit the model."""

    exit_code = 5


class DeviceError(ReportgenError):
    """The device is not there, or memory ran out."""

    exit_code = 6


class ClusterError(ReportgenError):
    """The Ray cluster cannot be used, or was lost."""

    exit_code = 6


class OutputError(ReportgenError):
    """The output cannot be written."""

    exit_code = 7


class HubError(ReportgenError):
    """The hub or the network failed."""

    exit_code = 8


class RefusedError(ReportgenError):
    """Refused for safety: it would run foreign code or read beyond the input."""

    exit_code = 9


class StrictWarningsError(ReportgenError):
    """The report was written, and `--strict` turns its warnings into a failure."""

    exit_code = 10


class StoppedError(ReportgenError):
    """Interrupted; the report was written without the test of its heatmap."""

    exit_code = 130


class LeftOutError(ReportgenError):
    """The work is done, but for some examples that could not be read."""

    exit_code = 10


class PdfError(ReportgenError):
    """The report was written, but for its PDF."""

    exit_code = 70


class BrokenLinkError(ReportgenError):
    """A site has a link that leads nowhere; it was not put in place."""

    exit_code = 70


class DiffersError(ReportgenError):
    """The run was repeated, and its results are others."""

    exit_code = 10


def one_line(message: str) -> str:
    """*message* as one line that only says something, whatever a library or a file put into it.

    Characters that would command the terminal, or turn the direction of the line, are shown by their code.
    """
    line = " ".join(message.split())
    return "".join(c if c.isprintable() or c in "\u200c\u200d" else f"U+{ord(c):04X}" for c in line)
