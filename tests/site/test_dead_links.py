"""links: the links of a site's files -> those that lead nowhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from reportgen.site import dead_links
from tests.site import whole

PAGE = "reports/a/index.html"
FILES = {"index.html", "404.html", PAGE, "assets/x.css", "reports/a/a b.pdf"}


def wrong(html: str, *, path: str = PAGE, base_url: str | None = None) -> list[str]:
    """What is wrong with the links of a page."""
    ids = {"index.html": {"top"}}
    return dead_links.problems({path: dead_links.read(html)}, FILES, ids=ids, base_url=base_url)


@pytest.mark.parametrize(
    "html",
    [
        "<a href='../../index.html'>",
        "<a href='../../index.html#top'>",
        "<a href='#here'><p id='here'>",
        "<a href='#'>",
        "<a href='a%20b.pdf'>",
        "<link rel='stylesheet' href='../../assets/x.css'>",
        "<img src='data:image/png;base64,AAAA'>",
        "<a href='https://example.org/'>",
        "<script>'<a href=\"none.html\">'</script>",
        "<link rel='canonical' href='https://example.org/reports/a/index.html'>",
    ],
)
def test_links_that_lead_somewhere_are_right(html: str) -> None:
    assert wrong(html) == []


@pytest.mark.parametrize(
    ("html", "words"),
    [
        ("<a href='../b/index.html'>", "there is no reports/b/index.html"),
        ("<a href='../../index.html#bottom'>", "index.html has no such anchor"),
        ("<a href='#there'><p id='here'>", "has no such anchor"),
        ("<a href='../'>", "it names a folder"),
        ("<a href='../../../index.html'>", "it leaves the site"),
        ("<a href='/index.html'>", "it is not relative"),
        ("<a href='javascript:run()'>", "it is not relative"),
        ("<a href='file:///index.html'>", "it is not relative"),
        ("<img src='https://example.org/a.png'>", "it is loaded from elsewhere"),
        ("<script src='//example.org/a.js'></script>", "it is loaded from elsewhere"),
        ("<link rel='stylesheet' href='https://example.org/a.css'>", "it is loaded from elsewhere"),
        ("<svg><image xlink:href='none.png'/></svg>", "there is no reports/a/none.png"),
        ("<object data='none.svg'></object>", "there is no reports/a/none.svg"),
    ],
)
def test_links_that_lead_nowhere_are_named(html: str, words: str) -> None:
    found = wrong(html)
    assert len(found) == 1
    assert found[0].startswith(f"{PAGE}: ")
    assert words in found[0]


def test_absolute_links_to_the_site_are_judged_too() -> None:
    base = "https://example.org/us/"
    assert wrong("<meta property='og:url' content='https://example.org/us/reports/a/index.html'>", base_url=base) == []
    assert wrong("<meta property='og:image' content='https://example.org/us/x.png'>", base_url=base) != []
    assert wrong("<a href='/us/index.html'>", path="404.html", base_url=base) == []
    assert wrong("<a href='/us/'>", path="404.html", base_url=base) == []
    assert wrong("<a href='/index.html'>", path="404.html", base_url=base) != []
    assert wrong("<a href='/us/index.html'>", base_url=base) != []


def test_what_a_page_keeps_of_itself_is_what_others_can_break() -> None:
    page = dead_links.read("<a href='#a'><a href='#b'><p id='a'><a href='c.html'><a href='c.html'>")
    assert dead_links.outward(page).links == (("#b", False), ("c.html", False))
    assert dead_links.problems(
        {PAGE: dead_links.outward(page)}, {*FILES, "reports/a/c.html"}, ids={}, base_url=None
    ) == [f"{PAGE}: #b: {PAGE} has no such anchor"]


def test_all_files_of_a_site_on_the_disk_are_read(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("<a href='b.html#x'>")
    (tmp_path / "b.html").write_text("<p id='x'>")
    (tmp_path / "a.css").write_text("p{background:url(a.png)}")
    (tmp_path / "sitemap.xml").write_text("<urlset><url><loc>https://example.org/c.html</loc></url></urlset>")
    (tmp_path / "index.json").write_text('{"reports":[{"links":{"page":"b.html","pdf":null,"picture":"d.png"}}]}')
    assert [line.split(": ")[0] for line in whole.check(tmp_path, base_url="https://example.org/")] == [
        "a.css",
        "index.json",
        "sitemap.xml",
    ]
