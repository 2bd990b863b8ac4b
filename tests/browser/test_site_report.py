"""The page of a report in a site, in Chromium: from a server under a sub-path and from the disk, with shared files."""

from __future__ import annotations

import functools
import http.server
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

from reportgen.core.nouns.records import GIVEN, Report
from reportgen.report.draw.pictures import vega
from reportgen.report.page import render
from reportgen.report.page.svg import THEME
from tests import reports
from tests.browser.conftest import listen
from tests.browser.page import live, settled, wait
from tests.browser.test_accessibility import PHONE, WIDE, violations

PLACE = render.Place(
    site="Reports on attention",
    language="en",
    description="Right: left (80.2%).",
    note="Look at the second paragraph.",
    previous=("before", "The report before"),
    next=("after", "The report after this one, which has a title that is long enough to be cut somewhere"),
    pdf=True,
    download=True,
)
DUMMY = "<!doctype html><title>elsewhere</title>"


class Quiet(http.server.SimpleHTTPRequestHandler):
    """A plain server of files, which no browser keeps: two pages written in the same second have the same date."""

    def end_headers(self) -> None:
        self.send_header("Cache-Control", "no-store")
        super().end_headers()

    def log_message(self, *_: object) -> None:
        pass


@dataclass(frozen=True)
class Site:
    """A site on the disk, and where it is served."""

    folder: Path
    address: str

    def add(self, html: str) -> None:
        page = self.folder / "reports" / "one" / "index.html"
        page.write_text(html, encoding="utf-8", newline="")


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    top = tmp_path_factory.mktemp("served")
    folder = top / "some path" / "site"
    for path, content in render.site_assets(vega.bundle()).items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    for name in ("one", "before", "after"):
        (folder / "reports" / name).mkdir(parents=True)
    for path in ("index.html", "how-to-read.html", "reports/before/index.html", "reports/after/index.html"):
        (folder / path).write_text(DUMMY)
    served = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(top)))
    threading.Thread(target=served.serve_forever, daemon=True).start()
    yield Site(folder, f"http://127.0.0.1:{served.server_port}/some%20path/site/")
    served.shutdown()
    served.server_close()


@pytest.fixture(params=["http", "file"])
def way(request: pytest.FixtureRequest) -> str:
    """For scripts and a policy, which a browser treats otherwise from the disk."""
    return str(request.param)


@pytest.fixture
def visit(new_page: Callable[..., Page], server: Site) -> Callable[..., Page]:
    """Open the page of a report in the site; what goes wrong is kept in `page.wrong`."""

    def opened(html: str, *, way: str = "http", fragment: str = "", missing: str = "", **settings: Any) -> Page:
        server.add(html)
        base = server.address if way == "http" else f"{server.folder.as_uri()}/"
        page = new_page(**settings)
        wrong: list[str] = []
        if missing:
            page.route(f"**/{missing}*", lambda route: route.abort())
        listen(page, wrong, allowed=lambda url: url.startswith((base, "data:")))
        page.wrong = wrong  # type: ignore[attr-defined]
        page.goto(f"{base}reports/one/index.html{'#' + fragment if fragment else ''}")
        return page

    return opened


def fault_free(page: Page) -> None:
    assert page.evaluate("violations") == []
    assert page.wrong == []  # type: ignore[attr-defined]


@cache
def example() -> str:
    """A page with live charts."""
    return render.site_page(reports.example(), reports.example_parts(), PLACE, bundle=vega.bundle())


def stub_page(report: Report, text: str = "small", **place: Any) -> str:
    """A page with one chart that nothing draws."""
    parts = reports.parts(report, (reports.stub_chart(text),))
    return render.site_page(report, parts, replace(PLACE, **place), bundle=vega.bundle())


def test_every_chart_goes_live_and_controls_work(visit: Callable[..., Page], way: str) -> None:
    """No error, no violation of the policy, no request beyond the site."""
    page = live(visit(example(), way=way))
    assert page.locator("figure").count() == 6
    assert page.locator(".maps button").count() == 3 * 4
    for figure in page.locator("figure[data-chart]").all():
        assert figure.locator(".live svg path, .live svg line").count() > 5
        assert figure.locator(".still").is_hidden()
    before = page.locator("#text [data-position='3']").get_attribute("class")
    page.get_by_label("Received from").select_option("global")
    page.get_by_role("group", name="Layers").get_by_role("button", name="None").click()
    page.get_by_role("group", name="Layers").get_by_label("2", exact=True).check(force=True)
    settled(page)
    assert page.locator("#text [data-position='3']").get_attribute("class") != before
    page.locator("#text [data-position='3']").click()
    settled(page)
    assert "Attends to most" in page.locator("#token").inner_text()
    assert page.evaluate("location.hash") != ""
    fault_free(page)


def test_data_are_unpacked_as_they_were_packed(visit: Callable[..., Page]) -> None:
    page = live(visit(example()))
    parts = reports.example_parts()
    found = page.evaluate(
        """() => {
             const blocks = [...document.querySelectorAll("script[id^=data-]")];
             return Object.fromEntries(blocks.map((e) => [e.id, JSON.parse(e.text)]));
           }"""
    )
    assert found == {f"data-{name}": block for name, block in ({"theme": THEME} | parts.blocks).items()}


def test_without_the_shared_vega_the_charts_stay_as_they_are(visit: Callable[..., Page]) -> None:
    page = settled(visit(example(), missing="vega-"))
    assert page.evaluate("document.documentElement.classList.contains('scripted')")
    assert page.locator("figure[data-chart] .still").first.is_visible()
    assert any("the charts stay as they are" in line for line in page.wrong)  # type: ignore[attr-defined]


def test_data_that_cannot_be_unpacked_leave_a_page_that_can_be_read(visit: Callable[..., Page]) -> None:
    page = visit(re.sub(r'(data-length="\d+">)....', r"\1!!!!", example()))
    wait(page, "!document.documentElement.classList.contains('scripted')")
    page.get_by_label("Last layer, all tokens").check()
    assert page.locator(".about:visible").count() == 1
    assert page.locator("#instrument").is_hidden()


def test_the_policy_stops_what_a_template_might_let_in(visit: Callable[..., Page], way: str) -> None:
    """The negative control: the test above would see it."""
    html = stub_page(reports.report()).replace(
        "</main>",
        "<script>window.ran = 1</script><img src=x onerror='window.ran = 1'>"
        "<p style='color:red'></p><style>p{}</style>",
    )
    page = visit(html, way=way)
    wait(page, "violations.length >= 4")
    assert page.evaluate("window.ran") is None


@pytest.mark.timeout(900)  # time to find the payload that stops a page
def test_nothing_from_outside_runs(visit: Callable[..., Page]) -> None:
    def check(*payloads: str) -> None:
        report = reports.infected(*payloads)
        title = report.example.title
        place = {"site": title, "note": title, "description": title, "previous": (title, title), "next": ("x", title)}
        page = visit(stub_page(report, title, **place))
        wanted = "".join(stretch for stretch, _ in render.pieces(title))
        assert page.evaluate("window.ran") is None
        assert page.title() == " ".join(f"{wanted} · attention report".split())
        assert page.locator(".remark").text_content() == wanted
        assert page.locator("meta[name=description]").get_attribute("content") == wanted
        assert page.locator("meta[property='og:title']").get_attribute("content") == wanted
        assert page.evaluate("document.querySelectorAll('iframe, base, object, embed, form').length") == 0
        assert page.evaluate("[...document.links].every((a) => a.protocol === location.protocol)")
        wait(page, "document.documentElement.dataset.ready !== undefined")
        assert page.evaluate("violations") == []

    reports.withstands(check)


def test_the_way_back_and_on(visit: Callable[..., Page]) -> None:
    page = visit(stub_page(reports.report()), way="file")
    assert page.get_by_role("link", name="← Reports on attention").is_visible()
    assert page.get_by_text("Look at the second paragraph.").is_visible()
    targets = page.locator("nav a").evaluate_all("all => all.map((a) => a.getAttribute('href'))")
    contents = [target for target in targets if target.startswith("#")]
    assert contents[:2] == ["#prediction", "#heatmap"]
    assert all(page.locator(target).count() == 1 for target in contents)
    assert [target for target in targets if target not in contents] == [
        "../../index.html", "../../how-to-read.html", "report.pdf", "report.html",
        "../before/index.html", "../after/index.html",
    ]  # fmt: skip
    page.get_by_role("link", name=re.compile("The report after")).click()
    page.wait_for_url("**/reports/after/index.html")
    page.go_back()
    page.get_by_role("link", name="← Reports on attention").click()
    page.wait_for_url("**/site/index.html")


def test_with_scripts_off_everything_can_be_read(visit: Callable[..., Page]) -> None:
    page = visit(example(), way="file", java_script_enabled=False)
    report = reports.example()
    shown = page.locator(".text").inner_text().replace("<s>", "").replace("</s>", "")
    assert " ".join(shown.split()) == " ".join(report.example.text.split())
    for figure in page.locator("figure").all():
        assert figure.locator(".still").locator("svg, img").is_visible()
    assert page.locator("#tables table").count() == 5
    for control in ("#instrument", ".walk", "#strip", ".save", ".keys"):
        assert page.locator(control).first.is_hidden(), control
    assert page.wrong == []  # type: ignore[attr-defined]


@pytest.mark.slow
@pytest.mark.parametrize(("size", "scheme"), [(WIDE, "light"), (PHONE, "dark")], ids=["wide", "phone"])
def test_axe_finds_nothing(visit: Callable[..., Page], size: dict[str, int], scheme: str) -> None:
    page = live(visit(example(), viewport=size, color_scheme=scheme))
    assert violations(page) == []
    fault_free(page)


@pytest.mark.parametrize("width", [320, 1440])
def test_the_page_does_not_scroll_sideways(visit: Callable[..., Page], width: int) -> None:
    """Whatever the names are; charts are those of `test_report_page.py`."""
    long = "W" * 3000
    page = visit(
        stub_page(reports.report(), site=long, note=long, next=("x", long)), viewport={"width": width, "height": 800}
    )
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_printed_the_site_is_left_out(visit: Callable[..., Page]) -> None:
    page = visit(stub_page(reports.report()))
    page.emulate_media(media="print")
    assert page.locator("nav").first.is_hidden()
    assert page.locator("h1").is_visible()


def test_a_list_of_given_scores_has_scripts_and_no_layers_to_choose(visit: Callable[..., Page]) -> None:
    report = reports.report(layers=1, heads=1)
    given = replace(report, provenance=replace(report.provenance, model_type=GIVEN))
    page = visit(stub_page(given))
    settled(page)
    assert page.get_by_label("Find", exact=True).is_visible()
    assert not page.get_by_role("group", name="Layers", exact=True).is_visible()
    fault_free(page)
