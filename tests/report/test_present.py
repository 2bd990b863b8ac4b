"""presentation: a stored report -> its files again, without the model; and what happens where no PDF can be made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reportgen import pipeline
from reportgen.core.clock import Clock
from reportgen.core.config import Config
from reportgen.core.errors import DeviceError, OutputError, PdfError, RefusedError
from reportgen.core.nouns.records import Report
from reportgen.core.processes import workers
from reportgen.report import present
from reportgen.report.paper import typesetting
from reportgen.report.stored import store
from tests import foreign, reports
from tests.reports import contents

pytestmark = pytest.mark.usefixtures("epoch")

EVERYTHING = Config(format=("html", "pdf", "tables", "charts", "figures", "latex"), span="2:9", pdf_variant="a-3u")


def stored(folder: Path, config: Config = EVERYTHING, report: Report | None = None) -> Path:
    """A report as a run writes it."""
    report = report or reports.report()
    kept = replace(report, provenance=replace(report.provenance, configuration=config.plain()))
    pipeline.write(kept, folder, config=config, clock=Clock())
    return folder


@pytest.mark.slow
def test_rendering_again_gives_every_file_as_it_was(tmp_path: Path) -> None:
    """Every format, to the byte; the manifest says that it was rendered."""
    folder = stored(tmp_path / "report")
    before = contents(folder)
    present.render(folder, folder, {}, Clock())
    after = contents(folder)
    assert len(after) > 50
    assert [name for name in before if before[name] != after[name]] == ["manifest.json"]
    assert store.verify(folder) == (len(after) - 1, ())


def test_a_pdf_made_in_a_second_process_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """To the byte, with what only typesetting finds; a warning of the page is in it all the same."""
    report = reports.report("one \ua66e")
    config = Config(format=("html", "pdf", "tables"), pdf_variant="a-3u")
    read, here = present.present(report, config, Clock())
    with workers.aside(wanted=True) as begin:
        assert begin is not None
        again, aside = present.present(report, config, Clock(), begin=begin)
        assert again == read
        assert aside == here
        small = replace(config, max_html_mb=0.1)
        assert present.present(report, small, Clock(), begin=begin)[1] == present.present(report, small, Clock())[1]


def test_a_second_process_that_is_killed_costs_the_pdf_alone() -> None:
    """And is told as the lack of memory that it mostly is."""
    config = Config(format=("html", "pdf"), pdf="best-effort")

    def killed(*_: object, **__: object) -> Callable[[], Any]:
        def answer() -> Any:
            raise MemoryError("the process that made it was killed")

        return answer

    report, files = present.present(reports.report(), config, Clock(), begin=killed)
    assert [warning.code for warning in report.warnings] == ["no-pdf"]
    assert "report.html" in files
    assert "report.pdf" not in files
    with pytest.raises(DeviceError, match="MemoryError"):
        present.check_pdf(report)


def test_a_format_that_was_not_there_is_added_and_the_rest_stays(tmp_path: Path) -> None:
    folder = stored(tmp_path / "report", Config(format=("html", "tables")))
    before = contents(folder)
    present.render(folder, folder, {"format": ("latex",)}, Clock())
    after = contents(folder)
    assert {name for name in after if name not in before} == {
        "latex/heatmap.tex", "latex/top_tokens.tex", "latex/citation.bib",
    }  # fmt: skip
    assert all(after[name] == before[name] for name in before if name != "manifest.json")


def test_another_folder_gets_all_and_the_first_stays_as_it_was(tmp_path: Path) -> None:
    folder = stored(tmp_path / "report", Config(format=("html",)))
    before = contents(folder)
    present.render(folder, tmp_path / "other", {"format": ("tables",)}, Clock())
    assert contents(folder) == before
    assert {"report.html", "tables/tokens.csv", "report.json"} <= set(contents(tmp_path / "other"))
    with pytest.raises(OutputError, match="already contains a report"):
        present.render(folder, tmp_path / "other", {}, Clock())


def test_what_needs_no_model_can_be_chosen_again(tmp_path: Path) -> None:
    folder = stored(tmp_path / "report", Config(format=("html",)))
    present.render(folder, folder, {"colour_scale": "rank", "top_k": 4, "language": "de"}, Clock())
    report = store.load(folder)
    assert (report.colour_scale, report.top_k, report.language) == ("rank", 4, "de")
    assert "Rank scale" in (folder / "report.html").read_text()


def test_everything_that_shows_a_choice_is_made_again_with_it(tmp_path: Path) -> None:
    """Or the folder would contradict itself."""
    folder = stored(tmp_path / "report", Config(format=("html", "tables")))
    present.render(folder, folder, {"top_k": 2, "format": ("html",)}, Clock())
    layers, heads, _ = store.load(folder).attention.shape
    assert len((folder / "tables" / "top_tokens.csv").read_text().splitlines()) == 1 + layers * heads * 2


def test_files_of_a_format_that_is_made_again_do_not_pile_up(tmp_path: Path) -> None:
    folder = stored(tmp_path / "report", Config(format=("html", "figures"), span="2:9", figure_width=("84mm",)))
    present.render(folder, folder, {"format": ("figures",), "span": "3:5"}, Clock())
    excerpts = {path.name for path in (folder / "figures").glob("heatmap-*.svg")}
    assert excerpts == {f"heatmap-{view}-3-5-84mm.svg" for view in ("all", "reader", "last")}


def test_a_file_of_the_user_is_not_lost(tmp_path: Path) -> None:
    folder = stored(tmp_path / "report", Config(format=("html",)))
    (folder / "notes.txt").write_text("mine")
    with pytest.raises(OutputError, match=r"holds notes\.txt, which does not belong to the report"):
        present.render(folder, folder, {}, Clock())
    assert (folder / "notes.txt").read_text() == "mine"


def test_a_report_that_was_changed_is_not_rendered(tmp_path: Path) -> None:
    folder = stored(tmp_path / "report", Config(format=("html",)))
    (folder / "report.json").write_text((folder / "report.json").read_text().replace("A small report", "Another"))
    with pytest.raises(OutputError, match=r"report\.json was changed"):
        present.render(folder, folder, {}, Clock())


@pytest.mark.slow
def test_order_does_not_change_a_byte(tmp_path: Path) -> None:
    """Two reports made in one process, in either order: no number is counted on from one to the next."""
    texts = {"one": "First text of two, and it goes on for a while.", "two": reports.TEXT}
    for order in (("one", "two"), ("two", "one")):
        for name in order:
            stored(tmp_path / "-".join(order) / name, report=reports.report(texts[name]))
    first, second = (contents(tmp_path / order) for order in ("one-two", "two-one"))
    assert first == second


def broken(error: Exception) -> Any:
    """A typesetter that fails."""

    def typeset(*_: Any, **__: Any) -> Any:
        raise error

    return typeset


@pytest.mark.parametrize(
    ("error", "raised", "code"),
    [(RuntimeError("out of ink"), PdfError, 70), (TimeoutError("not finished"), PdfError, 70),
     (MemoryError(), DeviceError, 6)],
)  # fmt: skip
def test_a_pdf_that_fails_leaves_the_rest_of_the_report(
    error: Exception, raised: type[PdfError], code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page, with a warning in it; the command fails, unless the PDF was not required."""
    monkeypatch.setattr("reportgen.report.paper.pdf.typeset", broken(error))
    config = Config(format=("html", "pdf"))
    with pytest.raises(raised, match="The PDF could not be made") as caught:
        stored(tmp_path / "report", config)
    assert caught.value.exit_code == code
    assert "report.pdf" not in contents(tmp_path / "report")
    assert 'data-code="no-pdf"' in (tmp_path / "report" / "report.html").read_text()
    assert store.verify(tmp_path / "report")
    folder = stored(tmp_path / "other", replace(config, pdf="best-effort"))
    assert [warning.code for warning in store.load(folder).warnings] == ["no-pdf"]


def test_a_pdf_that_is_refused_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What asks for an address is no report."""
    monkeypatch.setattr("reportgen.report.paper.pdf.typeset", broken(RefusedError("the document refers to a URL")))
    with pytest.raises(RefusedError):
        stored(tmp_path / "report", Config(format=("html", "pdf"), pdf="best-effort"))
    assert not (tmp_path / "report").exists()


def test_a_document_of_too_many_pages_and_one_that_takes_too_long_are_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(typesetting, "MOST_PAGES", 2)
    with pytest.raises(OutputError, match="3 pages, more than 2"):
        typesetting.typeset("<p>1<p style='break-before:page'>2<p style='break-before:page'>3")
    monkeypatch.setattr(typesetting, "MOST_SECONDS", 0.05)
    with pytest.raises(TimeoutError, match=r"not finished after 0\.05 seconds"):
        typesetting.typeset("<p>word</p>" * 20_000)


def test_without_the_system_libraries_a_report_without_a_pdf_is_made_where_that_will_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(typesetting, "check_engine", broken(OutputError("no Pango")))
    present.check_typesetting(("html", "pdf"), pdf="best-effort")
    for formats, needed in ((("html", "pdf"), "required"), (("latex",), "best-effort")):
        with pytest.raises(OutputError, match="no Pango"):
            present.check_typesetting(formats, pdf=needed)


@pytest.mark.parametrize("where", ["another report", "itself"])
def test_a_stored_report_does_not_say_what_is_replaced(where: str, tmp_path: Path) -> None:
    """Its configuration may have been written by anybody: `overwrite` and `output` in it do nothing."""
    folder = stored(tmp_path / "report", Config(format=("tables",)))
    other = stored(tmp_path / "other", Config(format=("tables",)))
    report = store.load(folder)
    configuration = {**report.provenance.configuration, "overwrite": True, "output": str(other)}
    forged = replace(report, provenance=replace(report.provenance, configuration=configuration))
    store.write(folder, store.dump(forged), facts={}, overwrite=True)
    with foreign.unchanged(tmp_path):
        if where == "another report":
            with pytest.raises(OutputError, match="other already contains a report"):
                present.render(folder, other, {}, Clock())
        else:
            (folder / "mine.txt").write_text("mine")
            with pytest.raises(OutputError, match=r"mine\.txt, which does not belong to the report"):
                present.render(folder, folder, {}, Clock())
            (folder / "mine.txt").unlink()
    assert Config.restored(configuration) == Config(format=("tables",))


def test_of_two_that_render_one_report_the_second_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = stored(tmp_path / "report", Config(format=("tables",)))
    really = present.present

    def slow(*given: Any) -> Any:
        monkeypatch.setattr(present, "present", really)
        present.render(folder, folder, {"top_k": 2}, Clock())
        return really(*given)

    monkeypatch.setattr(present, "present", slow)
    with pytest.raises(OutputError, match="report: another process has written this report meanwhile"):
        present.render(folder, folder, {"top_k": 1}, Clock())
    assert store.load(folder).top_k == 2
    store.verify(folder)
