"""The links of a whole site on the disk: of its pages, styles, feed, map and `index.json`."""

from __future__ import annotations

import json
import re
from html import unescape
from pathlib import Path
from typing import Any

from reportgen.site import dead_links
from reportgen.site.dead_links import Linked

CSS = re.compile(r"""url\(\s*["']?([^"')]+)""")
XML = re.compile(r"""<loc>([^<]*)</loc>|\bhref="([^"]*)\"""")


def check(site: Path, *, base_url: str | None = None) -> list[str]:
    """The links of all files of a site on the disk that lead nowhere: pages, styles, feed, map, `index.json`."""
    files = {path.relative_to(site).as_posix() for path in site.rglob("*") if path.is_file()}
    pages = {name: _read_file(site / name) for name in files if not name.startswith(".")}
    ids = {name: page.ids for name, page in pages.items() if name.endswith(".html")}
    return dead_links.problems(pages, files, ids=ids, base_url=base_url)


def _read_file(path: Path) -> Linked:
    if path.suffix == ".html":
        return dead_links.read(path.read_text(encoding="utf-8"))
    links: list[str] = []
    if path.suffix == ".css":
        links = CSS.findall(path.read_text(encoding="utf-8"))
    elif path.suffix == ".xml":
        links = [unescape(one or other) for one, other in XML.findall(path.read_text(encoding="utf-8"))]
    elif path.name == "index.json":
        links = _of_index(json.loads(path.read_text(encoding="utf-8")))
    return Linked(tuple((link, True) for link in links), frozenset())


def _of_index(index: dict[str, Any]) -> list[str]:
    return [str(link) for report in index["reports"] for link in report["links"].values() if link is not None]
