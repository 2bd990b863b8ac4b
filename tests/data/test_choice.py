"""dataset: a source and a choice -> Example."""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import sys
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reportgen.core.config import Config
from reportgen.core.errors import DataError, UsageError
from reportgen.data import choice
from reportgen.data.dataset_rows import Row, Rows
from tests import split

ANY_TEXT = st.text(alphabet=st.characters(exclude_categories=()))  # lone surrogates too


@pytest.fixture
def demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three embedded documents; the text of the first holds a separator at which splitlines() would break it."""
    rows = [{"title": f"Title {n}", "text": f"Text {n}.\u2028Next\x85line", "label": n % 2} for n in range(3)]
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    (tmp_path / "documents.jsonl").write_text(lines, encoding="utf-8")
    monkeypatch.setattr(choice, "DEMO", tmp_path)
    return tmp_path


def test_a_text_becomes_an_example() -> None:
    """Its name is the first ten digits of its SHA-256, so that one text has one name."""
    example = choice.choose(Config(text="abc", label="right"))
    assert example.name == "text-ba7816bf8f"
    assert (example.text, example.label, example.dataset) == ("abc", "right", None)


@given(ANY_TEXT)
def test_cleaning_keeps_every_offset(text: str) -> None:
    """One character for one; only lone surrogates and U+FFFE, U+FFFF change; the result can be written as UTF-8."""
    cleaned = choice.clean(text)
    assert len(cleaned) == len(text)
    assert cleaned.encode("utf-8").decode("utf-8") == cleaned
    for before, after in zip(text, cleaned, strict=True):
        bad = 0xD800 <= ord(before) <= 0xDFFF or ord(before) in (0xFFFE, 0xFFFF)
        assert after == ("\ufffd" if bad else before)


@given(ANY_TEXT)
def test_cleaning_twice_is_cleaning_once(text: str) -> None:
    """Nothing that cleaning writes needs cleaning."""
    assert choice.clean(choice.clean(text)) == choice.clean(text)


@pytest.mark.parametrize("character", [chr(code) for code in (0xD800, 0xDFFF, 0xFFFE, 0xFFFF)])
def test_what_no_format_takes_is_replaced(character: str) -> None:
    """Before anything else sees the text; the name is made from the cleaned text."""
    example = choice.choose(Config(text=f"a{character}b"))
    assert example.text == "a\ufffdb"
    assert example.name == choice.choose(Config(text="a\ufffdb")).name


@pytest.mark.parametrize("character", ["\x00", "\x07", "\u202e", "\u200d", "\ufeff", "é", "𝛼"])
def test_what_formats_take_stays(character: str) -> None:
    """Control characters, NUL, bidi controls and joiners are the reader's to see, not ours to drop."""
    assert choice.choose(Config(text=f"a{character}b")).text == f"a{character}b"


def test_a_file_is_read_as_utf8_with_or_without_bom(tmp_path: Path) -> None:
    """The byte order mark is no character of the text; line ends stay as they are, so that offsets count them."""
    path = tmp_path / "My Paper (final).txt"
    path.write_bytes(b"\xef\xbb\xbfone\r\ntwo\rthree\n")
    example = choice.choose(Config(file=str(path)))
    assert example.text == "one\r\ntwo\rthree\n"
    assert example.file_sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert example.title == "My Paper (final).txt"
    assert example.name.startswith("my-paper-final-")
    path.write_bytes(b"one\r\ntwo\rthree\n")
    without = choice.choose(Config(file=str(path)))
    assert (without.name, without.text) == (example.name, example.text)
    assert without.file_sha256 != example.file_sha256


def test_a_file_name_of_other_scripts_still_names_a_folder(tmp_path: Path) -> None:
    """Nothing of the name survives in ASCII: "text" stands in."""
    path = tmp_path / "论文.txt"
    path.write_text("abc")
    assert choice.choose(Config(file=str(path))).name == "text-ba7816bf8f"


def test_standard_input_is_a_source(monkeypatch: pytest.MonkeyPatch) -> None:
    """`--file -`, as bytes, whatever the terminal's encoding."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO("é".encode()), encoding="ascii"))
    example = choice.choose(Config(file="-", label="1"))
    assert (example.text, example.title, example.label) == ("é", "Text from standard input", "1")


def test_a_path_below_home_may_be_written_with_a_tilde(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`Config.command` writes it so, and quoted, so that no shell expands it."""
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "paper.txt").write_text("abc")
    assert choice.choose(Config(file="~/paper.txt")).text == "abc"


@pytest.mark.usefixtures("demo")
def test_an_embedded_document_is_chosen_by_its_row() -> None:
    """Row 2 of three, separators inside the text untouched."""
    example = choice.choose(Config(dataset="demo", index=2))
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
        choice.example(config := Config(dataset="demo"), choice.open_rows(config), index)


@pytest.mark.usefixtures("demo")
def test_the_demo_has_slices_and_nothing_to_choose_beside_them() -> None:
    config = Config(dataset="demo", split="test[1:]", index=0)
    example = choice.choose(config)
    assert (example.title, example.split) == ("Title 1", "test[1:]")
    assert re.fullmatch(r"demo-test-1-0-demo-[0-9a-f]{10}", example.name)
    with pytest.raises(DataError, match=r'example 2 is not in split "test\[1:\]" of demo: it has 2 rows'):
        choice.choose(Config(dataset="demo", split="test[1:]", index=2))
    with pytest.raises(DataError, match='split "train" is not in demo'):
        choice.choose(Config(dataset="demo", split="train", index=0))
    with pytest.raises(UsageError, match="--text-column does not apply to the demo"):
        choice.choose(Config(dataset="demo", text_column="text", index=0))


def test_a_label_that_no_file_can_hold_is_cleaned(tmp_path: Path) -> None:
    """JSON may spell lone surrogates."""
    (tmp_path / "d.jsonl").write_text('{"text": "a\\ud800", "label": "\\ud800x", "id": "\\udfff"}\n')
    example = choice.choose(Config(dataset=str(tmp_path / "d.jsonl"), index=0))
    assert (example.text, example.label, example.id) == ("a\ufffd", "\ufffdx", "\ufffd")


@pytest.mark.usefixtures("demo")
def test_an_embedded_document_has_no_gold_label_for_another_model() -> None:
    """Its labels are those of the model trained on them: 0 and 1 mean something else elsewhere."""
    example = choice.choose(Config(model="tiny/lf", dataset="demo", index=1))
    assert (example.label, example.text) == (None, "Text 1.\u2028Next\x85line")
    assert choice.choose(Config(dataset="demo", index=1)).label == 1


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"model": "tiny/lf"}, "no text to read"),
        ({"index": 3}, "no text to read"),
        ({"dataset": "demo"}, 'no row chosen: split "test" of demo has 16 rows'),
        ({"dataset": "demo", "label": "x"}, "--label needs"),
    ],
)
def test_what_names_no_text_reads_none(settings: dict[str, Any], message: str) -> None:
    """Exit code 2, and what there is to read; never a document that nobody asked for."""
    with pytest.raises(UsageError, match=message) as caught:
        choice.choose(Config(**settings))
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("demo", "text-ba7816bf8f"),
        ("org/Longformer_base", "text-ba7816bf8f-longformer-base-[0-9a-f]{10}"),
        ("/home/somebody/my-model/", "text-ba7816bf8f-my-model-[0-9a-f]{10}"),
        ("模型", "text-ba7816bf8f-model-[0-9a-f]{10}"),
    ],
)
def test_the_name_tells_another_model(model: str, name: str) -> None:
    """So that one text may be read by two models; nothing of the way to its folder is told."""
    assert re.fullmatch(name, choice.choose(Config(text="abc", model=model)).name)


READERS: list[dict[str, Any]] = [
    {"model": "demo"},
    {"model": "org/base"},
    {"model": "other/base"},
    {"model": "/somewhere/base"},
    {"model": "org/base", "revision": "v2"},
    {"model": "org/base", "tokenizer": "org/other"},
    {"model": "org/base", "tokenizer": "org/other", "tokenizer_revision": "v2"},
    {"model": "demo", "tokenizer": "org/other"},
]


@pytest.mark.usefixtures("demo")
@pytest.mark.parametrize("source", [{"text": "abc"}, {"dataset": "demo", "index": 1}], ids=["a text", "a row"])
def test_two_readers_of_a_text_share_no_folder(source: dict[str, Any]) -> None:
    """Models whose names end alike; one model at two revisions, or with two tokenizers."""
    names = [choice.choose(Config(**source, **reader)).name for reader in READERS]
    assert len(set(names)) == len(READERS)


def test_the_home_of_a_user_does_not_change_the_name_of_a_report(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two people who keep a model in the same place write the same bytes."""
    names = []
    for home in ("/home/ada", "/home/grace"):
        monkeypatch.setenv("HOME", home)
        names.append(choice.choose(Config(text="abc", model=f"{home}/models/base")).name)
    assert names[0] == names[1]


def named(*ids: str | None, **settings: Any) -> list[str]:
    """The folders of rows that have these ids."""
    rows = Rows(
        dataset=settings.pop("called", "data.csv"),
        config=settings.pop("part", None),
        split=settings.pop("split", "test"),
        revision="sha256:0",
        count=len(ids),
        label_names=(),
        columns={"text": "text", "id": "id"},
        read=lambda indices: iter(()),
        read_ids=lambda: [id_ or "" for id_ in ids],
    )
    config = Config(dataset=settings.pop("dataset", "data.csv"), **settings)
    return [choice.of_row(config, rows, Row(index, "text", id=id_)).name for index, id_ in enumerate(ids)]


ODD = [
    "../../x", "/abs/x", "a/b", "CON", "nul", ".", "..", "", "x" * 300, "a\0b", "dot.", "dot", "\U0001f600", "\ud800",
    "doc", "Doc", "DOC", "caf\u00e9", "cafe\u0301", "-rf", "~", "a b", "a  b", "a\nb", "\u202eabc", "-", "COM1.txt",
]  # fmt: skip


def test_any_id_names_a_folder_of_its_own() -> None:
    """Faults 8 and 9. On a disk that knows no case, and on one that makes two spellings of a letter one, too."""
    names = named(*ODD)
    assert len({unicodedata.normalize("NFC", name).casefold() for name in names}) == len(ODD)
    assert [name[:-11] for name in names[:8]] == [
        "data-csv-test-x-demo",
        "data-csv-test-abs-x-demo",
        "data-csv-test-a-b-demo",
        "data-csv-test-con-demo",
        "data-csv-test-nul-demo",
        "data-csv-test-5-demo",
        "data-csv-test-6-demo",
        "data-csv-test-7-demo",
    ]
    assert named(*ODD) == names


@given(
    ids=st.lists(st.one_of(st.none(), ANY_TEXT, st.text(alphabet="aA./é\u0301-", max_size=300)), max_size=8),
    called=st.one_of(ANY_TEXT, st.just("long/" + "name" * 90)),
    split=st.one_of(st.none(), ANY_TEXT),
    model=st.one_of(st.text(min_size=1).filter(lambda name: name.strip() and "\0" not in name), st.just("m" * 300)),
)
def test_a_folders_name_leads_nowhere_else_and_has_at_most_120_bytes(
    ids: list[str | None], called: str, split: str | None, model: str
) -> None:
    """Whatever ids, dataset, split and model are called: plain letters, no dot, never a name that a system reserves."""
    names = named(*ids, called=called, split=split, model=model)
    for name in names:
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*-[0-9a-f]{10}", name)
        assert len(name.encode()) <= 120
        assert Path("/out", name).resolve().parent == Path("/out")
    assert len(set(names)) == len(names)
    assert named(*ids, called=called, split=split, model=model) == names


def test_a_name_of_long_parts_keeps_some_of_each() -> None:
    (name,) = named("i" * 300, called="d" * 300, split="s" * 300, model="m" * 300)
    assert re.fullmatch(r"d{30}-s{16}-i{34}-m{26}-[0-9a-f]{10}", name)
    assert len(name) == 120


OTHERS: list[dict[str, Any]] = [
    {},
    {"called": "data-csv"},
    {"dataset": "elsewhere/data.csv"},
    {"part": "fr"},
    {"split": None},
    {"split": "test[1:]"},
    {"split": "test[2:]"},
    {"split": "Test"},
    {"model": "org/base"},
    {"dataset": "demo", "called": "demo", "split": "test[:3]"},
    {"dataset": "./demo", "called": "demo"},
    {"dataset": "demo", "called": "demo"},
]


@pytest.mark.parametrize("id_", [None, "doc"])
def test_rows_of_one_number_in_two_places_share_no_folder(id_: str | None) -> None:
    """Two files of one name, parts and slices of a split, a folder that is called as the demo is."""
    names = [named(id_, **other)[0] for other in OTHERS]
    assert len(set(names)) == len(OTHERS)
    assert names[-1] == "demo-0"


def test_ids_of_rows_are_their_numbers_where_there_are_no_others(tmp_path: Path) -> None:
    config = Config(dataset="demo")
    rows = choice.open_rows(config)
    assert choice.find_ids(["7", "0", "7", "007"], rows) == (0, 7)
    for wrong in ("16", "-1", "x", "1.0", "\u0663", "9" * 6000):
        with pytest.raises(DataError, match='no row "') as caught:
            choice.find_ids(["1", wrong], rows)
        assert "--id-column" in (caught.value.hint or "")


def test_ids_that_are_not_there_are_named(tmp_path: Path) -> None:
    """The first of them, with the id that may have been meant."""
    rows = choice.open_rows(Config(dataset=str(split.write(tmp_path))))
    assert choice.find_ids(["doc-7", "doc-1", "doc-7"], rows) == (1, 7)
    with pytest.raises(DataError, match=r'no example "doc-x" among the 12 ids of data\.jsonl') as caught:
        choice.find_ids(["doc-3", "doc-x"], rows)
    assert (caught.value.hint or "").startswith("did you mean doc-")
    with pytest.raises(DataError, match='"zz1", "zz2", "zz3", "zz4", "zz5" and 2 more among the 12 ids') as caught:
        choice.find_ids([f"zz{n}" for n in range(1, 8)], rows)
    assert caught.value.hint == "ids look like doc-0"


@pytest.mark.parametrize("size", [16, 17, 10**6])
def test_no_more_of_a_file_is_read_than_may_be_taken(tmp_path: Path, size: int) -> None:
    """The cap counts characters; a file of 4 bytes per character fits, and a huge one is not held."""
    (tmp_path / "big.txt").write_text("\U0001f600" * size)
    if size == 16:
        assert choice.choose(Config(file=str(tmp_path / "big.txt"), max_chars=16)).text == "\U0001f600" * 16
    else:
        with pytest.raises(DataError, match="more than --max-chars 16"):
            choice.choose(Config(file=str(tmp_path / "big.txt"), max_chars=16))


def test_a_device_that_never_ends_is_an_input_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a file and as standard input."""
    with pytest.raises(DataError, match="zero: a device, not a regular file") as caught:
        choice.choose(Config(file="/dev/zero"))
    assert caught.value.hint == "use --file - to read standard input"
    with Path("/dev/zero").open(encoding="utf-8") as endless:
        monkeypatch.setattr(sys, "stdin", endless)
        with pytest.raises(DataError, match="Text from standard input: this is a binary file"):
            choice.choose(Config(file="-", max_chars=100))


def test_a_file_that_cannot_be_read_is_an_input_error(tmp_path: Path) -> None:
    """Missing, a folder, or not UTF-8: exit code 3, with the byte."""
    with pytest.raises(DataError, match="No such file") as missing:
        choice.choose(Config(file=str(tmp_path / "none.txt")))
    assert missing.value.exit_code == 3
    with pytest.raises(DataError, match="a folder, not a file"):
        choice.choose(Config(file=str(tmp_path)))
    (tmp_path / "latin.txt").write_bytes(b"caf\xe9")
    with pytest.raises(DataError, match="not UTF-8 at byte 3"):
        choice.choose(Config(file=str(tmp_path / "latin.txt")))


def test_a_text_beyond_the_cap_is_refused_with_both_numbers() -> None:
    """At the cap it is taken."""
    assert len(choice.choose(Config(text="x" * 1000, max_chars=1000)).text) == 1000
    with pytest.raises(DataError, match="1,001 characters, more than --max-chars 1,000"):
        choice.choose(Config(text="x" * 1001, max_chars=1000))


def test_a_file_may_have_a_name_that_is_no_text(tmp_path: Path) -> None:
    """Names are bytes; what cannot be written of them is replaced in the title, and the report goes on."""
    path = os.fsdecode(os.fsencode(tmp_path) + b"/paper-\xff.txt")
    Path(path).write_text("some words", encoding="utf-8")
    example = choice.choose(Config(file=path))
    assert example.title == "paper-\ufffd.txt"
    assert example.text == "some words"
    assert Config(file=path).plain()["file"].endswith("paper-\ufffd.txt")
