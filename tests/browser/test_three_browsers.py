"""One walk through a report and one through a corpus in Chromium, Firefox and WebKit; console and policy are silent."""

from __future__ import annotations

import csv
import re
import shutil
import subprocess
import time
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from reportgen.core.clock import Clock
from reportgen.corpus import gather
from reportgen.corpus.shown import present
from tests import corpora
from tests.browser.page import LIVE, SETTLED, as_text
from tests.browser.test_gallery import served
from tests.browser.test_instrument import CLASSES, drawn_html, example
from tests.browser.three import Chromium, Firefox, Reader, WebKit, need, wait

pytestmark = pytest.mark.slow
Open = Callable[..., Reader]
NAMES = ("chromium", "firefox", "webkit")
LOOK = "getComputedStyle(document.querySelector('.chip [name=layers][value=\"{}\"] + span')).backgroundColor"
MARK = """[...document.querySelectorAll("#text [data-mark~={}]")].map((e) => {{
  const style = getComputedStyle(e);
  return [style.textDecorationLine, style.textDecorationStyle, style.textDecorationThickness].join(" ");
}})"""
WEIGHTS = """[...document.querySelectorAll("{} span")].map((e) => [
  Number(/\\bh(\\d+)/.exec(e.className)?.[1] ?? -1), parseFloat(getComputedStyle(e).borderBottomWidth)])"""
TOP = "document.querySelector('[aria-labelledby=table-top-tokens]')"


@pytest.fixture(params=NAMES)
def start(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Open]:
    """Start a browser, once or once more with forced colours."""
    readers: list[Reader] = []

    def begin(*, forced: bool = False) -> Reader:
        need(request.param)
        folder = tmp_path / f"browser-{len(readers)}"
        folder.mkdir()
        made: Mapping[str, Callable[[], Reader]] = {
            "chromium": lambda: Chromium(folder, request.getfixturevalue("browser"), forced=forced),
            "firefox": lambda: Firefox(folder, forced=forced),
            "webkit": lambda: WebKit(folder),
        }
        readers.append(made[request.param]())
        return readers[-1]

    yield begin
    for reader in readers:
        reader.close()


@pytest.fixture(params=["file", "http"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Where the report is."""
    folder = tmp_path / "report"
    folder.mkdir()
    (folder / "report.html").write_text(drawn_html(), encoding="utf-8", newline="")
    (folder / "other.html").write_text("<!doctype html><title>other</title><link rel=icon href='data:,'>")
    if request.param == "file":
        yield folder.as_uri()
        return
    with served(folder) as at:
        yield at


def silent(reader: Reader) -> None:
    """Neither console nor policy has said anything."""
    assert reader.run("window.complaints ?? []") == []
    assert reader.run("window.violations") == []
    assert reader.wrong == []


def rows(reader: Reader) -> list[list[str]]:
    """The table of top tokens as it is shown."""
    script = f"[...{TOP}.querySelectorAll('tbody tr')].map((tr) => [...tr.cells].map((cell) => cell.innerText))"
    return reader.run(script)  # type: ignore[no-any-return]


def chosen(reader: Reader, name: str) -> list[str]:
    """The boxes that are ticked."""
    return reader.run(f"[...document.querySelectorAll('[name={name}]:checked')].map((box) => box.value)")  # type: ignore[no-any-return]


def test_the_walk(start: Open, address: str) -> None:
    reader = start()
    reader.open(f"{address}/report.html")
    wait(reader, LIVE)
    tick(reader)
    open_and_walk(reader)
    find(reader)
    sort_and_save(reader)
    link = copy(reader)
    reopen(reader, link)
    silent(reader)
    go_and_come_back(reader, f"{address}/other.html", link)
    # Firefox asks for favicon.ico when it comes back, whatever icon a page has; the policy refuses that
    assert [one for one in (*reader.wrong, *reader.run("window.violations")) if "favicon.ico" not in one] == []


def tick(reader: Reader) -> None:
    """A box that is ticked looks so, and one that is not does not."""
    looks = [reader.run(LOOK.format(n)) for n in (1, 2, 3)]
    assert len(set(looks)) == 1
    before = reader.run(CLASSES)
    reader.click('.chip [name=layers][value="2"]')
    wait(reader, "location.hash === '#layers=1,3&view=reader'")
    assert reader.run(LOOK.format(1)) == looks[0]
    assert reader.run(LOOK.format(2)) != looks[0]
    assert reader.run(CLASSES) != before
    assert len(set(reader.run(CLASSES))) > 4


def open_and_walk(reader: Reader) -> None:
    """A token opens by the mouse, the next by the keys; what it attends to is marked by lines that differ."""
    words = example().words()
    reader.click('#text [data-position="4"]')
    wait(reader, f"{SETTLED} && document.querySelector('#token-body b')?.textContent.includes('{words[4]}')")
    lines = {name: set(reader.run(MARK.format(name))) for name in ("to", "by", "same")}
    assert lines["to"] <= {"underline solid 3px", "underline double 3px"}
    assert lines["by"] <= {"underline dashed 2px", "underline double 3px"}
    assert lines["to"]
    assert lines["by"]
    reader.press("ArrowRight")
    reader.press("Enter")
    wait(reader, f"{SETTLED} && location.hash.includes('token=5')")
    reader.press("ArrowDown")
    assert reader.run("Number(document.querySelector('#text [data-mark~=here]').dataset.position)") > 5
    reader.press("Escape")
    wait(reader, f"{SETTLED} && !location.hash.includes('token')")
    assert reader.run(MARK.format("to")) == []
    reader.press("Home")
    reader.press("ArrowRight")
    reader.press("Enter")
    wait(reader, f"{SETTLED} && location.hash.includes('token=1')")


def find(reader: Reader) -> None:
    """Find counts, and goes from match to match."""
    reader.click("#find")
    reader.write("heads")
    wait(reader, "document.getElementById('found').textContent === '3 found'")
    reader.press("Enter")
    reader.press("Enter")
    assert reader.run("document.getElementById('found').textContent") == "2 of 3"
    now = reader.run("document.querySelector('#text [data-mark~=now]').textContent")
    assert now == "heads"


def sort_and_save(reader: Reader) -> None:
    """A table is sorted by a click, and saved as it is shown."""
    before = rows(reader)
    reader.click("[aria-labelledby=table-top-tokens] thead th:nth-child(3) button")
    places = [int(row[2]) for row in rows(reader)]
    assert places == sorted(places) != [int(row[2]) for row in before]
    named = "b.textContent === 'Save CSV' && b.closest('.tools').ariaLabel.includes(caption)"
    tools = f"((caption) => [...document.querySelectorAll('.tools button')].find((b) => {named}))"
    reader.run(f"{tools}({TOP}.querySelector('caption').textContent).id = 'saves'")
    reader.click("#saves")
    name = "small-0-table-top-tokens.csv"
    end = time.monotonic() + 60
    while not (found := [p for p in reader.downloads.rglob(name) if p.stat().st_size]):
        assert time.monotonic() < end, "nothing was saved"
        time.sleep(0.1)
    with found[0].open(encoding="utf-8", newline="") as file:
        saved = list(csv.reader(file))
    assert [row[2] for row in saved[1:]] == [str(place) for place in places]


def copy(reader: Reader) -> str:
    """The link is on the clipboard, and can be pasted."""
    reader.click("#link")
    wait(reader, "document.getElementById('link').textContent === 'Copied'")
    reader.run("void (document.getElementById('find').value = '')")
    reader.click("#find")
    reader.press("Control+v")
    wait(reader, "document.getElementById('find').value === location.href")
    return str(reader.run("location.href"))


def reopen(reader: Reader, link: str) -> None:
    """Who gets the link sees the same."""
    seen = (chosen(reader, "layers"), reader.run(CLASSES))
    reader.open(link)
    wait(reader, LIVE)
    assert (chosen(reader, "layers"), reader.run(CLASSES)) == seen
    wait(reader, "document.querySelectorAll('#text [data-mark~=open]').length === 1")


def go_and_come_back(reader: Reader, other: str, link: str) -> None:
    """Back from another page leads to what was left."""
    reader.click('.chip [name=heads][value="1"]')
    wait(reader, "location.hash.includes('heads=2-4')")
    left = (chosen(reader, "layers"), chosen(reader, "heads"), reader.run(CLASSES))
    reader.run(f"void setTimeout(() => location.assign('{other}'))")
    wait(reader, "document.title === 'other'")
    reader.back()
    wait(reader, f"document.title !== 'other' && {LIVE}")
    assert "heads=2-4" in reader.run("location.hash")
    assert (chosen(reader, "layers"), chosen(reader, "heads"), reader.run(CLASSES)) == left
    assert link.split("#")[0] == reader.run("location.href.split('#')[0]")


@pytest.mark.parametrize("address", ["file"], indirect=True)
def test_the_last_of_many_quick_changes_is_in_the_address(start: Open, address: str) -> None:
    """WebKit refuses changes of the address after a hundred in ten seconds; the last one is written later."""
    reader = start()
    reader.open(f"{address}/report.html")
    wait(reader, LIVE)
    reader.run("Array.from({ length: 301 }, (_, n) => reportgen.state.change({ k: 2 + (n % 3), token: n % 7 })).length")
    assert reader.run("reportgen.state.get().token") == 300 % 7
    wait(reader, "location.href === reportgen.state.link()")
    assert reader.run("location.hash") == f"#k=2&token={300 % 7}"
    assert reader.run("window.complaints ?? []") == []


@pytest.mark.parametrize("address", ["file"], indirect=True)
def test_on_paper_controls_are_gone_and_headings_stay_with_their_figures(start: Open, address: str) -> None:
    reader = start()
    reader.open(f"{address}/report.html")
    wait(reader, LIVE)
    pdf = reader.pdf()
    if pdf is None:
        pytest.skip("WebKitGTK’s driver cannot print")
    pages = read(pdf)
    whole = " ".join(pages)
    assert "Whole words" not in whole
    assert "Hot spots" not in whole
    assert "Save as" not in whole
    assert "Longformer" in whole
    every = "[...document.querySelectorAll('.figures figure > {}')].map((e) => e.textContent.trim().slice(0, 25))"
    titles, captions = (reader.run(every.format(tag)) for tag in ("h3", "figcaption"))
    assert len(titles) > 3
    titles, captions = ["Figures", *titles], [titles[0], *captions]  # the heading of the section, and the first figure
    for title, caption in zip(titles, captions, strict=True):
        assert any(title in page and caption in page for page in pages), title


def read(pdf: bytes) -> list[str]:
    """The text of every page, in one line."""
    tool = shutil.which("pdftotext")
    assert tool is not None, "pdftotext is not installed (Debian: poppler-utils)"
    text = subprocess.run([tool, "-", "-"], input=pdf, capture_output=True, check=True).stdout.decode()
    return [" ".join(unicodedata.normalize("NFKC", page).split()) for page in text.split("\f")]  # ligatures


@pytest.mark.parametrize("address", ["file"], indirect=True)
def test_in_forced_colours_heat_choices_and_marks_are_lines(start: Open, address: str) -> None:
    reader = start(forced=True)
    reader.open(f"{address}/report.html#layers=1,3&token=4")
    wait(reader, LIVE)
    if reader.name == "webkit":
        assert not reader.run("matchMedia('(forced-colors: active)').matches")
        pytest.skip("WebKitGTK has no forced colours")
    assert reader.run("matchMedia('(forced-colors: active)').matches")
    weights = sorted({(heat, width) for heat, width in reader.run(WEIGHTS.format("#text")) if heat >= 0})
    assert [width for _, width in weights] == sorted(width for _, width in weights)
    assert len({width for _, width in weights}) > 3
    assert sorted({width for _, width in reader.run(WEIGHTS.format(".legend"))}) == [0, 1, 2, 3, 5]
    looks = [reader.run(LOOK.format(n)) for n in (1, 2, 3)]
    assert looks[0] == looks[2] != looks[1]
    assert all(line.startswith("overline ") for line in reader.run(MARK.format("to")))
    silent(reader)


@pytest.fixture
def corpus(tmp_path: Path) -> Iterator[str]:
    """The address of a folder with a corpus, its reports, and a page that shows the corpus 320 pixels wide."""
    folder = tmp_path / "many"
    for number in range(6):
        formats = ("html",) if number == 0 else ("tables",)
        corpora.write(folder, corpora.report(number, tested=number % 2 == 0), formats=formats)
    made = present.parts(gather.gather(folder, clock=Clock(), engine=gather.here(1)), folder / "corpus")
    (folder / "corpus").mkdir()
    (folder / "corpus" / "corpus.html").write_text(present.page(made), encoding="utf-8", newline="")
    frame = (
        "<!doctype html><title>narrow</title><link rel=icon href='data:,'><iframe width=320 height=700 src={}></iframe>"
    )
    (folder / "narrow.html").write_text(frame.format("corpus/corpus.html"), encoding="utf-8")
    with served(folder) as address:
        yield address


def test_a_corpus_is_walked_by_keys_and_by_links(start: Open, corpus: str) -> None:
    """It has no scripts: whatever it does, the browser does."""
    reader = start()
    reader.open(f"{corpus}/corpus/corpus.html")
    reader.press("Tab")
    assert reader.run("document.activeElement.className") == "skip"
    reader.press("Enter")
    wait(reader, "location.hash === '#predictions'")
    reader.click('.contents a[href="#heads"]')
    wait(reader, "location.hash === '#heads'")
    assert abs(reader.run("document.getElementById('heads').getBoundingClientRect().top")) < 5
    if reader.name == "firefox":  # without a screen its window is never active, and keys open no <details>
        reader.click("#figure-roles summary")
    else:
        reader.run("void document.querySelector('#figure-roles summary').focus()")
        reader.press("Enter")
    wait(reader, "document.querySelector('#figure-roles details').open")
    assert reader.run("document.querySelector('#figure-roles details table').getBoundingClientRect().height") > 60
    reader.click("#confusion td a")
    wait(reader, "location.hash.startsWith('#list-')")
    listed = reader.run("document.querySelector(location.hash).querySelectorAll('tbody tr').length")
    assert listed == reader.run("Number(document.querySelector('#confusion td a').textContent)")
    reader.back()
    wait(reader, "location.hash === '#heads'")
    silent(reader)
    reader.click('#documents a[href$="/doc-0/report.html"]')
    wait(reader, "location.pathname === '/doc-0/report.html' && !!document.getElementById('text')")
    assert reader.wrong == []


def test_a_corpus_is_read_in_a_narrow_window(start: Open, corpus: str) -> None:
    """Charts and wide tables are moved inside their own boxes, which the keys reach; the page stays where it is."""
    reader = start()
    reader.open(f"{corpus}/narrow.html")
    page = "document.querySelector('iframe').contentDocument"
    wait(reader, f"!!{page}.querySelector('#method')")
    reader.run(f"void {page}.querySelectorAll('details').forEach((one) => (one.open = true))")
    assert reader.run(f"{page}.documentElement.clientWidth") <= 320
    assert reader.run(f"{page}.documentElement.scrollWidth - {page}.documentElement.clientWidth") == 0
    wide = f"[...{page}.querySelectorAll('.drawing, .table')].filter((e) => e.scrollWidth > e.clientWidth)"
    assert reader.run(f"{wide}.length") > 3
    assert reader.run(f"{wide}.filter((e) => e.tabIndex < 0).length") == 0
    silent(reader)


def test_a_corpus_in_forced_colours_keeps_its_letters(start: Open, corpus: str) -> None:
    """Roles are letters as well as colours; links and text have the reader's colours."""
    reader = start(forced=True)
    reader.open(f"{corpus}/corpus/corpus.html")
    if reader.name == "webkit":
        pytest.skip("WebKitGTK has no forced colours")
    assert reader.run("matchMedia('(forced-colors: active)').matches")
    ink = "getComputedStyle(document.querySelector('{}')).color"
    assert reader.run(ink.format("h2")) == reader.run(ink.format("main p")) != reader.run(ink.format("#documents td a"))
    assert reader.run("document.querySelectorAll('#figure-roles svg text').length") > 4
    silent(reader)


def test_a_browser_without_scripts_shows_no_control_that_does_nothing(tmp_path: Path) -> None:
    """In w3m, which knows neither scripts nor styles, but shows every form."""
    shown = as_text(drawn_html(), tmp_path)
    for control in (
        "Save",
        "SVG",
        "Find",
        "Hot spots",
        "Reset",
        "Copy link",
        "Whole words",
        "Arrow keys",
        "Token details",
    ):
        assert control not in shown, control
    assert "Longformer" in shown
    assert "Data table: Rank trend by layer" in shown
    assert re.search(r"^0 [\d.]+ [\d.]+ [\d.]+ 100$", shown, re.MULTILINE), "the legend has no spaces"
    assert re.search(r"\b1 2 3 4 5 10 20 30 rank\b", shown), "numbers at an axis have no spaces"
