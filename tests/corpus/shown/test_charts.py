"""Charts, tables and sentences of a corpus: valid Vega-Lite, drawn, with intervals, and over how many documents."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import altair as alt
import pytest

from reportgen.core.clock import Clock
from reportgen.corpus import frames, gather
from reportgen.corpus.shown import present
from reportgen.corpus.shown.parts import CorpusParts, Linked
from reportgen.report.draw import specs
from reportgen.report.page.svg import svg_markup
from tests import corpora

KEYS = ("reliability", "lengths", "words", "separating", "positions", "sinks", "roles", "heads", "heads-neighbours",
        "heads-classes", "sections", "curve-comprehensiveness", "curve-sufficiency", "effects")  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("corpus")


@pytest.fixture(scope="module")
def made(folder: Path) -> Iterator[CorpusParts]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REPORTGEN_CACHE", str(folder / "cache"))
        patch.setattr(frames, "SUPPORT", 3)
        batch = corpora.batch(folder / "batch")
        yield present.parts(gather.gather(batch, clock=Clock(), engine=gather.here(1)), folder / "out")


def test_every_chart_is_valid_and_says_over_how_many_documents(made: CorpusParts) -> None:
    charts = {chart.key: chart for chart in made.charts}
    assert tuple(charts) == KEYS
    for key, chart in charts.items():
        alt.Chart.from_dict(chart.spec, validate=True)
        assert not re.search(r"\b(NaN|undefined|Infinity)\b", chart.svg + specs.text(chart.spec) + chart.caption), key
        assert svg_markup(chart.svg, themed=True)
        assert re.search(r"document", chart.caption), key
        assert chart.caption.endswith((".", "q = 1.")), key
        assert {len(chart.data.columns), len(chart.data.numeric)} == {len(row) for row in chart.data.rows}, key
        assert "//" not in json.dumps({name: part for name, part in chart.spec.items() if name != "$schema"})


def test_every_table_has_a_link_or_none_for_each_cell(made: CorpusParts) -> None:
    for chapter in made.chapters:
        for table in chapter.tables:
            if isinstance(table, Linked):
                assert [len(row) for row in table.table.rows] == [len(links) for links in table.links], table.table.key
            assert "document" in (table.table if isinstance(table, Linked) else table).caption


def test_the_surest_mistakes_come_first_with_their_passages_and_neighbours(made: CorpusParts, folder: Path) -> None:
    found = next(chapter for chapter in made.chapters if chapter.key == "mistakes").mistakes
    sure = [float(one.facts.split(" with ")[1].split("%")[0]) for one in found]
    assert len(found) == 4  # documents 0, 3, 6 and 9 are wrong
    assert sure == sorted(sure, reverse=True)
    assert found[0].title == "Document 9"
    assert found[0].link == "./../batch/doc-9/report.json"
    written = " ".join(corpora.text(9).split())
    assert found[0].passages
    assert all(passage in written for passage in found[0].passages)
    for title, link, shared in found[0].neighbours:
        number = int(title.removeprefix("Document "))
        assert number % 3
        assert number != corpora.COUNT - 1  # it has no gold label
        assert (folder / "out" / link).resolve().is_file()
        assert all(
            word in corpora.text(number).casefold() and word in written.casefold() for word in shared.split(", ")
        )


def test_hidden_words_are_no_word_types_and_no_passages(tmp_path: Path) -> None:
    from reportgen.core.config import Config
    from reportgen.report.private import redacted

    for number in range(4):
        corpora.write(tmp_path / "batch", redacted.redacted(corpora.report(number), Config(no_text=True)))
    found = gather.gather(tmp_path / "batch", clock=Clock(), engine=gather.here(1))
    assert found.sums.documents == 4
    assert len(found.sums["words"]) == len(found.sums["head_words"]) == len(found.sums["sections"]) == 0
    made = present.parts(found, tmp_path / "out")
    assert [chapter.key for chapter in made.chapters] == ["predictions", "positions", "heads", "mistakes", "documents"]
    assert all(one.passages == () for chapter in made.chapters for one in chapter.mistakes)
    page = present.page(made)
    assert not any(word in page for word in corpora.WORDS)


def test_one_document_has_means_without_intervals(tmp_path: Path) -> None:
    corpora.batch(tmp_path / "batch", 1)
    made = present.parts(gather.gather(tmp_path / "batch", clock=Clock(), engine=gather.here(1)), tmp_path / "out")
    assert made.byline.startswith("1 document · ")
    assert not re.search(r"\bnan\b", present.page(made), re.IGNORECASE)
