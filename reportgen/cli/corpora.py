"""The command for a report over all reports of a batch: corpus."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reportgen.cli.options import verbose_option
from reportgen.cli.printing import clock_for, print_seconds
from reportgen.core.config import PAPERS
from reportgen.core.errors import LeftOutError, UsageError, one_line

if TYPE_CHECKING:
    from reportgen.corpus.gather import Corpus, Engine

FORMATS = ("html", "pdf", "tables", "figures", "latex")
SHOWN = 20  # reports left out that are printed


@click.command()
@click.argument("batch", metavar="BATCH_FOLDER", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    metavar="FOLDER",
    type=click.Path(path_type=Path),
    help="Folder of the corpus report. [default: BATCH_FOLDER/corpus]",
)
@click.option(
    "--where", metavar="EXPRESSION", help='Choose reports by an SQL condition, like "label = 1 AND tokens > 500".'
)
@click.option(
    "--sections",
    metavar="REGEX",
    help="What a heading is, like '^#+ (.+)$'. [default: the headings of papers, Markdown and LaTeX]",
)
@click.option("--title", metavar="TEXT", help="Title of the report. [default: the name of BATCH_FOLDER]")
@click.option("--format", "formats", metavar="LIST", help=f"Choose from {','.join(FORMATS)}. [default: all]")
@click.option("--paper", type=click.Choice(PAPERS), default="a4", help="Paper size of the PDF. [default: a4]")
@click.option(
    "--engine",
    type=click.Choice(["local", "ray"], case_sensitive=False),
    default="local",
    help="Read the reports on this machine, or on a Ray cluster. [default: local]",
)
@click.option(
    "--workers", type=click.IntRange(1, 1024), metavar="N", help="Processes that read reports. [default: one per core]"
)
@click.option(
    "--ray-address",
    envvar="RAY_ADDRESS",
    metavar="auto|HOST:PORT",
    help="Address of the cluster; auto finds the one on this machine. [default: start one for this run]",
)
@click.option("--overwrite", is_flag=True, help="Replace an existing corpus report.")
@verbose_option
@click.option("-q", "--quiet", is_flag=True, help="Print only the path of the page.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def corpus(
    batch: Path,
    output: Path | None,
    where: str | None,
    sections: str | None,
    title: str | None,
    formats: str | None,
    paper: Any,
    overwrite: bool,
    verbose: bool,
    quiet: bool,
    as_json: bool,
    **engine: Any,
) -> None:
    """Make one report over all reports of a batch.

    It is made from the stored reports alone, without the model. Run the same command again to continue an interrupted
    one. Reports that cannot be read are left out and listed, and the exit code is 10.
    """
    chosen = _formats(formats)
    from reportgen.corpus import gather
    from reportgen.corpus.shown import present
    from reportgen.report.present import check_typesetting

    target = output or batch / "corpus"
    gather.check_batch(batch)
    check_typesetting(chosen, pdf="required")
    present.check_target(target, overwrite=overwrite)
    clock = clock_for(quiet=quiet, verbose=verbose)
    with clock.stage("sums"):
        found = gather.gather(batch, where=where, headings=sections, clock=clock, engine=_engine(**engine))
    with clock.stage("draw"):
        parts = present.parts(found, target, title=title)
    files = present.files(found, parts, clock, formats=chosen, paper=paper)
    chosen_by = {"where": where, "sections": sections}
    present.write(found, target, files, parts, chosen=chosen_by, overwrite=overwrite)
    if verbose:
        print_seconds(clock.seconds)
    _print(found, target, _opened(target, files), quiet=quiet, as_json=as_json)


def _formats(given: str | None) -> tuple[str, ...]:
    named = tuple(part.strip() for part in (given or ",".join(FORMATS)).split(",") if part.strip())
    unknown = [name for name in named if name not in FORMATS]
    if unknown or not named:
        raise UsageError(f"--format {given}: choose from {', '.join(FORMATS)}")
    return named


def _engine(engine: str, workers: int | None, ray_address: str | None) -> Engine:
    from reportgen.core.processes.workers import cores
    from reportgen.corpus import gather

    if engine == "ray":
        from reportgen.corpus.ray_sums import Cluster

        return Cluster(ray_address, workers)
    if ray_address is not None and "RAY_ADDRESS" not in os.environ:
        raise UsageError("--ray-address needs --engine ray")
    return gather.here(workers or cores())


def _opened(folder: Path, files: dict[str, bytes]) -> Path:
    """What is worth opening."""
    return next((folder / name for name in ("corpus.html", "corpus.pdf") if name in files), folder)


def _print(found: Corpus, folder: Path, page: Path, *, quiet: bool, as_json: bool) -> None:
    """Print what is left out on stderr, then the path.

    Raises:
        LeftOutError: If a report was left out.
    """
    for name, why in found.left_out[:SHOWN]:
        click.echo(f"left out: {one_line(name)}: {one_line(why)}", err=True)
    if len(found.left_out) > SHOWN:
        click.echo(f"... and {len(found.left_out) - SHOWN:,} more", err=True)
    if as_json:
        told = {
            "corpus": str(folder),
            "page": str(page),
            "documents": found.sums.documents,
            "not_chosen": found.not_chosen,
            "left_out": dict(found.left_out),
        }
        click.echo(json.dumps(told, ensure_ascii=False))
    else:
        if not quiet:
            count = found.sums.documents
            click.echo(f"{count:,} document{'' if count == 1 else 's'}", err=True)
        click.echo(page)
    if found.left_out:
        count = len(found.left_out)
        said = "1 report was" if count == 1 else f"{count:,} reports were"
        raise LeftOutError(f"{said} left out", hint="reportgen verify FOLDER says more")
