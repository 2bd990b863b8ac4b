"""Turn a stored report into its page in a site and its picture, and name the files that such pages share.

Nothing is measured again, and charts in the folder are not drawn again. `build.py` decides which reports a site has and
where files go. Everything here can run in a worker process, without torch.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from reportgen.core.characters import cut
from reportgen.core.clock import Clock
from reportgen.report import present, rank, scale
from reportgen.report.draw import specs
from reportgen.report.draw.pictures import still, vega
from reportgen.report.page import render
from reportgen.report.page.render import Place
from reportgen.report.stored import store
from reportgen.site import dead_links, find_reports
from reportgen.site import folder as site_folder
from reportgen.site.cards import LONG_TITLE, Card
from reportgen.site.find_reports import Found, Note
from reportgen.site.folder import Made
from reportgen.site.pages import link_picture
from reportgen.site.settings import SiteConfig

if TYPE_CHECKING:
    from reportgen.report.draw.specs import Draw

TEMPLATE = "report.html.j2"
ROOM = 1.4  # MB that the page had as one file: the lists of links are as long as that allows, and a site stays small


@dataclass(frozen=True, slots=True)
class PageJob:
    """A page to render."""

    found: Found
    card: Card
    place: Place
    key: str  # hash of all that the page depends on
    output: Path  # the site


@dataclass(frozen=True, slots=True)
class SitePage:
    """The page of a report in a site, with its picture."""

    html: str
    picture: bytes  # PNG, 1,200 by 630


def place_of(
    card: Card,
    config: SiteConfig,
    *,
    note: str | None = None,
    previous: Card | None = None,
    following: Card | None = None,
    corpus: str | None = None,
) -> Place:
    """Everything that a page shows in addition to its report.

    Args:
        card: Of the report.
        config: Of the site.
        note: Of the site on this report.
        previous: The report before it in the order of the site.
        following: The report after it.
        corpus: Its place in the report over the batch.
    """
    return Place(
        site=config.title,
        language=config.language,
        address=None if config.base_url is None else f"{config.base_url}reports/{quote(card.name)}/",
        description=link_picture.description(card),
        note=note,
        previous=None if previous is None else (previous.name, cut(previous.title, LONG_TITLE)),
        next=None if following is None else (following.name, cut(following.title, LONG_TITLE)),
        pdf="report.pdf" in card.files,
        download=config.downloads and "report.html" in card.files,
        corpus=corpus,
    )


def stage(job: PageJob) -> tuple[str, Made | Note]:
    """Stage the page of a report with its files; a note if it cannot be made.

    Raises:
        OutputError: If the disk does not take it.
    """
    found = job.found
    try:
        wrong = find_reports.problem(found, found.files)
        if wrong:
            return found.name, Note("left out", wrong)
        files, linked = _files(job)
    except Exception as error:  # whatever it is, the other reports are worth showing
        return found.name, find_reports.left_out(found, error)
    return found.name, site_folder.stage(job.output, job.key, files, linked)


def _files(job: PageJob) -> tuple[dict[str, bytes], tuple[tuple[str, bool], ...]]:
    """The files of a report in the site, its page last, and the links of the page."""
    found, shown = job.found, {"report.pdf": job.place.pdf, "report.html": job.place.download}
    drawings = find_reports.drawings(found)
    made = page(found.folder, job.card, job.place, drawings=drawings, unnamed=found.unnamed)
    files = {name: (found.folder / name).read_bytes() for name in store.OFFERED if shown[name]}
    files |= {"card.png": made.picture, "index.html": made.html.encode()}
    linked = dead_links.outward(dead_links.read(made.html)).links
    return {f"reports/{found.name}/{name}": content for name, content in files.items()}, linked


def page(folder: Path, card: Card, place: Place, *, drawings: Collection[str] = (), unnamed: bool = False) -> SitePage:
    """Render a stored report as a page of a site.

    Args:
        folder: The report; its files are as its manifest says.
        card: Of the same report.
        place: What the site adds.
        drawings: The files of the folder that hold charts.
        unnamed: Leave out the names of model and data.

    Raises:
        OutputError: If the folder holds no report.
        ValueError: If a stored drawing holds something else than drawing.
    """
    report = find_reports.report(folder, unnamed=unnamed)
    scores = scale.of_report(report)
    rankings = rank.rank(report.attention, scores, report.tokens, top_k=report.top_k)
    figures = present.draw_figures(report, scores, rankings, ("html",), draw=stored(folder, drawings))
    parts = present.make_parts(report, scores, rankings, figures, Clock())
    parts = replace(parts, blocks=present.page_blocks(report, scores, rankings, figures, max_html_mb=ROOM))
    html = render.site_page(report, parts, place, bundle=vega.bundle())
    return SitePage(html, link_picture.picture(card, site=place.site))


def site_assets() -> dict[str, bytes]:
    """The files that the pages of all reports share, by their paths in the site."""
    return render.site_assets(vega.bundle())


def stored(folder: Path, files: Collection[str]) -> Draw:
    """Take the drawing of a chart from *folder* if its specification is the same; otherwise draw it."""

    def draw(spec: dict[str, object], *, key: str) -> str:
        drawn, made_of = f"figures/{key}.svg", f"figures/{key}.vl.json"
        if drawn in files and made_of in files and (folder / made_of).read_bytes() == specs.text(spec).encode():
            return (folder / drawn).read_text(encoding="utf-8")
        return still.svg(spec, key=key)

    return draw
