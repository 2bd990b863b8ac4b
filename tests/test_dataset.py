"""dataset: a source and a choice -> Example."""

from __future__ import annotations

import hashlib
import io
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reportgen import dataset
from reportgen.config import Config
from reportgen.errors import DataError, UsageError

ANY_TEXT = st.text(alphabet=st.characters(exclude_categories=()))  # lone surrogates too


@pytest.fixture
def demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three embedded documents; the text of the first holds a separator at which splitlines() would break it."""
    rows = [{"title": f"Title {n}", "text": f"Text {n}.\u2028Next\x85line", "label": n % 2} for n in range(3)]
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    (tmp_path / "documents.jsonl").write_text(lines, encoding="utf-8")
    monkeypatch.setattr(dataset, "DEMO", tmp_path)
    return tmp_path


def test_a_text_becomes_an_example() -> None:
    """Its name is the first ten digits of its SHA-256, so that one text has one name."""
    example = dataset.choose(Config(text="abc", label="right"))
    assert example.name == "text-ba7816bf8f"
    assert (example.text, example.label, example.dataset) == ("abc", "right", None)


@given(ANY_TEXT)
def test_cleaning_keeps_every_offset(text: str) -> None:
    """One character for one; only lone surrogates and U+FFFE, U+FFFF change; the result can be written as UTF-8."""
    cleaned = dataset.clean(text)
    assert len(cleaned) == len(text)
    assert cleaned.encode("utf-8").decode("utf-8") == cleaned
    for before, after in zip(text, cleaned, strict=True):
        bad = 0xD800 <= ord(before) <= 0xDFFF or ord(before) in (0xFFFE, 0xFFFF)
        assert after == ("\ufffd" if bad else before)


@given(ANY_TEXT)
def test_cleaning_twice_is_cleaning_once(text: str) -> None:
    """Nothing that cleaning writes needs cleaning."""
    assert dataset.clean(dataset.clean(text)) == dataset.clean(text)


@pytest.mark.parametrize("character", [chr(code) for code in (0xD800, 0xDFFF, 0xFFFE, 0xFFFF)])
def test_what_no_format_takes_is_replaced(character: str) -> None:
    """Before anything else sees the text; the name is made from the cleaned text."""
    example = dataset.choose(Config(text=f"a{character}b"))
    assert example.text == "a\ufffdb"
    assert example.name == dataset.choose(Config(text="a\ufffdb")).name


@pytest.mark.parametrize("character", ["\x00", "\x07", "\u202e", "\u200d", "\ufeff", "é", "𝛼"])
def test_what_formats_take_stays(character: str) -> None:
    """Control characters, NUL, bidi controls and joiners are the reader's to see, not ours to drop."""
    assert dataset.choose(Config(text=f"a{character}b")).text == f"a{character}b"


def test_a_file_is_read_as_utf8_with_or_without_bom(tmp_path: Path) -> None:
    """The byte order mark is no character of the text; line ends stay as they are, so that offsets count them."""
    path = tmp_path / "My Paper (final).txt"
    path.write_bytes(b"\xef\xbb\xbfone\r\ntwo\rthree\n")
    example = dataset.choose(Config(file=str(path)))
    assert example.text == "one\r\ntwo\rthree\n"
    assert example.file_sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert example.title == "My Paper (final).txt"
    assert example.name.startswith("my-paper-final-")
    path.write_bytes(b"one\r\ntwo\rthree\n")
    without = dataset.choose(Config(file=str(path)))
    assert (without.name, without.text) == (example.name, example.text)
    assert without.file_sha256 != example.file_sha256


def test_a_file_name_of_other_scripts_still_names_a_folder(tmp_path: Path) -> None:
    """Nothing of the name survives in ASCII: "text" stands in."""
    path = tmp_path / "论文.txt"
    path.write_text("abc")
    assert dataset.choose(Config(file=str(path))).name == "text-ba7816bf8f"


def test_standard_input_is_a_source(monkeypatch: pytest.MonkeyPatch) -> None:
    """`--file -`, as bytes, whatever the terminal's encoding."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO("é".encode()), encoding="ascii"))
    example = dataset.choose(Config(file="-", label="1"))
    assert (example.text, example.title, example.label) == ("é", "Text from standard input", "1")


def test_a_path_below_home_may_be_written_with_a_tilde(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`Config.command` writes it so, and quoted, so that no shell expands it."""
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "paper.txt").write_text("abc")
    assert dataset.choose(Config(file="~/paper.txt")).text == "abc"


@pytest.mark.usefixtures("demo")
def test_an_embedded_document_is_chosen_by_its_row() -> None:
    """Row 2 of three, separators inside the text untouched."""
    example = dataset.choose(Config(dataset="demo", index=2))
    assert example.name == "demo-2"
    assert example.text == "Text 2.\u2028Next\x85line"
    assert (example.title, example.label, example.dataset, example.split, example.index) == (
        "Title 2",
        0,
        "demo",
        "test",
        2,
    )


@pytest.mark.usefixtures("demo")
@pytest.mark.parametrize("index", [-1, 3])
def test_a_row_that_is_not_there_names_the_valid_range(index: int) -> None:
    """Exit code 3, as in the house style's own example."""
    with pytest.raises(DataError, match=rf'example {index} is not in split "test" of demo: it has 3 rows \(0-2\)'):
        dataset.example(config := Config(dataset="demo"), dataset.open_rows(config), index)


@pytest.mark.usefixtures("demo")
def test_the_demo_has_slices_and_nothing_to_choose_beside_them() -> None:
    config = Config(dataset="demo", split="test[1:]", index=0)
    example = dataset.choose(config)
    assert (example.title, example.split, example.name) == (
        "Title 1",
        "test[1:]",
        f"demo-test-1-{hashlib.sha256(b'test[1:]').hexdigest()[:6]}-0",
    )
    with pytest.raises(DataError, match=r'example 2 is not in split "test\[1:\]" of demo: it has 2 rows'):
        dataset.choose(Config(dataset="demo", split="test[1:]", index=2))
    with pytest.raises(DataError, match='split "train" is not in demo'):
        dataset.choose(Config(dataset="demo", split="train", index=0))
    with pytest.raises(UsageError, match="--text-column does not go with the demo"):
        dataset.choose(Config(dataset="demo", text_column="text", index=0))


def test_a_label_that_no_file_can_hold_is_cleaned(tmp_path: Path) -> None:
    """JSON may spell lone surrogates."""
    (tmp_path / "d.jsonl").write_text('{"text": "a\\ud800", "label": "\\ud800x", "id": "\\udfff"}\n')
    example = dataset.choose(Config(dataset=str(tmp_path / "d.jsonl"), index=0))
    assert (example.text, example.label, example.id) == ("a\ufffd", "\ufffdx", "\ufffd")


@pytest.mark.usefixtures("demo")
def test_an_embedded_document_has_no_gold_label_for_another_model() -> None:
    """Its labels are those of the model trained on them: 0 and 1 mean something else elsewhere."""
    example = dataset.choose(Config(model="tiny/lf", dataset="demo", index=1))
    assert (example.label, example.text) == (None, "Text 1.\u2028Next\x85line")
    assert dataset.choose(Config(dataset="demo", index=1)).label == 1


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"model": "tiny/lf"}, "no text to read"),
        ({"index": 3}, "no text to read"),
        ({"dataset": "demo"}, 'split "test" of demo: which of its 16 rows'),
        ({"dataset": "demo", "label": "x"}, "--label goes with"),
    ],
)
def test_what_names_no_text_reads_none(settings: dict[str, Any], message: str) -> None:
    """Exit code 2, and what there is to read; never a document that nobody asked for."""
    with pytest.raises(UsageError, match=message) as caught:
        dataset.choose(Config(**settings))
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("demo", "text-ba7816bf8f"),
        ("org/Longformer_base", "text-ba7816bf8f-longformer-base"),
        ("/home/somebody/my-model/", "text-ba7816bf8f-my-model"),
        ("模型", "text-ba7816bf8f-model"),
    ],
)
def test_the_name_tells_another_model(model: str, name: str) -> None:
    """So that one text may be read by two models; nothing of the way to its folder is told."""
    assert dataset.choose(Config(text="abc", model=model)).name == name


@pytest.mark.parametrize("size", [16, 17, 10**6])
def test_no_more_of_a_file_is_read_than_may_be_taken(tmp_path: Path, size: int) -> None:
    """The cap counts characters; a file of 4 bytes per character fits, and a huge one is not held."""
    (tmp_path / "big.txt").write_text("\U0001f600" * size)
    if size == 16:
        assert dataset.choose(Config(file=str(tmp_path / "big.txt"), max_chars=16)).text == "\U0001f600" * 16
    else:
        with pytest.raises(DataError, match="more than --max-chars 16"):
            dataset.choose(Config(file=str(tmp_path / "big.txt"), max_chars=16))


def test_a_device_that_never_ends_is_an_input_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a file and as standard input."""
    with pytest.raises(DataError, match="zero: more than --max-chars 5,000,000"):
        dataset.choose(Config(file="/dev/zero"))
    with Path("/dev/zero").open(encoding="utf-8") as endless:
        monkeypatch.setattr(sys, "stdin", endless)
        with pytest.raises(DataError, match="Text from standard input: more than"):
            dataset.choose(Config(file="-", max_chars=100))


def test_a_file_that_cannot_be_read_is_an_input_error(tmp_path: Path) -> None:
    """Missing, a folder, or not UTF-8: exit code 3, with the byte."""
    with pytest.raises(DataError, match="No such file") as missing:
        dataset.choose(Config(file=str(tmp_path / "none.txt")))
    assert missing.value.exit_code == 3
    with pytest.raises(DataError, match="directory"):
        dataset.choose(Config(file=str(tmp_path)))
    (tmp_path / "latin.txt").write_bytes(b"caf\xe9")
    with pytest.raises(DataError, match="not UTF-8 at byte 3"):
        dataset.choose(Config(file=str(tmp_path / "latin.txt")))


def test_a_text_beyond_the_cap_is_refused_with_both_numbers() -> None:
    """At the cap it is taken."""
    assert len(dataset.choose(Config(text="x" * 1000, max_chars=1000)).text) == 1000
    with pytest.raises(DataError, match="1,001 characters, more than --max-chars 1,000"):
        dataset.choose(Config(text="x" * 1001, max_chars=1000))


def test_a_file_may_have_a_name_that_is_no_text(tmp_path: Path) -> None:
    """Names are bytes; what cannot be written of them is replaced in the title, and the report goes on."""
    path = os.fsdecode(os.fsencode(tmp_path) + b"/paper-\xff.txt")
    Path(path).write_text("some words", encoding="utf-8")
    example = dataset.choose(Config(file=path))
    assert example.title == "paper-\ufffd.txt"
    assert example.text == "some words"
    assert Config(file=path).plain()["file"].endswith("paper-\ufffd.txt")
