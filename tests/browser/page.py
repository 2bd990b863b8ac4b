"""What the browser tests share: waiting, colours, contrast."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.core import test_palette

Show = Callable[..., Page]
SETTLED = "document.documentElement.dataset.settled === 'true'"
LIVE = f"""{SETTLED} &&
  document.querySelectorAll('figure[data-live=true]').length === document.querySelectorAll('figure').length"""


def wait(page: Page, condition: str) -> None:
    """Wait until *condition* holds. Playwright's own way evaluates a string in the page, which the policy forbids."""
    for _ in range(3000):
        if page.evaluate(condition):
            return
        page.wait_for_timeout(20)
    pytest.fail(f"never: {condition}; the console said {getattr(page, 'wrong', None)}")


def live(page: Page) -> Page:
    """Wait until every chart is drawn."""
    wait(page, LIVE)
    return page


def settled(page: Page) -> Page:
    """Wait until everything has followed the last choice."""
    wait(page, SETTLED)
    return page


def as_text(html: str, folder: Path) -> str:
    """What a text browser shows of a page: w3m, which knows neither scripts nor styles."""
    tool = shutil.which("w3m")
    if tool is None and "CI" not in os.environ:
        pytest.skip("w3m is not installed")
    assert tool, "w3m is not installed, and CI runs the browser tests"
    (folder / "page.html").write_text(html, encoding="utf-8")
    command = [tool, "-dump", "-cols", "100", str(folder / "page.html")]
    return subprocess.run(command, capture_output=True, check=True, text=True).stdout


def rgb(colour: str) -> str:
    """As a browser writes it."""
    return f"rgb({int(colour[1:3], 16)}, {int(colour[3:5], 16)}, {int(colour[5:7], 16)})"


def contrast(one: str, other: str) -> float:
    """Contrast of two opaque "rgb(r, g, b)"."""
    opaque = []
    for colour in (one, other):
        numbers = [int(n) for n in re.findall(r"\d+", colour)]
        assert len(numbers) == 3, f"{colour} is not opaque"
        opaque.append("#{:02x}{:02x}{:02x}".format(*numbers))
    return test_palette.contrast(*opaque)
