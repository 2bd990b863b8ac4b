"""pages: a stored report -> its page in a site, and its picture."""

from __future__ import annotations

import json
import pickle
import re
import subprocess
import sys
import zlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import html5lib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reportgen.core.clock import Clock
from reportgen.core.config import Config
from reportgen.core.nouns.records import Report
from reportgen.report import present
from reportgen.report.draw import specs
from reportgen.report.draw.pictures import still
from reportgen.report.page import compress, render
from reportgen.report.page.svg import THEME
from reportgen.report.stored import store
from reportgen.site import cards
from reportgen.site.cards import Card
from reportgen.site.pages import report_page
from reportgen.site.settings import SiteConfig
from tests import reports

BUNDLE = "globalThis.vegaEmbed = null;"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A stored report with the files of its charts."""
    made = tmp_path_factory.mktemp("stored") / "small-0"
    present.write(reports.example(), made, config=Config(text="", format=("html", "charts")), clock=Clock())
    return made


@pytest.fixture
def made(folder: Path) -> Any:
    """Its page in a site."""

    def page(
        config: SiteConfig | None = None,
        *,
        held: Sequence[str] = (),
        drawings: Sequence[str] | None = None,
        **beside: Any,
    ) -> report_page.SitePage:
        shown = card(files=tuple(held))
        place = report_page.place_of(shown, config or SiteConfig(title="The site"), **beside)
        named = store.manifest(folder)["files"] if drawings is None else drawings
        return report_page.page(folder, shown, place, drawings=named)

    return page


def card(**changes: Any) -> Card:
    return replace(cards.card(reports.example(), name="small-0"), **changes)


def heads(html: str) -> dict[str, str]:
    """What stands in the elements meta and link of a page."""
    root = html5lib.parse(html, namespaceHTMLElements=False)
    metas = {
        (e.get("property") or e.get("name") or e.get("http-equiv") or ""): e.get("content") for e in root.iter("meta")
    }
    return metas | {e.get("rel"): e.get("href") for e in root.iter("link")}


def links(html: str) -> list[str]:
    return [
        e.get("href") for e in html5lib.parse(html, namespaceHTMLElements=False).iter("a") if e.get("href")[0] != "#"
    ]


def unpacked(html: str) -> Any:
    """The data of a page, read here as its script reads them."""
    packed = re.search(r'id="packed" data-length="(\d+)">(.*?)</script>', html)
    assert packed
    return json.loads(zlib.decompress(undensed(packed[2], int(packed[1]))))


def undensed(text: str, length: int) -> bytes:
    numbers = [
        compress.LETTERS.index(a) * 91 + compress.LETTERS.index(b) for a, b in zip(text[::2], text[1::2], strict=True)
    ]
    bits = "".join(f"{number:013b}" for number in numbers)
    return bytes(int(bits[8 * n : 8 * n + 8], 2) for n in range(length))


@given(st.binary(max_size=300))
def test_any_bytes_come_back(content: bytes) -> None:
    made = compress.dense(content)
    assert zlib.decompress(undensed(made.text, made.length)) == content
    assert not set(made.text) & set("&<> \n")


def test_charts_are_taken_from_the_folder(made: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is drawn again is the same."""
    drawn = made(drawings=())
    monkeypatch.setattr(still, "svg", lambda *_, **__: pytest.fail("drawn again"))
    assert made().html == drawn.html


def test_a_chart_of_another_specification_is_drawn(made: Any, folder: Path, tmp_path: Path) -> None:
    spec: dict[str, object] = {"mark": "bar", "data": {"values": []}}
    (tmp_path / "figures").mkdir()
    (tmp_path / "figures/x.svg").write_text("<svg/>")
    (tmp_path / "figures/x.vl.json").write_text(specs.text(spec))
    files = ("figures/x.svg", "figures/x.vl.json")
    assert report_page.stored(tmp_path, files)(spec, key="x") == "<svg/>"
    for other, named in (({**spec, "width": 5}, files), (spec, files[:1]), (spec, ())):
        assert report_page.stored(tmp_path, named)(other, key="x") == still.svg(other, key="x")


def test_a_stored_drawing_that_holds_a_script_is_refused(folder: Path, made: Any) -> None:
    path = folder / "figures" / "overview.svg"
    before = path.read_text()
    try:
        path.write_text(before.replace("</svg>", "<script>1</script></svg>"))
        with pytest.raises(ValueError, match="script"):
            made()
    finally:
        path.write_text(before)


def test_the_same_report_gives_the_same_bytes(made: Any) -> None:
    one, other = made(), made()
    assert (one.html, one.picture) == (other.html, other.picture)


def test_the_data_are_those_of_the_self_contained_page(made: Any) -> None:
    assert unpacked(made().html) == json.loads(json.dumps({"theme": THEME} | reports.example_parts().blocks))


def test_styles_and_scripts_are_shared(made: Any) -> None:
    html = made().html
    assets = report_page.site_assets()
    shared = re.findall(r'(?:src|href|data-vega)="\.\./\.\./(assets/[^"]+)"', html)
    assert sorted(shared) == sorted(assets)
    assert "<style" not in html
    assert "style=" not in html
    (own,) = re.findall(r"<script(?![^>]* src=)([^>]*)>", html)
    assert own.startswith(' type="text/plain" id="packed"')
    assert heads(html)["Content-Security-Policy"].split("; ") == [
        "default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self' data:", "base-uri 'none'",
        "form-action 'none'",
    ]  # fmt: skip


def test_names_of_shared_files_change_with_what_they_hold() -> None:
    one, other = render.site_assets(BUNDLE), render.site_assets(BUNDLE + " ")
    assert set(one) ^ set(other) == {path for path in (*one, *other) if "/vega-" in path}
    assert len(one) == 4


def test_without_an_address_no_link_is_absolute(made: Any) -> None:
    found = heads(made().html)
    assert found["og:title"] == "A small report"
    assert found["og:type"] == "article"
    assert found["twitter:card"] == "summary"
    assert found["description"] == found["og:description"] != ""
    assert not {"og:url", "og:image", "canonical"} & set(found)


def test_with_an_address_others_know_where_it_stands(folder: Path) -> None:
    config = SiteConfig(base_url="https://example.org/some/path/")
    shown = card(name="a b&c")
    found = heads(report_page.page(folder, shown, report_page.place_of(shown, config)).html)
    address = "https://example.org/some/path/reports/a%20b%26c/"
    assert (found["og:url"], found["canonical"]) == (f"{address}index.html",) * 2
    assert found["og:image"] == f"{address}card.png"
    assert found["twitter:card"] == "summary_large_image"


def test_links_lead_only_to_what_there_is(made: Any) -> None:
    downloads = SiteConfig(downloads=True)
    always = ["../../index.html", "../../how-to-read.html"]
    assert links(made(held=["report.html"]).html) == always
    assert links(made(downloads, held=["report.html"]).html) == [*always, "report.html"]
    assert links(made(downloads, held=["report.pdf"]).html) == [*always, "report.pdf"]


def test_neighbours_and_the_note_are_told(made: Any) -> None:
    html = made(previous=card(name="x y"), following=card(name="z", title="<b>"), note="Mind the <gap>.").html
    assert links(html)[2:] == ["../x%20y/index.html", "../z/index.html"]
    assert "<span>&lt;b&gt;</span> →" in html
    assert "Mind the &lt;gap&gt;." in html
    assert 'aria-label="Other reports"' not in made().html


def test_links_between_tokens_are_shortened_where_they_are_long(tmp_path: Path) -> None:
    """A report of 16 heads and 1,896 tokens, as the demo's, keeps one list of each; its page stays small."""
    report = large(tokens=1896)
    present.write(report, tmp_path / "r", config=Config(text="", format=("tables",)), clock=Clock())
    made = report_page.page(tmp_path / "r", card(), report_page.place_of(card(), SiteConfig()))
    assert len(unpacked(made.html)["links"]["attended"]) == 1
    assert len(made.html.encode()) < 600_000


def large(*, tokens: int) -> Report:
    """A report of *tokens* tokens with random links nearby."""
    rng = np.random.default_rng(0)
    shape = (4, 4, tokens)
    near = np.clip(np.arange(tokens)[:, None] + rng.integers(-64, 65, (*shape, 3)), 0, tokens - 1).astype(np.int32)
    weights = np.sort(rng.dirichlet([0.3] * 20, shape).astype(np.float32), axis=-1)[..., :-4:-1]
    received = rng.lognormal(0, 0.5, shape).astype(np.float32)
    small = reports.report("one two")
    attention = replace(
        small.attention,
        received=received,
        reader=received / tokens,
        attended_positions=near,
        attended_weights=weights,
        attending_positions=near,
        attending_weights=weights,
        maps=np.full((4, 4, 5, 5), 0.2, np.float32),
        windows=(8,) * 4,
    )
    importance = replace(small.importance, values=np.linspace(0.1, 1, 16, dtype=np.float32).reshape(4, 4))
    text = " ".join(f"word{n % 97}" for n in range(tokens - 2))
    return reports.report(text, top_k=1, layers=1, heads=1, attention=attention, importance=importance)


def test_it_can_be_sent_to_a_worker_process_that_has_no_torch() -> None:
    assert pickle.loads(pickle.dumps(report_page.stage)) is report_page.stage
    modules = "sys, reportgen.site.pages.report_page, reportgen.report.draw.charts"
    code = f"import {modules}; sys.exit(bool({{'torch', 'transformers'}} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
