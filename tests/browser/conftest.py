"""One Chromium for all tests of this folder, with every way to the network closed."""

from __future__ import annotations

import itertools
import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

BROWSERS = ("chromium-headless-shell", "chromium", "google-chrome")  # the first draws a page with half the work
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--proxy-server=127.0.0.1:9"]
LISTEN = """
window.violations = [];
document.addEventListener("securitypolicyviolation", (event) => {
  violations.push(`${event.violatedDirective} ${event.blockedURI}`);
});
"""


def listen(page: Page, wrong: list[str], *, allowed: Callable[[str], bool]) -> None:
    """Add to *wrong* what a page complains of, and what it asks for that is not *allowed*."""
    page.on(
        "console",
        lambda message: wrong.append(f"console: {message.text}") if message.type in ("error", "warning") else None,
    )
    page.on("pageerror", lambda error: wrong.append(f"error: {error}"))
    page.on("request", lambda request: None if allowed(request.url) else wrong.append(f"request: {request.url}"))
    page.on("dialog", lambda dialog: (wrong.append(f"dialog: {dialog.message}"), dialog.dismiss()))


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium; its tests are left out where there is none, but not where CI runs."""
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None and "CI" not in os.environ:
        pytest.skip("Chromium is not installed")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def contexts(browser: Browser) -> Iterator[Callable[..., BrowserContext]]:
    """What a reader's browser is set to: one context for all tests of a module that ask for the same."""
    made: dict[str, BrowserContext] = {}

    def context(**settings: Any) -> BrowserContext:
        settings = {"viewport": {"width": 1440, "height": 900}, **settings}
        key = json.dumps(settings, sort_keys=True)
        if key not in made:
            made[key] = browser.new_context(**settings)
            made[key].set_default_timeout(60_000)
            made[key].add_init_script(LISTEN)
        return made[key]

    yield context
    for one in made.values():
        one.close()


@pytest.fixture
def new_page(contexts: Callable[..., BrowserContext]) -> Iterator[Callable[..., Page]]:
    """An empty page, which ends with the test."""
    pages: list[Page] = []

    def opened(**settings: Any) -> Page:
        pages.append(contexts(**settings).new_page())
        return pages[-1]

    yield opened
    for page in pages:
        page.close()


@pytest.fixture
def show(new_page: Callable[..., Page], tmp_path: Path) -> Callable[..., Page]:
    """Open HTML as a reader does, from the disk; what goes wrong is kept in `page.wrong`."""
    count = itertools.count()

    def opened(html: str, *, fragment: str = "", before: str = "", **settings: Any) -> Page:
        path = tmp_path / f"report-{next(count)}.html"
        path.write_text(html, encoding="utf-8", newline="")
        page = new_page(**settings)
        page.add_init_script(before)
        wrong: list[str] = []
        listen(page, wrong, allowed=lambda url: url.split("#")[0] == path.as_uri())
        page.on("popup", lambda _: wrong.append("popup"))
        page.wrong = wrong  # type: ignore[attr-defined]
        page.goto(path.as_uri() + (f"#{fragment}" if fragment else ""))
        return page

    return opened
