"""presets: list them, print one, say what one may hold."""

from __future__ import annotations

import json
import tomllib
from dataclasses import fields
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from reportgen.core import presets
from reportgen.core.config import Config, load_preset
from reportgen.core.errors import UsageError


def test_the_notebooks_presets_are_as_the_notebooks_have_them() -> None:
    papers, news = load_preset("papers"), load_preset("news")
    assert papers == Config(
        preset="papers",
        model="danielhou13/longformer-finetuned_papers_v2",
        tokenizer="allenai/longformer-base-4096",
        dataset="danielhou13/cogs402dataset",
        split="test",
        text_column="text",
        label_column="labels",
        labels=("programming languages", "artificial intelligence"),
        max_length=2048,
        index=976,
    )
    assert news == Config(
        preset="news",
        model="danielhou13/longformer-finetuned-news-cogs402",
        tokenizer="allenai/longformer-base-4096",
        dataset="danielhou13/cogs402dataset2",
        split="validation",
        text_column="text",
        label_column="hyperpartisan",
        labels=("not hyperpartisan", "hyperpartisan"),
        max_length=2048,
        index=0,
    )


def test_every_preset_is_listed_with_what_it_is_for() -> None:
    assert presets.names() == ("demo", "news", "papers")
    assert all(len(presets.description(name)) > 20 for name in presets.names())


def test_a_preset_is_printed_as_it_is_written_and_works_as_a_copy(tmp_path: Path) -> None:
    """Comments included; a copy under another name is the same run."""
    copy = tmp_path / "mine.toml"
    copy.write_text(presets.text("papers"), encoding="utf-8")
    assert "cs.PL" in copy.read_text(encoding="utf-8")
    own, known = load_preset(str(copy)), load_preset("papers")
    assert {f.name for f in fields(Config) if getattr(own, f.name) != getattr(known, f.name)} == {"preset"}


def test_a_misspelt_preset_is_answered_with_the_nearest() -> None:
    with pytest.raises(UsageError, match='no preset "paper"') as caught:
        presets.text("paper")
    assert str(caught.value.hint).startswith("did you mean papers?")


@pytest.mark.parametrize("name", presets.names())
def test_the_schema_takes_every_preset(name: str) -> None:
    validator = jsonschema.Draft202012Validator(presets.schema())
    assert [error.message for error in validator.iter_errors(tomllib.loads(presets.text(name)))] == []


VALUES: list[tuple[str, Any]] = [
    ("top_k", 5), ("top_k", 0), ("top_k", "x"), ("strict", True), ("strict", 1), ("labels", ["a"]), ("labels", "a"),
    ("labels", [1]), ("global_tokens", [0]), ("global_tokens", ["0"]), ("dtype", "float16"), ("dtype", "float8"),
    ("format", ["html"]), ("format", ["docx"]), ("max_html_mb", 2.5), ("max_html_mb", 3), ("max_html_mb", "3"),
    ("modle", "x"), ("preset", "demo"), ("long", "window"), ("long", "wide"), ("dataset", "a/b"), ("dataset", 3),
    ("index", 2**63), ("index", 3), ("description", "mine"), ("batch_size", 8), ("batch_size", 0),
]  # fmt: skip


@pytest.mark.parametrize(("key", "value"), VALUES, ids=lambda value: json.dumps(value))
def test_schema_and_loader_agree(key: str, value: Any, tmp_path: Path) -> None:
    """What an editor marks is what the command refuses."""
    path = tmp_path / "mine.toml"
    path.write_text(f"{key} = {json.dumps(value)}\n")
    if jsonschema.Draft202012Validator(presets.schema()).is_valid({key: value}):
        assert load_preset(str(path)).preset == str(path)
    else:
        with pytest.raises(UsageError, match=key):
            load_preset(str(path))


def test_the_schema_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(presets.schema())
