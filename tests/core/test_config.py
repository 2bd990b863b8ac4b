"""config: what a run was asked to do, and presets."""

from __future__ import annotations

import json
import shlex
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reportgen.core.config import PRESETS, Config, load_preset
from reportgen.core.errors import UsageError


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
    assert load_preset(name) == Config(
        preset=name,
        model="org/name",
        top_k=5,
        strict=True,
        labels=("no", "yes"),
        global_tokens=(0, 7),
        colour_scale="log",
    )


@pytest.mark.parametrize("path", sorted(PRESETS.glob("*.toml")), ids=lambda path: path.stem)
def test_presets_of_the_package_load_by_name(path: Path) -> None:
    """By name, as the command line takes it."""
    assert load_preset(path.stem).preset == path.stem


def test_the_demo_preset_needs_nothing_from_outside() -> None:
    """Model, document and importance are the embedded ones."""
    demo = load_preset("demo")
    assert (demo.model, demo.dataset, demo.importance, demo.index) == ("demo", "demo", "demo", 0)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("modle = 'x'", 'unknown key "modle"'),
        ("preset = 'demo'", 'unknown key "preset"'),
        ("top_k = 'ten'", "top_k = 'ten' has the wrong kind"),
        ("top_k = true", "top_k = True has the wrong kind"),
        ("strict = 1", "strict = 1 has the wrong kind"),
        ("labels = 'yes'", "labels = 'yes' has the wrong kind"),
        ("labels = [0, 1]", r"labels = \[0, 1\] has the wrong kind"),
        ("global_tokens = 0", "global_tokens = 0 has the wrong kind"),
        ("global_tokens = ['0']", r"global_tokens = \['0'\] has the wrong kind"),
        ("model = ['a']", r"model = \['a'\] has the wrong kind"),
        ("model = {a = 1}", "has the wrong kind"),
        ("colour_scale = 'rainbow'", "colour_scale = 'rainbow': unknown; it is linear, rank, log"),
        ("colour_scale = 1", "colour_scale = 1 has the wrong kind"),
        (
            "format = ['html', 'docx']",
            r"format = \['html', 'docx'\]: unknown; it is html, pdf, tables, charts",
        ),
        ("format = []", r"format = \[\]: unknown"),
        ("dtype = 'float8'", "dtype = 'float8': unknown"),
        ("top_k = 0", "top_k = 0: it has to be 1 or more"),
        (f"index = {2**63}", f"index = {2**63}: it has to be"),
        ("max_length = 0", "max_length = 0: it has to be 1"),
        ("max_chars = -5", "max_chars = -5: it has to be 1"),
        ("attention_window = 1", "attention_window = 1: it has to be 2"),
        ("global_tokens = [0, -1]", r"global_tokens = \[0, -1\]: positions count from 0"),
        (f"seed = {2**64}", "seed = 18446744073709551616: it has to be"),
        ("labels = ['a', 'A']", r"labels = \['a', 'A'\]: every label needs a name of its own"),
        ("labels = ['a', '']", "every label needs a name of its own"),
        ("output = ''", "output = '': it is empty"),
        ('model = "a\\u0000b"', "it holds a NUL character"),
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
        load_preset(preset(tmp_path, content))
    assert caught.value.exit_code == 2


def test_a_misspelt_key_is_answered_with_the_nearest(tmp_path: Path) -> None:
    """As a hint."""
    with pytest.raises(UsageError) as caught:
        load_preset(preset(tmp_path, "modle = 'x'"))
    assert caught.value.hint == "did you mean model?"


def test_a_preset_that_is_not_text_is_not_toml(tmp_path: Path) -> None:
    """Latin-1 is not UTF-8."""
    (tmp_path / "x.toml").write_bytes(b"title = 'caf\xe9'")
    with pytest.raises(UsageError, match=r"x\.toml is not TOML"):
        load_preset(str(tmp_path / "x.toml"))


@pytest.mark.parametrize("name", ["nothing", "", ".", "/etc/passwd", "../config"])
def test_a_preset_that_is_not_there_lists_those_that_are(name: str) -> None:
    """Only .toml files are ever opened."""
    with pytest.raises(UsageError, match=f'no preset "{name}"') as caught:
        load_preset(name)
    assert "demo" in str(caught.value.hint)


def test_the_command_names_only_what_differs() -> None:
    """From the defaults, or from the preset; a switch stands without a value; where it went is left out."""
    assert Config().command() == "reportgen run"
    assert Config(preset="demo", **demo_values(), top_k=3).command() == "reportgen run --preset demo --top-k 3"
    assert Config(text="it's", strict=True, labels=("no", "yes"), output="x").command() == (
        "reportgen run --labels no,yes --text 'it'\"'\"'s' --strict"
    )


def demo_values() -> dict[str, object]:
    """What the preset demo sets."""
    demo = load_preset("demo")
    return {f.name: getattr(demo, f.name) for f in fields(Config) if f.name not in ("preset", "top_k")}


def test_what_a_text_of_ones_own_takes_back_from_a_preset_is_no_option() -> None:
    """There is no such thing as `--index None`."""
    values = demo_values() | {"index": None, "dataset": None, "split": None, "text": "abc"}
    assert Config(preset="demo", **values).command() == "reportgen run --preset demo --text abc"


@pytest.mark.parametrize("name", ["x" * 5000, "a\0b"])
def test_a_preset_whose_name_no_file_can_have_is_a_usage_error(name: str) -> None:
    with pytest.raises(UsageError, match="no preset"):
        load_preset(name)


@pytest.mark.parametrize("settings", [{"top_k": 0}, {"format": ("docx",)}, {"output": ""}, {"seed": 2**64}])
def test_a_configuration_is_checked_however_it_is_made(settings: dict[str, Any]) -> None:
    """From Python as from the command line; the option is named."""
    with pytest.raises(UsageError, match="^--" + next(iter(settings)).replace("_", "-")):
        Config(**settings)


def test_the_command_for_standard_input_names_a_file() -> None:
    """What came through a pipe is gone; it stands in report.json."""
    assert Config(file="-").command() == "reportgen run --file TEXT.txt"
    assert Config(file="-").plain()["file"] == "-"


def test_the_command_hides_home_and_keeps_a_text(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Reports are published."""
    monkeypatch.setenv("HOME", str(tmp_path))
    command = Config(file=f"{tmp_path}/paper.txt").command()
    assert str(tmp_path) not in command
    assert shlex.split(command)[-1] == "~/paper.txt"
    assert shlex.split(Config(text="x y" * 90).command())[-1] == "x y" * 90


def test_a_preset_below_home_is_named_and_found_with_a_tilde(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Reports are published, and made again."""
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "mine.toml").write_text('model = "org/m"\ntop_k = 3\n')
    config = load_preset(f"{tmp_path}/mine.toml")
    assert config.command() == "reportgen run --preset '~/mine.toml'"
    restored = Config.restored(config.plain())
    assert (restored.preset, restored.command()) == ("~/mine.toml", config.command())


def test_a_long_text_stands_in_a_file_of_its_own() -> None:
    """Nobody reads, or types, a command of ten pages."""
    assert Config(text="x y" * 1000).command() == "reportgen run --file TEXT.txt"


@given(st.text(min_size=1, max_size=60))
def test_a_shell_reads_the_command_as_it_was_meant(text: str) -> None:
    """Quotes, dollars and line breaks survive."""
    assert shlex.split(Config(text=text).command()) == ["reportgen", "run", "--text", text]


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


@pytest.mark.parametrize(
    "settings",
    [
        {"figure_width": ("3.3",)}, {"figure_width": ()}, {"figure_width": ("1in",)}, {"figure_width": ("30in",)},
        {"figure_width": ("3in;x",)}, {"span": "4"}, {"span": "9:4"}, {"span": "a:b"}, {"span": "-1:4"},
        {"figure_font": "x;}body{"}, {"figure_font": "a'b"}, {"paper": "a3"}, {"pdf_variant": "x-4"},
    ],
)  # fmt: skip
def test_what_cannot_be_typeset_is_a_usage_error(settings: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="^--" + next(iter(settings)).replace("_", "-")):
        Config(**settings)


def test_widths_are_points_whatever_their_unit() -> None:
    assert Config(figure_width=("1.5in", "50.8mm", "5.08cm", "300pt")).figure_widths == pytest.approx(
        {"1.5in": 108, "50.8mm": 144, "5.08cm": 144, "300pt": 300}
    )


def test_a_number_may_stand_without_its_point(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text("max_html_mb = 3\n")
    assert load_preset(str(path)).max_html_mb == 3


@pytest.mark.parametrize("positions", [(-1,), tuple(range(7))])
def test_positions_that_cannot_be_drawn_are_a_usage_error(positions: tuple[int, ...]) -> None:
    with pytest.raises(UsageError, match="--positions"):
        Config(positions=positions)
