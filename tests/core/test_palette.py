"""palette: sixteen steps of one hue, two hues for what has a sign, and text that can be read on each."""

from __future__ import annotations

import math
import re
from itertools import pairwise
from pathlib import Path

import pytest

from reportgen.core import palette

PALETTES = {"light": palette.HEAT_LIGHT, "dark": palette.HEAT_DARK}
SIGNED = {"light": palette.SIGNED_LIGHT, "dark": palette.SIGNED_DARK}
PAGE = Path(__file__).parents[2] / "templates" / "css" / "page.css"
# What an eye without one kind of cones sees: Machado, Oliveira and Fernandes 2009, severity 1, of linear light.
BLIND = {
    "protan": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    "deutan": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881)),
    "tritan": ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.303900)),
}


def linear(colour: str) -> tuple[float, float, float]:
    """Linear light of the three channels."""
    r, g, b = (channel(int(colour[n : n + 2], 16) / 255) for n in (1, 3, 5))
    return r, g, b


def oklch(colour: str) -> tuple[float, float, float]:
    """Lightness, chroma and hue in degrees, after Björn Ottosson's published matrices."""
    lightness, a, b = oklab(*linear(colour))
    return lightness, math.hypot(a, b), math.degrees(math.atan2(b, a))


def oklab(r: float, g: float, b: float) -> tuple[float, float, float]:
    """The same as lightness and two axes of colour, of linear light."""
    long = math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b)
    middle = math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b)
    short = math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b)
    lightness = 0.2104542553 * long + 0.7936177850 * middle - 0.0040720468 * short
    a = 1.9779984951 * long - 2.4285922050 * middle + 0.4505937099 * short
    b2 = 0.0259040371 * long + 0.7827717662 * middle - 0.8086757660 * short
    return lightness, a, b2


def seen(colour: str, kind: str) -> tuple[float, float, float]:
    """A colour in OKLab as an eye without one kind of cones sees it."""
    light = linear(colour)
    r, g, b = (max(0.0, sum(f * v for f, v in zip(row, light, strict=True))) for row in BLIND[kind])
    return oklab(r, g, b)


def channel(value: float) -> float:
    """Linear light of an sRGB channel."""
    return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4


def contrast(one: str, other: str) -> float:
    """Contrast ratio of WCAG 2.2, of "#rrggbb" or "#rgb"."""
    shades = []
    for colour in (one, other):
        full = colour if len(colour) == 7 else "#" + "".join(c * 2 for c in colour[1:])
        r, g, b = (channel(int(full[n : n + 2], 16) / 255) for n in (1, 3, 5))
        shades.append(0.2126 * r + 0.7152 * g + 0.0722 * b)
    return (max(shades) + 0.05) / (min(shades) + 0.05)


def test_white_and_black_by_hand() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#ff0000", "#000") == pytest.approx((0.2126 + 0.05) / 0.05)
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
    assert mean > 0.023, "neighbours can be told apart"
    assert all(0.85 * mean < step < 1.15 * mean for step in steps), steps


@pytest.mark.parametrize("name", PALETTES)
def test_the_hue_stays(name: str) -> None:
    hues = [hue for lightness, chroma, hue in map(oklch, PALETTES[name]) if chroma > 0.02]
    assert max(hues) - min(hues) < 12, hues


@pytest.mark.parametrize("ramps", [palette.LIGHT, palette.DARK])
def test_one_ink_can_be_read_on_every_step(ramps: dict[str, tuple[str, ...]]) -> None:
    """Letters never change their colour from word to word, whatever the colour below them shows."""
    ink = palette.TEXT_DARK if ramps is palette.DARK else palette.TEXT
    assert min(contrast(colour, ink) for colour in (*ramps["h"], *ramps["s"])) >= 4.5


def test_the_first_step_is_the_page() -> None:
    """White is no colour: what is up to the median looks like the page around it."""
    assert [ramp[0] for ramp in PALETTES.values()] == re.findall(r"--paper: (#\w{6})", PAGE.read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", SIGNED)
def test_the_ink_of_the_page_can_be_read_on_every_signed_step(name: str) -> None:
    """Letters keep one ink: that of the page, and black on paper."""
    light, dark = re.findall(r"--ink: (#\w{6})", PAGE.read_text(encoding="utf-8"))
    assert (light, len(SIGNED[name])) == (palette.INK, 16)
    for ink in {"light": (light, palette.TEXT), "dark": (dark,)}[name]:
        assert min(contrast(colour, ink) for colour in SIGNED[name]) >= 4.5


def test_the_line_below_what_speaks_against_is_darker_than_its_colour() -> None:
    """Without colours, too; where it is drawn, the sides are told apart in grey."""
    for n in palette.LINED:
        assert contrast(palette.line_below(palette.PAINTED[n]), palette.PAINTED[n]) > 1.6
    assert palette.PAINTED[16:] == palette.SIGNED_LIGHT


@pytest.mark.parametrize(("name", "direction"), [("light", -1), ("dark", 1)])
def test_lightness_of_signed_steps_changes_evenly_from_white_and_alike_on_both_sides(name: str, direction: int) -> None:
    lightness = [oklch(colour)[0] for colour in SIGNED[name]]
    against, speaks_for = lightness[7::-1], lightness[8:]
    assert against == pytest.approx(speaks_for, abs=0.006)
    page = oklch({"light": "#fffdfb", "dark": "#161412"}[name])[0]
    assert abs(against[0] - page) < 0.03, "next to 0 a step is about as white as the page"
    for side in (against, speaks_for):
        steps = [direction * (after - before) for before, after in pairwise(side)]
        mean = sum(steps) / len(steps)
        assert mean > 0.035, "neighbours can be told apart"
        assert all(0.85 * mean < step < 1.15 * mean for step in steps), steps


@pytest.mark.parametrize("name", SIGNED)
def test_a_side_has_one_hue(name: str) -> None:
    for side in (SIGNED[name][:8], SIGNED[name][8:]):
        hues = [hue for _, chroma, hue in map(oklch, side) if chroma > 0.02]
        assert max(hues) - min(hues) < 12, hues


@pytest.mark.parametrize("kind", BLIND)
@pytest.mark.parametrize("name", SIGNED)
def test_the_sides_are_told_apart_by_any_eye(name: str, kind: str) -> None:
    """Steps of one strength differ at least as much as neighbours of one side do, but for the palest, next to 0."""
    for strength in range(1, 8):
        against, speaks_for = SIGNED[name][7 - strength], SIGNED[name][8 + strength]
        assert math.dist(seen(against, kind), seen(speaks_for, kind)) > 0.035, (strength, against, speaks_for)


@pytest.mark.parametrize(("ramps", "page"), [(palette.LIGHT, "#fffdfb"), (palette.DARK, "#161412")])
def test_lines_stand_out_from_the_page(ramps: dict[str, tuple[str, ...]], page: str) -> None:
    for colour in ramps["v"] + ramps["p"]:
        assert contrast(colour, page) >= 3


def test_a_colour_of_paper_has_one_counterpart_on_the_dark_page() -> None:
    colours = [colour for ramp in palette.LIGHT.values() for colour in ramp]
    assert len(colours) == len(set(colours))
    assert [len(ramp) for ramp in palette.LIGHT.values()] == [len(ramp) for ramp in palette.DARK.values()]
