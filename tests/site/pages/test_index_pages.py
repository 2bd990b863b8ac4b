"""The front of a site: what its pages and data say, how large they are, and that no text from outside is markup."""

from __future__ import annotations

import html
import itertools
import json
import random
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cache
from typing import Any
from xml.etree.ElementTree import Element

import html5lib
import pytest

from reportgen.core.nouns.faithfulness import VERDICTS
from reportgen.site import cards, dead_links
from reportgen.site.cards import Card
from reportgen.site.pages import index_pages
from reportgen.site.pages.face import face
from reportgen.site.settings import SiteConfig
from tests import reports

DATA = re.compile(r'reportgen\.site\.data\(("[^"]*"),(.*)\);\n', re.DOTALL)


@cache
def base() -> Card:
    """The card that others differ from."""
    return cards.card(reports.example(), name="small-0", files=["report.pdf", "report.html"])


def some(count: int) -> list[Card]:
    """Cards of reports with titles of their own."""
    return [replace(base(), name=f"small-{n}", title=f"Report number {n}") for n in range(count)]


def made(given: Sequence[Card], config: SiteConfig, texts: Iterable[str] = ()) -> dict[str, str]:
    """All files of the front of a site."""
    data = index_pages.files(given, zip(given, texts, strict=False), config)
    files = {path: content.decode() for path, content in {**index_pages.site_assets(), **data}.items()}
    return files | index_pages.pages(given, config, data)


def handed(files: dict[str, str]) -> dict[str, Any]:
    """What the scripts of the catalogue hand over, by name."""
    found = {}
    for path, content in files.items():
        if path.startswith("catalogue/"):
            match = DATA.fullmatch(content)
            assert match, path
            found[json.loads(match[1])] = json.loads(match[2])
    return found


def tree(page: str) -> Element:
    parsed: Element = html5lib.parse(page, namespaceHTMLElements=False)
    return parsed


def words(element: Element) -> str:
    return " ".join("".join(element.itertext()).split())


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "Right: left, 80.2%"),
        ({"verdict": "wrong", "label": "right"}, "Wrong: predicted left, 80.2%; gold label right"),
        (
            {"verdict": "unknown", "label": "up"},
            "Predicted left, 80.2%; a gold label that the model does not know: up",
        ),
        ({"verdict": "unknown", "label": None}, "Predicted left, 80.2%"),
        ({"verdict": "unknown", "predicted": None, "probability": None}, "No prediction; gold label left"),
    ],
)
def test_a_card_says_what_was_predicted_and_whether_it_is_right(changes: dict[str, Any], said: str) -> None:
    config = SiteConfig(notes={"small-0": "Look here."}, downloads=True)
    page = tree(made([replace(base(), **changes)], config)["index.html"])
    (card,) = page.iterfind(".//li[@class='card']")
    quoted = f"{base().sentence} {base().why}"
    drawn = "Most attention in what the classifier reads: "
    assert words(card).startswith(f"A small report small, split test · 59 tokens {said} {quoted} {drawn}")
    assert words(card).endswith("Look here. PDF · One file to keep")
    hrefs = [link.get("href") for link in card.iter("a")]
    assert hrefs == [f"reports/small-0/{name}" for name in ("index.html", "report.pdf", "report.html")]


def test_a_file_is_offered_only_where_it_is() -> None:
    page = made([replace(base(), files=())], SiteConfig(downloads=True))["index.html"]
    assert "report.pdf" not in page
    assert "report.html" not in page
    assert "/report.html" not in made([base()], SiteConfig())["index.html"]


def test_a_cut_text_is_told() -> None:
    assert "59 of 5,000 tokens" in made([replace(base(), tokens=5000)], SiteConfig())["index.html"]


def test_pages_lead_to_each_other_and_show_every_card_once() -> None:
    files = made(some(7), SiteConfig(per_page=3))
    names = ["index.html", "page-2.html", "page-3.html"]
    titles = [words(title) for name in names for title in tree(files[name]).iter("h3")]
    assert titles == [f"Report number {n}" for n in range(7)]
    for before, after in itertools.pairwise(names):
        assert f'<link rel="next" href="{after}">' in files[before]
        assert f'<link rel="prev" href="{before}">' in files[after]
    middle = tree(files["page-2.html"]).find(".//nav")
    assert middle is not None
    assert [link.get("href") for link in middle.iter("a")] == ["index.html", *names[::2], "page-3.html"]
    assert words(middle) == "Previous 1 2 3 Next"


@pytest.mark.parametrize("base_url", [None, "https://example.org/site/"])
def test_no_link_leads_nowhere(base_url: str | None) -> None:
    files = made(some(7), SiteConfig(per_page=3, base_url=base_url), ["a text"])
    offered = {f"reports/small-{n}/{name}" for n in range(7) for name in ("index.html", "report.pdf")}
    read = {path: dead_links.read(content) for path, content in files.items() if path.endswith(".html")}
    ids = {path: page.ids for path, page in read.items()}
    assert dead_links.problems(read, {*files, *offered, "atom.xml"}, ids=ids, base_url=base_url) == []
    assert ("atom.xml" in files["index.html"]) == (base_url is not None)


def test_a_page_that_is_not_found_needs_no_other_file_and_knows_the_way_home() -> None:
    page = made(some(1), SiteConfig(base_url="https://example.org/site/"))["404.html"]
    assert re.findall(r'(?:href|src)="(?!data:)([^"]*)"', page) == ["/site/index.html"]
    assert re.findall(r'(?:href|src)="(?!data:)', made(some(1), SiteConfig())["404.html"]) == []


def test_a_site_without_reports_says_so() -> None:
    page = made([], SiteConfig())["index.html"]
    assert "There are no reports yet." in page
    assert "<script" not in page


def test_the_overview_has_what_is_filtered_by() -> None:
    given = [
        base(),
        replace(base(), name="b", verdict="wrong", label="right", probability=0.98765),
        replace(base(), name="c", verdict="unknown", label=None, predicted=None, probability=None),
    ]
    overview = handed(made(given, SiteConfig()))["overview"]
    assert overview["labels"] == ["left", "right"]
    assert overview["verdicts"] == "rwu"
    assert (overview["gold"], overview["predicted"]) == ([0, 1, -1], [0, 0, -1])
    assert overview["probability"] == [802, 988, -1]


def test_the_verdict_on_the_heatmap_is_on_the_card_and_can_be_filtered_by() -> None:
    tested = [
        replace(base(), name=str(n), tested=code, headline=f"All attention: {VERDICTS[code]}" if code else "")
        for n, code in enumerate(("too-little-tested", None, "supported"))
    ]
    files = made(tested, SiteConfig())
    cards_ = [words(card) for card in tree(files["index.html"]).iter("li") if card.get("class") == "card"]
    assert ["All attention: too little tested for a verdict" in card for card in cards_] == [True, False, False]
    assert ["All attention:" in card for card in cards_] == [True, False, True]
    overview = handed(files)["overview"]
    assert [overview["findings"][n] if n >= 0 else None for n in overview["faithfulness"]] == [
        "too little tested for a verdict",
        None,
        "supported",
    ]
    assert "tested" not in handed(files)["cards/0"][1]
    assert handed(files)["cards/0"][2]["tested"] == "All attention: supported"


def test_several_labels_are_shown_and_filtered_one_by_one() -> None:
    several = cards.card(reports.several(), name="x")
    none = replace(several, predicted="no label", predicted_labels=(), probabilities=(), probability=0.75)
    files = made([several, none], SiteConfig())
    faces = ["".join(text for _, text in face(card, SiteConfig()).said) for card in (several, none)]
    assert faces == [
        "Wrong: predicted left, 88.1%; right, 73.1%; gold label left, far",
        "Wrong: predicted no label, 75.0%; gold label left, far",
    ]
    overview = handed(files)["overview"]
    labels = overview["labels"]
    assert labels == ["far", "left", "no label", "right"]
    assert [labels[place] for place in overview["predicted"][0]] == ["left", "right"]
    assert (labels[overview["predicted"][1]], [labels[n] for n in overview["gold"][0]]) == ("no label", ["left", "far"])
    assert overview["probability"] == [731, 750]


def test_labels_that_begin_alike_are_told_apart() -> None:
    given = [replace(base(), label="x" * 130 + end, predicted="right") for end in "ab"]
    labels = handed(made(given, SiteConfig()))["overview"]["labels"]
    assert labels == ["right", f"{'x' * 119}… (2)", f"{'x' * 119}… (3)"]


def test_equal_cards_give_equal_bytes() -> None:
    given, texts = some(30), [f"text number {n} of thirty" for n in range(30)]
    assert made(given, SiteConfig(), texts) == made(given, SiteConfig(), iter(texts))


@pytest.mark.parametrize("payload", [*reports.PAYLOADS, "\u202etxet\0", "a\ud800b"])
def test_no_text_from_outside_is_markup_or_ends_a_script(payload: str) -> None:
    card = replace(cards.card(reports.infected(payload), name="x"), top_tokens=(payload,), id=payload)
    config = SiteConfig(title=payload, blurb=payload, notes={"x": payload.replace("\ud800", "?")})
    config = replace(config, title=config.title.replace("\ud800", "?"), blurb=config.blurb.replace("\ud800", "?"))
    files = made([card], config, [payload.replace("\ud800", "?")])
    plain = made([base()], SiteConfig(blurb="x", notes={"small-0": "x"}), ["x"])
    for path, content in files.items():
        content.encode()
        if path.startswith("catalogue/"):
            assert not re.search(r"[<>&\u2028\u2029]", content)
        if path.endswith(".html"):
            tags = [element.tag for element in tree(content).iter() if element.tag not in ("bdi", "path", "em")]
            if path == "index.html":
                expected = {element.tag for element in tree(plain[path]).iter()}
                assert set(tags) <= expected
            assert tags.count("script") == (2 if path == "index.html" else 0)
            assert not any(
                name.startswith("on") or name == "style" for one in tree(content).iter() for name in one.attrib
            )
    assert handed(files)["overview"]["verdicts"] == "u"


def test_every_page_allows_only_its_own_files() -> None:
    for path, content in made(some(2), SiteConfig()).items():
        if path.endswith(".html"):
            assert "default-src 'none'" in html.unescape(content)
            assert "unsafe" not in content
            assert not re.search(r"\sstyle=|\son\w+=", content)


@pytest.mark.slow
def test_five_thousand_reports_make_small_pages_and_small_parts() -> None:
    draw = random.Random(0)
    given = [replace(card, strip=tuple(draw.choices(range(16), k=96))) for card in some(5000)]
    vocabulary = [f"w{n:x}" for n in range(40_000)]
    texts = (" ".join(draw.choices(vocabulary, k=60)) for _ in given)
    files = made(given, SiteConfig(), texts)
    sizes = {path: len(content.encode()) for path, content in files.items()}
    assert max(size for path, size in sizes.items() if path.endswith(".html")) < 200_000
    assert sizes["index.html"] > 48 * 500
    parts = [size for path, size in sizes.items() if path.startswith("catalogue/words-")]
    assert len(parts) > 3
    assert max(parts) < 151_000
    assert max(size for path, size in sizes.items() if path.startswith("catalogue/cards-")) < 30_000
    assert max(size for path, size in sizes.items() if path.startswith("catalogue/overview-")) < 150_000
