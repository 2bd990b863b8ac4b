"""Words are found by patterns, whatever their case and however accents are written, and replaced one for one."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reportgen.core.config import Config
from reportgen.core.errors import UsageError
from reportgen.data import redact


def hider(pattern: str, **more: bool) -> redact.Hider:
    found = redact.of_config(Config(redact=pattern, **more))
    assert found is not None
    return found


def test_what_matches_is_replaced_and_white_space_stays() -> None:
    text = "Mr. Wexlorth\nand  MARY wexlorth saw Mary-Ann."
    assert hider(r"mary(-ann)?\s+wexlorth|\bmary\b").text(text) == "Mr. Wexlorth\nand  XXXX XXXXXXXX saw XXXX-Ann."
    assert hider(r"\d").text("x12, 3") == "XXX, X"  # words as a whole
    assert hider("smith").text("Smithson's blacksmith") == "XXXXXXXX's XXXXXXXXXX"
    assert hider("模").text("好模型") == "好X型"  # nothing says where its words end
    assert redact.of_config(Config()) is None


def test_the_whole_text_is_replaced() -> None:
    whole = redact.of_config(Config(no_text=True))
    assert whole is not None
    assert whole.text("No, 3 mg\tof it.\n") == "XXX X XX\tXX XXX\n"
    assert (whole.said("paper.txt"), whole.title("On zebras")) == ("paper.txt", "")
    assert hider("paper", no_text=True).said("paper.txt") == "XXXXX.txt"


def test_accents_match_however_they_are_written() -> None:
    for form in ("NFC", "NFD"):
        for other in ("NFC", "NFD"):
            name, text = unicodedata.normalize(form, "José"), unicodedata.normalize(other, "Señor José")
            assert "Jos" not in hider(name).text(text)


def test_a_file_holds_a_pattern_on_each_line(tmp_path: Path) -> None:
    path = tmp_path / "names"
    path.write_text("# names\n\nWexlorth\n  Quim.*?k  \n", encoding="utf-8-sig")
    assert hider(str(path)).text("wexlorth or Quimbrask or names") == "XXXXXXXX or XXXXXXXXX or names"
    path.write_text("# none\n")
    with pytest.raises(UsageError, match="names holds no pattern"):
        hider(str(path))


def test_an_error_never_shows_a_pattern(tmp_path: Path) -> None:
    path = tmp_path / "names"
    path.write_text("fine\nWexlorth(\n")
    for given_, where in (("Wexlorth(", "not a regular"), (str(path), "line 2: not a regular")):
        with pytest.raises(UsageError, match=where) as raised:
            hider(given_)
        assert "Wexlorth" not in f"{raised.value.message} {raised.value.hint}"


def test_a_pipe_or_a_folder_is_no_pattern(here: Path) -> None:
    """As `--redact <(cat names)` gives one: nothing would be hidden. A word may be the name of a folder."""
    os.mkfifo(here / "names")
    (here / "data").mkdir()
    for given_ in ("names", str(here), "./data", "/dev/null"):
        with pytest.raises(UsageError, match="a folder, a pipe or a device"):
            hider(given_)
    assert hider("data").text("data here") == "XXXX here"
    assert hider(".").text("ab") == "XX"


@pytest.mark.parametrize("name", ["names.txt", "Wexlorth.lst", "PATTERNS.txt"])
def test_a_misspelt_file_is_no_pattern(name: str, here: Path) -> None:
    with pytest.raises(UsageError, match="looks like the path of a file"):
        hider(name)
    (here / name).write_text("a")
    assert hider(name).text("ab c") == "XX c"


@given(st.text(max_size=60), st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), max_size=5))
def test_length_and_white_space_stay_and_nothing_else_in_a_span(text: str, given_: list[tuple[int, int]]) -> None:
    spans = redact.joined((min(a, len(text)), min(b, len(text))) for a, b in given_)
    shown = redact.hidden(text, spans)
    assert len(shown) == len(text)
    for at, (before, after) in enumerate(zip(text, shown, strict=True)):
        inside = any(a <= at < b for a, b in spans)
        assert after == ("X" if inside and not before.isspace() else before)
    assert redact.hidden(shown, spans) == shown
