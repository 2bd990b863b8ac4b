"""Find where the typesetter has put the characters of a text: the one module that knows WeasyPrint from within.

WeasyPrint tells the places of boxes, not of the letters in them. Pango, which sets its text, knows those too. Read in
WeasyPrint `READ_IN`: text boxes and their Pango layouts, `Page._page_box` and `Page.paint`, the streams that it draws
on. `tests/report/paper/test_positions.py` fails where a later version differs.
"""

from __future__ import annotations

import contextlib
import functools
import re
import unicodedata
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate, groupby, pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import regex

from reportgen.report.parts import Direction

if TYPE_CHECKING:
    from weasyprint import Document

READ_IN = "70.0"
INSTALL = f'install WeasyPrint {READ_IN}: pip install "weasyprint=={READ_IN}"'
# Ends of paragraphs, and marks that turn text: they are shown, and turn nothing. Pango reads no further than a NUL.
TURNING = re.compile("[\0\n\r\x1c-\x1e\x85\u2029\u202a-\u202e\u2066-\u2069]")
CALLS = """
unsigned char *pango_log2vis_get_embedding_levels(const char *, int, int *);
void pango_layout_line_get_x_ranges(PangoLayoutLine *, int, int, int **, int *);
hb_bool_t hb_font_get_nominal_glyph(hb_font_t *, hb_codepoint_t, hb_codepoint_t *);
void g_free(void *);
"""
STACKED = regex.compile(r"\p{M}|[\u0e33\u0eb3]")  # what is set on or under a letter, as the vowel am of Thai and Lao is


class UnknownInsideError(Exception):
    """WeasyPrint or Pango is not as it was when this module was written."""


class Stretch(NamedTuple):
    """Characters next to each other on the paper, in px from the left edge of the page."""

    left: float
    right: float


class SetLine(NamedTuple):
    """A line as it is set: all of one paragraph that is between two line breaks and in one font size."""

    element: Any  # the paragraph
    page: int  # from 0
    text: str
    start: int  # of its text, in characters of the paragraph
    baseline: float  # px from the upper edge of the page
    size: float  # px: of its letters
    cuts: tuple[int, ...]  # of its text, from 0 up to its length
    parts: tuple[tuple[Stretch, ...], ...]  # where the characters between two cuts are; several where directions mix


# Glyphs next to each other in the order in which they are drawn: how many, and the character that they are with its
# marks; None: what else there is.
Stacks = list[tuple[int, str | None]]


def lines(document: Document, cuts: Callable[[Any], Sequence[int] | None]) -> list[SetLine]:
    """The lines of some paragraphs of *document*, in order.

    Args:
        document: Laid out.
        cuts: The places where the text of an element is cut, from 0 up to its length; None: it is not asked for.

    Raises:
        UnknownInsideError: If the lines of a paragraph are not its text.
    """
    with _known():
        return list(_lines(document, cuts))


def paint_behind(document: Document, draw: Callable[[int, Any], None]) -> None:
    """Have *draw* paint on every page before its text: it gets the page's number and a pydyf stream, whose unit is px.

    Assistive technology skips what it paints.

    Raises:
        UnknownInsideError: If pages are not painted as they were.
    """
    with _known():
        for number, page in enumerate(document.pages):
            page.paint = functools.partial(_paint, page.paint, functools.partial(draw, number))


def name_letters(document: Document) -> dict[tuple[int, int], Stacks]:
    """Have letters with marks copied as they were written.

    A PDF says of every glyph which character it is. WeasyPrint has one glyph of a stack say all of it, and the others
    nothing; here every glyph gets its own character. What glyphs cannot say is returned: stacks whose characters have
    another order than their glyphs, for readers who take a text instead.

    Returns:
        The stacks of lines by page, from 0, and number of marked content; filled while the pages of a tagged PDF are
        painted. Without those from right to left: readers disagree on the order of their letters.

    Raises:
        UnknownInsideError: If glyphs are not as they were.
    """
    found: dict[tuple[int, int], Stacks] = {}
    names: dict[Any, dict[int, str]] = {}  # by font
    with _known():
        for number, page in enumerate(document.pages):
            boxes = [box for box in _all_text(page._page_box) if STACKED.search(box.text)]
            stacks = {box: _stacks(box, names) for box in boxes}
            if stacks:
                page.paint = functools.partial(_paint_and_note, page.paint, stacks, number, found)
        if names:
            document.pages[-1].paint = functools.partial(_paint_and_name, document.pages[-1].paint, names)
    return found


def levels(text: str, base: Direction) -> list[int]:
    """Embedding level of every character by UAX 9, as Pango finds it.

    >>> levels("a \u05d0 1", "ltr")
    [0, 0, 1, 1, 2]
    """
    if not text:
        return []
    pango, ffi = _pango()
    content = TURNING.sub("\ufffc", text).encode()
    found = pango.pango_log2vis_get_embedding_levels(content, len(content), ffi.new("int *", base == "rtl"))
    return list(ffi.unpack(ffi.gc(found, pango.g_free), len(text)))


@contextlib.contextmanager
def _known() -> Iterator[None]:
    """While open, what is missing in WeasyPrint or Pango has a name."""
    try:
        yield
    except (AttributeError, TypeError, KeyError, IndexError, ImportError) as error:
        raise UnknownInsideError(f"WeasyPrint is not as it was in {READ_IN}: {error}") from error


@functools.cache
def _pango() -> tuple[Any, Any]:
    """Pango, with functions that WeasyPrint leaves out, and the interface to call it."""
    from weasyprint.text.ffi import ffi, pango

    ffi.cdef(CALLS)
    return pango, ffi


def _paint(own: Callable[..., None], draw: Callable[[Any], None], stream: Any, scale: float = 1) -> None:
    with _known(), stream.artifact(), stream.stacked():
        stream.transform(a=scale, d=scale)
        draw(stream)
    own(stream, scale)


def _paint_and_note(
    own: Callable[..., None],
    stacks: dict[Any, Stacks],
    number: int,
    found: dict[tuple[int, int], Stacks],
    stream: Any,
    scale: float = 1,
) -> None:
    own(stream, scale)
    with _known():
        for box, of_box in stacks.items():
            if stream._tags is not None and any(text for _, text in of_box):
                found[number, stream._tags[box]["mcid"]] = of_box


def _paint_and_name(own: Callable[..., None], names: dict[Any, dict[int, str]], stream: Any, scale: float = 1) -> None:
    own(stream, scale)
    with _known():
        for font, of_font in names.items():
            if font in stream._fonts:
                stream._fonts[font].to_unicode.update(of_font)


def _all_text(box: Any) -> Iterator[Any]:
    if hasattr(box, "pango_layout") and box.text:
        yield box
    for child in getattr(box, "children", ()):
        yield from _all_text(child)


def _stacks(box: Any, names: dict[Any, dict[int, str]]) -> Stacks:
    """The stacks of a box; *names* gets the character of every glyph in them."""
    from weasyprint.text.fonts import get_pango_font_key

    pango, ffi = _pango()
    layout = box.pango_layout
    layout.reactivate(box.style)
    line, _ = layout.get_first_line()
    content = layout.text.encode()
    drawn: list[int] = []  # where in the text a glyph begins; -1 from right to left
    run = line.runs[0]
    while run != ffi.NULL:
        item, glyphs = run.data.item, run.data.glyphs
        rtl, at = bool(item.analysis.level % 2), glyphs.log_clusters[0 : glyphs.num_glyphs]
        clusters: dict[int, list[int]] = {}
        for start, glyph in zip(at, glyphs.glyphs[0 : glyphs.num_glyphs], strict=True):
            if glyph.glyph != pango.PANGO_GLYPH_EMPTY:
                clusters.setdefault(start, []).append(glyph.glyph)
                drawn.append(-1 if rtl else item.offset + start)
        for start, end in pairwise([*sorted(set(at)), item.length]):
            stack = clusters.get(start, [])
            unknown = any(glyph & pango.PANGO_GLYPH_UNKNOWN_FLAG for glyph in stack)  # a box, of another font
            if len(stack) > 1 and not unknown:
                text = content[item.offset + start : item.offset + end].decode()
                font = names.setdefault(get_pango_font_key(item.analysis.font)[0], {})
                _name(text, stack[::-1] if rtl else stack, pango.pango_font_get_hb_font(item.analysis.font), font)
        run = run.next
    layout.deactivate()
    return _grouped(layout.text, drawn)


def _name(text: str, stack: list[int], font: Any, names: dict[int, str]) -> None:
    """Note the character of every glyph of a *stack*: the one that the font has it for, or what is left of *text*."""
    from weasyprint.text.ffi import harfbuzz

    _, ffi = _pango()
    glyph = ffi.new("hb_codepoint_t *")
    own: dict[int, str] = {}
    for character in (*text, *unicodedata.normalize("NFKD", text)):
        if harfbuzz.hb_font_get_nominal_glyph(font, ord(character), glyph):
            own.setdefault(glyph[0], character)
    found = {own[one] for one in stack if one in own}
    whole = text if found.issubset(text) else unicodedata.normalize("NFKD", text)
    left = "".join(character for character in whole if character not in found)
    for one in stack:
        if one in own:
            names[one] = own[one]
        elif left:
            names.setdefault(one, left)
            left = ""


def _grouped(text: str, drawn: list[int]) -> Stacks:
    """The glyphs of a line by the characters, with their marks, that they draw, if those have several glyphs.

    Args:
        text: The line.
        drawn: The byte of the text where each glyph begins, -1 if it belongs to none; as they are drawn.
    """
    characters = regex.findall(r"\X", text)
    starts = list(accumulate((len(character.encode()) for character in characters), initial=0))
    owners = [bisect_right(starts, at) - 1 if at >= 0 else -1 for at in drawn]
    groups = [(owner, len(list(group))) for owner, group in groupby(owners)]
    times = Counter(owner for owner, _ in groups)

    def said(owner: int, count: int) -> str | None:
        stacked = owner >= 0 and times[owner] == 1 and len(characters[owner]) > 1 and count > 1
        return characters[owner] if stacked else None

    return [(count, said(owner, count)) for owner, count in groups]


def _lines(document: Document, cuts: Callable[[Any], Sequence[int] | None]) -> Iterator[SetLine]:
    begun: dict[Any, tuple[str, list[int], int]] = {}  # text, cuts, and how far the text is set
    for number, page in enumerate(document.pages):
        for element, box in _text_boxes(page._page_box, None, cuts, begun):
            text, at, done = begun[element]
            start = text.find(box.text, done)
            if start < 0 or text[done:start].strip():
                raise UnknownInsideError(f"WeasyPrint has set {box.text!r} where {text[done:][:80]!r} is due")
            end = start + len(box.text)
            begun[element] = (text, at, end)
            inner = [0, *(cut - start for cut in at if start < cut < end), len(box.text)]
            baseline, size = box.position_y + box.baseline, box.style["font_size"]
            yield SetLine(element, number, box.text, start, baseline, size, tuple(inner), tuple(_places(box, inner)))
    for text, _, done in begun.values():
        if text[done:].strip():
            raise UnknownInsideError(f"WeasyPrint has not set {text[done:][:80]!r}")


def _text_boxes(
    box: Any, within: Any, cuts: Callable[[Any], Sequence[int] | None], begun: dict[Any, tuple[str, list[int], int]]
) -> Iterator[tuple[Any, Any]]:
    """The boxes of text in the paragraphs that are asked for, each with its paragraph."""
    if within is None and box.element is not None and box.element_tag == box.element.tag:  # not of ::before
        if box.element in begun:
            within = box.element
        elif (found := cuts(box.element)) is not None:
            within = box.element
            begun[within] = ("".join(within.itertext()), list(found), 0)
    for child in getattr(box, "children", ()):
        yield from _text_boxes(child, within, cuts, begun)
    if within is not None and hasattr(box, "pango_layout") and box.text:
        yield within, box


def _places(box: Any, cuts: list[int]) -> Iterator[tuple[Stretch, ...]]:
    """Where the characters between two *cuts* in the text of *box* are."""
    pango, ffi = _pango()
    layout = box.pango_layout
    at = [len(box.text[:cut].encode()) for cut in cuts]
    unit = 1 / pango.pango_units_from_double(1)
    ranges, count = ffi.new("int **"), ffi.new("int *")
    layout.reactivate(box.style)
    line, _ = layout.get_first_line()
    for start, end in pairwise(at):
        pango.pango_layout_line_get_x_ranges(line, start, end, ranges, count)
        edges = ffi.unpack(ranges[0], 2 * count[0])
        pango.g_free(ranges[0])
        yield tuple(
            Stretch(box.position_x + left * unit, box.position_x + right * unit)
            for left, right in zip(edges[::2], edges[1::2], strict=True)
            if right > left
        )
    layout.deactivate()
