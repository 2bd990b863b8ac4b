"""Comparisons in a site: listed on the front page, with links that stay within the site."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from reportgen.cli import main
from reportgen.core.clock import Clock
from reportgen.report.stored import store
from reportgen.site import build
from reportgen.site.settings import SiteConfig
from tests import reports


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two reports, one of which is in the site, and their comparison in a folder of its own."""
    top = tmp_path_factory.mktemp("compared")
    for name, seed in (("shown/one", 0), ("elsewhere/one", 5)):
        files = {**store.dump(reports.report(seed=seed)), "report.html": b"a page"}
        store.write(top / name, files, facts=store.facts(reports.report(seed=seed), ()), overwrite=False)
    given = ["compare", str(top / "shown/one"), str(top / "elsewhere/one"), "-o", str(top / "compared/both & more"),
             "--name-a", "the <first>", "--name-b", "the second", "--format", "html"]  # fmt: skip
    assert CliRunner().invoke(main, given, catch_exceptions=False).exit_code == 0
    return top


def test_a_site_lists_its_comparisons(folder: Path, tmp_path: Path) -> None:
    built = build.build(
        [folder / "shown", folder / "compared"], SiteConfig(title="Ours & more"), tmp_path / "s", Clock()
    )
    assert (built.reports, built.notes) == (1, ())
    front = built.index.read_text()
    assert '<a href="compare/both-more/index.html">the &lt;first&gt; and the second: ' in front
    page = (tmp_path / "s" / "compare" / "both-more" / "index.html").read_text()
    assert '<a href="../../index.html" lang="en">← Ours &amp; more</a>' in page
    links = re.findall(r'<a href="([^"#][^"]*)"', page)
    assert links == ["../../index.html", "../../reports/one/index.html"]  # the other report is not in the site
    assert "the second" in page


def test_an_unchanged_site_is_not_made_again(folder: Path, tmp_path: Path) -> None:
    given = ([folder / "shown", folder / "compared"], SiteConfig(), tmp_path / "s", Clock())
    build.build(*given)
    before = (tmp_path / "s" / "index.html").stat().st_mtime_ns
    again = build.build(*given)
    assert (again.rendered, again.removed) == (0, 0)
    assert (tmp_path / "s" / "index.html").stat().st_mtime_ns == before


def test_a_comparison_that_is_gone_is_removed(folder: Path, tmp_path: Path) -> None:
    build.build([folder / "shown", folder / "compared"], SiteConfig(), tmp_path / "s", Clock())
    built = build.build([folder / "shown"], SiteConfig(), tmp_path / "s", Clock())
    assert built.removed == 1
    assert "both-more" not in built.index.read_text()


def test_an_anonymous_site_shows_none(folder: Path, tmp_path: Path) -> None:
    config = SiteConfig(anonymous=True)
    built = build.build([folder / "shown", folder / "compared"], config, tmp_path / "s", Clock())
    assert any("no comparison" in str(note) for note in built.notes)
    assert not (tmp_path / "s" / "compare").exists()


def test_one_that_was_changed_is_left_out_with_a_note(folder: Path, tmp_path: Path) -> None:
    made = next((folder / "compared").iterdir()) / "compare.html"
    kept = made.read_bytes()
    made.write_bytes(kept + b" ")
    try:
        built = build.build([folder / "shown", folder / "compared"], SiteConfig(), tmp_path / "s", Clock())
    finally:
        made.write_bytes(kept)
    assert any("was changed" in str(note) for note in built.notes)
