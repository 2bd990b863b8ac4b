"""Turn a stored report into its page in a site, and the picture of it; tell which files such pages share.

Nothing is measured again, and no chart is drawn that the folder holds. Which reports a site has, and where their files
go, is decided in `build.py`. All here can be called in a worker process, and without torch.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from reportgen.core.characters import cut
from reportgen.core.clock import Clock
from reportgen.core.config import Config
from reportgen.core.records import Report
from reportgen.report import present, rank, scale, store
from reportgen.report.draw import vega
from reportgen.report.page import render
from reportgen.site import link_picture
from reportgen.site.cards import LONG_TITLE, Card
from reportgen.site.settings import SiteConfig

if TYPE_CHECKING:
    from reportgen.report.draw.charts import Draw

ROOM = 1.4  # MB that the page had as one file: the lists of links are as long as that allows, and a site stays small


@dataclass(frozen=True, slots=True)
class SitePage:
    """What a site shows of a report."""

    report: Report
    html: str
    picture: bytes  # PNG, 1,200 by 630


def for_site(
    folder: Path,
    card: Card,
    config: SiteConfig,
    *,
    files: Collection[str],
    note: str | None = None,
    previous: Card | None = None,
    following: Card | None = None,
) -> SitePage:
    """Render a stored report as a page of a site.

    Args:
        folder: The report; its files are as its manifest says.
        card: Of the same report.
        config: Of the site.
        files: The files of the folder that its manifest names.
        note: Of the site on this report.
        previous: The report before it in the order of the site.
        following: The report after it.

    Raises:
        OutputError: If the folder holds no report.
        ValueError: If a stored drawing holds something else than drawing.
    """
    report = store.load(folder)
    scores = scale.scale(report.attention, report.importance, given=report.given)
    rankings = rank.rank(report.attention, scores, report.tokens, top_k=report.top_k)
    how = Config(text="", format=("html",), max_html_mb=ROOM)
    figures = present.draw_figures(report, scores, rankings, how, draw=stored(folder, files))
    parts = present.make_parts(report, scores, rankings, figures, how, Clock())
    place = render.Place(
        site=config.title,
        language=config.language,
        address=None if config.base_url is None else f"{config.base_url}reports/{quote(card.name)}/",
        description=link_picture.description(card),
        note=note,
        previous=None if previous is None else (previous.name, cut(previous.title, LONG_TITLE)),
        next=None if following is None else (following.name, cut(following.title, LONG_TITLE)),
        pdf="report.pdf" in files,
        download=config.downloads and "report.html" in files,
    )
    html = render.site_page(report, parts, place, bundle=vega.bundle())
    return SitePage(report, html, link_picture.picture(card, site=config.title))


def site_assets() -> dict[str, bytes]:
    """The files that the pages of all reports share, by their paths in the site."""
    return render.site_assets(vega.bundle())


def stored(folder: Path, files: Collection[str]) -> Draw:
    """Take the drawing of a chart from *folder* where it was made of the same specification; else draw it."""

    def draw(spec: dict[str, object], *, key: str) -> str:
        drawn, made_of = f"figures/{key}.svg", f"figures/{key}.vl.json"
        if drawn in files and made_of in files and (folder / made_of).read_bytes() == vega.text(spec).encode():
            return (folder / drawn).read_text(encoding="utf-8")
        return vega.svg(spec, key=key)

    return draw
