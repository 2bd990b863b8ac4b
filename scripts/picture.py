"""Take the README's picture: `python scripts/picture.py reports/demo-0/report.html docs/report.png`."""

import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

BROWSER = shutil.which("chromium") or shutil.which("chromium-headless-shell")
SIZE = {"width": 1440, "height": 1000}
VIEW = "#token=30"  # with a token open
SETTLED = "document.documentElement.dataset.settled === 'true'"


def main() -> None:
    """Open a report in Chromium, a token open, and keep what is seen of its text."""
    page_path, picture = Path(sys.argv[1]).resolve(), sys.argv[2]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        page = browser.new_page(viewport=SIZE, color_scheme="light")
        page.goto(page_path.as_uri() + VIEW)
        while not page.evaluate(SETTLED):
            page.wait_for_timeout(100)
        page.evaluate("document.querySelector('#heatmap').scrollIntoView()")
        page.wait_for_timeout(200)
        page.screenshot(path=picture)
        browser.close()


if __name__ == "__main__":
    main()
