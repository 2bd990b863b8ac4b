"""The commands about a site of reports: build it, and look at it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from reportgen.cli.printing import clock_for, print_seconds
from reportgen.core.errors import StrictWarningsError, UsageError, one_line
from reportgen.core.workers import cores

CONFIG = Path("site/site.toml")
OUTPUT = Path("site/_build")


@click.group()
def site() -> None:
    """Turn many reports into a static site, with an index to search and to filter."""


@site.command()
@click.argument("folders", type=click.Path(path_type=Path), nargs=-1)
@click.option("--config", metavar="FILE", type=click.Path(path_type=Path), help=f"[default: {CONFIG}, if it is there]")
@click.option(
    "-o",
    "--output",
    metavar="FOLDER",
    type=click.Path(path_type=Path),
    default=OUTPUT,
    help=f"Where the site goes. [default: {OUTPUT}]",
)
@click.option("--base-url", metavar="URL", help="Where the site will stand; a site map and a feed need it.")
@click.option("--workers", type=click.IntRange(1, 256), metavar="N", help="Processes that render. [default: cores]")
@click.option("--strict", is_flag=True, help="End with exit code 10 if there are notes: a report that was left out.")
@click.option("-v", "--verbose", is_flag=True, help="Say which stage runs and how long each took.")
@click.option("-q", "--quiet", is_flag=True, help="Print the path of the first page and nothing else.")
def build(
    folders: tuple[Path, ...],
    config: Path | None,
    output: Path,
    base_url: str | None,
    workers: int | None,
    strict: bool,
    verbose: bool,
    quiet: bool,
) -> None:
    """Build a site of the reports in FOLDERS: reports, or folders that hold them.

    Without FOLDERS it is made of the reports that site.toml names. Only what has changed is rendered again.
    """
    from reportgen.site import build as site_build
    from reportgen.site import settings as site_settings

    path = config or (CONFIG if CONFIG.is_file() else None)
    settings = site_settings.load(path) if path else site_settings.SiteConfig()
    if not folders and not settings.reports:
        raise UsageError(
            "which reports?", hint=f"name folders, or give patterns as reports = [...] in {path or CONFIG}"
        )
    if base_url is not None:
        settings = replace(settings, base_url=base_url.rstrip("/") + "/")
    clock = clock_for(quiet=quiet, verbose=verbose)
    base = path.parent if path else Path()
    built = site_build.build(folders, settings, output, clock, base=base, workers=workers or cores())
    if not quiet:
        for note in built.notes:
            click.echo(f"note: {note}", err=True)
        if not built.reports:
            click.echo("note: the site has no reports; name folders, or patterns in site.toml", err=True)
        told = f"{built.reports:,} report{'' if built.reports == 1 else 's'}, {built.rendered:,} rendered"
        click.echo(f"{told}, {built.removed:,} files removed", err=True)
    if verbose:
        print_seconds(clock.seconds)
    click.echo(built.index)
    if strict and built.notes:
        count = len(built.notes)
        raise StrictWarningsError(f"{count} note{'s' if count > 1 else ''}: {built.notes[0]}", hint="see above")


@site.command()
@click.argument("folder", type=click.Path(path_type=Path), default=OUTPUT)
@click.option("--port", type=click.IntRange(0, 65535), default=8000, metavar="N", help="[default: 8000; 0: any free]")
@click.option("--path", "under", default="/", metavar="PATH", help="Serve it under a path, like /reports/.")
@click.option("-q", "--quiet", is_flag=True, help="Print the address and nothing else.")
def serve(folder: Path, port: int, under: str, quiet: bool) -> None:
    """Show the site in FOLDER to this machine alone, until Ctrl-C."""
    from reportgen.site import serve as serving

    def tell(line: str) -> None:
        if not quiet:
            click.echo(one_line(line), err=True)

    with serving.server(folder, port=port, under=under, tell=tell) as server:
        click.echo(server.address)
        try:
            server.serve_forever(poll_interval=0.2)
        except (KeyboardInterrupt, SystemExit) as stop:  # this is how it ends
            click.get_current_context().exit(getattr(stop, "code", 130))
