"""One Chromium for all tests of this folder, with every way to the network closed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

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
    path = shutil.which("chromium") or shutil.which("google-chrome")
    if path is None and "CI" not in os.environ:
        pytest.skip("Chromium is not installed")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield chromium
        chromium.close()


@pytest.fixture
def show(browser: Browser, tmp_path: Path) -> Iterator[Callable[..., Page]]:
    """Open HTML as a reader does, from the disk; what goes wrong is kept in `page.wrong`."""
    contexts: list[Any] = []

    def opened(html: str, *, fragment: str = "", before: str = "", **settings: Any) -> Page:
        path = tmp_path / f"report-{len(contexts)}.html"
        path.write_text(html, encoding="utf-8", newline="")
        context = browser.new_context(**{"viewport": {"width": 1440, "height": 900}, **settings})
        contexts.append(context)
        context.set_default_timeout(60_000)
        context.add_init_script(LISTEN + before)
        page = context.new_page()
        wrong: list[str] = []
        listen(page, wrong, allowed=lambda url: url.split("#")[0] == path.as_uri())
        page.on("popup", lambda _: wrong.append("popup"))
        page.wrong = wrong  # type: ignore[attr-defined]
        page.goto(path.as_uri() + (f"#{fragment}" if fragment else ""))
        return page

    yield opened
    for context in contexts:
        context.close()
