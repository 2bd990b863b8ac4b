"""Find the links of the pages of a site that lead nowhere.

Links out of the site are refused, too, except plain links to other sites: a page loads nothing from elsewhere.
"""

from __future__ import annotations

import posixpath
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from html.parser import HTMLParser
from urllib.parse import unquote, urlsplit

FOLLOWED = ("a", "area")  # elements whose link a reader follows; others are loaded
ADDRESSES = ("href", "src", "xlink:href", "poster", "data", "action", "formaction", "srcset")
IN_META = ("og:url", "og:image", "twitter:image")
NOT_FOUND = "404.html"  # is served at any depth


@dataclass(frozen=True, slots=True)
class Linked:
    """The links and the anchors of a page."""

    links: tuple[tuple[str, bool], ...]  # (as written, whether it is loaded with the page), each once
    ids: frozenset[str]


def read(html: str) -> Linked:
    """The links of a page and its ids."""
    reader = _LinkParser()
    reader.feed(html)
    reader.close()
    return Linked(tuple(reader.links), frozenset(reader.ids))


def outward(page: Linked) -> Linked:
    """The page without what has been seen to be right within itself, to be kept for thousands of pages."""
    links = tuple(one for one in page.links if not (one[0][:1] == "#" and unquote(one[0][1:]) in {*page.ids, ""}))
    return Linked(links, frozenset())


def problems(
    pages: Mapping[str, Linked], files: Collection[str], *, ids: Mapping[str, Collection[str]], base_url: str | None
) -> list[str]:
    """The links that lead nowhere, each in a line.

    Args:
        pages: By path in the site; their links.
        files: All paths of the site.
        ids: Of the pages whose ids are known; a link to a part of another is not judged.
        base_url: Address of the published site; absolute links to it are checked, too.
    """
    found = []
    for path, page in sorted(pages.items()):
        for link, loaded in page.links:
            wrong = _problem(path, link, files, ids=ids, own=page.ids, base_url=base_url)
            if wrong == "elsewhere":
                wrong = "it is loaded from elsewhere" if loaded else None
            if wrong:
                found.append(f"{path}: {link[:200]}: {wrong}")
    return found


def _problem(
    path: str,
    link: str,
    files: Collection[str],
    *,
    ids: Mapping[str, Collection[str]],
    own: Collection[str],
    base_url: str | None,
) -> str | None:
    """The problem of a link; "elsewhere" if it leaves the site."""
    inside = link
    if base_url and link.startswith(base_url):
        inside = "/" + link[len(base_url) :]
    elif base_url and path == NOT_FOUND and link.startswith(urlsplit(base_url).path):
        inside = "/" + link[len(urlsplit(base_url).path) :]
    elif urlsplit(link).scheme in ("http", "https", "mailto") or link.startswith("//"):
        return "elsewhere"
    elif urlsplit(link).scheme or link.startswith("/"):
        return "it is not relative"
    parts = urlsplit(inside)
    target = path
    if parts.path:
        target = posixpath.normpath(posixpath.join("/", posixpath.dirname(path), unquote(parts.path)))[1:]
        outside = posixpath.normpath(posixpath.join(posixpath.dirname(path), unquote(parts.path))).startswith("..")
        if outside and not parts.path.startswith("/"):
            return "it leaves the site"
        if not target or parts.path.endswith("/"):  # a server's courtesy; from the disk, a list of files
            if inside is link:
                return "it names a folder, not a file"
            target = posixpath.join(target, "index.html")
    if target not in files:
        return f"there is no {target[:200]}"
    known = own if link.startswith("#") else ids.get(target)
    if parts.fragment and known is not None and unquote(parts.fragment) not in known:
        return f"{target} has no such anchor"
    return None


class _LinkParser(HTMLParser):
    """Collects links and ids; the content of scripts and styles is not looked at."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.links: dict[tuple[str, bool], None] = {}
        self.ids: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if "id" in given:
            self.ids.add(given["id"])
        followed = tag in FOLLOWED or (
            tag == "link" and {"canonical", "prev", "next"} & set(given.get("rel", "").split())
        )
        for name in ADDRESSES:
            if name in given and (name != "data" or tag == "object") and not given[name].startswith("data:"):
                self.links[given[name].strip(), not followed] = None
        if tag == "meta" and given.get("property", given.get("name")) in IN_META:
            self.links[given.get("content", ""), False] = None
