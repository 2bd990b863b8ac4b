"""axe-core on the report's page in Firefox and WebKit, light and dark; `test_accessibility.py` has Chromium."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from axe_playwright_python.base import AXE_SCRIPT

from tests.browser.page import LIVE
from tests.browser.test_accessibility import RULES
from tests.browser.test_instrument import drawn_html
from tests.browser.test_three_browsers import silent
from tests.browser.three import Firefox, Reader, WebKit, need, wait

pytestmark = pytest.mark.slow
BROWSERS: dict[str, Callable[..., Reader]] = {"firefox": Firefox, "webkit": WebKit}
ASK = f"""void axe.run(document, {json.dumps(RULES)}).then(
  ({{ violations: found, passes }}) => (window.axeSaid = {{
    checked: passes.length,
    wrong: found.flatMap((rule) => rule.nodes.map((node) => `${{rule.id}}: ${{node.html}} ${{node.failureSummary}}`)),
  }}),
  (error) => (window.axeSaid = {{ checked: 0, wrong: [String(error)] }}),
)"""


@pytest.fixture(params=BROWSERS)
def start(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[..., Reader]]:
    """Start a browser, light or dark."""
    readers: list[Reader] = []

    def begin(*, dark: bool) -> Reader:
        need(request.param)
        (folder := tmp_path / "browser").mkdir()
        readers.append(BROWSERS[request.param](folder, dark=dark))
        return readers[-1]

    yield begin
    for reader in readers:
        reader.close()


def violations(reader: Reader) -> list[str]:
    """What axe-core finds, a line for every element."""
    reader.run("window.axeSaid = null")
    reader.run(AXE_SCRIPT.strip().removesuffix(";"))
    reader.run(ASK)
    wait(reader, "window.axeSaid !== null")
    assert reader.run("axeSaid.checked") > 10 or reader.run("axeSaid.wrong")
    found = reader.run("axeSaid.wrong")
    assert isinstance(found, list)
    return found


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_axe_finds_nothing_in_another_browser(start: Callable[..., Reader], tmp_path: Path, *, dark: bool) -> None:
    reader = start(dark=dark)
    (tmp_path / "report.html").write_text(drawn_html(), encoding="utf-8", newline="")
    for state in ("", "#token=3&layers=2&heads=1-2", "#layers=none", "#map=2.3"):
        reader.open(f"{(tmp_path / 'report.html').as_uri()}{state}")
        wait(reader, LIVE if "none" not in state else "document.documentElement.dataset.settled === 'true'")
        assert reader.run("matchMedia('(prefers-color-scheme: dark)').matches") is dark
        assert violations(reader) == [], state
    reader.run("document.querySelector('.explain').style.color = '#777777'")  # too pale on white and on black
    assert any("color-contrast" in line for line in violations(reader)), "it would find something"
    silent(reader)
