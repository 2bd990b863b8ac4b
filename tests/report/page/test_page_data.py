"""live: arrays -> packed blocks, read back here as the page's scripts read them."""

from __future__ import annotations

import base64
import json
import zlib
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reportgen.core.nouns.records import Attention, Report
from reportgen.report import words
from reportgen.report.page import compress, page_data
from tests import reports

Array = npt.NDArray[Any]


def unpack(packed: Any) -> Array:
    """The integers of a packed array."""
    width = packed["width"]
    planes = np.frombuffer(zlib.decompress(base64.b64decode(packed["data"])), np.uint8).reshape(width, -1)
    numbers = sum(plane.astype(np.uint64) << np.uint64(8 * n) for n, plane in enumerate(planes))
    assert len(numbers) == packed["length"]
    return np.asarray(numbers, np.int64)


def values(codes: Array, scale: Any) -> Array:
    """The values of codes."""
    return np.where(codes == scale["zero"], 0.0, scale["top"] * 2.0 ** (-scale["step"] * codes))


def blocks(report: Report, **options: Any) -> dict[str, Any]:
    """All blocks of a report, as JSON carries them."""
    scores, rankings = reports.ranked(report)
    found = words.whole_words(report.example.text, report.tokens, language=report.language)
    return json.loads(json.dumps(page_data.blocks(report, scores, rankings, found, kept={"kept": 1}, **options)))  # type: ignore[no-any-return]


def links(block: Any, attention: Attention, direction: str) -> tuple[Array, Array]:
    """Positions and weights of the links of a block, (layer, head, token, list)."""
    tokens = attention.shape[2]
    half = block["global"] if tokens + len(attention.global_positions) <= block["global"] else 2**31
    positions, weights = [], []
    for one in block[direction]:
        leads = unpack(one["leads"]).reshape(attention.shape)
        globals_ = np.array([*attention.global_positions, -1])
        is_global = (leads >= half) & (leads < half + len(attention.global_positions))
        named = globals_[np.where(is_global, leads - half, -1)]
        positions.append(
            np.where(is_global, named, np.arange(tokens) + np.where(leads >= half, leads - 2 * half, leads))
        )
        codes = unpack(one["weights"]).reshape(attention.shape)
        weights.append(np.where(codes == 255, 0.0, 2.0 ** (-codes / block["steps"])))
    return np.stack(positions, axis=-1), np.stack(weights, axis=-1)


@given(st.integers(1, 3), st.lists(st.integers(0, 2**16 - 1), max_size=40))
def test_integers_come_back(width: int, numbers: list[int]) -> None:
    kind = {1: np.uint8, 2: np.uint16, 3: np.uint32}[width]
    array = np.array(numbers, np.int64).astype(kind)
    assert unpack(compress.pack(array)).tolist() == array.tolist()


@given(st.lists(st.floats(0, 2.0**11, width=32), min_size=1, max_size=60))
def test_values_come_back_to_half_a_percent_and_zeros_exactly(given_values: list[float]) -> None:
    """What is smaller than the largest by more than 24 octaves may be off; it is nothing to see."""
    exact = np.array(given_values, np.float32)
    coded = page_data.encode(exact)
    found = values(coded.codes, coded.scale)
    np.testing.assert_array_equal(found == 0, exact == 0)
    near = exact > exact.max() / 2**page_data.OCTAVES
    np.testing.assert_allclose(found[near], exact[near], rtol=0.0042)
    assert coded.codes.max() <= page_data.LEVELS


def test_a_value_by_hand() -> None:
    """From 8 to 1 are three octaves, in 2,046 steps."""
    coded = page_data.encode(np.array([8, 4, 1, 0], np.float32))
    assert coded.codes.tolist() == [0, 682, 2046, 2047]
    assert coded.scale == {"top": 8.0, "step": 3 / 2046, "zero": 2047}


def test_ranks_are_exact_and_values_stand_in_their_order() -> None:
    report = reports.report(layers=3, heads=4)
    block = blocks(report)["received"]
    _, rankings = reports.ranked(report)
    shape = report.attention.shape
    ranks = unpack(block["ranks"]).reshape(shape)
    np.testing.assert_array_equal(ranks + 1, rankings.ranks)
    ordered = values(unpack(block["falls"]).reshape(shape).cumsum(axis=-1), block)
    found = np.take_along_axis(ordered, ranks, axis=-1)
    np.testing.assert_allclose(found, report.attention.received, rtol=0.0042)


def test_reader_counts_and_maps_come_back() -> None:
    report = reports.report(layers=2, heads=3)
    made = blocks(report)
    shape = report.attention.shape
    reader = values(unpack(made["reader"]["codes"]).reshape(shape), made["reader"])
    scores, _ = reports.ranked(report)
    for name, total in (("received", scores.total), ("reader", scores.reader)):
        np.testing.assert_array_equal(unpack(made[name]["total"]).astype(np.uint32).view(np.float32), total)
    assert report.attention.reader is not None
    lost = report.attention.reader.max() / 2**page_data.OCTAVES
    np.testing.assert_allclose(reader, report.attention.reader, rtol=0.0042, atol=lost)
    np.testing.assert_array_equal(unpack(made["counts"]).reshape(shape), reports.ranked(report)[1].attended_counts)
    codes = unpack(made["maps"]).reshape(report.attention.maps.shape)
    shares = np.where(codes == 255, 0, 2.0 ** (-codes / page_data.SHARE_STEPS))
    np.testing.assert_allclose(shares, report.attention.maps, rtol=0.03, atol=1e-6)


def test_where_no_one_row_is_read_there_is_no_such_block() -> None:
    made = blocks(reports.report(reader=None))
    assert "reader" not in made
    assert made["document"]["reader"] is None
    assert made["document"]["reader_position"] is None


@pytest.mark.parametrize("direction", ["attended", "attending"])
def test_links_lead_where_the_attention_goes(direction: str) -> None:
    report = reports.report(layers=2, heads=2, top_k=4, seed=5)
    attention = report.attention
    positions, weights = links(blocks(report)["links"], attention, direction)
    wanted, exact = (getattr(attention, f"{direction}_{name}") for name in ("positions", "weights"))
    if direction == "attending":  # the row of the classifier's token is kept whole; it needs no place in the lists
        others = wanted != attention.reader_position
        assert not others.all()
        kept = weights > 0
        np.testing.assert_array_equal(kept.sum(axis=-1), others.sum(axis=-1))
        positions, weights, wanted, exact = positions[kept], weights[kept], wanted[others], exact[others]
    np.testing.assert_array_equal(positions, wanted)
    np.testing.assert_allclose(weights, exact, rtol=0.023)


def test_a_link_of_weight_0_is_none() -> None:
    report = reports.report("one two three", top_k=2)
    empty = replace(report.attention, attending_weights=np.zeros_like(report.attention.attending_weights))
    _, weights = links(blocks(replace(report, attention=empty))["links"], empty, "attending")
    assert not weights.any()


def test_lists_are_as_long_as_the_page_allows_but_never_empty() -> None:
    report = reports.report(top_k=5)
    assert len(blocks(report)["links"]["attended"]) == 5
    short = blocks(report, max_bytes=1)["links"]
    assert len(short["attended"]) == len(short["attending"]) == 1
    two = (
        len(json.dumps(blocks(report, max_bytes=1)))
        + page_data.MARKUP_BYTES
        + page_data.TOKEN_BYTES * len(report.tokens)
        + 2000
    )
    assert len(blocks(report, max_bytes=two)["links"]["attended"]) == 2


def test_a_page_of_2048_tokens_and_144_heads_has_room_for_one_list_of_each() -> None:
    """Random links take 13.5 bits; with the other blocks the page stays below 4 MB."""
    rng = np.random.default_rng(0)
    layers, heads, tokens = 12, 12, 2048
    near = np.clip(np.arange(tokens)[:, None] + rng.integers(-256, 257, (layers, heads, tokens, 2)), 0, tokens - 1)
    weights = np.sort(rng.lognormal(-6, 0.3, near.shape), axis=-1)[..., ::-1]
    received = rng.lognormal(0, 0.2, (layers, heads, tokens)).astype(np.float32)
    small = reports.report("one two")
    attention = replace(
        small.attention,
        received=received,
        reader=received / tokens,
        attended_positions=near.astype(np.int32),
        attended_weights=weights.astype(np.float32),
        attending_positions=near.astype(np.int32),
        attending_weights=weights.astype(np.float32),
    )
    text = " ".join(f"w{n}" for n in range(tokens - 2))
    importance = replace(small.importance, values=np.ones((layers, heads), np.float32))
    made = blocks(reports.report(text, top_k=1, layers=1, heads=1, attention=attention, importance=importance))
    assert len(made["links"]["attended"]) == len(made["links"]["attending"]) == 1
    assert len(json.dumps(made)) + page_data.MARKUP_BYTES + page_data.TOKEN_BYTES * tokens < 4e6


def test_tokens_beyond_the_reach_of_16_bits_have_32() -> None:
    """A link over more than half of 65,536 tokens cannot be told from one in the other direction."""
    far = 40_000
    positions = np.full((1, 1, far), far - 1, np.int32)
    leads, _ = page_data._link_list(positions, np.ones((1, 1, far), np.float32), (0,))
    found = unpack(leads)
    assert leads["width"] == 4
    assert (found + np.arange(far)).tolist() == [far - 1] * far


def test_the_document_block_names_what_the_page_shows() -> None:
    report = reports.report("The heads\nlook.", top_k=2)
    facts = blocks(report)["document"]
    assert facts["names"] == list(report.words())
    assert facts["special"] == [0, 5]
    assert facts["words"] == [[1], [2], [3], [4]]
    assert facts["word_texts"] == ["The", "heads", "look", "."]
    assert facts["masked"] == [0, 3]
    assert facts["kept"] == 1


def test_characters_without_a_face_have_labels() -> None:
    assert (
        "␀"
        in blocks(reports.report("one a\0b two", read=reports.tokens("one a\0b two", spans=[(0, 3), (4, 7)])))[
            "document"
        ]["names"][2]
    )


@given(reports.tokenised())
def test_any_text_can_be_packed(case: tuple[str, Any]) -> None:
    text, tokens = case
    made = blocks(reports.report(text, read=tokens, top_k=min(3, len(tokens))))
    assert made["document"]["tokens"] == len(tokens)
    assert all(0 <= position < len(tokens) for word in made["document"]["words"] for position in word)
