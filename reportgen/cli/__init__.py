"""The command line: options become a `Config`, results are printed. The only room that prints.

Nothing heavy is imported before a command runs, so that `--help` answers at once.
"""

from __future__ import annotations

import atexit
import contextlib
import errno
import gc
import os
import signal
import sys
from typing import Any, NoReturn

import click

from reportgen import __version__
from reportgen.cli.batches import batch
from reportgen.cli.comparing import compare
from reportgen.cli.corpora import corpus
from reportgen.cli.doctor import doctor
from reportgen.cli.presets import presets
from reportgen.cli.printing import drop_output
from reportgen.cli.reports import faithfulness, render, rerun, run, verify
from reportgen.cli.sites import site
from reportgen.cli.splits import examples, importance
from reportgen.core.errors import DeviceError, OutputError, UsageError, one_line
from reportgen.core.processes import memory
from reportgen.data.hub import redact

BUG = 70
INTERRUPTED = 130
TERMINATED = 143
RESUMED = ("batch", "corpus", "examples", "importance", "site")  # commands that continue after an interruption
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EFBIG)  # why a stream takes no more
GO_ON = "run the same command again to continue"
COLLECT_AFTER = 50_000  # new objects between collections: imports make many objects, and all of them stay


class Reportgen(click.Group):
    """The group of commands; an unexpected error becomes one line and exit code 70."""

    def parse_args(self, context: click.Context, args: list[str]) -> list[str]:
        """Read the options before the command."""
        try:
            return super().parse_args(context, args)
        except click.exceptions.NoArgsIsHelpError:
            raise
        except click.UsageError as error:
            raise _in_our_words(error) from error

    def invoke(self, context: click.Context) -> Any:
        """Run a command; `--debug` shows tracebacks."""
        try:
            return super().invoke(context)
        except click.exceptions.NoArgsIsHelpError:
            raise
        except click.UsageError as error:
            raise _in_our_words(error) from error
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except BrokenPipeError:  # the reader closed the pipe
            drop_output()
            context.exit(0)
        except OSError as error:
            if not _is_full(error):
                self._bug(context, error)
            raise _refused(error) from error
        except SystemExit as stop:
            if stop.code == TERMINATED and context.invoked_subcommand in RESUMED:
                click.echo(f"terminated: {GO_ON}", err=True)
            raise
        except MemoryError as error:
            raise DeviceError("out of memory", hint="use a smaller --max-length or a shorter text") from error
        except KeyboardInterrupt:
            kept = context.invoked_subcommand in RESUMED
            said = GO_ON if kept else "nothing was written"
            click.echo(f"interrupted: {said}", err=True)
            context.exit(INTERRUPTED)
        except Exception as error:
            self._bug(context, error)

    def _bug(self, context: click.Context, error: Exception) -> NoReturn:
        """Say that an error was not foreseen, and end; with `--debug` raise the error itself."""
        if context.params.get("debug"):
            raise error
        click.echo(f"error: {type(error).__name__}: {one_line(redact(str(error)))}", err=True)
        command = context.invoked_subcommand or "run"
        click.echo(
            f"hint: this is a bug in reportgen; please report it, with the output of reportgen --debug {command}",
            err=True,
        )
        context.exit(BUG)


def _is_full(error: OSError) -> bool:
    """Whether a stream takes no more; errors of files name them."""
    return error.errno in FULL and error.filename is None


def _refused(error: OSError) -> OutputError:
    return OutputError(f"standard output: {error.strerror}", hint="send it somewhere else")


def _in_our_words(error: click.UsageError) -> UsageError:
    """An error of click, about options and their values, as all other errors are printed."""
    command = error.ctx.command_path if error.ctx else "reportgen"
    return UsageError(error.format_message(), hint=f"{command} --help lists the options")


@click.group(cls=Reportgen, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="reportgen")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def main(debug: bool) -> None:
    """Show which tokens the attention heads of a long-document classifier attend to.

    One command turns one text into a self-contained HTML page, a PDF and the data behind them.
    """
    signal.signal(signal.SIGTERM, _terminate)


def script() -> NoReturn:
    """The command `reportgen`: `main` in a process of its own, which ends as soon as nothing is left to do.

    Freeing torch's objects in order would take most of a second, for nothing.
    """
    code: object = 0
    if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:  # as `__main__.py` sets it
        signal.signal(signal.SIGINT, signal.default_int_handler)
    _open_streams()
    gc.set_threshold(COLLECT_AFTER)
    memory.ask_for_large_pages()
    try:
        main(prog_name="reportgen")
    except SystemExit as stop:
        code = stop.code
    except KeyboardInterrupt:  # before the command has begun
        code = INTERRUPTED
    except OSError as error:  # of help, which is printed before a command begins, or of stderr
        if not _is_full(error):  # of --debug
            raise
        with contextlib.suppress(OSError):
            _refused(error).show()
        code = OutputError.exit_code
    atexit._run_exitfuncs()  # temporary files, worker processes, Ray
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):  # the stream is closed, or its reader is gone
            stream.flush()
    os._exit(code if isinstance(code, int) else int(code is not None))


def _open_streams() -> None:
    """Give standard streams that are closed an end, before a file gets their number and what is printed is in it."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free
    sys.stdout = sys.stdout or open(1, "w")  # noqa: SIM115  until the process ends
    sys.stderr = sys.stderr or open(2, "w")  # noqa: SIM115


def _terminate(*_: object) -> None:
    raise SystemExit(TERMINATED)


for command in (
    *(run, batch, corpus, compare, examples, importance, presets, render, verify, rerun, faithfulness, site),
    doctor,
):
    main.add_command(command)
