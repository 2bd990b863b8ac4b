"""Find the characters of a document that TeX's own fonts lack, and set them: a PDF with one page per piece of text.

WeasyPrint shapes the text with the fonts of this machine and embeds them, so that it looks the same for co-authors
without these fonts, and in engines that cannot shape Arabic. `latex.py` explains how TeX places a page.
"""

from __future__ import annotations

import html
import itertools
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple

import regex

from reportgen.core.characters import label, one_break
from reportgen.report.paper.positions import levels
from reportgen.report.paper.typesetting import PX, TEX_PDF, lay_out, typeset
from reportgen.report.parts import Direction, Line, Run

How = Literal["letters", "glyphs", "label"]

LONGEST = 20  # characters without a place to break
# Native in T1 or TS1 (pdfLaTeX) and in Latin Modern (XeLaTeX) alike, as one glyph that copies as it was written.
# Not U+0110, which T1 has as the Icelandic letter.
LETTERS = (
    "ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÐÑÒÓÔÕÖØÙÚÛÜÝÞßàáâãäåæçèéêëìíîïðñòóôõöøùúûüýþÿ"
    "ĂăĄąĆćČčĎďđĘęĚěĞğİıĹĺĽľŁłŃńŇňŊŋŐőŒœŔŕŘřŚśŞşŠšŢţŤťŮůŰűŸŹźŻżŽž"
)
SIGNS = "‘’“”‚„«»‹›–—…€™¡¿§¶©®°±×÷¢£¥†‡•‰"
SAFE = frozenset(map(chr, range(0x21, 0x7F))) | frozenset(LETTERS + SIGNS + "\xa0")
UNIT = regex.compile(r"\p{Latin}[\p{Latin}\p{M}]*|\X")
JOINS_ON = regex.compile(r"\p{Joining_Type=Dual_Joining}\p{Joining_Type=Transparent}*$")  # a letter like Arabic lam
JOINED_TO = regex.compile(r"\p{Joining_Type=Dual_Joining}|\p{Joining_Type=Right_Joining}")
ALONE = regex.compile(r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Bopomofo}\p{Yi}\u3000-\u303f\uff00-\uffef]")

EM = 10.0  # pt for one em of the TeX document
SIZE = 9.2  # pt: the letters of the fonts below are larger than those of Latin Modern
HEIGHT = 2.6  # em, of every page: room for stacked marks
PAD = 0.3  # em left and right of the text: room for what hangs over
WIDEST = 4000.0  # pt: no word is wider

SPACES = " \t\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2008\u2009\u200a\u205f\u3000"  # where a line may end
SPACED = re.compile(f"[{SPACES}]+|[^{SPACES}]+")

FONTS = '"Latin Modern Roman", "Noto Serif", "DejaVu Serif", "Noto Serif CJK SC", "Noto Sans CJK SC", serif'
STYLE = f"""@page {{ size: {WIDEST}pt {HEIGHT * EM}pt; margin: 0 }}
html {{ font: {SIZE}pt {FONTS} }} body {{ margin: 0 }}
p {{ margin: 0; padding: 0 {PAD * EM}pt; height: {HEIGHT * EM}pt; line-height: {HEIGHT * EM}pt; white-space: pre;
  text-align: left; break-before: page }}
a {{ color: inherit; text-decoration: none }} .dark {{ color: #000 }} .light {{ color: #fff }}
"""


class Atom(NamedTuple):
    """Characters that TeX is given in one way."""

    text: str
    how: How


class Piece(NamedTuple):
    """Part of a run: all space or none, one direction."""

    text: str
    run: Run
    level: int


class GlyphRun(NamedTuple):
    """Characters to be set together."""

    text: str  # not empty, without white space and invisible characters
    direction: Direction


class Glyph(NamedTuple):
    """A page of the sheet."""

    page: int  # from 1
    width: float  # em, of the text; the page is wider by `PAD` on either side
    depth: float  # em, from the lower edge of the page up to the baseline

    @property
    def kind(self) -> str:
        """The name of the pages that are as wide."""
        return f"w{self.width * 1000:.0f}"


@dataclass(frozen=True, slots=True)
class GlyphSheet:
    """All stretches of text that TeX cannot set itself."""

    data: bytes  # PDF
    pages: Mapping[GlyphRun, Glyph]
    missing: tuple[str, ...]  # characters that no font of this machine has


def pieces(line: Line) -> Iterator[Piece]:
    """Cut the runs of a line at spaces and at changes of direction."""
    runs = _connected(_merged(line.runs))
    texts = [one_break(run.text).removesuffix("\n") for run in runs]
    # A special token has no direction of its own, whatever letters name it.
    neutral = ["\ufffc" * len(text) if run.kind == "special" else text for run, text in zip(runs, texts, strict=True)]
    by_character = levels("".join(neutral), line.direction)
    at = 0
    for run, text in zip(runs, texts, strict=True):
        own = by_character[at : at + len(text)]
        at += len(text)
        for match in SPACED.finditer(text):
            start = match.start()
            for level, group in itertools.groupby(own[start : match.end()]):
                end = start + len(list(group))
                yield Piece(text[start:end], run, level)
                start = end


def _merged(runs: tuple[Run, ...]) -> list[Run]:
    """Neighbours of one colour as one, and neighbouring gaps: TeX sets their letters together."""
    merged: list[Run] = []
    for run in runs:
        last = merged[-1] if merged else None
        if last and last.kind == run.kind and run.kind in ("token", "gap") and last.heat == run.heat:
            merged[-1] = replace(last, text=last.text + run.text)
        else:
            merged.append(run)
    return merged


def _connected(runs: list[Run]) -> list[Run]:
    """Runs whose cursive letters keep their joined forms: U+200D replaces the neighbour, which is set on its own."""
    connected = runs[:1]
    for run in runs[1:]:
        if JOINS_ON.search(connected[-1].text) and JOINED_TO.match(run.text):
            connected[-1] = replace(connected[-1], text=connected[-1].text + "\u200d")
            run = replace(run, text="\u200d" + run.text)
        connected.append(run)
    return connected


def atoms(text: str, *, rtl: bool, longest: int = LONGEST) -> list[Atom]:
    """Pieces that TeX sets, pieces from the sheet, and labels of invisible characters; none longer than *longest*.

    All that runs from right to left comes from the sheet, where brackets are mirrored and letters joined.
    """
    units = regex.findall(r"\X", text) if rtl else UNIT.findall(text)
    found: list[Atom] = []
    for atom in (atom for unit in units for atom in _ways(unit, rtl=rtl)):
        last = found[-1] if found else None
        joins = last is not None and last.how == atom.how != "label"
        if last is not None and joins and not (ALONE.match(atom.text) or ALONE.match(last.text)):
            found[-1] = Atom(last.text + atom.text, atom.how)
        else:
            found.append(atom)
    return [part for atom in found for part in _short(atom, longest, joined=rtl)]


def _ways(unit: str, *, rtl: bool) -> list[Atom]:
    """How TeX gets a letter with its marks, or a word of Latin letters, which has one font."""
    composed = unicodedata.normalize("NFC", unit)
    if not rtl and SAFE.issuperset(composed):
        return [Atom(composed, "letters")]
    if any(label(character) for character in unit):
        if len(unit) > 1:
            return [atom for character in unit for atom in _ways(character, rtl=rtl)]
        return [Atom(f"U+{ord(unit):04X}", "label")]
    return [Atom(unit, "glyphs")]


def _short(atom: Atom, longest: int, *, joined: bool) -> list[Atom]:
    """Parts of at most *longest* characters with their marks; *joined* letters keep their forms at the cuts."""
    characters = regex.findall(r"\X", atom.text)
    if len(characters) <= longest:
        return [atom]
    joiner = "\u200d" if joined and atom.how == "glyphs" else ""
    parts = ["".join(characters[at : at + longest]) for at in range(0, len(characters), longest)]
    return [Atom(joiner * (n > 0) + part + joiner * (n < len(parts) - 1), atom.how) for n, part in enumerate(parts)]


def sheet(runs: tuple[GlyphRun, ...]) -> GlyphSheet | None:
    """Set every distinct run on its own page; None if there is nothing to set."""
    distinct = tuple(dict.fromkeys(runs))
    if not distinct:
        return None
    document = lay_out(_html([_paragraph(run, tag="a") for run in distinct]))
    measured = [_measure(page, number) for number, page in enumerate(document.pages, start=1)]
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


def _measure(page: Any, number: int) -> Glyph:
    """Width and baseline of the one link on *page*."""
    [(_, _, (left, _, right, _), box)] = page.links
    line = box.children[0]  # the text box: fallback fonts move its baseline
    baseline = (line.position_y + line.baseline) * PX
    return Glyph(number, round((right - left) * PX / EM, 3), round(HEIGHT - baseline / EM, 3))
