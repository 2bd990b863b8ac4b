"""Turn a report into what Python asks of it: data frames, charts, a page in a cell, a folder."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reportgen.core.clock import Clock
from reportgen.core.config import Config
from reportgen.core.errors import UsageError
from reportgen.core.nouns.records import Rankings, Report, Scores
from reportgen.notebook import text_chart
from reportgen.notebook.frame import framed
from reportgen.report import heatmap, opening, passages, present, rank, scale, signed, tables
from reportgen.report.faithfulness import data_files
from reportgen.report.parts import Cell, HeatView

if TYPE_CHECKING:
    import altair as alt
    import pandas as pd

FOR_FILES = ("pdf", "paper", "pdf_variant", "pdf_views", "figure_width", "figure_font", "span", "max_html_mb")
FRAMES = ("tokens", "heads", "attended", "attending", "top", "faithfulness")
IN_A_CELL_MB = 4.0  # of a page in a notebook, which keeps a copy of it for every cell that shows one


@dataclass(frozen=True, repr=False, eq=False)
class Explanation:
    """A report of one text, as `explain` returns it; a notebook shows its page."""

    report: Report
    config: Config  # what it was made with

    def __repr__(self) -> str:
        """One line: what was read, what was predicted, and whether the heatmap stands for it."""
        report = self.report
        said, tested = report.prediction, report.faithfulness
        parts = [f"{len(report.tokens):,} tokens"]
        if said is not None:
            parts.append(f"predicted {said.predicted_name} ({said.confidence:.1%})")
        verdict = opening.headline(report) or ("heatmap: not tested" if tested is None else "heatmap: no verdict")
        words = ", ".join(self.top_words)
        return f"<Explanation of {report.example.title!r}: {', '.join(parts)}; {verdict}; most: {words}>"

    def _repr_html_(self) -> str:
        """The page, in a frame of its own that no script can leave."""
        return framed(self.page(), caption=repr(self)[1:-1])

    def page(self, *, max_html_mb: float | None = IN_A_CELL_MB) -> str:
        """The page as HTML, self-contained, with lists of attended tokens as long as fit in so many MB."""
        config = replace(self.config, format=("html",), max_html_mb=max_html_mb)
        _, files = present.present(self.report, config, Clock())
        return files["report.html"].decode()

    def save(self, folder: str | Path, *, overwrite: bool = False, **options: Any) -> Path:
        """Write the report into a folder, as `reportgen run` does, and return the folder.

        Args:
            folder: Where it goes.
            overwrite: Whether a report that is there is replaced.
            options: What is written, named as the options of `reportgen run`: `format="html,tables"`,
                `paper="letter"`, `figure_width="84mm"`, `span="120:260"`.

        Raises:
            TypeError: If an option is not known.
            UsageError: If a value is invalid.
            OutputError: If something is there already, or the disk refuses it.
            PdfError: If everything but the PDF was written.
        """
        known = ("format", *FOR_FILES)
        for name in options:
            if name not in known:
                near = difflib.get_close_matches(name, known, n=1)
                meant = f"; did you mean {near[0]!r}?" if near else ""
                raise TypeError(f"save() takes no option {name!r}{meant}")
        config = replace(self.config, **options)
        present.check_typesetting(config.format, pdf=config.pdf)
        target = Path(folder).expanduser()
        present.write(self.report, target, config=config, clock=Clock(), overwrite=overwrite)
        return target

    def to_pandas(self, table: str = "tokens") -> pd.DataFrame:
        """A table of the report as a data frame. Layers, heads and ranks count from 1, positions from 0.

        Args:
            table: "tokens", the document, a row for each token; "heads", each token in each layer and head; "top", the
                tokens that receive most in each layer and head; "attended", the tokens that each token attends to
                most; "attending", the tokens that attend to each token most; "faithfulness", the model's answers in
                the test of the heatmap. The columns are those of the [files](folder.md).

        Raises:
            UsageError: If there is no such table, or no test.
        """
        report, scores = self.report, self._scores
        if table not in FRAMES:
            near = difflib.get_close_matches(str(table), FRAMES, n=1)
            hint = f"did you mean {near[0]}?" if near else None
            raise UsageError(f"table {table!r}: unknown; choose from {', '.join(FRAMES)}", hint=hint)
        if table == "faithfulness":
            if report.faithfulness is None:
                raise UsageError("the heatmap was not tested", hint='explain(..., faithfulness="quick") tests it')
            import pandas as pd

            return pd.DataFrame(data_files.answers(report.faithfulness))
        made = {
            "tokens": lambda: tables.token_list(report, scores),
            "heads": lambda: tables.token_attention(report, scores, self._rankings),
            "top": lambda: tables.top_tokens(report, scores, self._rankings),
            "attended": lambda: tables.attended_tokens(report, scores),
            "attending": lambda: tables.attending_tokens(report, scores),
        }[table]()
        frame: pd.DataFrame = made.to_pandas()
        return frame

    def heatmap(self, view: str = "all", *, span: str | None = None, columns: int = text_chart.COLUMNS) -> alt.Chart:
        """The coloured text as an Altair chart.

        Args:
            view: "all" layers, "last" layer, "reader" (the classifier's row), or a key of `views`.
            span: "120:260" for the positions 120 to 259; all if left out.
            columns: Characters of a line.

        Raises:
            UsageError: If there is no such view, or no token in *span*.
        """
        covered = heatmap.cells(self.report.example.text, self.report.tokens)
        found = {one.key: one for one in self._views(covered)}
        if view not in found:
            raise UsageError(f"view {view!r}: unknown; choose from {', '.join(found)}")
        shown = replace(self.config, span=span).positions_shown
        return text_chart.chart(self.report, covered, found[view], shown=shown, columns=columns)

    @property
    def views(self) -> tuple[str, ...]:
        """The ways of colouring the text, for `heatmap`."""
        return tuple(view.key for view in self._views(heatmap.cells(self.report.example.text, self.report.tokens)))

    def charts(self) -> dict[str, alt.Chart]:
        """The charts of the page as Altair charts, by the names of their files."""
        import altair as alt

        from reportgen.report.draw import charts, curves

        def undrawn(spec: object, *, key: str) -> str:
            return ""

        drawn = [*curves.curves(self.report, draw=undrawn)] if self.report.faithfulness else []
        drawn += charts.charts(self.report, self._scores, self._rankings, draw=undrawn)
        return {chart.key: alt.Chart.from_dict(text_chart.on_white(chart.spec, title=chart.title)) for chart in drawn}

    @property
    def top_words(self) -> tuple[str, ...]:
        """The words that draw most attention, each once."""
        return passages.top_words(self.report, self._rankings)

    def _views(self, covered: tuple[Cell, ...]) -> tuple[HeatView, ...]:
        return heatmap.views(self.report, self._scores, covered) + signed.views(self.report, covered)

    @cached_property
    def _scores(self) -> Scores:
        return scale.of_report(self.report)

    @cached_property
    def _rankings(self) -> Rankings:
        return rank.rank(self.report.attention, self._scores, self.report.tokens, top_k=self.report.top_k)
