"""The commands for a site of reports: build it, and serve it on this machine."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from reportgen.cli.options import verbose_option
from reportgen.cli.printing import clock_for, print_seconds
from reportgen.core.errors import StrictWarningsError, UsageError, one_line
from reportgen.core.processes.workers import cores

CONFIG = Path("site/site.toml")
OUTPUT = Path("site/_build")


@click.group()
def site() -> None:
    """Build and serve a static site of many reports."""


@site.command()
@click.argument("folders", type=click.Path(path_type=Path), nargs=-1)
@click.option(
    "--config",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help=f"Settings of the site. [default: {CONFIG}, if it exists]",
)
@click.option(
    "-o",
    "--output",
    metavar="FOLDER",
    type=click.Path(path_type=Path),
    default=OUTPUT,
    help=f"Folder of the site. [default: {OUTPUT}]",
)
@click.option("--base-url", metavar="URL", help="Address of the published site, for the site map and the feed.")
@click.option(
    "--workers", type=click.IntRange(1, 256), metavar="N", help="Processes that render. [default: one per core]"
)
@click.option(
    "--anonymous",
    is_flag=True,
    help="Name neither models nor data; files of reports that name them are not offered.",
)
@click.option("--strict", is_flag=True, help="Exit with code 10 if there are notes, like a report left out.")
@verbose_option
@click.option("-q", "--quiet", is_flag=True, help="Print only the path of the first page.")
def build(
    folders: tuple[Path, ...],
    config: Path | None,
    output: Path,
    base_url: str | None,
    workers: int | None,
    anonymous: bool,
    strict: bool,
    verbose: bool,
    quiet: bool,
) -> None:
    """Build a site of the reports in FOLDERS; these are reports, or folders of reports.

    Without FOLDERS, site.toml names the reports. Only changed pages are rendered again.
    """
    from reportgen.site import build as site_build
    from reportgen.site import settings as site_settings

    path = config or (CONFIG if CONFIG.is_file() else None)
    settings = site_settings.load(path) if path else site_settings.SiteConfig()
    if not folders and not settings.reports:
        raise UsageError("no reports given", hint=f"name folders, or set reports = [...] in {path or CONFIG}")
    if base_url is not None:
        settings = replace(settings, base_url=base_url.rstrip("/") + "/")
    settings = replace(settings, anonymous=anonymous or settings.anonymous)
    clock = clock_for(quiet=quiet, verbose=verbose)
    base = path.parent if path else Path()
    built = site_build.build(folders, settings, output, clock, base=base, workers=workers or cores())
    if not quiet:
        for note in built.notes:
            click.echo(f"note: {note}", err=True)
        made = f"{built.reports:,} report{'' if built.reports == 1 else 's'}, {built.rendered:,} rendered"
        click.echo(f"{made}, {built.removed:,} files removed", err=True)
    if verbose:
        print_seconds(clock.seconds)
    click.echo(built.index)
    if strict and built.notes:
        count = len(built.notes)
        raise StrictWarningsError(f"{count} note{'s' if count > 1 else ''}: {built.notes[0]}", hint="see above")


@site.command()
@click.argument("folder", type=click.Path(path_type=Path), default=OUTPUT)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8000,
    metavar="N",
    help="Port; 0 takes any free port. [default: 8000]",
)
@click.option("--path", "under", default="/", metavar="PATH", help="Serve the site under this path, like /reports/.")
@click.option("-q", "--quiet", is_flag=True, help="Print only the address.")
def serve(folder: Path, port: int, under: str, quiet: bool) -> None:
    """Serve the site in FOLDER on this machine only, until Ctrl-C."""
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
