"""The command that lays two reports, or two batches, side by side: compare."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import click

from reportgen.cli.options import verbose_option
from reportgen.cli.printing import clock_for, print_seconds
from reportgen.core.config import PAPERS
from reportgen.core.errors import UsageError, one_line

FORMATS = "html,pdf,figures,tables,latex"


@click.command()
@click.argument("folders", type=click.Path(path_type=Path), nargs=2, metavar="A B")
@click.option(
    "-o", "--output", metavar="FOLDER", type=click.Path(path_type=Path),
    help="Folder of the comparison. [default: reports/compare-A-B]",
)  # fmt: skip
@click.option("--name-a", metavar="NAME", help="What readers call A. [default: its folder]")
@click.option("--name-b", metavar="NAME", help="What readers call B. [default: its folder]")
@click.option("--format", "formats", metavar="LIST", default=FORMATS, help=f"Files to make. [default: {FORMATS}]")
@click.option("--paper", metavar="|".join(PAPERS), default="a4", help="Paper of the PDF. [default: a4]")
@click.option("--overwrite", is_flag=True, help="Replace an existing comparison.")
@verbose_option
@click.option("-q", "--quiet", is_flag=True, help="Print only the path of the page.")
def compare(
    folders: tuple[Path, Path],
    output: Path | None,
    name_a: str | None,
    name_b: str | None,
    formats: str,
    overwrite: bool,
    verbose: bool,
    quiet: bool,
    paper: Any,
) -> None:
    """Lay two reports, or two batches, side by side.

    A and B are reports of one text, by two models, checkpoints or settings: predictions, heatmaps with their
    difference, ranks, heads and agreement are compared. Of two texts, predictions, heads and shares are. Documents of
    two batches are paired by their texts. The model is not needed.
    """
    from reportgen.compare import run
    from reportgen.compare.shown import present
    from reportgen.core.clock import now
    from reportgen.report.stored import store

    wanted = tuple(dict.fromkeys(part.strip() for part in formats.split(",") if part.strip()))
    for name in set(wanted) - set(present.FORMATS):
        raise UsageError(f"--format {name[:40]} is unknown", hint=f"choose from {FORMATS}")
    if paper not in PAPERS:
        raise UsageError(f"--paper {paper[:40]} is unknown", hint=f"choose from {', '.join(PAPERS)}")
    target = output or run.default_output(folders)
    clock = clock_for(quiet=quiet, verbose=verbose)
    store.check_target(target, overwrite=overwrite)
    made = run.compare(folders, target, (name_a, name_b), clock)
    created = now().isoformat(timespec="seconds")
    command = made.hider.said(_command(folders, name_a, name_b, formats, paper))
    present.write(
        made, target, formats=wanted, command=command, created=created, paper=paper, overwrite=overwrite, clock=clock,
    )  # fmt: skip
    if not quiet:
        for warning in made.warnings:
            click.echo(f"warning: {one_line(warning)}", err=True)
        for sentence in made.summary:
            click.echo(one_line(sentence))
    if verbose:
        print_seconds(clock.seconds)
    page = target / present.HTML
    click.echo(page if page.is_file() else target)


def _command(folders: tuple[Path, Path], name_a: str | None, name_b: str | None, formats: str, paper: str) -> str:
    """The command line that makes the comparison again; folders by their own names, not where they are."""
    given = ["reportgen", "compare", *(folder.resolve().name for folder in folders)]
    options = {"--name-a": name_a, "--name-b": name_b, "--format": formats if formats != FORMATS else None,
               "--paper": paper if paper != "a4" else None}  # fmt: skip
    return shlex.join(given + [part for name, value in options.items() if value for part in (name, value)])
