"""maps: the downsampled attention of all heads -> one picture, its sentence and its table."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from reportgen.core import palette
from reportgen.core.nouns.records import Floats, Report
from reportgen.report.draw import maps
from tests import reports


def with_maps(given_maps: Floats, *, globals_: tuple[int, ...] = (0,)) -> Report:
    """A report whose attention has these maps."""
    layers, heads = given_maps.shape[:2]
    report = reports.report(layers=layers, heads=heads)
    return replace(report, attention=replace(report.attention, maps=given_maps, global_positions=globals_))


def test_classes_by_hand() -> None:
    """Of 4 stretches the colours begin at 1/64; from there to 1 are six octaves in 16 steps; 0 has none."""
    shares = np.array([[0, 1 / 128, 1 / 64, 1 / 8], [0.5, 1, 0.25, 0.03]], np.float32)[None, None]
    padded = np.zeros((1, 1, 4, 4), np.float32)
    padded[..., :2, :] = shares
    assert maps.classify(padded)[0, 0, :2].tolist() == [[maps.NOTHING, 0, 0, 8], [13, 15, 10, 2]]


def test_where_attention_lands_by_hand() -> None:
    """Two stretches and a global token: on it 0.3 and 0.1, in the own stretch 0.5 and 0.7, in the other the rest."""
    one = np.array([[0.4, 0.3, 0.3], [0.3, 0.5, 0.2], [0.1, 0.2, 0.7]], np.float32)[None, None]
    found = maps.kept_close(with_maps(one))
    assert {name: pytest.approx(float(share[0, 0])) for name, share in found.items()} == {
        "global": 0.2,
        "own": 0.6,
        "near": 0.2,
        "far": pytest.approx(0, abs=1e-6),
    }


def test_a_stretch_of_global_tokens_alone_does_not_count() -> None:
    one = np.array([[0.4, 0, 0.6], [0, 0, 0], [0.1, 0, 0.9]], np.float32)[None, None]
    found = maps.kept_close(with_maps(one))
    assert float(found["global"][0, 0]) == pytest.approx(0.1)
    assert float(found["own"][0, 0]) == pytest.approx(0.9)


@given(st.integers(1, 3), st.integers(1, 3), st.integers(1, 70), st.booleans(), st.integers(0, 99))
def test_shares_of_a_head_add_up_to_1(layers: int, heads: int, stretches: int, apart: bool, seed: int) -> None:
    drawn = np.random.default_rng(seed).dirichlet(np.ones(stretches + apart), (layers, heads, stretches + apart))
    found = maps.kept_close(with_maps(drawn.astype(np.float32), globals_=(0,) * apart))
    np.testing.assert_allclose(sum(found.values()), 1, atol=1e-5)


@pytest.mark.parametrize("stretches", [1, 4, 64, 65])
def test_the_picture_has_a_map_for_every_head(stretches: int) -> None:
    """In both looks; what a head cannot see is transparent; layers go down, heads to the right."""
    given_maps = np.zeros((2, 3, stretches + 1, stretches + 1), np.float32)
    given_maps[1, 2] = 1  # the last head sees everything
    made = maps.picture(with_maps(given_maps))
    assert made
    for data, ramp in ((made.light, palette.HEAT_LIGHT), (made.dark, palette.HEAT_DARK)):
        image = Image.open(io.BytesIO(data))
        assert image.size == (made.width, made.height)
        pixels = np.asarray(image.convert("RGBA"))
        strongest = tuple(int(ramp[-1][at : at + 2], 16) for at in (1, 3, 5))
        assert tuple(pixels[-1, -1]) == (*strongest, 255)
        assert pixels[0, 0, 3] == 0
        assert pixels[: made.height // 2, :, 3].max() == 0
        assert pixels[:, : made.width // 2, 3].max() == 0


def test_the_same_maps_give_the_same_bytes() -> None:
    assert maps.picture(reports.report()) == maps.picture(reports.report())


def test_the_sentence_names_the_heads_that_stand_out() -> None:
    given_maps = np.full((2, 2, 3, 3), 1 / 3, np.float32)
    given_maps[1, 0] = [[1, 0, 0], [0.9, 0.05, 0.05], [0.9, 0.05, 0.05]]
    given_maps[0, 1] = [[1, 0, 0], [0, 1, 0], [0, 0, 1]]
    made = maps.picture(with_maps(given_maps))
    assert made
    assert "Layer 2, head 1 has 90% of its attention on the global tokens, the most of any head" in made.caption
    assert "Layer 1, head 2 has 100% of its attention within the same stretch" in made.caption
    assert made.data.rows[1] == ("1", "2", "0.0%", "100.0%", "0.0%", "0.0%")
    assert len(made.data.rows) == 4


def test_a_model_without_global_tokens_has_no_word_of_them() -> None:
    made = maps.picture(with_maps(np.full((1, 1, 2, 2), 0.5, np.float32), globals_=()))
    assert made
    assert "global" not in made.caption
    assert made.data.columns == ("Layer", "Head", "In the same stretch", "In neighbouring stretches", "Elsewhere")


def test_a_text_without_content_has_no_picture() -> None:
    assert maps.picture(reports.report("  ", read=reports.tokens("  ", spans=[(0, 2)]), top_k=1)) is None
