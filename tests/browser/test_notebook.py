"""A report in a cell of a notebook: the page works in its frame, and the notebook of the manual runs."""

from __future__ import annotations

import base64
import io
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Frame, Page

import reportgen
from reportgen.core.palette import HEAT_LIGHT
from tests import tiny
from tests.browser.conftest import listen
from tests.browser.page import SETTLED

NOTEBOOK = Path(__file__).parents[2] / "docs" / "notebook.ipynb"
EXECUTE = """
import sys
import nbformat
from nbclient import NotebookClient
source, folder, target = sys.argv[1:]
notebook = nbformat.read(source, as_version=4)
NotebookClient(notebook, timeout=250, resources={"metadata": {"path": folder}}).execute()
nbformat.write(notebook, target)
"""
TEXT = "the cat sat on the mat. attention heads look far."


def opened(page: Page, path: Path) -> Frame:
    """The frame of the first report in a page, when it is ready."""
    page.goto(path.as_uri(), wait_until="domcontentloaded")
    holder = page.locator("iframe[srcdoc]").first
    holder.scroll_into_view_if_needed()
    frame = holder.element_handle().content_frame()
    assert frame is not None
    for _ in range(600):
        if frame.evaluate(SETTLED):
            return frame
        page.wait_for_timeout(50)
    return pytest.fail("the page in the frame is not ready")


def check(page: Page, frame: Frame) -> None:
    """See that the page works: a token can be opened, layers chosen, a table saved; and that nothing is reached."""
    assert frame.evaluate("violations") == []
    assert frame.evaluate("document.documentElement.scrollWidth <= innerWidth")
    frame.locator("[data-position='3']").first.click()
    frame.get_by_role("region", name="Token details").get_by_text("Best rank in a head").wait_for()
    layers = frame.get_by_role("group", name="Layers").get_by_role("button", name="None")
    if layers.is_visible():  # in a narrow cell the controls are folded
        colour = "getComputedStyle(document.querySelector('[data-position=\"3\"]')).backgroundColor"
        before = frame.evaluate(colour)
        layers.click()
        page.wait_for_timeout(300)
        assert frame.evaluate(colour) != before
    with page.expect_download() as saved:
        frame.get_by_role("button", name="Save CSV").first.click()
    assert saved.value.suggested_filename.endswith(".csv")
    reached = "(() => { try { return String(parent.document.title); } catch { return 'closed'; } })()"
    assert frame.evaluate(reached) == "closed"


@pytest.mark.parametrize("width", [1440, 500])
def test_the_page_works_in_a_cell(new_page: Callable[..., Page], tmp_path: Path, width: int) -> None:
    shown = reportgen.explain(tiny.longformer(), tiny.tokenizer(), TEXT, faithfulness="quick")._repr_html_()
    cell = tmp_path / "cell.html"
    cell.write_text(f"<!doctype html><meta charset=utf-8><title>notebook</title><p>In [1]:</p>{shown}")
    page, wrong = new_page(viewport={"width": width, "height": 900}), list[str]()
    listen(page, wrong, allowed=lambda url: url.startswith(("file:", "data:", "blob:", "about:")))
    frame = opened(page, cell)
    check(page, frame)
    assert wrong == []


@pytest.mark.slow
def test_the_notebook_of_the_manual_runs_and_its_pictures_have_the_heat(
    new_page: Callable[..., Page], tmp_path: Path
) -> None:
    import nbformat
    from nbconvert import HTMLExporter

    notebook: Any = nbformat.read(NOTEBOOK, as_version=4)
    nbformat.validate(notebook)
    assert all(not cell.get("outputs") for cell in notebook.cells)  # they are megabytes, and of one machine
    # in a process of its own: nbclient and the browser's client each want the event loop
    done = tmp_path / "done.ipynb"
    command = [sys.executable, "-c", EXECUTE, str(NOTEBOOK), str(tmp_path), str(done)]
    subprocess.run(command, check=True, timeout=280, env={**os.environ, "PYTHONPATH": str(NOTEBOOK.parents[1])})
    notebook = nbformat.read(done, as_version=4)
    pictures = [
        np.asarray(Image.open(io.BytesIO(base64.b64decode(output.data["image/png"]))).convert("RGB"))
        for cell in notebook.cells
        for output in cell.get("outputs", ())
        if "image/png" in output.get("data", {})
    ]
    assert len(pictures) == 3  # heatmap, curve, overview
    shades = {tuple(int(colour[at : at + 2], 16) for at in (1, 3, 5)) for colour in HEAT_LIGHT}
    found = set(map(tuple, np.unique(pictures[0].reshape(-1, 3), axis=0).tolist()))
    assert len(shades & found) > 8
    assert all(len(np.unique(picture.reshape(-1, 3), axis=0)) > 20 for picture in pictures)  # something is drawn
    assert all(tuple(picture[0, 0]) == (255, 255, 255) for picture in pictures)  # on white
    assert (tmp_path / "reports" / "list-comprehensions" / "report.html").is_file()
    exported = tmp_path / "notebook.html"
    exported.write_text(HTMLExporter().from_notebook_node(notebook)[0], encoding="utf-8")
    page = new_page()
    check(page, opened(page, exported))
