"""A corpus report in a site: first on the front page, with links that stay within the site, both ways."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from reportgen.core.clock import Clock
from reportgen.corpus import gather
from reportgen.corpus.shown import present
from reportgen.site import build
from reportgen.site.pages import corpus_page
from reportgen.site.settings import SiteConfig
from tests import corpora

COUNT = 3


@pytest.fixture(scope="module")
def batch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three reports, and the corpus report over them, in one folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REPORTGEN_CACHE", str(tmp_path_factory.mktemp("cache")))
        folder = corpora.batch(tmp_path_factory.mktemp("batch") / "batch", COUNT)
        found = gather.gather(folder, clock=Clock(), engine=gather.here(1))
        made = present.parts(found, folder / "corpus", title="All of <them>")
        files = present.files(found, made, Clock(), formats=("html",))
        present.write(found, folder / "corpus", files, made, chosen={}, overwrite=False)
    return folder


def test_a_site_has_the_corpus_as_its_front(batch: Path, tmp_path: Path) -> None:
    built = build.build([batch], SiteConfig(title="Ours & more"), tmp_path / "site", Clock())
    assert (built.reports, built.notes) == (COUNT, ())
    front = built.index.read_text()
    assert '<a href="corpus/index.html">All of &lt;them&gt;: the corpus report</a>' in front
    assert front.index("corpus/index.html") < front.index('id="reports"')
    page = (tmp_path / "site" / corpus_page.PLACE).read_text()
    assert '<a href="../index.html" lang="en">← Ours &amp; more</a>' in page
    links = set(re.findall(r'href="(\.\./reports/[^"]+)"', page))
    assert links == {f"../reports/doc-{number}/index.html" for number in range(COUNT)}
    assert "report.json" not in re.findall(r'href="([^"]+)"', page)
    ids = set(re.findall(r' id="([^"]+)"', page))
    for number in range(COUNT):
        report = (tmp_path / "site" / f"reports/doc-{number}/index.html").read_text()
        (place,) = re.findall(r'<a href="\.\./\.\./corpus/index\.html#([^"]+)">Place in the corpus</a>', report)
        assert place in ids
        listed = page[page.index(f'id="{place}"') :].split("</table>")[0]
        assert f"../reports/doc-{number}/index.html" in listed
    again = build.build([batch], SiteConfig(title="Ours & more"), tmp_path / "site", Clock())
    assert (again.rendered, again.removed) == (0, 0)


def test_a_link_to_a_report_that_the_site_does_not_have_is_plain_text(batch: Path) -> None:
    found, notes = corpus_page.find([batch])
    assert found is not None
    assert notes == []
    page = corpus_page.files(found, {"doc-0": "doc-0"}, title="x", language="en")[corpus_page.PLACE].decode()
    assert set(re.findall(r'href="(\.\.?/[^"]+)"', page)) == {"../index.html", "../reports/doc-0/index.html"}
    assert "Document 1" in page


def test_an_anonymous_site_shows_none(batch: Path, tmp_path: Path) -> None:
    built = build.build([batch], SiteConfig(anonymous=True), tmp_path / "site", Clock())
    assert any("may name the model" in note.why for note in built.notes)
    assert not (tmp_path / "site/corpus").exists()


def test_one_that_was_changed_is_left_out_with_a_note(batch: Path, tmp_path: Path) -> None:
    import shutil

    own = Path(shutil.copytree(batch, tmp_path / "batch"))
    (own / "corpus/corpus.html").write_text("<p>mine</p>")
    found, notes = corpus_page.find([own])
    assert found is None
    assert "was changed" in notes[0].why
