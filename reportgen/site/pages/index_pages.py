"""Turn cards and texts into the front of a site: the pages of its index, and data for its search.

The data of the search are scripts, not JSON, because a page opened from a disk can load no other files. Nothing is read
or written here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any
from urllib.parse import urlsplit

from reportgen.core import palette
from reportgen.core.characters import cut, visible
from reportgen.core.nouns.faithfulness import VERDICTS as VERDICTS_OF_TESTS
from reportgen.report.page import render
from reportgen.report.page.confusion import Confusion, confusion
from reportgen.site.cards import LONG_LABEL, Card
from reportgen.site.pages import corpus_page, search_index
from reportgen.site.pages.compare_pages import SiteComparison
from reportgen.site.pages.corpus_page import SiteCorpus
from reportgen.site.pages.face import Face, face
from reportgen.site.settings import SiteConfig

FOLDER = "catalogue"
SCRIPTS = ("data", "words", "state", "cards", "finder")  # of templates/js/site, in their order
STYLES = ("heat", "page", "site", "confusion")
TEMPLATES = [f"site/{name}.j2" for name in ("index.html", "how-to-read.html", "404.html", "sitemap.xml", "atom.xml")]
CHUNK = 16  # cards in a file: a page of hits may need as many files as it has cards
HITS = 24  # cards on a page of hits
SEVERAL = 7  # pages that are all named in the list of pages
EXAMPLE = (  # words and heat classes of the drawing in how-to-read
    ("The", 0), ("attention", 9), ("of", 1), ("a", 0), ("head", 7), ("is", 1), ("a", 0), ("share,", 5), ("not", 3),
    ("an", 0), ("explanation.", 14),
)  # fmt: skip


def pages(
    cards: Sequence[Card],
    config: SiteConfig,
    data: Iterable[str],
    corpus: SiteCorpus | None = None,
    compared: Sequence[SiteComparison] = (),
) -> dict[str, str]:
    """The pages of the site that are of no one report, by path.

    Args:
        cards: In the order of the site.
        config: Of the site; its notes by the names of the cards.
        data: Paths of `files`.
        corpus: The report over a batch that is the front of the site; None without one.
        compared: Comparisons that the front page lists.
    """
    names = page_names(len(cards), config.per_page)
    (overview,) = (path for path in data if path.startswith(f"{FOLDER}/overview-"))
    shared = {name.rpartition(".")[2]: path for path, name in zip(site_assets(), ("site.css", "site.js"), strict=True)}
    values: dict[str, Any] = {
        "config": config,
        "policy": render.SITE_POLICY,
        "assets": shared | {"overview": overview},
        "reports": len(cards),
        "confusion": _confusion(cards),
        "corpus": corpus and {"title": corpus.title, "says": corpus.says, "place": corpus_page.PLACE},
        "compared": compared,
    }
    made = {}
    for number, name in enumerate(names):
        first = number * config.per_page
        shown = cards[first : first + config.per_page]
        made[name] = _render(
            "index",
            **values,
            faces=[face(card, config) for card in shown],
            first=first + 1,
            name=name,
            names=names,
            number=number,
            listed=listed(number, len(names)),
        )
    made["how-to-read.html"] = _render(
        "how-to-read", **values, name="how-to-read.html", classes=range(len(palette.HEAT_LIGHT)), example=EXAMPLE
    )
    home = f"{urlsplit(config.base_url).path or '/'}index.html" if config.base_url else None
    made["404.html"] = render.plain_page("site/404.html.j2", STYLES, config=config, home=home)
    return made


def page_names(reports: int, per_page: int) -> tuple[str, ...]:
    """The pages of the index: there is one at least.

    >>> page_names(0, 2), page_names(5, 2)
    (('index.html',), ('index.html', 'page-2.html', 'page-3.html'))
    """
    return "index.html", *(f"page-{number}.html" for number in range(2, -(-reports // per_page) + 1))


def listed(number: int, count: int) -> tuple[int | None, ...]:
    """The pages of *count* in the list on page *number*, from 0; None for a gap.

    >>> listed(0, 3), listed(5, 90)
    ((0, 1, 2), (0, None, 4, 5, 6, None, 89))
    """
    near = {0, number - 1, number, number + 1, count - 1} if count > SEVERAL else range(count)
    named = sorted(set(range(count)) & set(near))
    found: list[int | None] = []
    for one in named:
        if found and found[-1] != one - 1:
            found.append(None)
        found.append(one)
    return tuple(found)


def files(cards: Sequence[Card], texts: Iterable[tuple[Card, str]], config: SiteConfig) -> dict[str, bytes]:
    """The data of filter and search, by path.

    Args:
        cards: In the order of the site.
        texts: Of all cards or of some, in their order; read one after the other, and held no longer than that.
        config: Of the site; its notes by the names of the cards.
    """
    made: dict[str, bytes] = {}
    chunks, shards = [], []
    for number, first in enumerate(range(0, len(cards), CHUNK)):
        chunk = [_plain(face(card, config)) for card in cards[first : first + CHUNK]]
        chunks.append(_put(made, "cards", number, chunk))
    for number, shard in enumerate(search_index.shards(_entries(cards, texts))):
        value = {"terms": " ".join(term for term, _ in shard), "lists": " ".join(lists for _, lists in shard)}
        shards.append([shard[0][0], _put(made, "words", number, value)])
    _put(made, "overview", None, _overview(cards) | {"cards": chunks, "words": shards, "chunk": CHUNK, "hits": HITS})
    return made


def site_assets() -> dict[str, bytes]:
    """Style and script of the index, by path: these two in this order."""
    style = render.style_sheet(STYLES).encode()
    script = render.script(tuple(f"site/{name}" for name in SCRIPTS)).encode()
    return {render.asset_path("site.css", style): style, render.asset_path("site.js", script): script}


def _confusion(cards: Sequence[Card]) -> Confusion | None:
    """Gold against predicted labels, as filters name them; without reports that may have several labels."""
    names = _names_of_labels(cards)
    single = [card for card in cards if not (card.predicted_labels or card.true_labels)]
    return confusion([(names.get(card.label or ""), names.get(card.predicted or "")) for card in single])


def _names_of_labels(cards: Sequence[Card]) -> dict[str, str]:
    """All labels in order, each with a name that no other one has."""
    labels = {label for card in cards for of in _labels(card) for label in of}
    known = sorted(labels, key=lambda name: (name.casefold(), name))
    shown = [visible(cut(name, LONG_LABEL)) for name in known]
    times = Counter(shown)
    named = [f"{name} ({place + 1})" if times[name] > 1 else name for place, name in enumerate(shown)]
    return dict(zip(known, named, strict=True))


def _labels(card: Card) -> tuple[tuple[str, ...], tuple[str, ...]]:
    return card.true_labels or _one(card.label), card.predicted_labels or _one(card.predicted)


def _overview(cards: Sequence[Card]) -> dict[str, Any]:
    """The data for filters and order of all cards; a label is its place in a list, -1 for none."""
    gold, predicted = ([_labels(card)[side] for card in cards] for side in (0, 1))
    names, codes = _names_of_labels(cards), list(VERDICTS_OF_TESTS)
    places = {name: place for place, name in enumerate(names)}
    return {
        "labels": list(names.values()),
        "verdicts": "".join(card.verdict[0] for card in cards),
        "gold": [_places(labels, places) for labels in gold],
        "predicted": [_places(labels, places) for labels in predicted],
        "probability": [_per_mille(card.probability) for card in cards],
        "findings": list(VERDICTS_OF_TESTS.values()),
        "faithfulness": [codes.index(card.tested) if card.tested else -1 for card in cards],
    }


def _one(label: str | None) -> tuple[str, ...]:
    return () if label is None else (label,)


def _places(labels: Sequence[str], places: Mapping[str, int]) -> int | list[int]:
    """The place of a label in the list of all; -1 for none, a list for several."""
    found = [places[label] for label in labels]
    return found if len(found) > 1 else next(iter(found), -1)


def _per_mille(probability: float | None) -> int:
    """As the card shows it, so that a filter and the cards agree; -1 for none."""
    return -1 if probability is None else round(float(f"{probability:.1%}"[:-1]) * 10)


def _entries(cards: Sequence[Card], texts: Iterable[tuple[Card, str]]) -> Iterator[search_index.Entry]:
    numbers = {card.name: number for number, card in enumerate(cards)}
    index = search_index.Index()
    for card, text in texts:
        title = " ".join((card.title, card.name, card.id or "", card.source))
        index.add(numbers[card.name], title=title, top=card.top_tokens, text=text)
    return index.entries()


def _put(made: dict[str, bytes], kind: str, number: int | None, value: object) -> str:
    """Put in a script that hands *value* over under its name; gives its path."""
    name = kind if number is None else f"{kind}/{number}"
    content = f"reportgen.site.data({render.json_block(name)},{render.json_block(value)});\n".encode()
    path = render.asset_path(f"{name.replace('/', '-')}.js", content, folder=FOLDER)
    made[path] = content
    return path


def _plain(face: Face) -> dict[str, Any]:
    """For the script: without empty values; texts with invisible characters in pieces."""
    texts = {name: value for name, value in asdict(face).items() if value}
    for name in ("title", "about", "note", "quote", "why"):
        if name in texts:
            texts[name] = _pieces(texts[name])
    said = [[kind, _pieces(text)] for kind, text in face.said if text]
    return texts | {"said": said, "words": [_pieces(word) for word in face.words]}


def _pieces(text: str) -> str | list[str]:
    """A text as it is, or where it has labels: text and label in turn, text first."""
    if text.isprintable():
        return text
    found = [""]
    for piece, is_label in render.pieces(text):
        if is_label:
            found += [piece, ""]
        else:
            found[-1] += piece
    return found if len(found) > 1 else found[0]


def _render(name: str, /, **values: Any) -> str:
    return render.environment().get_template(f"site/{name}.html.j2").render(values)
