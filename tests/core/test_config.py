"""config: what a run was asked to do, and the recipe that reports of one batch share."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from typing import Any

import pytest

from reportgen.core.config import Config, Recipe, recipe, recipe_differences, recipe_digest
from reportgen.core.errors import UsageError


@pytest.mark.parametrize(
    "settings",
    [
        {"top_k": 0}, {"format": ("docx",)}, {"output": ""}, {"seed": 2**64},
        {"figure_width": ("acl", "cvpr")},
        {"figure_width": ("3.3",)}, {"figure_width": ()}, {"figure_width": ("1in",)}, {"figure_width": ("30in",)},
        {"figure_width": ("3in;x",)}, {"span": "4"}, {"span": "9:4"}, {"span": "a:b"}, {"span": "-1:4"},
        {"figure_font": "x;}body{"}, {"figure_font": "a'b"}, {"paper": "a3"}, {"pdf_variant": "x-4"},
        {"pdf_views": "none"},
    ],
)  # fmt: skip
def test_a_configuration_is_checked_however_it_is_made(settings: dict[str, Any]) -> None:
    """From Python as from the command line; the option is named."""
    with pytest.raises(UsageError, match="^--" + next(iter(settings)).replace("_", "-")):
        Config(**settings)


def test_plain_fields_hold_no_text_and_can_be_json() -> None:
    """What `report.json` stores of the configuration."""
    plain = Config(text="secret", labels=("a", "b")).plain()
    assert plain["text"] == "6 characters"
    assert plain["labels"] == ["a", "b"]
    assert set(plain) == {field.name for field in fields(Config)} - {"output", "overwrite"}
    assert json.loads(json.dumps(plain)) == plain


def test_a_configuration_comes_back_from_its_plain_fields() -> None:
    """For `reportgen rerun`: labels with commas too, and what a later version has added is left out."""
    config = Config(model="m", labels=("a, b", "c"), positions=(1, 2), figure_width=("84mm",), span="1:4", top_k=3)
    assert Config.restored(json.loads(json.dumps({**config.plain(), "later": 1}))) == config
    assert Config.restored(Config(text="secret").plain()).text is None
    assert Config.restored(Config(text="abc").plain(), text="abc").text == "abc"
    assert Config.restored(config.plain(), text="abc").text is None


def test_widths_are_points_whatever_their_unit() -> None:
    assert Config(figure_width=("1.5in", "50.8mm", "5.08cm", "300pt")).figure_widths == pytest.approx(
        {"1.5in": 108, "50.8mm": 144, "5.08cm": 144, "300pt": 300}
    )


def test_a_venue_has_the_widths_of_its_column_and_text() -> None:
    """TeX has 72.27 points in an inch."""
    assert Config(figure_width=("acl", "84mm")).figure_widths == pytest.approx(
        {"acl-column": 219.09 / 72.27 * 72, "acl-text": 455.24 / 72.27 * 72, "84mm": 238.11}, abs=0.01
    )
    assert set(Config(figure_width=("llncs",)).figure_widths) == {"llncs-text"}


@pytest.mark.parametrize("positions", [(-1,), tuple(range(7))])
def test_positions_that_cannot_be_drawn_are_a_usage_error(positions: tuple[int, ...]) -> None:
    with pytest.raises(UsageError, match="--positions"):
        Config(positions=positions)


def made(config: Config, **parts: Any) -> Recipe:
    given: dict[str, Any] = {"model": {"revision": "abc", "weights": "1" * 64}, "version": {"torch": "2.13.0"}}
    return recipe(config.plain(), **(given | parts))


@pytest.mark.parametrize(
    "change", [{"index": 4}, {"id": "x"}, {"pick": "fp"}, {"limit": 3}, {"output": "x"}, {"offline": True}]
)
def test_what_is_about_one_example_or_its_place_makes_no_difference(change: dict[str, Any]) -> None:
    assert recipe_digest(made(Config())) == recipe_digest(made(replace(Config(), **change)))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"top_k": 5}, "--top-k: 10 before, 5 now"),
        ({"format": ("html",)}, "--format: html,pdf,tables,charts before, html now"),
        ({"max_length": 64}, "--max-length: none before, 64 now"),
        ({"global_tokens": ()}, "--global-tokens: 0 before, none now"),
    ],
)
def test_an_option_that_differs_is_named(change: dict[str, Any], told: str) -> None:
    before, now = made(Config()), made(replace(Config(), **change))
    assert recipe_differences(before, now) == [told]
    assert recipe_digest(before) != recipe_digest(now)


def test_other_weights_and_versions_are_named() -> None:
    before = made(Config())
    now = made(Config(), model={"revision": "abc", "weights": "2" * 64}, version={"torch": "2.14.0"})
    assert recipe_differences(before, now) == [
        f"model weights: {'1' * 20}... before, {'2' * 20}... now",
        "version torch: 2.13.0 before, 2.14.0 now",
    ]


def test_equal_recipes_differ_in_nothing() -> None:
    assert recipe_differences(made(Config()), made(Config())) == []
