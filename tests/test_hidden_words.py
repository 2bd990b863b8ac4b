"""Words that are to be hidden are in no byte of a report, a batch or a site; nor can they be tried on a hash.

Every byte is read as in `test_leaks.py`, and the tests there could fail: one report here shows its words.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from pathlib import Path

import pytest

from reportgen.corpus import frames, sums
from reportgen.corpus.shown import chapters
from reportgen.report.stored import store
from tests import tiny
from tests.cli.test_cli import call, fails
from tests.test_leaks import EVERYTHING, PACKED, QUICK, made, needs_reader, readings

TEXTS = (
    "Mr. Wexlorth Quimbrask was seen by Dr. Vantrille. wexlorth took zolpigen for a week; Quimbrask's heads attend.",
    "A long document of Vantrille attends to tokens of Quimbrask in a window of zolpigen tokens.",
)
CANARIES = ("wexlorth", "quimbrask", "vantrille")  # patterns name them
OTHERS = ("zolpigen", "document")  # words of the texts that no pattern names
NAMES = "Wexlorth\nQuimbrask('s)?\nvantrille\n"


@pytest.fixture(scope="module")
def _clinic(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clinic")
    tiny.save(tiny.longformer(), folder / "model")
    rows = [
        {"text": text, "label": "left", "id": f"Quimbrask-{n}", "title": f"Visit {n} of Vantrille to zolpigen"}
        for n, text in enumerate(TEXTS)
    ]
    rows.append({"text": "wexlorth " * 80, "label": "left", "id": "Vantrille", "title": "too long"})
    (folder / "visits.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (folder / "wexlorth.txt").write_text(TEXTS[0])
    (folder / "names.txt").write_text(NAMES)
    return folder


@pytest.fixture
def clinic(_clinic: Path, here: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    work = here / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    return _clinic


def rows(clinic: Path) -> tuple[str, ...]:
    return ("--model", str(clinic / "model"), "--dataset", str(clinic / "visits.jsonl"))


def text(clinic: Path) -> tuple[str, ...]:
    return ("--model", str(clinic / "model"), "--file", str(clinic / "wexlorth.txt"))


def hashes(clinic: Path) -> tuple[str, ...]:
    """Beginnings of every hash by which a word could be tried."""
    files = [path.read_bytes() for path in (clinic / "visits.jsonl", clinic / "wexlorth.txt", clinic / "names.txt")]
    texts = [each.encode() for each in (*TEXTS, NAMES, NAMES.strip(), "Wexlorth|Quimbrask|Vantrille")]
    return tuple(hashlib.sha256(content).hexdigest()[:10] for content in (*files, *texts))


def shown(folder: Path, wanted: tuple[str, ...]) -> set[tuple[str, str]]:
    """Which of the words, in any case, are in which files; letters of drawn texts may be in elements of their own."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert files
    found = set()
    for path in files:
        name = str(path.relative_to(folder))
        for reading in readings(name, path.read_bytes()):
            held = reading.lower()
            plain = joined(path.suffix, held)
            found |= {(word, name) for word in wanted if word.encode() in held or word.encode() in plain}
    return found


def joined(kind: str, held: bytes) -> bytes:
    """The letters of a file whose words are in pieces: in elements, in commands of LaTeX, in cells of a table."""
    if kind in (".html", ".svg"):
        return re.sub(rb"<[^>]*>", b"", held)
    if kind == ".csv":
        return b"".join(row.split(b",")[2] for row in held.splitlines() if row.count(b",") > 3)
    return re.sub(rb"\\[a-z]+(\{[a-z0-9]*\}(?=\{))?|[{}]", b"", held) if kind == ".tex" else held


@needs_reader
def test_a_report_shows_the_words_that_others_hide(clinic: Path) -> None:
    """Or the tests below could not fail."""
    made("run", *rows(clinic), "--index", "0", *PACKED, "-o", "one")
    found = shown(Path("one"), (*CANARIES, *hashes(clinic)))
    assert {name for word, name in found if word == "quimbrask"} >= {
        "report.html", "report.pdf", "report.json", "manifest.json", "tables/tokens.csv", "latex/heatmap.tex"
    }  # fmt: skip
    assert {word for word, _ in found} >= {*CANARIES, *hashes(clinic)[:1], *hashes(clinic)[3:4]}


@needs_reader
@pytest.mark.parametrize("formats", [PACKED, pytest.param(EVERYTHING, marks=pytest.mark.slow)])
@pytest.mark.parametrize("hide", [("--redact", "Wexlorth|Quimbrask|Vantrille"), ("--redact", "FILE"), ("--no-text",)])
def test_no_file_of_a_report_holds_a_hidden_word(formats: tuple[str, ...], hide: tuple[str, ...], clinic: Path) -> None:
    hide = tuple(str(clinic / "names.txt") if part == "FILE" else part for part in hide)
    tested = ("--faithfulness", "quick") if hide[-1] == "--no-text" else ()
    made("run", *rows(clinic), "--index", "0", *formats, *hide, *tested, "-o", "all/one")
    wanted = (*CANARIES, *hashes(clinic))
    if hide == ("--no-text",):
        wanted = (*OTHERS[:1], *hashes(clinic), "wexlorth")  # the id of a row is no text
    assert shown(Path("all"), wanted) == set()
    report = store.load(Path("all/one"))
    assert report.redaction is not None
    shown_ids = {n for n, blank in zip(report.tokens.ids[1:-1], report.tokens.blank[1:-1], strict=True) if not blank}
    assert shown_ids == {0} or not report.redaction.whole
    if hide != ("--no-text",):
        assert (report.example.id, report.example.title) == ("XXXXXXXXX-0", "Visit 0 of XXXXXXXXX to zolpigen")
        assert report.provenance.command.count(" --redact PATTERNS.txt ") == 1


def test_the_name_of_a_file_and_of_its_report_hide_words_too(clinic: Path) -> None:
    made("run", *text(clinic), *QUICK, "--redact", str(clinic / "names.txt"))
    made("run", "--text", "Quimbrask is here", *QUICK, "--redact", "quimbrask")
    made("run", *text(clinic), *QUICK, "--redact", str(clinic / "names.txt"), "--anonymous")
    assert shown(Path("reports"), (*CANARIES, *hashes(clinic))) == set()
    assert len(list(Path("reports").iterdir())) == 3


def test_a_batch_its_journal_and_a_site_hold_no_hidden_word(clinic: Path) -> None:
    hide = ("--redact", str(clinic / "names.txt"))
    command = ("batch", *rows(clinic), "--format", "html,tables", "--max-chars", "400", "-o", "many")
    ran = call(*command, *hide)
    assert ran.exit_code == 10, ran.output
    made("site", "build", "many", "-o", "site")
    assert shown(Path(), (*CANARIES, *hashes(clinic))) == set()
    assert "existed already  2" in call(*command, *hide).stdout
    fails(call(*command), 2, "other settings")


def both_verdicts(clinic: Path) -> tuple[str, ...]:
    """Rows with headings, right and wrong ones, of which a corpus quotes words, titles, sections and sentences."""
    rows = [
        {"text": f"# Notes of Quimbrask\n{text}", "label": label, "title": f"Visit {label} of Vantrille to zolpigen"}
        for text in TEXTS
        for label in ("left", "right")
    ]
    (clinic / "both.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return "--model", str(clinic / "model"), "--dataset", str(clinic / "both.jsonl")


CORPUS = ("corpus", "many", "-o", "many/corpus", "--workers", "1", "--sections", "^# (.+)$")


@needs_reader
@pytest.mark.parametrize("hide", ["nothing", "names", pytest.param("text", marks=pytest.mark.slow)])
def test_a_corpus_shows_the_words_of_its_reports_and_no_others(
    hide: str, clinic: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Page, PDF, figures, tables, LaTeX, manifest, and the sums in the cache; of a site with it also the search."""
    monkeypatch.setattr(frames, "SUPPORT", 2)
    monkeypatch.setattr(chapters, "SUPPORT", 2)
    options = {
        "nothing": (),
        "names": ("--redact", str(clinic / "names.txt")),
        "text": ("--no-text", "--faithfulness", "quick"),
    }[hide]
    made("batch", *both_verdicts(clinic), *QUICK, *options, "-o", "many")
    made(*CORPUS)
    if hide == "text":
        made("site", "build", "many", "-o", "site")
    wanted = (*CANARIES, *OTHERS[:1], *hashes(clinic))
    (sums_file,) = (Path(os.environ["REPORTGEN_CACHE"]) / "corpus").glob("*.sums")
    kept, rows = sums.load(sums_file.read_bytes())
    cached = repr([table.to_pylist() for table in (*kept.tables.values(), kept.examples, rows)]).lower()
    folders = [Path("many/corpus"), *([Path("site")] if hide == "text" else [])]
    found = set.union(*(shown(folder, wanted) for folder in folders))
    if hide == "nothing":  # or the others could not fail
        assert {name for word, name in found if word == "quimbrask"} >= {
            "corpus.html", "corpus.pdf", "latex/class-words.tex", "tables/words.parquet", "tables/head_words.parquet",
            "tables/documents.csv", "tables/sections.parquet",
            *(f"figures/{key}.{form}" for key in ("words", "sections") for form in ("svg", "pdf", "csv", "vl.json")),
        }  # fmt: skip
        assert {("vantrille", "corpus.pdf"), ("zolpigen", "corpus.html")} <= found, "titles and passages"
        assert "quimbrask" in cached
        return
    hidden = (*CANARIES, *(OTHERS[:1] * (hide == "text")), *hashes(clinic))
    assert [each for each in found if each[0] in hidden] == []
    assert [word for word in hidden if word in cached] == []
    assert (("zolpigen", "corpus.html") in found) == (hide == "names")


def test_a_batch_goes_on_with_another_pattern_and_keeps_no_word_that_it_matches(clinic: Path) -> None:
    """The patterns are kept nowhere, so what the reports show is compared with them."""
    command = ("batch", *rows(clinic), *QUICK, "--max-chars", "400", "-o", "many")
    assert call(*command, "--redact", "quimbrask|vantrille").exit_code == 10
    assert shown(Path("many"), ("wexlorth",))
    ran = call(*command, "--redact", str(clinic / "names.txt"))
    assert ran.exit_code == 10, ran.output
    assert "is made again: it shows words that --redact matches" in ran.output
    assert shown(Path("many"), CANARIES) == set()
    assert "existed already  2" in call(*command, "--redact", "wexlorth").stdout  # what is hidden stays hidden
    assert shown(Path("many"), CANARIES) == set()


def test_words_are_taken_out_of_a_report_that_has_them(clinic: Path) -> None:
    made("run", *rows(clinic), "--index", "0", "--format", "html,tables,latex", "-o", "open/Quimbrask")
    fails(call("render", "open/Quimbrask", "--no-text"), 2, "--no-text needs --output")
    made("render", "open/Quimbrask", "--redact", str(clinic / "names.txt"), "-o", "blind/one")
    assert shown(Path("blind"), (*CANARIES, *hashes(clinic))) == set()
    made("render", "blind/one", "--no-text", "-o", "blind/two")
    assert shown(Path("blind/two"), (*CANARIES, *OTHERS[:1])) == set()
    before, after = store.load(Path("open/Quimbrask")), store.load(Path("blind/two"))
    assert (before.attention, before.prediction) == (after.attention, after.prediction)


def test_it_is_verified_run_again_and_tested_with_the_source_of_its_text(clinic: Path) -> None:
    hide = ("--redact", str(clinic / "names.txt"))
    model = ("--model", str(clinic / "model"))
    made("run", *rows(clinic), "--index", "1", *QUICK, *hide, "-o", "row")
    made("run", *text(clinic), *QUICK, *hide, "-o", "file")
    made("verify", "row")
    fails(call("rerun", "row", *model), 2, "words of its text are hidden, and the dataset with the text is not here")
    fails(call("faithfulness", "file", *model), 2, "words of its text are hidden, and the file with the text")
    (Path("other.txt")).write_text(TEXTS[0].replace("week", "year"))
    fails(call("rerun", "file", *model, "--file", "other.txt"), 3, "another text than the report")
    for folder, source in (("row", ("--dataset", "visits.jsonl")), ("file", ("--file", "wexlorth.txt"))):
        place = (source[0], str(clinic / source[1]))
        ran = call("rerun", folder, *model, *place, "-o", f"again/{folder}")
        assert ran.exit_code == 0, ran.output
        made("faithfulness", folder, *model, *place)
        assert store.load(Path(folder)).faithfulness is not None
        made("verify", folder)
    Path("other.txt").unlink()
    assert shown(Path(), (*CANARIES, *hashes(clinic))) == set()


COMPARED = {"compare.html", "compare.pdf", "comparison.json", "tables/words.parquet", "figures/rank-shifts.svg",
            "latex/rank-shifts-data.tex"}  # fmt: skip


@pytest.fixture
def visits(clinic: Path) -> Path:
    """Reports of one text with other settings: two that show it, two that hide names, one that hides everything."""
    for name, index, *how in (
        ("open/Quimbrask", "0"),
        ("open/other", "0", "--received", "per-query"),
        ("names/one", "0", "--redact", str(clinic / "names.txt")),
        ("names/other", "0", "--redact", "Vantrille", "--top-k", "3"),
        ("nothing/one", "0", "--no-text", "--received", "per-query"),
    ):
        made("run", *rows(clinic), "--index", index, *QUICK, *how, "-o", name)
    return clinic


@needs_reader
def test_a_comparison_of_reports_that_show_words_shows_them(visits: Path) -> None:
    """Or the tests below could not fail."""
    made("compare", "open/Quimbrask", "open/other", "-o", "compared")
    found = shown(Path("compared"), (*CANARIES, *hashes(visits)))
    assert {name for word, name in found if word == "quimbrask"} >= COMPARED
    assert {word for word, _ in found} >= set(CANARIES)


@needs_reader
@pytest.mark.parametrize(
    ("pair", "wanted"),
    [
        (("names/one", "names/other"), CANARIES),  # each hides what the other may show
        (("names/one", "open/Quimbrask"), CANARIES),
        (("open/Quimbrask", "names/one"), CANARIES),
        (("nothing/one", "open/other"), (*OTHERS[:1], "wexlorth")),
    ],
)
def test_a_comparison_hides_in_both_what_one_hides(
    pair: tuple[str, str], wanted: tuple[str, ...], visits: Path
) -> None:
    made("compare", *pair, "-o", "compared")
    assert shown(Path("compared"), (*wanted, *hashes(visits))) == set()
    told = json.loads(Path("compared/comparison.json").read_text())
    assert told["texts"] == "one text"  # and so words and heads are compared
    assert "hides words of the text" in told["warnings"][0]
    assert told["equal"] is (pair != ("names/one", "names/other"))  # what is hidden is no difference


@needs_reader
def test_a_comparison_of_batches_holds_no_hidden_word(clinic: Path) -> None:
    for name, how in (("one", ()), ("other", ("--top-k", "3"))):
        hide = ("--redact", str(clinic / "names.txt"))
        ran = call("batch", *rows(clinic), *QUICK, "--max-chars", "400", *hide, *how, "-o", name)
        assert ran.exit_code == 10, ran.output
    made("compare", "one", "other", "-o", "compared")
    assert shown(Path("compared"), (*CANARIES, *hashes(clinic))) == set()


def test_scores_from_elsewhere_hide_words_too(clinic: Path) -> None:
    words = TEXTS[0].split()
    scores = {"tokens": words, "scores": [float(n) for n in range(len(words))], "title": "Of Quimbrask"}
    Path("scores.json").write_text(json.dumps(scores))
    made("render", "--scores", "scores.json", "--redact", str(clinic / "names.txt"), "--format", "html,tables")
    assert shown(Path("reports"), (*CANARIES, *hashes(clinic))) == set()
