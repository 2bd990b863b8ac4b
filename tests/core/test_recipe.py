"""recipe: what makes a report what it is beside its example, and what differs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from reportgen.core import recipe
from reportgen.core.config import Config


def made(config: Config, **parts: Any) -> recipe.Recipe:
    given: dict[str, Any] = {"model": {"revision": "abc", "weights": "1" * 64}, "version": {"torch": "2.13.0"}}
    return recipe.recipe(config.plain(), **(given | parts))


@pytest.mark.parametrize(
    "change", [{"index": 4}, {"id": "x"}, {"pick": "fp"}, {"limit": 3}, {"output": "x"}, {"offline": True}]
)
def test_what_is_about_one_example_or_its_place_makes_no_difference(change: dict[str, Any]) -> None:
    assert recipe.digest(made(Config())) == recipe.digest(made(replace(Config(), **change)))


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
    assert recipe.differences(before, now) == [told]
    assert recipe.digest(before) != recipe.digest(now)


def test_other_weights_and_versions_are_named() -> None:
    before = made(Config())
    now = made(Config(), model={"revision": "abc", "weights": "2" * 64}, version={"torch": "2.14.0"})
    assert recipe.differences(before, now) == [
        f"model weights: {'1' * 20}... before, {'2' * 20}... now",
        "version torch: 2.13.0 before, 2.14.0 now",
    ]


def test_equal_recipes_differ_in_nothing() -> None:
    assert recipe.differences(made(Config()), made(Config())) == []
