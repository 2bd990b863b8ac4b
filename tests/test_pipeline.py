"""pipeline: a configuration and an example -> a report -> a folder."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings

from reportgen import pipeline
from reportgen.core.clock import Clock
from reportgen.core.config import Config
from reportgen.core.errors import OutputError, UsageError
from reportgen.core.nouns.records import Report
from reportgen.data import choice
from reportgen.model import predict_split, provenance
from reportgen.model.checkpoint import Checkpoint
from reportgen.model.importance import importance_files
from reportgen.model.importance.importance_files import Importance
from reportgen.report import heatmap, present, scale
from reportgen.report.paper import pdf
from reportgen.report.paper.typesetting import Typeset
from reportgen.report.stored import store
from reportgen.report.warnings import checks
from tests import reports, tiny

HTML = Config(format=("html",))
TEXT = "Attention heads of a long document classifier attend to tokens; a window sees its neighbours."
FILES = {
    "report.html", "report.pdf", "report.json", "attention.safetensors", "manifest.json",
    "tables/token_attention.parquet", "tables/top_tokens.parquet", "tables/top_tokens.csv",
    "tables/attended_tokens.parquet", "tables/tokens.csv", "tables/tokens.parquet",
    "tables/report.parquet", "tables/labels.parquet", "tables/heads.parquet",
    *(f"figures/{key}.{kind}" for kind in ("svg", "vl.json") for key in (
        "rank-trend-layers", "rank-trend-heads", "layer-trend", "distribution", "overview")),
    "figures/attention-maps.png",
}  # fmt: skip


@pytest.fixture(scope="module")
def classifier() -> Any:
    """A tiny Longformer in memory."""
    return tiny.classifier(tiny.longformer())


def analysed(classifier: Any, text: str = TEXT, *, label: str | None = None, **settings: Any) -> Report:
    """The report of a text."""
    example = replace(choice.choose(Config(text=text)), label=label)
    return pipeline.analyse(Config(text=text, top_k=3, **settings), classifier, example, Clock())


def codes(report: Report) -> list[str]:
    """What the report warns of."""
    return [warning.code for warning in report.warnings]


def test_a_text_becomes_a_report(classifier: Any) -> None:
    """Every part against the model itself."""
    report = analysed(classifier, label="right")
    output = tiny.public(classifier.model, report.tokens.ids, global_positions=(0,))
    assert report.prediction.logits == pytest.approx(output.logits[0].tolist(), abs=1e-5)
    assert report.prediction.probabilities == pytest.approx(output.logits[0].softmax(0).tolist(), abs=1e-5)
    assert report.prediction.labels[report.prediction.predicted] == tiny.LABELS[int(output.logits.argmax())]
    assert report.prediction.gold == 1
    assert report.attention.shape == (2, 2, len(report.tokens))
    # every query hands out attention of 1
    assert report.attention.received.sum(axis=-1) == pytest.approx(len(report.tokens), rel=1e-4)
    row = torch.stack([layer[0, :, : len(report.tokens), 0] for layer in output.global_attentions]).numpy()
    assert report.attention.reader == pytest.approx(row, abs=1e-5)
    assert report.attention.reader_position == 0
    assert report.attention.windows == (8, 8)
    assert [check.passed for check in report.checks] == [True] * 4
    assert codes(report) == ["fewer-queries"]  # its window has nine tokens
    assert report.importance.measure == "none"


def test_provenance_says_what_was_run(classifier: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1714564800")
    given = analysed(classifier, seed=7).provenance
    assert given.created == "2024-05-01T12:00:00+00:00"
    assert given.text_sha256 == hashlib.sha256(TEXT.encode()).hexdigest()
    assert (given.model_type, given.device, given.dtype, given.seed) == ("longformer", "cpu", "float32", 7)
    assert given.versions["torch"] == metadata.version("torch")
    assert TEXT not in given.configuration.values()


def test_the_command_names_the_commit_of_a_model_of_the_hub(classifier: Any) -> None:
    """A branch may move; the revision of the tokenizer is told beside it."""
    found = Checkpoint("org/m", "org/m", "abc123", "org/t", "def456")
    config = Config(model="org/m", tokenizer="org/t", revision="main", text=TEXT)
    given = provenance.of_run(config, replace(classifier, checkpoint=found), choice.choose(config))
    assert "--model org/m --revision abc123 --tokenizer org/t --tokenizer-revision def456" in given.command
    assert (given.revision, given.tokenizer_revision) == ("abc123", "def456")


def test_the_command_names_the_commit_of_a_tokenizer_of_another_revision(classifier: Any) -> None:
    """Also where it comes from the repository of the model."""
    found = Checkpoint("org/m", "org/m", "abc123", "org/m", "def456")
    config = Config(model="org/m", tokenizer_revision="v1", text=TEXT)
    given = provenance.of_run(config, replace(classifier, checkpoint=found), choice.choose(config))
    assert "--model org/m --revision abc123 --tokenizer-revision def456" in given.command
    own = replace(config, tokenizer_revision=None)
    given = provenance.of_run(own, replace(classifier, checkpoint=found), choice.choose(own))
    assert "--tokenizer-revision" not in given.command


@pytest.mark.parametrize("epoch", ["yesterday", "", "1e9", "9" * 30, "-" + "9" * 30])
def test_a_date_that_is_none_is_refused(epoch: str, classifier: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", epoch)
    with pytest.raises(UsageError, match="SOURCE_DATE_EPOCH"):
        analysed(classifier)


@pytest.mark.parametrize(
    ("text", "settings", "code"),
    [
        (TEXT * 3, {}, "truncated"),
        ("", {}, "no-content"),
        (" \n ", {}, "no-content"),
        ("a lone \ud800 surrogate", {}, "replaced-characters"),
        ("a \u202eb", {}, "invisible-characters"),
        ("a \0 b", {}, "invisible-characters"),
        ("words", {"label": "middle"}, "unknown-label"),
        ("words", {"attention_window": 8}, "window-changed"),
    ],
)
def test_what_a_reader_must_know_is_a_warning(text: str, settings: dict[str, Any], code: str, classifier: Any) -> None:
    report = analysed(classifier, text, **settings)
    assert codes(report) == [code]
    assert store.dump(report)


def test_line_ends_of_two_characters_are_nothing_to_warn_of(classifier: Any) -> None:
    """They are kept as they were read, and shown as one break; a lone carriage return is a label."""
    assert codes(analysed(classifier, "one\r\ntwo\r\n")) == []
    assert codes(analysed(classifier, "one\rtwo")) == ["invisible-characters"]


def test_a_cut_text_says_how_much_is_shown(classifier: Any) -> None:
    report = analysed(classifier, TEXT * 3)
    assert len(report.tokens) == 64
    message = report.warnings[0].message
    assert f"the model read the first 64 of {report.tokens.total} tokens" in message
    assert f"up to character {report.tokens.end} of {len(TEXT) * 3}" in message


@pytest.mark.parametrize(
    ("values", "code"), [(np.zeros((2, 2)), "zero-importance"), ([[1, -1], [1, 1]], "negative-importance")]
)
def test_odd_importance_is_a_warning(values: Any, code: str, classifier: Any, tmp_path: Path) -> None:
    np.save(tmp_path / "heads.npy", np.asarray(values, np.float32))
    report = analysed(classifier, importance=str(tmp_path / "heads.npy"))
    assert codes(report) == [code, "fewer-queries"]
    assert report.importance.source == "heads.npy"


def test_uniform_attention_is_a_warning() -> None:
    """Zero weights: every token attends to all it sees alike, and the window sees all."""
    model = tiny.longformer(windows=(64, 64))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "query" in name:
                parameter.zero_()
    report = analysed(tiny.classifier(model), "one two three")
    assert "uniform" in codes(report)
    scores, _ = reports.ranked(report)
    views = heatmap.views(report, scores, heatmap.cells(report.example.text, report.tokens))
    assert views[0].uniform
    assert set(views[0].classes) <= {-1, 0}


def test_importance_of_a_file_weighs_the_scores(classifier: Any, tmp_path: Path) -> None:
    values = np.array([[0.0, 1.0], [0.5, 0.25]], np.float32)
    measured = Importance(values, values.astype(np.float64), measure="taylor", examples=3)
    importance_files.save(tmp_path / "i.safetensors", measured, {})
    report = analysed(classifier, importance=str(tmp_path / "i.safetensors"))
    assert np.array_equal(report.importance.values, values)
    assert (report.importance.measure, report.importance.provenance) == ("taylor", {"examples": "3"})
    scores, _ = reports.ranked(report)
    assert not scores.attention_scores[0, 0].any()


@settings(max_examples=10)
@given(text=reports.texts)
def test_any_text_becomes_a_report_that_can_be_stored(text: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    report = analysed(tiny.classifier(tiny.longformer()), text)
    folder = tmp_path_factory.mktemp("any")
    pipeline.write(report, folder, config=Config(format=("tables",)), clock=Clock())
    assert store.load(folder) == report


def test_the_same_text_gives_the_same_report(classifier: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "0")
    one, other = analysed(classifier), analysed(classifier)
    assert one == other
    assert store.dump(one) == store.dump(other)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Report, Path, Clock]:
    """One whole run from the disk to the disk."""
    root = tmp_path_factory.mktemp("run")
    model = tiny.save(tiny.longformer(), root / "model")
    clock = Clock()
    config = Config(model=str(model), text=TEXT, label="left", top_k=3, output=str(root / "report"))
    made = pipeline.run(config, clock)
    return made.report, made.folder, clock


def test_the_folder_holds_everything_and_nothing_else(written: tuple[Report, Path, Clock]) -> None:
    folder = written[1]
    assert {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()} == FILES
    manifest = json.loads((folder / "manifest.json").read_text())
    assert set(manifest["files"]) == FILES - {"manifest.json"}
    for name, digest in manifest["files"].items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest
    assert (
        manifest["model"]["weights_sha256"]
        == hashlib.sha256((folder.parent / "model" / "model.safetensors").read_bytes()).hexdigest()
    )
    for fact in ("command", "configuration", "device", "seed", "versions", "created", "stages",
                 "tokenizer", "dataset", "input", "importance", "dtype"):  # fmt: skip
        assert fact in manifest


def test_the_report_comes_back_and_presents_itself_alike(written: tuple[Report, Path, Clock]) -> None:
    """Without the model: the gallery works from the stored data."""
    report, folder, _ = written
    read = store.load(folder)
    assert read == report
    shown, files = present.present(read, Config(format=("html", "tables", "charts")), Clock())
    assert shown == report
    for name, content in files.items():
        assert content == (folder / name).read_bytes(), name


def test_every_stage_is_timed(written: tuple[Report, Path, Clock]) -> None:
    seconds = written[2].seconds
    assert {"load", "inference", "convert", "scale", "rank", "tables", "charts", "render", "pdf"} <= set(seconds)
    assert min(seconds.values()) >= 0


def test_page_and_document_show_every_warning(classifier: Any) -> None:
    report = analysed(classifier, "a \u202eb " + TEXT * 3, label="middle")
    assert codes(report) == ["truncated", "invisible-characters", "unknown-label"]
    page = present.present(report, HTML, Clock())[1]["report.html"].decode()
    assert all(f'data-code="{code}"' in page for code in codes(report))


@pytest.mark.parametrize(
    ("formats", "names"),
    [
        (("tables",), {name for name in FILES if name.startswith("tables/")}),
        (("charts",), {name for name in FILES if name.startswith("figures/")}),
        (("html",), {"report.html"}),
    ],
)
def test_only_what_is_asked_for_is_made(formats: tuple[str, ...], names: set[str]) -> None:
    made = present.present(reports.report("one two three"), Config(format=formats), Clock())[1]
    assert set(made) == names | {"report.json", "attention.safetensors"}


def test_a_glyph_that_is_missing_is_a_warning_on_every_side(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only typesetting finds it; the document is set again, with the warning in it."""
    set_: list[str] = []

    def typeset(html: str, **_: Any) -> Typeset:
        set_.append(html)
        return Typeset(b"%PDF", ("\ua66e",))

    monkeypatch.setattr(pdf, "pdf", typeset)
    report, files = present.present(reports.report("one \ua66e"), Config(format=("html", "pdf")), Clock())
    assert codes(report) == ["missing-glyphs"]
    assert "U+A66E CYRILLIC LETTER MULTIOCULAR O" in report.warnings[0].message
    assert [('data-code="missing-glyphs"' in html) for html in set_] == [False, True]
    assert b'data-code="missing-glyphs"' in files["report.html"]
    assert b"missing-glyphs" in files["report.json"]


def small_pages(*formats: str) -> Config:
    """A limit that every page exceeds."""
    return Config(format=formats, max_html_mb=0.1)


def test_a_page_that_is_too_large_is_a_warning_on_every_side(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the page itself, in the document, and in what is stored; the document is set once."""
    set_: list[str] = []

    def typeset(html: str, **_: Any) -> Typeset:
        set_.append(html)
        return Typeset(b"%PDF", ())

    monkeypatch.setattr(pdf, "pdf", typeset)
    report, files = present.present(reports.report("one two"), small_pages("html", "pdf"), Clock())
    assert [('data-code="large-page"' in html) for html in set_] == [True]
    assert codes(report) == ["large-page"]
    said = re.match(r"The page has ([\d.]+) MB, more than 0.1 MB;", report.warnings[0].message)
    assert said is not None  # measured without the warning
    assert float(said[1]) == pytest.approx(len(files["report.html"]) / 1e6, abs=0.06)
    assert b'data-code="large-page"' in files["report.html"]
    assert b"large-page" in files["report.json"]
    assert codes(present.present(reports.report("one two"), HTML, Clock())[0]) == []


def test_nothing_is_computed_twice_in_a_run(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Scores, the cells of the heatmap, and the hashes of what the model is read from."""
    done: list[str] = []

    def counted(module: Any, name: str, call: Callable[..., str]) -> None:
        really = getattr(module, name)

        def work(*given: Any, **how: Any) -> Any:
            done.append(call(*given))
            return really(*given, **how)

        monkeypatch.setattr(module, name, work)

    counted(scale, "scale", lambda *_: "scale")
    counted(heatmap, "cells", lambda *_: "cells")
    counted(hashlib, "file_digest", lambda file, _: os.path.realpath(f"/dev/fd/{file.fileno()}"))
    config = Config(model=str(folder), text="Two words", format=("html", "tables"), output=str(tmp_path / "report"))
    made = pipeline.run(config, Clock())
    assert {"scale", "cells", str(folder / "model.safetensors")} <= set(done)
    assert len(done) == len(set(done))
    assert made.files["report.html"] == (tmp_path / "report" / "report.html").read_bytes()


def test_presenting_again_does_not_repeat_a_warning() -> None:
    report, _ = present.present(reports.report("one two"), small_pages("html"), Clock())
    again, _ = present.present(report, Config(format=("html",), max_html_mb=0.2), Clock())
    assert codes(again) == ["large-page"]
    assert "more than 0.2 MB" in again.warnings[0].message


def test_a_report_that_stands_there_stops_the_run_before_the_model_is_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline.write(reports.report("one"), tmp_path / "report", config=Config(format=("tables",)), clock=Clock())
    monkeypatch.setattr(pipeline, "load", lambda *_: pytest.fail("the model was loaded"))
    with pytest.raises(OutputError, match="already contains a report"):
        pipeline.run(Config(text="one", model="anything", output=str(tmp_path / "report")), Clock())


def test_without_an_output_the_folder_is_named_after_the_example(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(pipeline, "load", lambda *_: None)
    monkeypatch.setattr(pipeline, "find_importance", lambda *_: None)
    monkeypatch.setattr(pipeline, "analyse_together", lambda *_: [(reports.report("one"), present.UNKNOWN)])
    _, folder, _ = pipeline.run(Config(text="one", format=("tables",)), Clock())
    assert folder == Path("reports") / choice.choose(Config(text="one")).name
    assert (folder / "manifest.json").is_file()


def test_a_stage_that_fails_is_not_hidden() -> None:
    clock = Clock()
    with pytest.raises(ZeroDivisionError), clock.stage("rank"):
        raise ZeroDivisionError


@pytest.mark.parametrize("name", ["positions", "global_tokens"])
def test_positions_beyond_the_document_are_a_usage_error(name: str) -> None:
    tokens = tiny.document(5)
    checks.check_positions(name, (0, 4), tokens)
    with pytest.raises(UsageError, match=r"5: the document has 5 tokens"):
        checks.check_positions(name, (0, 5), tokens)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a \u202eb", "1 invisible character (controls, zero width, direction marks) is shown as a label: U+202E."),
        ("a \u202eb\u202c", "2 invisible characters (controls, zero width, direction marks) are shown as labels: "),
        ("a \ud800", "1 character cannot be stored in a file and is shown as U+FFFD."),
        ("a \ud800\ud800", "2 characters cannot be stored in a file and are shown as U+FFFD."),
    ],
)
def test_characters_are_counted_as_one_reads_them(text: str, said: str, classifier: Any) -> None:
    """One character is not "1 characters"."""
    assert analysed(classifier, text).warnings[0].message.startswith(said)


@pytest.mark.parametrize("chosen", [{"text": TEXT}, {"dataset": "demo", "pick": "fp"}], ids=["text", "pick"])
def test_a_typesetter_that_a_second_process_misses_is_known_before_anything_is_read(
    chosen: dict[str, Any], classifier: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def begin(*_: object, **__: object) -> Callable[[], Any]:
        def answer() -> None:
            raise OutputError("the PDF needs system libraries")

        return answer

    def read(*_: object, **__: object) -> None:
        pytest.fail("the model has read")

    monkeypatch.setattr(pipeline, "load", lambda *_: classifier)
    monkeypatch.setattr(pipeline, "find_importance", read)
    monkeypatch.setattr(predict_split, "pick", read)
    with pytest.raises(OutputError, match="system libraries"):
        pipeline.run(Config(**chosen, output=str(tmp_path / "report")), Clock(), begin=begin)
    assert list(tmp_path.iterdir()) == []
