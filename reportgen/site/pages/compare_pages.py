"""Turn the folders of comparisons into pages of a site: links to reports of the site lead to them, others are text."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from urllib.parse import unquote

from reportgen.compare.shown.present import HTML, NUMBERS, PDF
from reportgen.core.characters import clean
from reportgen.core.errors import OutputError
from reportgen.core.files import disk, json_text, regular_files
from reportgen.report.stored import store
from reportgen.site import dead_links
from reportgen.site.find_reports import Note, is_comparison, within

LINK = re.compile(r'<a href="(?P<way>(?:\.\./|\./)*[^":#]*?/)report\.(?:html|pdf)"[^>]*>(?P<text>.*?)</a>', re.DOTALL)
START = '<header class="column">'
BACK = (
    '<nav class="column" aria-label="Site"><p class="byline">'
    '<a href="../../index.html" lang="{language}">← {title}</a>{pdf}</p></nav>\n'
)
SAID = 2  # sentences of the summary that the front page shows


@dataclass(frozen=True, slots=True)
class SiteComparison:
    """A comparison that a site shows."""

    folder: Path
    name: str  # of its folder in the site
    title: str
    names: tuple[str, str]  # of A and B
    says: tuple[str, ...]  # its first sentences
    html: str
    pdf: bytes | None
    key: str  # hash of its manifest

    @property
    def place(self) -> str:
        """Its page, from the top of the site."""
        return f"compare/{self.name}/index.html"


def find(folders: Sequence[Path]) -> tuple[tuple[SiteComparison, ...], list[Note]]:
    """The comparisons among *folders* and in them, each once, and a note for each that cannot be read."""
    found: dict[str, SiteComparison] = {}
    notes = []
    for folder in within(folders, is_comparison):
        try:
            name = _free(folder.name, found)
            found[name] = _read(folder, name)
        except (OutputError, OSError, ValueError, KeyError, TypeError) as error:
            notes.append(Note(disk.shown(folder), str(error)))
    return tuple(found.values()), notes


def files(
    comparisons: Sequence[SiteComparison], reports: Mapping[Path, str], *, title: str, language: str
) -> dict[str, bytes]:
    """The files of the comparisons in a site by path.

    Args:
        comparisons: From `find`.
        reports: What each report is called in the site, by its folder.
        title: Of the site.
        language: Of this title.
    """
    made: dict[str, bytes] = {}
    for one in comparisons:
        pdf = ' · <a href="compare.pdf" rel="alternate" type="application/pdf">PDF</a>' if one.pdf else ""
        back = BACK.format(language=escape(language), title=escape(title), pdf=pdf)
        html = LINK.sub(functools.partial(_within, folder=one.folder, reports=reports), one.html)
        made[one.place] = html.replace(START, back + START, 1).encode()
        if one.pdf is not None:
            made[f"compare/{one.name}/{PDF}"] = one.pdf
    return made


def _within(match: re.Match[str], *, folder: Path, reports: Mapping[Path, str]) -> str:
    name = reports.get((folder / unquote(match["way"])).resolve())
    return match["text"] if name is None else f'<a href="../../reports/{name}/index.html">{match["text"]}</a>'


def _read(folder: Path, name: str) -> SiteComparison:
    manifest = store.manifest(folder)
    named = [file for file in (HTML, PDF, NUMBERS) if file in manifest["files"]]
    for file in named:
        if problem := store.changed_file(folder, file, manifest["files"][file]):
            raise OutputError(problem)
    if HTML not in named:
        raise OutputError(f"{disk.shown(folder)} has no {HTML}")
    html = regular_files.read(folder / HTML, most=store.MOST_BYTES).decode()
    dead_links.read(html)  # it is HTML
    told = json_text.parse(regular_files.read(folder / NUMBERS, most=store.MOST[store.MANIFEST]))
    pdf = regular_files.read(folder / PDF, most=store.MOST_BYTES) if PDF in named else None
    digest = store.digest(folder)
    sides = (clean(str(told["A"]["name"])), clean(str(told["B"]["name"])))
    says = tuple(clean(str(one)) for one in told["summary"][:SAID])
    return SiteComparison(folder, name, clean(str(told["title"])), sides, says, html, pdf, digest)


def _free(name: str, taken: Mapping[str, object]) -> str:
    """A name for a folder of the site: letters, digits, "-", "_", "."; of equal names, the next with a number."""
    plain = re.sub(r"[^\w.-]+", "-", name, flags=re.ASCII).strip(".-") or "comparison"
    folded = {one.casefold() for one in taken}
    return next(
        one for one in (plain, *(f"{plain}-{n}" for n in range(2, len(taken) + 3))) if one.casefold() not in folded
    )
