"""The page in Chromium: live charts under a strict policy, no request, nothing run that came from outside."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from reportgen.core import palette
from reportgen.core.nouns.records import Prediction
from reportgen.report.draw import charts
from reportgen.report.draw.pictures import vega
from reportgen.report.page import render
from tests import reports
from tests.browser.page import LIVE, Show, contrast, live, rgb, wait
from tests.reports import stub_page


def test_every_chart_goes_live_and_nothing_goes_wrong(show: Show) -> None:
    """No error, no violation of the policy, no request but the file itself."""
    page = live(show(reports.example_page()))
    assert page.locator("figure").count() == 1 + len(reports.example_parts().charts) == 6
    assert page.locator(".maps button").count() == 3 * 4
    for figure in page.locator("figure[data-chart]").all():
        assert figure.locator(".live svg").is_visible()
        assert figure.locator(".live svg path, .live svg line").count() > 5
        assert figure.locator(".still").is_hidden()
    assert page.evaluate("violations") == []
    assert page.wrong == []  # type: ignore[attr-defined]


def test_without_vegas_interpreter_the_same_page_fails(show: Show, monkeypatch: pytest.MonkeyPatch) -> None:
    """The negative control: the policy forbids eval, and the test above would see it."""
    source = render._source
    monkeypatch.setattr(render, "_source", lambda name: source(name).replace("ast: true", "ast: false"))
    page = show(render.page(reports.example(), reports.example_parts(), bundle=vega.bundle()))
    wait(page, "violations.length > 0")
    assert "script-src eval" in page.evaluate("violations")
    assert not page.evaluate(LIVE)


def test_a_request_would_be_noticed(show: Show) -> None:
    page = show("<!doctype html><img src='http://192.0.2.1/x.png'>")
    assert any("request: http://192.0.2.1/x.png" in line for line in page.wrong)  # type: ignore[attr-defined]


def test_the_policy_stops_what_a_template_might_let_in(show: Show) -> None:
    html = stub_page(reports.report()).replace(
        "</main>",
        "<script>window.ran = 1</script><img src=http://192.0.2.1/x onerror='window.ran = 1'><p style='color:red'>",
    )
    page = show(html)
    wait(page, "violations.length >= 3")
    assert page.evaluate("window.ran") is None


def test_regions_are_found_by_their_names(show: Show) -> None:
    page = show(stub_page(reports.report()))
    for name in ("Token heatmap", "Prediction", "Self-checks", "Provenance"):
        assert page.get_by_role("region", name=name, exact=True).is_visible(), name


def test_the_first_screen_says_what_was_predicted_and_which_words_drew_attention(show: Show) -> None:
    page = show(stub_page(reports.report()), viewport={"width": 1280, "height": 800})
    for words in (
        "A small report",
        "which is right",
        "80.2%",
        "Not tested.",
        "1.9× the even share",
        "Words that draw most",
    ):
        box = page.get_by_text(words).locator("visible=true").first.bounding_box()  # not the title of a bar
        assert box, words
        assert box["y"] + box["height"] < 800


def test_choosing_a_view_changes_the_colour_of_a_token(show: Show) -> None:
    """Where no script runs, by CSS alone; the colours are those of the palette."""
    report = reports.report()
    views = reports.parts(report).views
    cell = next(n for n in range(1, 40) if len({view.classes[n] for view in views}) == 3)
    page = show(stub_page(report), java_script_enabled=False)
    group = page.get_by_role("group", name="Colour by", exact=True)
    assert group.text_content() == "Colour by (without effect in a text browser)"  # which has no colours
    assert "effect" not in group.aria_snapshot()  # a screen reader is in a browser that has
    token = page.locator(f'#text [data-position="{cell}"]')
    for view in views:
        page.get_by_role("radio", name=view.title).check()
        assert token.evaluate("e => getComputedStyle(e).backgroundColor") == rgb(palette.HEAT_LIGHT[view.classes[cell]])
        assert view.explanation in page.locator(".about:visible .explain").inner_text()
        assert page.locator(".about:visible").count() == 1


def test_with_scripts_off_everything_can_be_read(show: Show) -> None:
    page = show(reports.example_page(), java_script_enabled=False)
    report = reports.example()
    shown = page.locator(".text").inner_text().replace("<s>", "").replace("</s>", "")
    assert " ".join(shown.split()) == " ".join(report.example.text.split())
    for figure in page.locator("figure").all():
        assert figure.locator(".still").locator("svg, img").is_visible()
        figure.locator("summary").click()
        assert figure.locator("details table").is_visible()
    assert page.locator("#tables table").count() == 5
    assert page.get_by_text("Some heads count against.").is_visible()
    page.get_by_label("Last layer, all tokens").check()
    for control in ("#instrument", ".walk", "#strip", ".save", ".keys"):
        assert page.locator(control).first.is_hidden(), control
    assert page.wrong == []  # type: ignore[attr-defined]


def test_nothing_from_outside_runs(show: Show) -> None:
    def check(*payloads: str) -> None:
        report = reports.infected(*payloads)
        page = show(stub_page(report, report.example.title))
        wanted = "".join(stretch for stretch, _ in render.pieces(report.example.title))
        assert page.evaluate("window.ran") is None
        assert page.title() == " ".join(f"{wanted} · attention report".split())
        assert page.locator("h1").text_content() == wanted
        assert page.evaluate("document.querySelectorAll('iframe, base, object, embed, form').length") == 0
        images = page.evaluate("[...document.images].map((image) => image.src.slice(0, 22))")
        assert images == ["data:image/png;base64,"]
        assert page.evaluate("violations") == []
        assert page.wrong == []  # type: ignore[attr-defined]

    reports.withstands(check)


def test_live_charts_of_hostile_words_draw_them(show: Show) -> None:
    """Vega writes legends and tooltips; the words of the document stand in both."""
    text = " ".join(payload.replace(" ", "") for payload in reports.PAYLOADS)
    spans = [match.span() for match in re.finditer(r"\S+", text)]
    report = reports.report(text, read=reports.tokens(text, spans=spans), layers=1, heads=1)
    drawn = charts.charts(report, *reports.ranked(report))
    page = live(show(render.page(report, reports.parts(report, drawn), bundle=vega.bundle())))
    page.locator("#figure-layer-trend .live path[aria-label]").first.hover(force=True)
    assert page.evaluate("window.ran") is None
    assert page.evaluate("violations") == []
    assert page.wrong == []  # type: ignore[attr-defined]


@pytest.mark.parametrize("widths", [(320, 375, 768, 1000, 1440, 2560), (2560, 320)], ids=["wider", "narrower"])
def test_the_page_does_not_scroll_sideways(show: Show, widths: tuple[int, ...]) -> None:
    """As it is opened, and when the window has changed."""
    page = live(show(reports.example_page(), viewport={"width": widths[0], "height": 800}))
    for width in widths:
        page.set_viewport_size({"width": width, "height": 800})
        wait(page, f"innerWidth === {width} && document.documentElement.scrollWidth <= {width}")
        for figure in page.locator("figure").all():
            box = figure.bounding_box()
            assert box
            assert box["x"] + box["width"] <= width


@pytest.mark.parametrize("width", [320, 1440])
def test_a_label_of_ten_thousand_characters_wraps(show: Show, width: int) -> None:
    long = "W" * 10_000
    report = reports.report(f"one {long} two")
    long_report = replace(
        report,
        example=replace(report.example, title=long, dataset=long),
        prediction=Prediction((long, "right"), (0.8, -0.6), (0.8, 0.2), 0, None, long),
        provenance=replace(report.provenance, model=long, command=long, revision=long),
        importance=replace(report.importance, source=long),
    )
    page = show(stub_page(long_report), viewport={"width": width, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    for selector in ("h1", ".verdict", ".byline", ".drawn"):
        box = page.locator(selector).first.bounding_box()
        assert box
        assert box["x"] + box["width"] <= width
    assert long in (page.locator(".verdict").text_content() or "")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_step_of_the_legend_and_every_token_can_be_read(show: Show, scheme: str) -> None:
    page = show(stub_page(reports.report()), color_scheme=scheme)
    colours = page.evaluate(
        """() => [...document.querySelectorAll(".about .step, #text [data-position]:not(.special)")].map((e) => {
             const style = getComputedStyle(e);
             return [style.color, style.backgroundColor];
           })"""
    )
    assert len(colours) > 60
    assert {back for _, back in colours[:16]} == set(
        map(rgb, palette.HEAT_LIGHT if scheme == "light" else palette.HEAT_DARK)
    )
    assert min(contrast(*pair) for pair in colours) >= 4.5


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_word_of_the_page_can_be_read(show: Show, scheme: str) -> None:
    page = show(stub_page(reports.report()), color_scheme=scheme)
    colours = page.evaluate(
        """() => {
             const paper = getComputedStyle(document.documentElement).backgroundColor;
             return [...document.querySelectorAll("h1, h2, h3, p, li, td, th, dt, dd, caption, summary, figcaption")]
               .filter((e) => e.checkVisibility() && e.textContent.trim())
               .map((e) => [getComputedStyle(e).color, paper, e.textContent]);
           }"""
    )
    assert len(colours) > 50
    faint = [text for ink, paper, text in colours if contrast(ink, paper) < 4.5]
    assert faint == []


def test_dark_and_light_pages_differ_and_charts_follow(show: Show) -> None:
    page = live(show(reports.example_page(), color_scheme="light"))
    look = """() => [getComputedStyle(document.documentElement).backgroundColor,
                     getComputedStyle(document.querySelector("#figure-layer-trend .live text")).fill]"""
    light = page.evaluate(look)
    page.emulate_media(color_scheme="dark")
    wait(page, f"({look})()[1] !== {light[1]!r}")
    dark = page.evaluate(look)
    assert contrast(light[0], dark[0]) > 10
    assert contrast(dark[0], dark[1]) >= 4.5
    live(page)
    assert page.locator(".live").count() == 5


@pytest.mark.parametrize("drawing", [".live", ".still"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_lines_stand_out_and_grids_take_the_heat_of_the_page(show: Show, scheme: str, drawing: str) -> None:
    """Lines keep 3:1 against the page; the most important head has the colour of the strongest token."""
    page = show(reports.example_page(), color_scheme=scheme, java_script_enabled=drawing == ".live")
    if drawing == ".live":
        live(page)
    look = """([selector, property]) =>
        [...document.querySelectorAll(selector)].map((e) => getComputedStyle(e)[property])"""
    (paper,) = page.evaluate(look, ["html", "backgroundColor"])
    for key, lines in {"rank-trend-layers": 3, "rank-trend-heads": 12, "layer-trend": 6}.items():
        strokes = page.evaluate(look, [f"#figure-{key} {drawing} .mark-line path", "stroke"])
        if drawing == ".still":  # its classes are taken off: a line is an unfilled path
            strokes = page.evaluate(look, [f"#figure-{key} .still path[stroke-width]:not([fill])", "stroke"])
        strokes = [stroke for stroke in strokes if stroke != "none"]
        assert len(strokes) >= lines
        assert min(contrast(stroke, paper) for stroke in strokes) >= 3
    heat = list(map(rgb, palette.HEAT_LIGHT if scheme == "light" else palette.HEAT_DARK))
    cells = page.evaluate(look, [f"#figure-overview {drawing} path", "fill"])
    cells = [cell for cell in cells if cell in heat]
    assert len(cells) >= 24
    assert {heat[2], heat[15]} <= set(cells)
    assert not {heat[0], heat[1], paper} & set(cells)  # a cell of the lowest value is seen as a cell


@pytest.mark.parametrize("width", [320, 375])
def test_on_a_phone_the_prediction_fits_and_other_tables_show_that_they_scroll(show: Show, width: int) -> None:
    labels = ("programming languages", "machine learning")
    report = reports.report(prediction=Prediction(labels, (-1.52, 1.75), (0.036, 0.964), 1, 0, labels[0]))
    page = show(stub_page(report), viewport={"width": width, "height": 800})
    table = page.locator("#prediction .table")
    assert table.evaluate("e => e.scrollWidth <= e.clientWidth")
    marks = [mark.inner_text() for mark in table.locator("th[scope=row]").all()]
    assert [" ".join(mark.split()) for mark in marks] == ["machine learning predicted", "programming languages gold"]
    for cell in table.locator("th, td").all():
        box = cell.bounding_box()
        assert box
        assert box["x"] + box["width"] <= width
    assert (
        page.locator("#tables .table").first.evaluate("e => getComputedStyle(e).backgroundAttachment").count("local")
        == 2
    )


def test_a_very_long_label_opens_without_scripts(show: Show) -> None:
    long = "W" * 10_000
    report = reports.report(prediction=Prediction((long, "right"), (0.8, -0.6), (0.8, 0.2), 0, 0, long))
    page = show(stub_page(report), viewport={"width": 375, "height": 800}, java_script_enabled=False)
    verdict = page.locator(".verdict")
    assert verdict.evaluate("e => e.offsetHeight") < 300
    assert page.locator("#prediction").evaluate("e => e.offsetHeight") < 800
    verdict.locator("summary").click()
    assert verdict.evaluate("e => e.offsetHeight") > 3000


def test_wide_tables_and_charts_can_be_scrolled_with_the_keyboard(show: Show) -> None:
    page = show(stub_page(reports.report()), viewport={"width": 320, "height": 800})
    unreachable = page.evaluate(
        """() => [...document.querySelectorAll("*")].filter((e) =>
             ["auto", "scroll"].includes(getComputedStyle(e).overflowX) && e.tabIndex < 0
             && !e.querySelector("button, input, select, summary, [tabindex='0']")).map((e) => e.className)"""
    )
    assert unreachable == []


def test_a_page_that_cannot_be_parsed_as_data_shows_still_charts(show: Show) -> None:
    """A broken block of data costs the live chart, not the picture."""
    html = reports.example_page()
    broken = re.sub(r'(<script type="application/json" id="data-spec-overview">)', r"\1{", html)
    page = show(broken)
    wait(page, "document.querySelectorAll('figure[data-live=true]').length === 5")
    assert page.locator("#figure-overview .still svg").is_visible()
    assert any("JSON" in line for line in page.wrong)  # type: ignore[attr-defined]
