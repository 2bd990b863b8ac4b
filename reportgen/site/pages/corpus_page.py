"""Turn the folder of a corpus report into its page in a site: links to reports become links within the site.

A site has one corpus report: the first that is found. Its page leads back to the site, and each report to its place.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from reportgen.core.errors import OutputError
from reportgen.core.files import disk, regular_files
from reportgen.corpus.shown import chapters, present
from reportgen.report.stored import store
from reportgen.site import dead_links
from reportgen.site.cards import Card
from reportgen.site.find_reports import Found, Note, is_corpus, within

PLACE = "corpus/index.html"
PDF = "corpus/corpus.pdf"
LINK = re.compile(r'<a href="\./(?:[^"#]*/)?([^"/#]+)/[^"/#]+">(.*?)</a>', re.DOTALL)
START = '<header class="column">'
BACK = (
    '<nav class="column" aria-label="Site"><p class="byline">'
    '<a href="../index.html" lang="{language}">← {title}</a></p></nav>\n'
)


@dataclass(frozen=True, slots=True)
class SiteCorpus:
    """A corpus report that a site shows."""

    folder: Path
    batch: Path  # of the reports that it is over
    title: str
    says: tuple[str, ...]  # its first sentences
    html: str
    ids: frozenset[str]  # of its page
    pdf: bytes | None
    key: str  # hash of its manifest

    def place_of(self, found: Found, card: Card) -> str | None:
        """The address of a report's place in the corpus, from the top of the site; None if it is not over it."""
        if found.folder.resolve().parent != self.batch:
            return None
        own = chapters.anchor(card.label or "", card.predicted or "")
        return f"{PLACE}{own}" if own[1:] in self.ids else f"{PLACE}#documents"


def find(folders: Sequence[Path]) -> tuple[SiteCorpus | None, list[Note]]:
    """The first corpus report among *folders* or in them, and a note for each other, or that cannot be read."""
    found: SiteCorpus | None = None
    notes = []
    for folder in within(folders, is_corpus):
        if found is not None:
            notes.append(Note(disk.shown(folder), f"the site shows the corpus report in {disk.shown(found.folder)}"))
            continue
        try:
            found = _read(folder)
        except (OutputError, OSError, ValueError, KeyError, TypeError) as error:
            notes.append(Note(disk.shown(folder), str(error)))
    return found, notes


def _read(folder: Path) -> SiteCorpus:
    manifest: dict[str, Any] = store.manifest(folder)
    for name in (present.PAGE, present.DOCUMENT):
        if name in manifest["files"] and (problem := store.changed_file(folder, name, manifest["files"][name])):
            raise OutputError(problem)
    if present.PAGE not in manifest["files"]:
        raise OutputError(f"{disk.shown(folder)} has no {present.PAGE}")
    html = regular_files.read(folder / present.PAGE, most=store.MOST_BYTES).decode()
    pdf = regular_files.read(folder / present.DOCUMENT, most=store.MOST_BYTES) if (
        present.DOCUMENT in manifest["files"]
    ) else None  # fmt: skip
    told = manifest["corpus"]
    digest = store.digest(folder)
    batch = (folder / told["batch"]).resolve()
    ids = dead_links.read(html).ids
    return SiteCorpus(folder, batch, str(told["title"]), tuple(map(str, told["says"])), html, ids, pdf, digest)


def files(corpus: SiteCorpus, names: Mapping[str, str], *, title: str, language: str) -> dict[str, bytes]:
    """The files of a corpus report in a site by path.

    Args:
        corpus: From `find`.
        names: The reports of the site: what each is called there, by the name of its folder.
        title: Of the site.
        language: Of this title.
    """

    def within(match: re.Match[str]) -> str:
        name = names.get(unquote(match[1]))
        return match[2] if name is None else f'<a href="../reports/{name}/index.html">{match[2]}</a>'

    back = BACK.format(language=escape(language), title=escape(title))
    html = LINK.sub(within, corpus.html).replace(START, back + START, 1)
    made = {PLACE: html.encode()}
    return made if corpus.pdf is None else {PDF: corpus.pdf, **made}
