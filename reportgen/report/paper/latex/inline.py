r"""Turn a line of text from outside into TeX: boxes with their colours, spaces, and places where a line may end.

Only control words, accents and plain letters are written, so that no character of the document can command TeX.
Characters that TeX's own fonts lack, and all text from right to left, come from the sheet of `glyphs.py` and are only
placed here. Boxes of one line are put in order with \beginR and \beginL, by the levels of UAX 9.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping
from itertools import accumulate, pairwise
from typing import NamedTuple

import regex

from reportgen.report.paper.latex.glyphs import (
    ALONE,
    LONGEST,
    SPACES,
    Atom,
    Glyph,
    GlyphRun,
    Shade,
    Word,
    atoms,
    words,
)
from reportgen.report.paper.latex.letters import escape
from reportgen.report.parts import Direction, Line, Run

Pages = Mapping[GlyphRun, Glyph]

DEEPEST = 24  # spaces at the beginning of a line that are kept
WRAP = 100  # characters of a line of source

CLOSING = regex.compile(r"[\p{Pe}\p{Pf}\p{Po}\u30fc\u3005]")  # begin no line
OPENING = regex.compile(r"[\p{Ps}\p{Pi}]")  # end no line


class Box(NamedTuple):
    """Characters without a break between them."""

    atoms: tuple[Atom, ...]  # one, of the sheet, if there are several shades
    shades: tuple[Shade, ...]
    level: int  # of UAX 9: odd from right to left

    @property
    def kind(self) -> str:
        """Of what it is; of several, of the first."""
        return self.shades[0].kind

    def run(self, atom: Atom) -> GlyphRun:
        """The request for *atom* to the sheet."""
        return GlyphRun(atom.text, "rtl" if self.level % 2 and self.kind != "special" else "ltr")


class Space(NamedTuple):
    """Neighbouring spaces."""

    width: int  # in single spaces
    level: int


class Break(NamedTuple):
    """A place where a line may end without a space."""

    wanted: bool  # False: only for want of a better place
    level: int


def as_line(text: str) -> Line:
    """Text from outside that is no part of the document: one line without colours."""
    strong = next((kind for kind in map(unicodedata.bidirectional, text) if kind in ("L", "R", "AL")), "L")
    direction: Direction = "ltr" if strong == "L" else "rtl"
    return Line(direction, (Run(" ".join(text.split("\n")), "gap", -1, -1),))


def items(line: Line, longest: int = LONGEST) -> Iterator[Box | Space | Break]:
    """Boxes, spaces and places to break of a line, in logical order."""
    together, before = 0, ""  # characters since the last place to break; the last of them
    for word in words(line):
        if word.text[0] in SPACES:
            yield Space(sum({"\u3000": 2, "\t": 4}.get(c, 1) for c in word.text), word.level)
            together, before = 0, ""
            continue
        cuts = frozenset(accumulate(shade.length for shade in word.shades))
        held: list[Atom] = []
        for atom in atoms(word.text, rtl=word.rtl, cuts=cuts, longest=longest):
            length = len(atom.text)
            wanted = _may_break(before, atom.text[0])
            ends = wanted or (together > 0 and together + length > longest)
            several = atom.how == "glyphs" and len(_shades(word, atom)) > 1
            if held and (ends or several or atom.start in cuts or len(_shades(word, held[-1])) > 1):
                yield Box(tuple(held), _shades(word, held[0]), word.level)
                held = []
            if ends:
                yield Break(wanted, word.level)
                together = 0
            held.append(atom)
            together, before = together + length, atom.text[-1]
        yield Box(tuple(held), _shades(word, held[0]), word.level)


def _shades(word: Word, atom: Atom) -> tuple[Shade, ...]:
    """What is behind an atom: of one of the sheet, shade by shade; of others, that of its beginning."""
    drawn = len(atom.text.removesuffix("\u200d")) - atom.added if atom.how == "glyphs" else 1
    end = atom.start + max(drawn, 1)
    edges = pairwise(accumulate((shade.length for shade in word.shades), initial=0))
    inside = (
        shade._replace(length=min(right, end) - max(left, atom.start))
        for shade, (left, right) in zip(word.shades, edges, strict=True)
    )
    return tuple(shade for shade in inside if shade.length > 0)


def _may_break(before: str, after: str) -> bool:
    """Whether a line may end between two characters without a space, as in Chinese and Japanese."""
    if not before or not (ALONE.match(before) or ALONE.match(after)):
        return False
    return not (CLOSING.match(after) or OPENING.match(before))


def inline(line: Line, pages: Pages, longest: int = LONGEST) -> str:
    """The source of a line; empty for a line of spaces."""
    level = own = int(line.direction == "rtl")
    source = [""]  # stretches between single spaces, where a line of source may end as well
    last: Box | Space | Break | None = None
    found = list(items(line, longest))
    if not any(isinstance(item, Box) for item in found):
        return ""
    for item in found:
        source[-1] += _turn(level, item.level)
        level = item.level
        if isinstance(item, Space) and item.width == 1 and isinstance(last, Box):
            source.append("")
        else:
            source[-1] += _item(item, pages, first=last is None)
        last = item
    source[-1] += _turn(level, own)
    rows = [""]
    for part in source:
        if rows[-1] and len(rows[-1]) + len(part) > WRAP:
            rows.append(part)
        else:
            rows[-1] += f" {part}" if part is not source[0] else part
    return "\n".join(rows)


def plain(text: str, pages: Pages, longest: int = LONGEST) -> str:
    """The source of text from outside, in its direction."""
    line = as_line(text)
    source = inline(line, pages, longest)
    return f"\\beginR{{}}{source}\\endR{{}}" if line.direction == "rtl" else source


def _turn(level: int, to: int) -> str:
    begun = "".join(r"\beginR{}" if n % 2 else r"\beginL{}" for n in range(level + 1, to + 1))
    return begun + "".join(r"\endR{}" if n % 2 else r"\endL{}" for n in range(level, to, -1))


def _item(item: Box | Space | Break, pages: Pages, *, first: bool) -> str:
    if isinstance(item, Break):
        return r"\allowbreak{}" if item.wanted else r"\reportgenbreak{}"
    if isinstance(item, Space):
        if first:
            return f"\\reportgenindent{{{min(item.width, DEEPEST)}}}"
        return f"\\reportgenskip{{{item.width}}}"
    inner = "".join(_atom(atom, pages.get(item.run(atom))) for atom in item.atoms)
    if len(item.shades) > 1:
        return f"\\reportgenparts{{{''.join(_parts(item, pages))}}}{{{inner}}}"
    kind, heat, _ = item.shades[0]
    if kind == "special":
        return f"\\reportgenspecial{{{inner}}}"
    if heat >= 0:
        inner = f"\\reportgenheat{{{heat}}}{{{inner}}}"
    if kind == "echo":
        return f"\\reportgenecho{{{inner}}}"
    if heat >= 0:
        return inner
    return inner if all(atom.how == "letters" for atom in item.atoms) else f"\\reportgenplain{{{inner}}}"


def _parts(box: Box, pages: Pages) -> Iterator[str]:
    """What is painted behind a piece of the sheet, then the frames in it."""
    [atom] = box.atoms
    glyph, start = pages[box.run(atom)], atom.added
    frames = []
    for kind, heat, length in box.shades:
        place = glyph.place(start, start + length)
        start += length
        if place is None:
            continue
        where = f"{{{place[0]:g}}}{{{round(place[1] - place[0], 3):g}}}"
        if heat >= 0:
            yield f"\\reportgenpart{{{heat}}}{where}"
        if kind == "echo":
            frames.append(f"\\reportgenframe{where}")
    yield from frames


def _atom(atom: Atom, glyph: Glyph | None) -> str:
    if atom.how == "label":
        return f"\\reportgenlabel{{{atom.text}}}"
    if atom.how == "letters":
        return escape(atom.text)
    if glyph is None:
        raise ValueError(f"{atom.text!r} is not on the sheet: it was not made of all glyph_runs")
    return f"\\reportgenglyph{{{glyph.page}}}"
