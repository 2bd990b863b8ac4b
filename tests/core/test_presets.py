"""presets: load one, list them, say what one may hold; the command line that gives a report again."""

from __future__ import annotations

import json
import shlex
import tomllib
from dataclasses import fields
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reportgen.core import presets
from reportgen.core.config import Config
from reportgen.core.errors import UsageError


def test_the_notebooks_presets_are_as_the_notebooks_have_them() -> None:
    papers, news = presets.load("papers"), presets.load("news")
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
    own, known = presets.load(str(copy)), presets.load("papers")
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
        assert presets.load(str(path)).preset == str(path)
    else:
        with pytest.raises(UsageError, match=key):
            presets.load(str(path))


def test_the_schema_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(presets.schema())


def preset(folder: Path, content: str) -> str:
    """A preset of the user's own; gives its path."""
    path = folder / "mine.toml"
    path.write_text(content, encoding="utf-8")
    return str(path)


def test_a_preset_of_the_users_own_by_hand(tmp_path: Path) -> None:
    """Every kind of value: text, number, switch, list; what is not named keeps its default."""
    name = preset(
        tmp_path,
        'model = "org/name"\ntop_k = 5\nstrict = true\nlabels = ["no", "yes"]\nglobal_tokens = [0, 7]\n'
        'colour_scale = "log"\n',
    )
    assert presets.load(name) == Config(
        preset=name,
        model="org/name",
        top_k=5,
        strict=True,
        labels=("no", "yes"),
        global_tokens=(0, 7),
        colour_scale="log",
    )


@pytest.mark.parametrize("path", sorted(presets.PRESETS.glob("*.toml")), ids=lambda path: path.stem)
def test_presets_of_the_package_load_by_name(path: Path) -> None:
    """By name, as the command line takes it."""
    assert presets.load(path.stem).preset == path.stem


def test_the_demo_preset_needs_nothing_from_outside() -> None:
    """Model, document and importance are the embedded ones. It tests its heatmap."""
    demo = presets.load("demo")
    assert demo.faithfulness == "quick"
    assert (demo.model, demo.dataset, demo.importance, demo.index) == ("demo", "demo", "demo", 0)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("modle = 'x'", 'unknown key "modle"'),
        ("preset = 'demo'", 'unknown key "preset"'),
        ("top_k = 'ten'", "top_k = 'ten' has the wrong type"),
        ("top_k = true", "top_k = True has the wrong type"),
        ("strict = 1", "strict = 1 has the wrong type"),
        ("labels = 'yes'", "labels = 'yes' has the wrong type"),
        ("labels = [0, 1]", r"labels = \[0, 1\] has the wrong type"),
        ("global_tokens = 0", "global_tokens = 0 has the wrong type"),
        ("global_tokens = ['0']", r"global_tokens = \['0'\] has the wrong type"),
        ("model = ['a']", r"model = \['a'\] has the wrong type"),
        ("model = {a = 1}", "has the wrong type"),
        ("colour_scale = 'rainbow'", "colour_scale = 'rainbow': unknown; choose from contrast, linear, rank, log"),
        ("colour_scale = 1", "colour_scale = 1 has the wrong type"),
        (
            "format = ['html', 'docx']",
            r"format = \['html', 'docx'\]: unknown; choose from html, pdf, tables, charts",
        ),
        ("format = []", r"format = \[\]: unknown"),
        ("dtype = 'float8'", "dtype = 'float8': unknown"),
        ("top_k = 0", "top_k = 0: must be 1 or more"),
        (f"index = {2**63}", f"index = {2**63}: must be"),
        ("max_length = 0", "max_length = 0: must be 1"),
        ("max_chars = -5", "max_chars = -5: must be 1"),
        ("attention_window = 1", "attention_window = 1: must be 2"),
        ("global_tokens = [0, -1]", r"global_tokens = \[0, -1\]: positions count from 0"),
        (f"seed = {2**64}", "seed = 18446744073709551616: must be"),
        ("labels = ['a', 'A']", r"labels = \['a', 'A'\]: label names must differ and not be empty"),
        ("labels = ['a', '']", "label names must differ and not be empty"),
        ("output = ''", "output = '': it is empty"),
        ('model = "a\\u0000b"', "it contains a NUL character"),
        ("text = 'a'\nfile = 'b'", "mine.toml: give only one of --text and --file"),
        ("title = 'x'", 'unknown key "title"'),
        ("seed = " + "9" * 5000, "is not TOML"),
        ("labels = " + "[" * 9000, "is not TOML"),
        ("model = ", "is not TOML"),
        ("[table]\nx = 1", 'unknown key "table"'),
    ],
)
def test_a_preset_that_makes_no_sense_is_a_usage_error(tmp_path: Path, content: str, message: str) -> None:
    """Exit code 2, naming key and value."""
    with pytest.raises(UsageError, match=message) as caught:
        presets.load(preset(tmp_path, content))
    assert caught.value.exit_code == 2


def test_a_misspelt_key_is_answered_with_the_nearest(tmp_path: Path) -> None:
    """As a hint."""
    with pytest.raises(UsageError) as caught:
        presets.load(preset(tmp_path, "modle = 'x'"))
    assert caught.value.hint == "did you mean model?"


def test_a_preset_that_is_not_text_is_not_toml(tmp_path: Path) -> None:
    """Latin-1 is not UTF-8."""
    (tmp_path / "x.toml").write_bytes(b"title = 'caf\xe9'")
    with pytest.raises(UsageError, match=r"x\.toml is not TOML"):
        presets.load(str(tmp_path / "x.toml"))


@pytest.mark.parametrize("name", ["nothing", "", ".", "/etc/passwd", "../config"])
def test_a_preset_that_is_not_there_lists_those_that_are(name: str) -> None:
    """Only .toml files are ever opened."""
    with pytest.raises(UsageError, match=f'no preset "{name}"') as caught:
        presets.load(name)
    assert "demo" in str(caught.value.hint)


def test_the_command_names_only_what_differs() -> None:
    """From the defaults, or from the preset; a switch stands without a value; where it went is left out."""
    assert presets.command(Config()) == "reportgen run"
    assert presets.command(Config(preset="demo", **demo_values(), top_k=3)) == "reportgen run --preset demo --top-k 3"
    assert presets.command(Config(text="it's", strict=True, labels=("no", "yes"), output="x")) == (
        "reportgen run --labels no,yes --text 'it'\"'\"'s' --strict"
    )


def demo_values() -> dict[str, object]:
    """What the preset demo sets."""
    demo = presets.load("demo")
    return {f.name: getattr(demo, f.name) for f in fields(Config) if f.name not in ("preset", "top_k")}


def test_what_a_text_of_ones_own_takes_back_from_a_preset_is_no_option() -> None:
    """There is no such thing as `--index None`."""
    values = demo_values() | {"index": None, "dataset": None, "split": None, "text": "abc"}
    assert presets.command(Config(preset="demo", **values)) == "reportgen run --preset demo --text abc"


@pytest.mark.parametrize("name", ["x" * 5000, "a\0b"])
def test_a_preset_whose_name_no_file_can_have_is_a_usage_error(name: str) -> None:
    with pytest.raises(UsageError, match="no preset"):
        presets.load(name)


def test_the_command_for_standard_input_names_a_file() -> None:
    """What came through a pipe is gone; it stands in report.json."""
    assert presets.command(Config(file="-")) == "reportgen run --file TEXT.txt"
    assert Config(file="-").plain()["file"] == "-"


def test_the_command_names_no_folder_outside_the_current_one_and_keeps_a_text() -> None:
    """Reports are published."""
    assert presets.command(Config(file="/home/jane/paper.txt")) == "reportgen run --file paper.txt"
    assert shlex.split(presets.command(Config(text="x y" * 90)))[-1] == "x y" * 90


def test_a_preset_from_elsewhere_is_named_without_its_folder(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text('model = "org/m"\ntop_k = 3\n')
    config = presets.load(f"{tmp_path}/mine.toml")
    assert presets.command(config) == "reportgen run --preset mine.toml"
    assert config.plain()["preset"] == "mine.toml"


def test_a_long_text_stands_in_a_file_of_its_own() -> None:
    """Nobody reads, or types, a command of ten pages."""
    assert presets.command(Config(text="x y" * 1000)) == "reportgen run --file TEXT.txt"


@given(st.text(min_size=1, max_size=60))
def test_a_shell_reads_the_command_as_it_was_meant(text: str) -> None:
    """Quotes, dollars and line breaks survive."""
    assert shlex.split(presets.command(Config(text=text))) == ["reportgen", "run", "--text", text]


def test_a_number_may_stand_without_its_point(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text("max_html_mb = 3\n")
    assert presets.load(str(path)).max_html_mb == 3


def test_what_differs_from_the_default_is_told_from_the_rest() -> None:
    config = Config(preset="demo", dataset="demo", max_length=99, global_tokens=(0, 3), format=("html",), output="x")
    assert presets.not_by_default(Config().plain()) == {}
    assert presets.not_by_default(json.loads(json.dumps(config.plain()))) == {
        "preset": "demo", "dataset": "demo", "max_length": 99, "global_tokens": [0, 3], "format": ["html"]
    }  # fmt: skip
    assert presets.not_by_default({"overwrite": True, "labels": [], "later": 1}) == {"later": 1}
