"""The index of a site in Chromium, from a server below a path and from the disk: search, filter, and coming back."""

from __future__ import annotations

import functools
import http.server
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from reportgen.site import cards
from reportgen.site.cards import Card
from reportgen.site.pages import index_pages, search_index
from reportgen.site.settings import SiteConfig
from tests import reports
from tests.browser.page import wait
from tests.browser.test_accessibility import PHONE, violations
from tests.site.pages.test_index_pages import base, some
from tests.test_scripts import LINES

REPORT = (
    "<!doctype html><html lang='en'><head><title>A report</title><link rel='icon' href='data:,'></head>"
    "<body><h1>A report</h1></body></html>"
)
SUBJECTS = ("parsers", "kernels", "types", "priors", "monads")
CONFIG = SiteConfig(
    title="Small reports", blurb="Sixty of them.", per_page=20, notes={"small-3": "A note on this one."},
    base_url="https://example.org/site/",
)  # fmt: skip
Visit = Callable[..., Page]


def sixty() -> list[Card]:
    """Every third is wrong; probabilities rise from 40 %; every fifth has one of five subjects as its top token.

    Of four heatmaps one is supported, one too little tested for a verdict, and two are not tested.
    """
    return [
        replace(
            card,
            verdict="wrong" if n % 3 == 0 else "right",
            label="right" if n % 3 == 0 else "left",
            probability=0.4 + n / 100,
            top_tokens=(SUBJECTS[n % 5], "window"),
            id=f"row-{n}",
            tested={0: "supported", 1: "too-little-tested"}.get(n % 4),
            headline={0: "All attention: supported", 1: "All attention: too little tested for a verdict"}.get(
                n % 4, ""
            ),
        )
        for n, card in enumerate(some(60))
    ]


def texts() -> list[str]:
    """Of number n: n itself, whether it is even, and for the first ones a line in another script."""
    lines = dict(enumerate(LINES.values()))
    return [f"Number{n} is {'odd' if n % 2 else 'even'}. {lines.get(n, '')}" for n in range(60)]


def put(folder: Path, given: Sequence[Card], config: SiteConfig, documents: Sequence[str]) -> Path:
    """Write the front of a site, and a page for every report."""
    data = index_pages.files(given, zip(given, documents, strict=True), config)
    html = {name: page.encode() for name, page in index_pages.pages(given, config, data).items()}
    pages = {f"reports/{card.name}/index.html": REPORT.encode() for card in given}
    for path, content in {**index_pages.site_assets(), **data, **html, **pages}.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    return folder


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves files, says nothing."""

    def log_message(self, *_: Any) -> None:
        """Nothing."""


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The address of *folder* on a server."""
    handler = functools.partial(Quiet, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return put(tmp_path_factory.mktemp("served") / "deep" / "site", sixty(), CONFIG, texts())


@pytest.fixture(scope="module")
def addresses(folder: Path) -> Iterator[Mapping[str, str]]:
    with served(folder.parent.parent) as address:
        yield {"http": f"{address}/deep/site", "file": folder.as_uri()}


@pytest.fixture
def visit(new_page: Callable[..., Page]) -> Visit:
    """Open an address; what goes wrong is kept in `page.wrong`."""

    def opened(address: str, **settings: Any) -> Page:
        page = new_page(**settings)
        wrong: list[str] = []
        page.on("console", lambda message: wrong.append(message.text))
        page.on("pageerror", lambda error: wrong.append(f"error: {error}"))
        page.on("dialog", lambda dialog: (wrong.append("dialog"), dialog.dismiss()))
        page.wrong = wrong  # type: ignore[attr-defined]
        page.goto(address)
        return page

    return opened


def hits(page: Page, count: str) -> list[str]:
    """The titles that are shown, once the page says *count*."""
    expect(page.locator("#count")).to_have_text(count, timeout=20_000)
    expect(page.locator("#hits")).to_be_visible()
    return page.locator("#hits h3").all_inner_texts()


def hits_all(page: Page) -> list[str]:
    """The titles of the list of all, if that is shown."""
    return page.locator("#all h3").filter(visible=True).all_inner_texts()


def numbered(*numbers: int) -> list[str]:
    return [f"Report number {n}" for n in numbers]


def unharmed(page: Page) -> None:
    """Nothing was said, nothing was refused, nothing ran that is not ours."""
    assert page.wrong == []  # type: ignore[attr-defined]
    assert page.evaluate("violations") == []
    assert page.evaluate("typeof window.ran") == "undefined"


@pytest.mark.parametrize("kind", ["http", "file"])
def test_search_and_filter_find_reports(visit: Visit, addresses: Mapping[str, str], kind: str) -> None:
    page = visit(f"{addresses[kind]}/index.html")
    assert hits_all(page) == numbered(*range(20))
    search = page.get_by_label("Search", exact=True)
    search.fill("NUMBER17")
    assert hits(page, "1 of 60 reports") == numbered(17)
    search.fill("odd kern")  # the last word may be begun
    assert hits(page, "6 of 60 reports") == numbered(1, 11, 21, 31, 41, 51)
    search.fill("od kernels")  # another may not
    assert hits(page, "0 of 60 reports") == []
    search.fill("kernels")
    page.get_by_label("in", exact=True).select_option("top")
    assert len(hits(page, "12 of 60 reports")) == 12
    search.fill("even")
    assert hits(page, "0 of 60 reports") == []
    page.get_by_label("in", exact=True).select_option("text")
    assert hits(page, "30 of 60 reports") == numbered(*range(0, 48, 2))
    search.fill("row-3")
    assert hits(page, "1 of 60 reports") == numbered(3)  # one letter or digit is a whole word
    search.fill("")
    page.get_by_label("Verdict").select_option("wrong")
    assert hits(page, "20 of 60 reports") == numbered(*range(0, 60, 3))
    page.get_by_label("from", exact=True).fill("60")
    page.get_by_label("to", exact=True).fill("70")
    assert hits(page, "4 of 60 reports") == numbered(21, 24, 27, 30)
    page.get_by_label("Order").select_option("surest")
    assert hits(page, "4 of 60 reports") == numbered(30, 27, 24, 21)
    page.get_by_label("Gold label").select_option("left")
    assert hits(page, "0 of 60 reports") == []
    page.get_by_role("button", name="Show all reports").click()
    wait(page, "document.getElementById('hits').hidden")
    assert len(hits_all(page)) == 20
    assert page.locator("#count").inner_text() == "60 reports"
    assert "#" not in page.url
    unharmed(page)


def test_titles_and_top_tokens_come_before_texts(visit: Visit, tmp_path: Path) -> None:
    given = some(3)
    given[2] = replace(given[2], title="On zebras")
    given[1] = replace(given[1], top_tokens=("zebras",))
    put(tmp_path, given, SiteConfig(), ["zebras and more", "nothing", "nothing"])
    page = visit(f"{tmp_path.as_uri()}/index.html#q=zebras")
    assert hits(page, "3 of 3 reports") == ["On zebras", "Report number 1", "Report number 0"]


def test_heatmaps_are_filtered_by_their_verdict(visit: Visit, addresses: Mapping[str, str]) -> None:
    page = visit(f"{addresses['file']}/index.html")
    choice = page.get_by_label("Faithfulness", exact=True)
    assert choice.locator("option").all_inner_texts() == ["any", "supported", "too little tested for a verdict"]
    choice.select_option("too little tested for a verdict")
    assert hits(page, "15 of 60 reports") == numbered(*range(1, 60, 4))
    assert page.locator("#hits .tested").first.inner_text() == "All attention: too little tested for a verdict"


@pytest.mark.parametrize("kind", ["http", "file"])
def test_who_comes_back_finds_query_filter_and_place(visit: Visit, addresses: Mapping[str, str], kind: str) -> None:
    page = visit(f"{addresses[kind]}/page-2.html", viewport=PHONE)
    page.get_by_label("Search", exact=True).fill("number")
    page.get_by_text("Filter and order").click()
    page.get_by_label("Verdict").select_option("right")
    page.get_by_label("Predicted label").select_option("left")
    hits(page, "40 of 60 reports")
    page.get_by_role("link", name="Next").click()
    wait(page, "document.querySelector('#hits nav b')?.textContent === 'Page 2 of 2'")
    shown = hits(page, "40 of 60 reports")
    assert len(shown) == 16
    last = page.get_by_role("link", name=shown[-1])
    last.scroll_into_view_if_needed()
    page.wait_for_timeout(300)
    before = page.evaluate("scrollY")
    assert before > 500
    last.click()
    page.wait_for_url("**/reports/**")
    page.go_back()
    assert hits(page, "40 of 60 reports") == shown
    wait(page, f"Math.abs(scrollY - {before}) < 2")
    assert page.get_by_label("Search", exact=True).input_value() == "number"
    assert page.get_by_label("Verdict").input_value() == "right"
    assert page.get_by_label("Predicted label").input_value() == "left"
    page.go_back()  # to the first page of hits
    wait(page, "document.querySelector('#hits nav b').textContent === 'Page 1 of 2'")
    unharmed(page)


def test_a_link_to_a_search_shows_it(visit: Visit, addresses: Mapping[str, str]) -> None:
    page = visit(f"{addresses['http']}/index.html#verdict=wrong&from=40&to=50&order=unsure&page=99&x=1")
    assert hits(page, "4 of 60 reports") == numbered(0, 3, 6, 9)
    assert page.get_by_label("from", exact=True).input_value() == "40"


@pytest.mark.parametrize(
    "fragment", ["#reports", "#verdict=other&from=x&page=-1&in=y", "#=&&&", "#q=%E0%A4%A", "#toString=1"]
)
def test_an_address_that_makes_no_sense_does_no_harm(visit: Visit, addresses: Mapping[str, str], fragment: str) -> None:
    page = visit(f"{addresses['http']}/index.html{fragment}")
    wait(page, "!document.getElementById('finder').hidden")
    page.get_by_label("Search", exact=True).fill("NUMBER17")
    expect(page.locator("#hits h3")).to_have_text(numbered(17))
    unharmed(page)


def test_the_scripts_find_words_as_the_index_has_them(visit: Visit, addresses: Mapping[str, str]) -> None:
    """Every word of texts in many scripts finds what it should, and no more."""
    found_by = {n: search_index.terms(text) for n, text in enumerate(texts())}
    page = visit(f"{addresses['file']}/index.html")
    wait(page, "!document.getElementById('finder').hidden")
    asked = sorted({word for text in LINES.values() for word in search_index.WORD.findall(text)} | {"STRASSE", "ﬁne"})
    found = page.evaluate(
        """(asked) => Promise.all(asked.map(async (word) =>
             (await reportgen.words.search(reportgen.site.get("overview"), `${word} `, "text")) ?? []))""",
        asked,
    )
    for word, weights in zip(asked, found, strict=True):
        terms = search_index.terms(word)
        single = len(terms) == 1 and not search_index.UNSPACED.isascii() and len(next(iter(terms))) == 1
        wanted = terms if single or len(terms) == 1 else {term for term in terms if len(term) > 1 or term.isascii()}
        expected = [n for n, held in found_by.items() if all(_has(held, term) for term in wanted)]
        assert [n for n, weight in enumerate(weights) if weight] == expected, word
    assert sum(any(weights) for weights in found) > len(asked) - 5


def _has(held: set[str], term: str) -> bool:
    """A single character of a script without spaces is found wherever it stands."""
    pairs = search_index.PARTS.fullmatch(term)
    if pairs and pairs["pairs"] and len(term) == 1:
        return any(one.startswith(term) for one in held)
    return term in held


def test_scripts_without_spaces_are_searched_by_pairs(visit: Visit, addresses: Mapping[str, str]) -> None:
    page = visit(f"{addresses['http']}/index.html")
    found = {"题": [0], "型模": [], "模型": [0], "トーク": [1], "النموذج": [3], "क्षत्रि": [7]}
    for query, numbers in found.items():
        page.get_by_label("Search", exact=True).fill("")
        wait(page, "document.getElementById('hits').hidden")
        page.get_by_label("Search", exact=True).fill(query)
        assert hits(page, f"{len(numbers)} of 60 reports") == numbered(*numbers), query


def test_a_card_from_data_is_the_card_of_the_page(visit: Visit, addresses: Mapping[str, str]) -> None:
    page = visit(f"{addresses['http']}/index.html")
    shape = """(cards) => cards.map((card) => card.outerHTML.replace(/>\\s+</g, "><"))"""
    listed = page.locator("#all .card").evaluate_all(shape)
    page.get_by_label("to", exact=True).fill("59")
    hits(page, "20 of 60 reports")
    assert page.locator("#hits .card").evaluate_all(shape) == listed


@pytest.mark.parametrize("kind", ["http", "file"])
def test_a_count_of_gold_and_predicted_labels_leads_to_its_reports(
    visit: Visit, addresses: Mapping[str, str], kind: str
) -> None:
    page = visit(f"{addresses[kind]}/index.html")
    wait(page, "!document.getElementById('finder').hidden")
    cells = page.locator("#confusion td a")
    assert cells.all_inner_texts() == ["40", "20"]  # left, and right that is called left
    cells.nth(1).click()
    assert hits(page, "20 of 60 reports") == numbered(*range(0, 60, 3))
    assert page.get_by_label("Gold label").input_value() == "right"
    assert page.locator("#confusion [aria-current]").all_inner_texts() == ["20"]
    page.go_back()
    wait(page, "document.getElementById('hits').hidden")
    assert page.locator("#confusion [aria-current]").count() == 0
    assert visit(f"{addresses[kind]}/page-2.html").locator("#confusion").count() == 0
    bare = visit(f"{addresses[kind]}/index.html", java_script_enabled=False)
    assert bare.locator("#confusion td[data-gold]").all_inner_texts() == ["40", "20"]
    assert bare.locator("#confusion a").count() == 0
    unharmed(page)


def test_a_part_that_is_missing_is_told_and_asked_for_again(visit: Visit, tmp_path: Path) -> None:
    put(tmp_path, sixty(), CONFIG, texts())
    (words,) = tmp_path.glob("catalogue/words-*.js")
    content = words.read_bytes()
    words.unlink()
    page = visit(f"{tmp_path.as_uri()}/index.html")
    page.get_by_label("Search", exact=True).fill("number17")
    again = page.get_by_role("button", name="Try again")
    again.wait_for()
    assert f"catalogue/{words.name} could not be loaded" in page.locator("#count").inner_text()
    words.write_bytes(content)
    again.click()
    assert hits(page, "1 of 60 reports") == numbered(17)
    assert again.is_hidden()


def test_without_the_overview_the_list_can_be_read(visit: Visit, tmp_path: Path) -> None:
    put(tmp_path, sixty(), CONFIG, texts())
    for path in tmp_path.glob("catalogue/overview-*.js"):
        path.unlink()
    page = visit(f"{tmp_path.as_uri()}/index.html")
    assert len(hits_all(page)) == 20
    assert page.locator("#finder").is_hidden()


def test_without_scripts_there_are_pages_and_no_dead_controls(visit: Visit, addresses: Mapping[str, str]) -> None:
    page = visit(f"{addresses['file']}/index.html", java_script_enabled=False)
    assert page.locator("input, select, button").filter(visible=True).count() == 0
    page.get_by_role("link", name="Page 3").click()
    assert hits_all(page) == numbered(*range(40, 60))


def test_the_keyboard_alone_finds_and_opens_a_report(visit: Visit, addresses: Mapping[str, str]) -> None:
    page = visit(f"{addresses['http']}/index.html")
    wait(page, "!document.getElementById('finder').hidden")
    for _ in range(20):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id") == "q":
            break
    page.keyboard.type("number42")
    hits(page, "1 of 60 reports")
    for _ in range(20):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.matches('#hits h3 a')"):
            break
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    page.wait_for_url("**/reports/small-42/index.html")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["index.html", "index.html#q=number&page=2", "how-to-read.html", "404.html"])
def test_axe_finds_nothing(visit: Visit, addresses: Mapping[str, str], name: str) -> None:
    page = visit(f"{addresses['file']}/{name}", color_scheme="light")
    if "#" in name:
        hits(page, "60 of 60 reports")
    unharmed(page)
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        assert violations(page) == [], scheme


@pytest.mark.parametrize("name", ["index.html", "index.html#q=number&verdict=right", "how-to-read.html", "404.html"])
def test_nothing_scrolls_sideways_on_a_narrow_phone(visit: Visit, tmp_path: Path, name: str) -> None:
    given = [replace(card, title="W" * 90 + str(n), label="L" * 90, top_tokens=("t" * 90,)) for n, card in
             enumerate(sixty())]  # fmt: skip
    config = replace(CONFIG, title="T" * 60, blurb="b" * 90, notes={"small-0": "n" * 90})
    page = visit(f"{put(tmp_path, given, config, texts()).as_uri()}/{name}", viewport={"width": 320, "height": 640})
    if "#" in name:
        hits(page, "40 of 60 reports")
    if page.locator("#filters").count():
        page.get_by_text("Filter and order").click()
    assert page.evaluate("document.documentElement.scrollWidth") == 320


@pytest.mark.parametrize("kind", ["light", "dark"])
def test_the_strip_has_the_colours_of_the_page(visit: Visit, addresses: Mapping[str, str], kind: str) -> None:
    page = visit(f"{addresses['file']}/index.html", color_scheme=kind)
    colours = page.evaluate(
        """() => [...document.querySelectorAll(".card:first-child .heat path")].map((path) =>
             [path.getAttribute("class"), getComputedStyle(path).fill])"""
    )
    wanted = page.evaluate(
        """() => { const probe = document.createElement("span"); document.body.append(probe);
             return Object.fromEntries([...Array(16).keys()].map((n) => {
               probe.className = `h${n}`; return [`h${n}`, getComputedStyle(probe).backgroundColor]; })); }"""
    )
    assert len(set(wanted.values())) == 16
    assert len(colours) > 5
    assert all(wanted[name] == colour for name, colour in colours)


def test_no_text_from_outside_runs(visit: Visit, tmp_path: Path) -> None:
    given = [
        replace(cards.card(reports.infected(payload), name=f"x-{n}"), top_tokens=(payload,), id=payload)
        for n, payload in enumerate(reports.PAYLOADS)
    ]
    config = SiteConfig(
        title=reports.PAYLOADS[0], blurb="".join(reports.PAYLOADS),
        notes={f"x-{n}": payload for n, payload in enumerate(reports.PAYLOADS)},
    )  # fmt: skip
    put(tmp_path, given, config, reports.PAYLOADS)
    page = visit(f"{tmp_path.as_uri()}/index.html")
    wait(page, "!document.getElementById('finder').hidden")
    unharmed(page)
    page.get_by_label("Order").select_option("unsure")
    count = len(given)
    titles = hits(page, f"{count} of {count} reports")
    assert len(titles) == min(count, index_pages.HITS)
    assert titles[0] == reports.PAYLOADS[0]
    for place in range(1, page.locator("#predicted option").count()):
        page.get_by_label("Predicted label", exact=True).select_option(index=place)
        page.wait_for_timeout(20)
    page.get_by_label("Search", exact=True).fill(reports.PAYLOADS[0])
    wait(page, "document.getElementById('count').textContent.includes(' of ')")
    unharmed(page)


def test_a_report_with_several_labels_is_found_by_each(visit: Visit, tmp_path: Path) -> None:
    several = cards.card(reports.several(), name="both")
    given = [replace(several, title="Both"), replace(base(), name="one", title="One")]
    put(tmp_path, given, SiteConfig(), ["", ""])
    page = visit(f"{tmp_path.as_uri()}/index.html")
    wait(page, "!document.getElementById('finder').hidden")
    for name, label, titles in (
        ("Predicted label", "right", ["Both"]),
        ("Predicted label", "left", ["Both", "One"]),
        ("Gold label", "far", ["Both"]),
    ):
        page.get_by_label(name, exact=True).select_option(label)
        assert hits(page, f"{len(titles)} of 2 reports") == titles
        page.get_by_label(name, exact=True).select_option("any")


def test_five_thousand_reports_are_searched_by_small_parts(visit: Visit, tmp_path: Path) -> None:
    given = [replace(base(), name=f"r-{n}", title=f"Report {n}") for n in range(5000)]
    documents = [f"w{n:x} all {'rare' if n == 4321 else ''} x{n * 7919 % 5000:x}y{n * 31:x}" for n in range(5000)]
    put(tmp_path, given, SiteConfig(), documents)
    assert (tmp_path / "index.html").stat().st_size < 2_000_000
    page = visit(f"{tmp_path.as_uri()}/index.html")
    wait(page, "!document.getElementById('finder').hidden")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    assert asked == []
    page.get_by_label("Search", exact=True).fill("rare")
    assert hits(page, "1 of 5,000 reports") == ["Report 4321"]
    assert sum("/words-" in url for url in asked) <= 2
    assert sum("/cards-" in url for url in asked) == 1
    page.get_by_label("Search", exact=True).fill("all")
    assert len(hits(page, "5,000 of 5,000 reports")) == index_pages.HITS
    unharmed(page)
