"""What the browser tests share: waiting, colours, contrast."""

from __future__ import annotations

import re
from collections.abc import Callable

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
