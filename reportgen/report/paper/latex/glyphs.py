"""Find the characters of a document that TeX's own fonts lack, and set them: a PDF with one page per piece of text.

WeasyPrint shapes the text with the fonts of this machine and embeds them, so that it looks the same for co-authors
without these fonts, and in engines that cannot shape Arabic. A word is one piece, whatever colours are behind it, so
that its letters join; the sheet says where they are. `setting.py` explains how TeX places a page.
"""

from __future__ import annotations

import html
import itertools
import unicodedata
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import regex

from reportgen.core.characters import label, one_break
from reportgen.core.errors import OutputError
from reportgen.report.paper import positions
from reportgen.report.paper.latex.letters import SAFE
from reportgen.report.paper.typesetting import PX, TEX_PDF, lay_out, typeset
from reportgen.report.parts import Direction, Line

How = Literal["letters", "glyphs", "label"]

LONGEST = 20  # characters without a place to break
UNIT = regex.compile(r"\p{Latin}[\p{Latin}\p{M}]*|\X")
ALONE = regex.compile(r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Bopomofo}\p{Yi}\u3000-\u303f\uff00-\uffef]")

EM = 10.0  # pt for one em of the TeX document
SIZE = 9.2  # pt: the letters of the fonts below are larger than those of Latin Modern
HEIGHT = 2.6  # em, of every page: room for stacked marks
PAD = 0.3  # em left and right of the text: room for what hangs over
WIDEST = 4000.0  # pt: no word is wider

SPACES = " \t\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2008\u2009\u200a\u205f\u3000"  # where a line may end

FONTS = '"Latin Modern Roman", "Noto Serif", "DejaVu Serif", "Noto Serif CJK SC", "Noto Sans CJK SC", serif'
STYLE = f"""@page {{ size: {WIDEST}pt {HEIGHT * EM}pt; margin: 0 }}
html {{ font: {SIZE}pt {FONTS}; font-variant-ligatures: no-common-ligatures }} body {{ margin: 0 }}
p {{ margin: 0; padding: 0 {PAD * EM}pt; height: {HEIGHT * EM}pt; line-height: {HEIGHT * EM}pt; white-space: pre;
  text-align: left; break-before: page }}
a {{ color: inherit; text-decoration: none }}
"""


class Atom(NamedTuple):
    """Characters that TeX is given in one way."""

    text: str
    how: How
    start: int = 0  # in the word
    added: int = 0  # 1 if the text begins with a joiner that is not in the word


class Shade(NamedTuple):
    """Neighbouring characters that are coloured alike."""

    kind: str  # "gap", "token", "echo" or "special", as in `Run`
    heat: int  # class; -1 without one
    length: int


class Word(NamedTuple):
    """Part of a line: all space or none, one direction."""

    text: str
    shades: tuple[Shade, ...]  # of its characters, in order
    level: int  # of UAX 9: odd from right to left

    @property
    def special(self) -> bool:
        """Whether it is the name of a special token."""
        return self.shades[0].kind == "special"

    @property
    def rtl(self) -> bool:
        """Whether its letters run from right to left."""
        return self.level % 2 == 1 and not self.special


class GlyphRun(NamedTuple):
    """Characters to be set together."""

    text: str  # not empty, without white space and invisible characters
    direction: Direction


class Glyph(NamedTuple):
    """A page of the sheet."""

    page: int  # from 1
    width: float  # em, of the text; the page is wider by `PAD` on either side
    depth: float  # em, from the lower edge of the page up to the baseline
    places: tuple[tuple[float, float] | None, ...] = ()  # em: left and right of each character; None of marks

    @property
    def kind(self) -> str:
        """The name of the pages that are as wide."""
        return f"w{self.width * 1000:.0f}"

    def place(self, start: int, end: int) -> tuple[float, float] | None:
        """Left and right of some characters, em; None if they take no room."""
        seen = [place for place in self.places[start:end] if place]
        return (min(left for left, _ in seen), max(right for _, right in seen)) if seen else None


@dataclass(frozen=True, slots=True)
class GlyphSheet:
    """All stretches of text that TeX cannot set itself."""

    data: bytes  # PDF
    pages: Mapping[GlyphRun, Glyph]
    missing: tuple[str, ...]  # characters that no font of this machine has


def words(line: Line) -> Iterator[Word]:
    """Cut a line at spaces, at changes of direction, and around special tokens."""
    texts = [one_break(run.text).removesuffix("\n") for run in line.runs]
    # A special token has no direction of its own, whatever letters name it.
    special = [run.kind == "special" for run in line.runs]
    neutral = ["\ufffc" * len(text) if own else text for own, text in zip(special, texts, strict=True)]
    levels = positions.levels("".join(neutral), line.direction)
    owners = [n for n, text in enumerate(texts) for _ in text]
    whole = "".join(texts)
    apart = [(levels[n], owners[n] if special[owners[n]] else -1, c in SPACES) for n, c in enumerate(whole)]
    for (level, _, _), group in itertools.groupby(range(len(whole)), apart.__getitem__):
        own = list(group)
        runs = [line.runs[owners[n]] for n in own]
        # Every echo has a frame of its own.
        inks = [(run.kind, run.heat, owners[n] * (run.kind == "echo")) for n, run in zip(own, runs, strict=True)]
        shades = tuple(
            Shade("gap" if kind == "break" else kind, heat if kind in ("token", "echo") else -1, len(list(alike)))
            for (kind, heat, _), alike in itertools.groupby(inks)
        )
        yield Word("".join(whole[n] for n in own), shades, level)


def atoms(text: str, *, rtl: bool, cuts: Set[int] = frozenset(), longest: int = LONGEST) -> list[Atom]:
    """Pieces that TeX sets, pieces from the sheet, and labels of invisible characters; none longer than *longest*.

    All that runs from right to left comes from the sheet, where brackets are mirrored and letters joined. What TeX sets
    ends at the *cuts*.
    """
    units = regex.finditer(r"\X", text) if rtl else UNIT.finditer(text)
    found: list[Atom] = []
    for atom in (atom for unit in units for atom in _ways(unit[0], unit.start(), rtl=rtl, cuts=cuts)):
        last = found[-1] if found else None
        joins = last is not None and last.how == atom.how != "label"
        cut = atom.how == "letters" and atom.start in cuts
        if last is not None and joins and not cut and not (ALONE.match(atom.text) or ALONE.match(last.text)):
            found[-1] = last._replace(text=last.text + atom.text)
        else:
            found.append(atom)
    return [part for atom in found for part in _short(atom, longest, cuts, joined=rtl)]


def _ways(unit: str, start: int, *, rtl: bool, cuts: Set[int]) -> list[Atom]:
    """How TeX gets a letter with its marks, or a word of Latin letters, which has one font."""
    composed = unicodedata.normalize("NFC", unit)
    inside = [n for n in range(1, len(unit)) if start + n in cuts]
    if not rtl and SAFE.issuperset(composed):
        if not inside:
            return [Atom(composed, "letters", start)]
        at = inside[0]
        parts = ((unit[:at], start), (unit[at:], start + at))
        return [atom for part, place in parts for atom in _ways(part, place, rtl=rtl, cuts=cuts)]
    if any(label(character) for character in unit):
        if len(unit) > 1:
            return [
                atom for n, character in enumerate(unit) for atom in _ways(character, start + n, rtl=rtl, cuts=cuts)
            ]
        return [Atom(f"U+{ord(unit):04X}", "label", start)]
    return [Atom(unit, "glyphs", start)]


def _short(atom: Atom, longest: int, cuts: Set[int], *, joined: bool) -> list[Atom]:
    """Parts of at most *longest* characters with their marks, which end at one of the *cuts* where that goes.

    *joined* letters keep their forms.
    """
    characters = regex.findall(r"\X", atom.text)
    if len(characters) <= longest:
        return [atom]
    joiner = "\u200d" if joined and atom.how == "glyphs" else ""
    parts: list[Atom] = []
    start = atom.start
    while characters:
        ends = list(itertools.accumulate(map(len, characters[:longest]), initial=start))
        last = len(characters) <= longest
        most = next((n for n in range(longest, longest // 2, -1) if not last and ends[n] in cuts), len(ends) - 1)
        before = joiner * bool(parts)
        parts.append(Atom(before + "".join(characters[:most]) + joiner * (not last), atom.how, start, len(before)))
        characters, start = characters[most:], ends[most]
    return parts


def sheet(runs: tuple[GlyphRun, ...]) -> GlyphSheet | None:
    """Set every distinct run on its own page; None if there is nothing to set.

    Raises:
        OutputError: If the typesetter does not say where its characters are.
    """
    distinct = tuple(dict.fromkeys(runs))
    if not distinct:
        return None
    document = lay_out(_html([_paragraph(run, tag="a") for run in distinct]))
    measured = [
        _measure(page, number, places)
        for number, (page, places) in enumerate(zip(document.pages, _places(document), strict=True), start=1)
    ]
    # subtle: one kind of page per width, not per run, because every kind is tried for every page
    kinds = {glyph.kind: glyph.width + 2 * PAD for glyph in measured}
    sizes = "".join(f"@page {name} {{ size: {width * EM:.2f}pt {HEIGHT * EM}pt }}\n" for name, width in kinds.items())
    paragraphs = [_paragraph(run, tag="span", kind=glyph.kind) for run, glyph in zip(distinct, measured, strict=True)]
    made = typeset(_html(paragraphs, sizes), any_length=True, pdf_version=TEX_PDF)
    return GlyphSheet(made.data, dict(zip(distinct, measured, strict=True)), made.missing)


def _html(paragraphs: list[str], sizes: str = "") -> str:
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>Glyphs</title><style>{STYLE}{sizes}</style>"
        f"<body>{''.join(paragraphs)}</body></html>"
    )


def _paragraph(run: GlyphRun, *, tag: str, kind: str = "auto") -> str:
    target = ' href="#g"' if tag == "a" else ""
    return f'<p dir="{run.direction}" style="page: {kind}"><{tag}{target}>{html.escape(run.text)}</{tag}></p>'


def _places(document: Any) -> list[list[tuple[float, float] | None]]:
    """Where the characters on each page are, px from its left edge."""
    found: list[list[tuple[float, float] | None]] = [[] for _ in document.pages]
    try:
        for line in positions.lines(document, _every_character):
            for part in line.parts:
                found[line.page].append((part[0].left, part[-1].right) if part else None)
    except positions.UnknownInsideError as error:
        raise OutputError(f"LaTeX: {error}", hint=positions.INSTALL) from error
    return found


def _every_character(element: Any) -> list[int] | None:
    """The characters of a text of several; one alone is as wide as its page."""
    text = "".join(element.itertext()) if element.tag == "a" else ""
    return list(range(len(text) + 1)) if len(text) > 1 else None


def _measure(page: Any, number: int, places: list[tuple[float, float] | None]) -> Glyph:
    """Width and baseline of the one link on *page*."""
    [(_, _, (left, _, right, _), box)] = page.links
    line = box.children[0]  # the text box: fallback fonts move its baseline
    baseline = (line.position_y + line.baseline) * PX
    scale = PX / EM
    inner = tuple(
        place and (round((place[0] - left) * scale, 3), round((place[1] - left) * scale, 3)) for place in places
    )
    return Glyph(number, round((right - left) * scale, 3), round(HEIGHT - baseline / EM, 3), inner)
