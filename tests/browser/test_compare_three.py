"""One walk through comparisons in Chromium, Firefox and WebKit: choose by keys, sort, follow a link, 320 px."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from pathlib import Path

import pytest

from reportgen.compare.parts import Comparison
from tests.browser.test_compare import html, of_batches, of_reports
from tests.browser.test_three_browsers import Open, silent, start
from tests.browser.three import Reader, wait

__all__ = ["start"]  # a fixture
pytestmark = pytest.mark.slow
SETTLED = "document.documentElement.dataset.settled === 'true'"
COLOURS = "[...document.querySelectorAll('#text span')].map((e) => getComputedStyle(e).backgroundColor)"
SHOWN = "[...document.querySelectorAll('.about')].filter((e) => e.offsetParent).map((e) => e.className.split('-')[1])"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Both pages, beside pages of reports that they lead to."""
    for name, made in (("reports", of_reports), ("batches", of_batches)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "compare.html").write_text(html(made), encoding="utf-8", newline="")
    for place in ("one", "other", *(f"{side}/doc-{n}" for side in "ab" for n in range(6))):
        (tmp_path / place).mkdir(parents=True)
        page = f"<!doctype html><title>{place}</title><link rel=icon href='data:,'>"
        (tmp_path / place / "report.html").write_text(page, encoding="utf-8")
    return tmp_path


def opened(reader: Reader, address: str) -> None:
    reader.open(address)
    wait(reader, SETTLED)
    wait(reader, "document.readyState === 'complete'")


def test_a_comparison_of_reports(start: Open, folder: Path) -> None:
    reader = start()
    opened(reader, (folder / "reports" / "compare.html").as_uri())
    assert reader.run(SHOWN) == ["az"]  # the difference, of all layers
    difference = reader.run(COLOURS)
    assert len(set(difference)) > 6
    reader.run("document.getElementById('side-z').focus()")
    reader.press("ArrowLeft")
    wait(reader, f"{SHOWN}.join() === 'ay'")
    theirs = reader.run(COLOURS)
    reader.press("ArrowLeft")
    wait(reader, f"{SHOWN}.join() === 'ax'")
    assert len({tuple(each) for each in (difference, theirs, reader.run(COLOURS))}) == 3
    reader.run("document.getElementById('group-a').focus()")
    reader.press("ArrowRight")
    wait(reader, f"{SHOWN}.join() === 'bx'")
    reader.click("label[for=side-z]")
    wait(reader, f"{SHOWN}.join() === 'bz'")
    sort(reader, "table-gains")
    silent(reader)
    reader.run("void setTimeout(() => document.querySelector('.sides-named a').click())")
    wait(reader, "document.title === 'one'")
    reader.back()
    wait(reader, f"document.title !== 'one' && {SETTLED}")


def sort(reader: Reader, table: str) -> None:
    """A heading sorts the rows, by the mouse and by a key."""
    heading = f"[aria-labelledby={table}] thead th:first-child"
    reader.click(f"{heading} button")
    assert reader.run(f"document.querySelector('{heading}').ariaSort") == "ascending"
    words = f"[...document.querySelectorAll('[aria-labelledby={table}] tbody td:first-child')].map((e) => e.innerText)"
    assert reader.run(words) == sorted(reader.run(words), key=str.lower)
    reader.run(f"document.querySelector('{heading} button').focus()")
    if reader.run("document.hasFocus()"):
        reader.press(" ")
    else:  # Firefox without a screen: its window has no focus, and no key presses a button
        reader.click(f"{heading} button")
    wait(reader, f"document.querySelector('{heading}').ariaSort === 'descending'")


def test_a_comparison_of_batches(start: Open, folder: Path) -> None:
    reader = start()
    opened(reader, (folder / "batches" / "compare.html").as_uri())
    assert reader.run("document.querySelectorAll('figure svg').length === document.querySelectorAll('figure').length")
    sort(reader, "table-effects")
    reader.click("details summary")
    assert reader.run("document.querySelector('details').open")
    silent(reader)
    reader.run("void setTimeout(() => document.querySelector('#predictions td a').click())")
    wait(reader, "document.title === 'a/doc-1'")


@pytest.mark.parametrize("made", [of_reports, of_batches])
def test_nothing_is_wider_than_a_narrow_window(start: Open, tmp_path: Path, made: Callable[..., Comparison]) -> None:
    """In a frame of 320 px, which is as narrow in every browser; a window may not be."""
    page = escape(html(made).replace("<details>", "<details open>"))
    frame = f"<iframe srcdoc='{page}' style='width:320px;height:640px;border:0'></iframe>"
    source = f"<!doctype html><meta charset=utf-8><title>narrow</title><link rel=icon href='data:,'>{frame}"
    (tmp_path / "frame.html").write_text(source, encoding="utf-8")
    reader = start()
    reader.open((tmp_path / "frame.html").as_uri())
    inside = "document.querySelector('iframe').contentDocument"
    wait(reader, f"{inside}.documentElement.dataset.settled === 'true'")
    assert reader.run(f"{inside}.defaultView.innerWidth") == 320
    assert 300 < reader.run(f"{inside}.documentElement.scrollWidth") <= 320  # a scroll bar may take some of it
