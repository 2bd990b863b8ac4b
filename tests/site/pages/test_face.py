"""face: a card -> what a reader sees of it."""

from __future__ import annotations

from dataclasses import replace

from reportgen.site.pages.face import face
from reportgen.site.settings import SiteConfig
from tests.site.pages.test_index_pages import base


def test_the_strip_is_drawn_by_class() -> None:
    card = face(replace(base(), strip=(0, 0, -1, 15, 0)), SiteConfig())
    assert card.strip == "00.f0"
    assert card.paths == (("h0", "M0 0h2v1h-2zM4 0h1v1h-1z"), ("h15", "M3 0h1v1h-1z"))
    assert card.seen == "Attention over the document, from beginning to end: strongest after 70% of it"


def test_what_is_unknown_is_not_said() -> None:
    plain = face(
        replace(base(), predicted=None, label=None, tested="", strip=()), SiteConfig(notes={base().name: "new"})
    )
    assert plain.said == (("", "No prediction"),)
    assert plain.seen == "Attention over the document, from beginning to end: nothing is coloured"
    assert plain.note == "new"
