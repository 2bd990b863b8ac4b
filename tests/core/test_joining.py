"""joining: tokens -> words, a text -> sentences."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from reportgen.core import joining
from tests import reports


def said(text: str) -> list[str]:
    return [text[start:end] for start, end in joining.sentences(text)]


def test_sentences_end_where_a_reader_ends_them() -> None:
    assert said("It is (e.g. Fig. 2 of J. Doe et al. 2019). No? Yes!  v2.0 is. out\n\nTitle\n \nEnd") == [
        "It is (e.g. Fig. 2 of J. Doe et al. 2019).",
        "No?",
        "Yes!  v2.0 is. out",
        "Title",
        "End",
    ]
    assert said('"Stop." Then \u201cGo.\u201d Next') == ['"Stop."', "Then \u201cGo.\u201d", "Next"]
    assert said("\u7248\u672c\u3002\u7b2c\u4e8c\u3002") == ["\u7248\u672c\u3002", "\u7b2c\u4e8c\u3002"]
    assert said(" \n ") == []


@given(st.text("aB .!?\n()\u3002\u00e9", max_size=60))
def test_sentences_are_the_text_without_the_space_between_them(text: str) -> None:
    found = joining.sentences(text)
    assert "".join("".join(said(text)).split()) == "".join(text.split())
    assert [place for span in found for place in span] == sorted(place for span in found for place in span)


@given(reports.tokenised())
def test_every_token_that_is_read_is_in_one_word(given: tuple[str, reports.Tokens]) -> None:
    text, tokens = given
    found = [position for word in joining.words(text, tokens) for position in word.positions]
    assert found == [place for place, content in enumerate(tokens.content) if content]
