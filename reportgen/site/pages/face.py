"""Turn a card into the words and links that a reader sees of it, on the pages of the index and in its search."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

from reportgen.core.characters import cut
from reportgen.report.stored import store
from reportgen.site.cards import LONG_LABEL, LONG_TITLE, LONG_WORD, Card
from reportgen.site.settings import SiteConfig

VERDICTS = {"right": "Right", "wrong": "Wrong"}


@dataclass(frozen=True, slots=True)
class Face:
    """A card in the words and links that a reader sees, the same from the template and from the script."""

    title: str
    language: str
    page: str
    about: str  # where it comes from, how long it is
    strip: str  # a hexadecimal digit for the heat class of each stretch, "." where nothing is coloured
    seen: str  # what the strip shows, in words
    verdict: str
    said: tuple[tuple[str, str], ...]  # (kind, text) of what was predicted: kind "em", "strong" or ""
    tested: str  # the view that the page opens with, and the verdict on it; "" where it was not tested
    quote: str  # the sentence that draws most; "" for none
    why: str  # by how much
    drawn: str  # what the words are
    words: tuple[str, ...]
    note: str
    files: tuple[tuple[str, str], ...]  # (name, link)

    @property
    def paths(self) -> tuple[tuple[str, str], ...]:
        """The strip as (class, path) of SVG, one unit wide for each stretch and one high."""
        found: dict[str, str] = {}
        at = 0
        for digit, run in groupby(self.strip):
            length = len(list(run))
            if digit != ".":
                name = f"h{int(digit, 16)}"
                found[name] = f"{found.get(name, '')}M{at} 0h{length}v1h-{length}z"
            at += length
        return tuple(found.items())


def face(card: Card, config: SiteConfig) -> Face:
    """The visible parts of a card."""
    read = f"{card.read:,} of {card.tokens:,}" if card.read < card.tokens else f"{card.tokens:,}"
    folder = f"reports/{card.name}"
    kinds = {"report.pdf": "PDF", "report.html": "One file to keep"}
    held = {*card.files} if config.downloads else {*card.files} - {"report.html"}
    return Face(
        title=cut(card.title, LONG_TITLE),
        language=card.language,
        page=f"{folder}/index.html",
        about=" · ".join(part for part in (cut(card.source, LONG_TITLE), f"{read} tokens") if part),
        strip="".join("." if heat < 0 else f"{heat:x}" for heat in card.strip),
        seen=_seen(card),
        verdict=card.verdict,
        said=_said(card),
        tested=card.headline,
        quote=card.sentence,
        why=card.why,
        drawn=card.drawn,
        words=tuple(cut(word, LONG_WORD) for word in card.top_tokens),
        note=config.notes.get(card.name, ""),
        files=tuple((kinds[name], f"{folder}/{name}") for name in store.OFFERED if name in held),
    )


def _said(card: Card) -> tuple[tuple[str, str], ...]:
    """The predicted label, the verdict, and the gold label."""
    gold = (("strong", cut(card.label, LONG_LABEL)),) if card.label is not None else ()
    if card.predicted is None:
        return (("", "No prediction"), *((("", "; gold label "), *gold) if gold else ()))
    predicted = _predicted(card)
    if card.verdict == "right":
        return ("em", VERDICTS["right"]), ("", ": "), *predicted
    begin = (("em", VERDICTS["wrong"]), ("", ": predicted ")) if card.verdict == "wrong" else (("", "Predicted "),)
    between = "; gold label " if card.verdict == "wrong" else "; a gold label that the model does not know: "
    return (*begin, *predicted, *((("", between), *gold) if gold else ()))


def _predicted(card: Card) -> Iterator[tuple[str, str]]:
    """The predicted labels, each with its probability."""
    for number, (label, share) in enumerate(card.predictions, start=1):
        yield ("strong", cut(label, LONG_LABEL))
        yield ("", ("" if share is None else f", {share:.1%}") + ("; " if number < len(card.predictions) else ""))


def _seen(card: Card) -> str:
    what = "Scores" if card.given else "Attention"
    over = f"{what} over the document, from beginning to end"
    strongest = max(card.strip, default=-1)
    if strongest < 0:
        return f"{over}: nothing is coloured"
    if strongest == 0:
        return f"{over}: the same everywhere"
    place = (card.strip.index(strongest) + 0.5) / len(card.strip)
    return f"{over}: strongest after {place:.0%} of it"
