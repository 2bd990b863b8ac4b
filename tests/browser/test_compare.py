"""Comparisons of reports and of batches in Chromium: accessible, by keys alone, within the policy, on a phone."""

from __future__ import annotations

import functools
import re
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pypdfium2
import pytest
from playwright.sync_api import Page

from reportgen.compare.batches import comparison
from reportgen.compare.parts import Comparison, Side
from reportgen.compare.reports.comparison import compare
from reportgen.compare.shown import page as pages
from reportgen.core.clock import Clock
from reportgen.core.nouns.faithfulness import Attribution
from reportgen.core.nouns.records import Prediction
from reportgen.report.paper import pdf
from reportgen.report.stored import store
from tests import faithful, pdf_check, reports
from tests.browser.page import Show, as_text
from tests.browser.test_accessibility import violations
from tests.compare.reports.test_tested import weaker

WIDE, PHONE = {"width": 1440, "height": 900}, {"width": 320, "height": 640}
TOLD = {"command": "reportgen compare one other", "created": "2024-05-01T12:00:00+00:00",
        "versions": {"reportgen": "0.1.0"}}  # fmt: skip


@functools.cache
def of_reports(hostile: str = "") -> Comparison:
    one, other = faithful.report(), faithful.report(seed=5)
    assert other.faithfulness is not None
    scores = np.linspace(-1, 1, len(one.tokens)).astype(np.float32)
    one = replace(one, attributions=(Attribution("frozen", 0, scores),))
    other = replace(
        other,
        attributions=(Attribution("frozen", 0, scores[::-1].copy()),),
        faithfulness=weaker(other.faithfulness, 0.4),
    )
    if hostile:
        one = replace(one, example=replace(one.example, title=hostile))
    sides = (Side("A", hostile or "one", "its model", "../one/report.html", "a" * 64),
             Side("B", "other", "another", "../other/report.html", "b" * 64))  # fmt: skip
    return compare(one, other, sides)


@functools.cache
def of_batches() -> Comparison:
    """Six documents, of which B gives three another label, and tests five."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for n in range(6):
            for side in (0, 1):
                turned = side and n % 2
                logits, shares = ((0.8, -0.6), (0.802, 0.198))
                said = Prediction(("left", "right"), logits[:: -1 if turned else 1], shares[:: -1 if turned else 1],
                                  predicted=int(turned), gold=0, gold_text="left")  # fmt: skip
                text = f"# Method\n{reports.TEXT}\n# Results\nNumber {n} is a document of its own.\n"
                made = faithful.report(text=text, seed=n + 20 * side, prediction=said)
                made = replace(made, example=replace(made.example, title=f"Document {n}"))
                if n == 5:
                    made = replace(made, faithfulness=None)
                target = folder / "ab"[side] / f"doc-{n}"
                store.write(target, store.dump(made), facts=store.facts(made, ()), overwrite=False)
                (target / "report.html").write_text("a page")
        return comparison.compare((folder / "a", folder / "b"), folder / "compared", ("first", "second"), Clock())


@functools.cache
def html(made: Callable[..., Comparison] = of_reports, *given: str) -> str:
    return pages.page(made(*given), name="compared", **TOLD)  # type: ignore[arg-type]


def background(page: Page) -> str:
    return str(page.locator("#text span").nth(5).evaluate("e => getComputedStyle(e).backgroundColor"))


both = pytest.mark.parametrize("made", [of_reports, of_batches])


@both
@pytest.mark.parametrize("viewport", [WIDE, PHONE])
def test_axe_finds_nothing_in_any_colours(
    show: Show, viewport: dict[str, int], made: Callable[..., Comparison]
) -> None:
    page = show(html(made), viewport=viewport)
    page.locator("details summary").evaluate_all("all => all.forEach((e) => (e.parentElement.open = true))")
    for scheme, forced in (("light", "none"), ("dark", "none"), ("light", "active"), ("dark", "active")):
        page.emulate_media(color_scheme=scheme, forced_colors=forced)  # type: ignore[arg-type]
        assert violations(page) == [], (scheme, forced)
    assert page.evaluate("document.documentElement.scrollWidth") == viewport["width"]
    assert page.evaluate("violations") == []
    assert page.wrong == []  # type: ignore[attr-defined]


def test_keys_choose_what_colours_the_text(show: Show) -> None:
    page = show(html(), viewport=WIDE)
    before = background(page)
    page.get_by_label("Difference, B minus A").focus()
    page.keyboard.press("ArrowLeft")
    assert page.locator("#side-y").is_checked()
    assert background(page) != before
    assert page.locator(".about-ay").is_visible()
    assert not page.locator(".about-az").is_visible()
    page.get_by_label("All attention", exact=True).focus()
    page.keyboard.press("ArrowRight")
    assert page.locator(".about-by").is_visible()


def test_in_forced_colours_the_heat_is_a_line_below_the_words(show: Show) -> None:
    """The stronger, the wider; what is lower in B is dashed."""
    page = show(html(), viewport=WIDE, forced_colors="active")
    script = """(letter) => [...document.querySelectorAll('#text span')].map((e) => {
      const heat = new RegExp(`\\\\ba${letter}(\\\\d+)`).exec(e.className), style = getComputedStyle(e);
      return [heat ? Number(heat[1]) : -1, parseFloat(style.borderBottomWidth), style.borderBottomStyle];
    })"""
    page.locator("#side-x").check()
    found = sorted({(heat, width) for heat, width, _ in page.evaluate(script, "x") if heat >= 0})
    assert [width for _, width in found] == sorted(width for _, width in found)
    assert len({width for _, width in found}) > 3
    page.locator("#side-z").check()
    drawn = [each for each in page.evaluate(script, "z") if each[0] >= 0 and each[1]]
    assert {style for heat, _, style in drawn if heat < 24} == {"dashed"}
    assert {style for heat, _, style in drawn if heat >= 24} == {"solid"}


def test_it_is_read_without_scripts(show: Show) -> None:
    page = show(html(), viewport=WIDE, java_script_enabled=False)
    page.locator("#side-x").check()
    assert page.locator(".about-ax").is_visible()
    assert page.locator(".tools").count() == 0


def test_a_text_browser_says_that_the_choices_have_no_effect(tmp_path: Path) -> None:
    """It shows every form, and knows neither scripts nor styles."""
    shown = as_text(html(), tmp_path)
    assert "Colour by (without effect in a text browser) (*) All attention" in shown
    assert "Show (without effect in a text browser) ( ) A ( ) B (*) Difference" in shown
    assert "Sort" not in shown
    assert re.search(r"^0 ([\d.]+ )+[\d.]+$", shown, re.MULTILINE), "the legend has no spaces"
    assert re.search(r"^speaks against 0 speaks for$", shown, re.MULTILINE)


def test_tables_are_sorted(show: Show) -> None:
    page = show(html(), viewport=WIDE)
    table = page.locator('[aria-labelledby="table-gains"]')
    table.get_by_role("button", name="Word").click()
    words = table.locator("tbody td:first-child").all_text_contents()
    assert words == sorted(words, key=str.lower)


def test_documents_with_another_prediction_lead_to_both_reports(show: Show) -> None:
    page = show(html(of_batches), viewport=WIDE)
    links = page.locator("#predictions td a")
    addresses = [links.nth(n).get_attribute("href") for n in range(links.count())]
    assert addresses == [f"../{side}/doc-{n}/report.html" for n in (1, 3, 5) for side in "ab"]
    assert links.first.get_attribute("aria-label") == "A: Document 1"


@pytest.mark.parametrize("payload", reports.PAYLOADS[:8])
def test_hostile_names_are_text(show: Show, payload: str) -> None:
    page = show(html(of_reports, payload), viewport=WIDE)
    assert page.evaluate("window.ran") is None
    assert page.wrong == []  # type: ignore[attr-defined]


@both
def test_the_pdf_is_tagged_and_leads_nowhere(made: Callable[..., Comparison], tmp_path: Path) -> None:
    path = tmp_path / "compare.pdf"
    document = functools.partial(pages.document, made(), **TOLD)  # type: ignore[arg-type]
    path.write_bytes(pdf.either(document, created=TOLD["created"]).data)  # type: ignore[arg-type]
    assert pdf_check.problems(path) == []


def test_on_paper_hashes_stay_on_the_page_and_words_in_one_piece(tmp_path: Path) -> None:
    """The table of settings has two hashes abreast, that of orders nine columns."""
    one, other = faithful.report(), faithful.report(seed=5)
    made = compare(one, replace(other, provenance=replace(other.provenance, weights_sha256="cd" * 32)),
                   (Side("A", "one", "", None, "a" * 64), Side("B", "other", "", None, "b" * 64)))  # fmt: skip
    path = tmp_path / "compare.pdf"
    document = functools.partial(pages.document, made, **TOLD)  # type: ignore[arg-type]
    path.write_bytes(pdf.either(document, created=TOLD["created"]).data)  # type: ignore[arg-type]
    with pypdfium2.PdfDocument(path) as read:
        said = [page.get_textpage() for page in read]
        assert "Comprehensiveness" in " ".join(each.get_text_bounded() for each in said)
        for page, text in zip(read, said, strict=True):
            rights = [text.get_rect(n)[2] for n in range(text.count_rects())]
            assert max(rights) <= page.get_width() - 20


@both
def test_every_address_in_the_page_is_there(made: Callable[..., Comparison]) -> None:
    source = html(made)
    ids = set(re.findall(r' id="([^"]+)"', source))
    assert set(re.findall(r' href="#([^"]+)"', source)) <= ids
    named = " ".join(re.findall(r' aria-(?:labelledby|describedby|owns)="([^"]+)"', source)).split()
    assert set(named) <= ids
