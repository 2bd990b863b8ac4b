"""Turn cards into the files of a site that programs read: `index.json`, the site map, and the feed.

The last two need absolute addresses, and are left out if the address of the site is unknown.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from reportgen.core.characters import visible
from reportgen.report.page import render
from reportgen.site.cards import Card, plain
from reportgen.site.pages import link_picture
from reportgen.site.settings import SiteConfig

ENTRIES = 100  # of the feed, the newest
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def files(
    shown: Sequence[Card], config: SiteConfig, *, links: Mapping[str, Mapping[str, str | None]], pages: Iterable[str]
) -> dict[str, bytes]:
    """The files for programs by their paths in the site.

    Args:
        shown: In the order of the site.
        config: Of the site.
        links: Of every report, by name: "page", "pdf", "download", "picture".
        pages: The other pages that a search engine shall know.
    """
    made = {"index.json": _index(shown, config, links).encode()}
    if config.base_url is not None:
        moments = {card.name: moment(card.created) for card in shown}
        newest = sorted(shown, key=lambda card: (-moments[card.name].timestamp(), card.name))[:ENTRIES]
        values: dict[str, Any] = {"config": config, "base": config.base_url, "when": _written(moments)}
        known = {card.name for card in shown if moments[card.name] != EPOCH}
        updated = _written({"": max(moments.values(), default=EPOCH)})[""]
        made["sitemap.xml"] = _xml("sitemap", cards=shown, known=known, pages=sorted(pages), links=links, **values)
        summaries = {card.name: link_picture.description(card) for card in newest}
        made["atom.xml"] = _xml("atom", cards=newest, updated=updated, links=links, summaries=summaries, **values)
    return made


def _index(shown: Sequence[Card], config: SiteConfig, links: Mapping[str, Mapping[str, str | None]]) -> str:
    """All cards with their links and notes, and the settings of the site, as JSON."""

    def listed(card: Card) -> dict[str, Any]:
        values = {name: value for name, value in plain(card).items() if name != "files"}
        return {**values, "note": config.notes.get(card.name), "links": dict(links[card.name])}

    content = {
        "format": 1,
        "title": config.title,
        "blurb": config.blurb,
        "base_url": config.base_url,
        "language": config.language,
        "order": config.order,
        "reports": [listed(card) for card in shown],
    }
    return json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":")) + "\n"


def moment(created: str) -> datetime:
    """The time of a report; 1970 if it has none.

    >>> moment("2024-05-01T12:00:00+00:00").year, moment("yesterday").year
    (2024, 1970)
    """
    try:
        found = datetime.fromisoformat(created)
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return EPOCH


def _written(moments: Mapping[str, datetime]) -> dict[str, str]:
    """As feed and site map want it."""
    return {name: f"{when:%Y-%m-%dT%H:%M:%S}Z".zfill(20) for name, when in moments.items()}


def _xml(name: str, **values: Any) -> bytes:
    """A rendered XML template; characters that XML cannot have are shown by labels."""
    return render.environment().get_template(f"site/{name}.xml.j2").render(visible=visible, **values).encode()
