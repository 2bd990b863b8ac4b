"""palette: sixteen steps of one hue, and text that can be read on each."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reportgen.core import palette

PALETTES = {"light": palette.HEAT_LIGHT, "dark": palette.HEAT_DARK}


def oklch(colour: str) -> tuple[float, float, float]:
    """Lightness, chroma and hue in degrees, after Björn Ottosson's published matrices."""
    r, g, b = (channel(int(colour[n : n + 2], 16) / 255) for n in (1, 3, 5))
    long = math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b)
    middle = math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b)
    short = math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b)
    lightness = 0.2104542553 * long + 0.7936177850 * middle - 0.0040720468 * short
    a = 1.9779984951 * long - 2.4285922050 * middle + 0.4505937099 * short
    b2 = 0.0259040371 * long + 0.7827717662 * middle - 0.8086757660 * short
    return lightness, math.hypot(a, b2), math.degrees(math.atan2(b2, a))


def channel(value: float) -> float:
    """Linear light of an sRGB channel."""
    return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4


def contrast(one: str, other: str) -> float:
    """Contrast ratio of WCAG 2.2, computed here again."""
    shades = []
    for colour in (one, other):
        full = colour if len(colour) == 7 else "#" + "".join(c * 2 for c in colour[1:])
        r, g, b = (channel(int(full[n : n + 2], 16) / 255) for n in (1, 3, 5))
        shades.append(0.2126 * r + 0.7152 * g + 0.0722 * b)
    return (max(shades) + 0.05) / (min(shades) + 0.05)


def test_white_and_black_by_hand() -> None:
    assert palette.luminance("#ffffff") == pytest.approx(1)
    assert palette.luminance("#000000") == 0
    assert palette.luminance("#ff0000") == pytest.approx(0.2126)
    assert (palette.text_on("#ffffff"), palette.text_on("#000000")) == ("#000", "#fff")
    assert contrast("#777777", "#fff") == pytest.approx(4.478, abs=1e-3)  # the textbook near miss
    assert oklch("#ffffff")[0] == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("name", PALETTES)
def test_there_are_sixteen_different_steps(name: str) -> None:
    assert len(PALETTES[name]) == len(set(PALETTES[name])) == 16


@pytest.mark.parametrize(("name", "direction"), [("light", -1), ("dark", 1)])
def test_lightness_changes_evenly(name: str, direction: int) -> None:
    lightness = [oklch(colour)[0] for colour in PALETTES[name]]
    steps = [direction * (after - before) for before, after in pairwise(lightness)]
    mean = sum(steps) / len(steps)
    assert mean > 0.025, "neighbours can be told apart"
    assert all(0.85 * mean < step < 1.15 * mean for step in steps), steps


@pytest.mark.parametrize("name", PALETTES)
def test_the_hue_stays(name: str) -> None:
    hues = [hue for lightness, chroma, hue in map(oklch, PALETTES[name]) if chroma > 0.02]
    assert max(hues) - min(hues) < 12, hues


@pytest.mark.parametrize("name", PALETTES)
def test_text_on_every_step_can_be_read(name: str) -> None:
    assert min(contrast(colour, palette.text_on(colour)) for colour in PALETTES[name]) >= 4.5


@given(st.integers(0, 0xFFFFFF).map(lambda number: f"#{number:06x}"))
def test_text_on_any_colour_can_be_read(colour: str) -> None:
    assert contrast(colour, palette.text_on(colour)) >= 4.5


def test_a_name_is_not_a_colour() -> None:
    with pytest.raises(ValueError, match="invalid literal"):
        palette.luminance("orange")


@pytest.mark.parametrize(("ramps", "page"), [(palette.LIGHT, "#fffdfb"), (palette.DARK, "#161412")])
def test_lines_stand_out_from_the_page(ramps: dict[str, tuple[str, ...]], page: str) -> None:
    for colour in ramps["v"] + ramps["p"]:
        shades = sorted((palette.luminance(colour), palette.luminance(page)))
        assert (shades[1] + 0.05) / (shades[0] + 0.05) >= 3


def test_a_colour_of_paper_has_one_counterpart_on_the_dark_page() -> None:
    colours = [colour for ramp in palette.LIGHT.values() for colour in ramp]
    assert len(colours) == len(set(colours))
    assert [len(ramp) for ramp in palette.LIGHT.values()] == [len(ramp) for ramp in palette.DARK.values()]
