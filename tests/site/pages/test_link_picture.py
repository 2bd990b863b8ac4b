"""social: a card -> the picture that others show where they link to a report."""

from __future__ import annotations

import io
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from reportgen.core import palette
from reportgen.site import cards
from reportgen.site.cards import Card
from reportgen.site.pages import link_picture
from tests import reports


def card(**changes: Any) -> Card:
    """The card of the small report, with *changes*."""
    return replace(cards.card(reports.report(), name="small-0"), **changes)


def texts(drawn: str) -> list[str]:
    return [element.text or "" for element in ElementTree.fromstring(drawn).iter("{http://www.w3.org/2000/svg}text")]


def test_it_has_the_size_that_open_graph_asks_for_and_is_small() -> None:
    made = link_picture.picture(card(title="The house in the valley: " * 8), site="Attention reports")
    image = Image.open(io.BytesIO(made))
    assert (image.format, image.size) == ("PNG", (1200, 630))
    assert len(made) < 40_000
    colours = {image.convert("RGB").getpixel((x, 460)) for x in range(100, 1100, 5)}
    assert len(colours & {tuple(bytes.fromhex(heat[1:])) for heat in palette.HEAT_LIGHT}) > 3


def test_the_same_card_gives_the_same_bytes() -> None:
    assert link_picture.picture(card(), site="x") == link_picture.picture(card(), site="x")


def test_it_says_title_verdict_words_and_site() -> None:
    said = texts(link_picture.svg(card(top_tokens=["heads", "far"]), site="Attention reports"))
    drawn = "Most attention in what the classifier reads: heads, far"
    assert said == ["A small report", "Attention reports", "Right: left (80.2%)", drawn]


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({"verdict": "wrong", "label": "right"}, "Wrong: left (80.2%), gold label right"),
        ({"verdict": "unknown", "label": None}, "Predicted: left (80.2%)"),
        ({"verdict": "unknown", "predicted": None, "probability": None}, "No prediction"),
    ],
)
def test_every_verdict_is_told(changes: dict[str, Any], wanted: str) -> None:
    assert link_picture.verdict(card(**changes))[0] == wanted
    assert link_picture.description(card(**changes, top_tokens=[])).startswith(f"{wanted}. ")


def test_several_labels_have_a_probability_each() -> None:
    said, _ = link_picture.verdict(cards.card(reports.several(), name="x"))
    assert said == "Wrong: left (88.1%), right (73.1%), gold label left, far"


def test_scores_from_elsewhere_are_not_called_attention() -> None:
    assert "Highest scores: heads" in link_picture.description(card(given=True, top_tokens=("heads",)))


def test_no_description_is_as_long_as_a_label_may_be() -> None:
    long = card(predicted="p" * 9_000, label="l" * 9_000, verdict="wrong", top_tokens=("w" * 9_000,))
    assert len(link_picture.description(long)) < 400


def test_lines_by_hand() -> None:
    """o, n, e, o are 0.62 wide, t and the space 0.33, w 1.05: together 4.19 heights."""
    assert link_picture.lines("one two three", 4.2, most=2) == ["one two", "three"]
    assert link_picture.lines("one two three", 4.18, most=2) == ["one", "two t…"]
    assert link_picture.lines("one two three four", 4.2, most=2) == ["one two", "three…"]
    assert link_picture.lines("", 4, most=2) == [""]


@given(st.text(max_size=80) | st.sampled_from(reports.PAYLOADS), st.integers(1, 3))
def test_no_line_is_wider_than_there_is_room(text: str, most: int) -> None:
    found = link_picture.lines(text, 8, most=most)
    assert 1 <= len(found) <= most
    assert all(link_picture._width(line) <= 8 for line in found)


@given(st.sampled_from(reports.PAYLOADS) | reports.texts)
def test_whatever_stands_in_a_card_is_drawn_as_text(payload: str) -> None:
    hostile = card(title=payload, predicted=payload, label=payload, verdict="wrong", top_tokens=[payload])
    root = ElementTree.fromstring(link_picture.svg(hostile, site=payload))
    assert {element.tag.partition("}")[2] for element in root.iter()} == {"svg", "rect", "text"}
    assert not [name for element in root.iter() for name in element.attrib if name.startswith("on") or "href" in name]


@pytest.mark.parametrize("payload", ["\0\x1b\u202e\ud800\ufffe", "</text><script>x</script>", "漢字" * 200])
def test_hostile_titles_make_a_picture(payload: str) -> None:
    assert link_picture.picture(card(title=payload, strip=[]), site=payload).startswith(b"\x89PNG")
