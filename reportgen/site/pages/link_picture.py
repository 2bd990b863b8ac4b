"""Draw the picture that other sites show for a link to a report: title, verdict, and the document as a strip.

1,200 by 630 pixels, as Open Graph recommends, in the colours of the light page. Lines break by a safe estimate of the
width of letters; longer text is cut.
"""

from __future__ import annotations

import html
import io
import unicodedata
from itertools import groupby

from PIL import Image

from reportgen.core.characters import clean, cut, visible
from reportgen.core.palette import ACCENT, FONT, HEAT_LIGHT, INK, MUTED, RULE
from reportgen.report.draw.pictures import vega
from reportgen.site.cards import LONG_LABEL, LONG_WORD, Card

WIDTH, HEIGHT, MARGIN = 1200, 630, 72  # px
PAPER, BAD, GOOD = "#fffdfb", "#a11a1a", "#1c6b3a"  # of templates/css/page.css
TITLE, LINE, SMALL = 60, 36, 28  # px of letters
TITLE_LINES = 3
STRIP = (424, 84)  # px: top and height
NARROW, LETTER, WIDE = 0.33, 0.62, 1.05  # widths of letters, of their height
THIN = frozenset("iljtfrI.,:;'|!()[] ")
COLOURS = 64  # of the PNG: those drawn, and their mixtures at the edges of letters


def picture(card: Card, *, site: str) -> bytes:
    """The picture of a report as PNG.

    Args:
        card: What is shown.
        site: The title of the site.
    """
    image = Image.open(io.BytesIO(vega.png(svg(card, site=site), ppi=72))).convert("RGB")
    sink = io.BytesIO()
    image.quantize(COLOURS, dither=Image.Dither.NONE).save(sink, "PNG", optimize=True)
    return sink.getvalue()


def svg(card: Card, *, site: str) -> str:
    """The picture as a drawing: texts and boxes, nothing else."""
    room = WIDTH - 2 * MARGIN
    title = lines(card.title, room / TITLE, most=TITLE_LINES)
    texts = [_text(line, 146 + 72 * n, TITLE, weight=600) for n, line in enumerate(title)]
    said, colour = verdict(card)
    large = LINE if len(lines(said, room / LINE, most=2)) == 1 else SMALL
    most = next((n for n in range(len(card.top_tokens), 1, -1) if _width(_words(card, n)) <= room / SMALL), 1)
    texts += [
        _text(lines(site, room / SMALL, most=1)[0], 72, SMALL, fill=ACCENT, weight=600),
        _text(lines(said, room / large, most=1)[0], 380, large, fill=colour, weight=600),
        _text(lines(_words(card, most), room / SMALL, most=1)[0], 568, SMALL, fill=MUTED),
    ]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'font-family="{html.escape(FONT)}"><rect width="{WIDTH}" height="{HEIGHT}" fill="{PAPER}"/>'
        f"{''.join(texts)}{_strip(card.strip, room)}</svg>"
    )


def verdict(card: Card) -> tuple[str, str]:
    """The verdict, the predicted label and its probability, and the colour of this line."""
    if card.predicted is None:
        return "No prediction", MUTED
    said = ", ".join(
        cut(label, LONG_LABEL) + ("" if share is None else f" ({share:.1%})") for label, share in card.predictions
    )
    if card.verdict == "right":
        return f"Right: {said}", GOOD
    if card.verdict == "wrong":
        return f"Wrong: {said}" + ("" if card.label is None else f", gold label {cut(card.label, LONG_LABEL)}"), BAD
    return f"Predicted: {said}", INK


def description(card: Card) -> str:
    """The same in words, for those who see no picture."""
    return f"{verdict(card)[0]}. {_words(card)}."


def lines(text: str, ems: float, *, most: int) -> list[str]:
    """Break *text* into lines that are at most *ems* times as wide as letters are high; the last one may be cut.

    >>> lines("one two three", 4.2, most=2)
    ['one two', 'three']
    """
    words = visible(clean(text[:1000])).split() or [""]
    found = [""]
    for word in words:
        longer = f"{found[-1]} {word}".strip()
        if _width(longer) <= ems:
            found[-1] = longer
            continue
        if found[-1]:
            found.append(word)
        else:
            found[-1] = word
        while _width(found[-1]) > ems:  # a word that no line holds
            fits = next(n for n in range(len(found[-1]), 0, -1) if n == 1 or _width(found[-1][:n]) <= ems)
            if len(found) > most or fits == len(found[-1]):
                break
            found[-1:] = [found[-1][:fits], found[-1][fits:]]
        if len(found) > most:
            break
    if len(found) <= most:
        return found
    last = f"{found[most - 1]} {found[most]}"
    while last and _width(f"{last}…") > ems:
        last = last[:-1]
    return [*found[: most - 1], f"{last.rstrip()}…"]


def _width(text: str) -> float:
    """The largest possible width of a text, in heights of its letters."""
    return sum(_letter(character) for character in text)


def _letter(character: str) -> float:
    if unicodedata.combining(character):
        return 0.0
    if unicodedata.east_asian_width(character) in "WF" or character in "MWmw@%—…" or ord(character) > 0xFFFF:
        return WIDE
    if character in THIN:
        return NARROW
    return LETTER * (1.2 if character.isupper() else 1)


def _words(card: Card, most: int | None = None) -> str:
    """The words with the highest scores, all or so many."""
    shown = [cut(word, LONG_WORD) for word in card.top_tokens[:most]]
    return f"{card.drawn}: {', '.join(shown)}" if shown else f"{card.tokens:,} tokens"


def _text(text: str, y: int, size: int, *, fill: str = INK, weight: int = 400) -> str:
    return (
        f'<text x="{MARGIN}" y="{y}" font-size="{size}" font-weight="{weight}" fill="{fill}">{html.escape(text)}</text>'
    )


def _strip(classes: tuple[int, ...], room: int) -> str:
    """The document from beginning to end, as coloured boxes; neighbours with the same colour share a box."""
    top, height = STRIP
    step = room / max(len(classes), 1)
    boxes, start = [f'<rect x="{MARGIN}" y="{top}" width="{room}" height="{height}" fill="{RULE}"/>'], 0
    for heat, run in groupby(classes):
        end = start + len(list(run))
        if heat >= 0:
            left, right = round(MARGIN + start * step), round(MARGIN + end * step)
            box = f'<rect x="{left}" y="{top}" width="{right - left}" height="{height}" fill="{HEAT_LIGHT[heat]}"/>'
            boxes.append(box)
        start = end
    return "".join(boxes)
