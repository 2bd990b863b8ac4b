"""Turn the outcomes of a batch into its index: pages for people, one CSV file for programs.

A plain list for looking things up; `site/build.py` makes pages to publish.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import pyarrow as pa

from reportgen.batch.units import Outcome
from reportgen.core.characters import visible
from reportgen.core.files import disk
from reportgen.core.nouns.faithfulness import VERDICTS, VIEWS
from reportgen.report import tables
from reportgen.report.page import confusion, render

NAMES = re.compile(r"index\.csv|index(-rows)?\.js|index(-[0-9]+)?\.html")
FAILED, UNTESTED = "test failed", "not tested"
SCRIPT, ROWS = "index.js", "index-rows.js"
STYLES = ("page", "batch", "confusion")
PER_PAGE = 1000  # reports: about 300 kB
COLUMNS = ("index", "id", "title", "report", "label", "predicted", "probability", "verdict", "all_attention",
           "classifier", "view", "tokens", "total", "warnings", "error")  # fmt: skip


def write(
    folder: Path,
    place: str,
    outcomes: Sequence[Outcome],
    unreadable: Mapping[int, str],
    *,
    total: int,
    page: str,
) -> None:
    """Write the index next to the reports.

    Args:
        folder: Of the batch.
        place: Where the examples come from.
        outcomes: Of the examples that had their turn, in the order of the rows.
        unreadable: Rows that hold no example, and why.
        total: How many examples there are.
        page: The file of a report's folder that is worth opening.

    Raises:
        OutputError: If the disk does not take it.
    """
    content = {
        "index.csv": tables.comma_separated(_table(outcomes, unreadable)),
        **_pages(place, outcomes, unreadable, total=total, page=page),
    }
    for name, data in content.items():
        disk.put(folder / name, data)
    for old in set(files_in(folder)) - {folder / name for name in content}:
        with contextlib.suppress(OSError):
            old.unlink()


def files_in(folder: Path) -> list[Path]:
    """Files in a folder with the name of an index file."""
    return sorted(path for path in folder.glob("index*") if NAMES.fullmatch(path.name))


def _pages(
    place: str, outcomes: Sequence[Outcome], unreadable: Mapping[int, str], *, total: int, page: str
) -> dict[str, bytes]:
    """The pages with their script, `PER_PAGE` reports each; what failed is on the first."""
    made = [outcome for outcome in outcomes if outcome.error is None]
    failed = [(o.index, o.id or o.title, o.error, o.hint) for o in outcomes if o.error is not None]
    failed += [(index, "", reason, None) for index, reason in unreadable.items()]
    names = _page_names(len(made))
    table = confusion.confusion([(_shown(one.label), _shown(one.predicted)) for one in made])
    content = {}
    for number, name in enumerate(names):
        html = render.plain_page(
            "batch.html.j2",
            STYLES,
            policy=_policy(),
            script=SCRIPT,
            confusion=table if number == 0 else None,
            place=place,
            counts=_counts(made, failed=len(failed), missing=total - len(outcomes)),
            failed=sorted(failed, key=lambda row: row[0]) if number == 0 else [],
            tested=_tested if any(outcome.view or outcome.test_failed for outcome in made) else None,
            made=made[number * PER_PAGE : (number + 1) * PER_PAGE],
            page=page,
            names=names,
            number=number,
        )
        content[name] = html.encode()
    return content | _scripts(made, page) if made else content


def _scripts(made: Sequence[Outcome], page: str) -> dict[str, bytes]:
    """The script of the pages, and the rows that it sorts and filters: a script, too, for pages opened from a disk."""
    gold, predicted = (
        [_shown(label) for label in column] for column in zip(*((o.label, o.predicted) for o in made), strict=True)
    )
    labels = sorted({*gold, *predicted} - {None}, key=lambda label: (str(label).casefold(), str(label)))
    warnings = sorted({code for outcome in made for code in outcome.warnings})
    place = {label: number for number, label in enumerate(labels)}
    said = [_tested(one) for one in made]
    findings = [name for name in (*sorted({*said} - {FAILED, UNTESTED}), FAILED, UNTESTED) if name in said]
    meta = {
        "page": page,
        "rows": f"./{ROWS}",
        "total": len(made),
        "labels": labels,
        "gold": sorted({place[label] for label in gold if label is not None}),
        "predicted": sorted({place[label] for label in predicted if label is not None}),
        "verdicts": sorted({outcome.verdict for outcome in made}),
        "findings": findings if findings != [UNTESTED] else [],
        "warnings": warnings,
    }
    rows = [
        {
            "index": outcome.index,
            "id": _shown(outcome.id) or "",
            "name": outcome.name,
            "title": _shown(outcome.title),
            "label": place.get(gold[number], -1),
            "predicted": place.get(predicted[number], -1),
            "probability": outcome.probability,
            "verdict": outcome.verdict,
            "faithfulness": findings.index(said[number]),
            "tokens": outcome.tokens,
            "total": outcome.total,
            "warnings": [warnings.index(code) for code in outcome.warnings],
        }
        for number, outcome in enumerate(made)
    ]
    begun = f"globalThis.reportgenBatch = {{ meta: {render.json_block(meta)} }};\n"
    return {
        SCRIPT: (begun + render.script(("batch",))).encode(),
        ROWS: f"globalThis.reportgenBatch.rows = {render.json_block(rows)};\n".encode(),
    }


def _policy() -> str:
    """The styles of the page, and scripts next to it."""
    digest = base64.b64encode(hashlib.sha256(render.style_sheet(STYLES).encode()).digest()).decode()
    return (
        f"default-src 'none'; script-src 'self'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; "
        "form-action 'none'"
    )


def _tested(made: Outcome) -> str:
    """The view that a report opens with, and the verdict on it."""
    code = made.classifier if made.view == VIEWS["classifier"] else made.all_attention
    if made.test_failed or code is None:
        return FAILED if made.test_failed else UNTESTED
    return f"{made.view}: {VERDICTS[code]}"


def _shown(text: str | None) -> str | None:
    """A text as the page shows it."""
    return None if text is None else visible(text)


def _page_names(count: int) -> list[str]:
    """Files for so many reports.

    >>> _page_names(1001)
    ['index.html', 'index-2.html']
    """
    more = range(2, (count - 1) // PER_PAGE + 2)
    return ["index.html", *(f"index-{number}.html" for number in more)]


def _counts(made: Iterable[Outcome], *, failed: int, missing: int) -> list[tuple[str, int]]:
    """The counts for the first line."""
    verdicts = Counter(outcome.verdict for outcome in made)
    named = [("right", verdicts["right"]), ("wrong", verdicts["wrong"]), ("without a gold label", verdicts["unknown"]),
             ("failed", failed), ("not made yet", missing)]  # fmt: skip
    return [(name, count) for name, count in named if count]


def _table(outcomes: Iterable[Outcome], unreadable: Mapping[int, str]) -> pa.Table:
    rows = [{**outcome.plain(), "report": outcome.name if outcome.error is None else None} for outcome in outcomes]
    rows += [{"index": index, "error": reason} for index, reason in unreadable.items()]
    rows = [{**row, "warnings": " ".join(row.get("warnings", ()))} for row in rows]
    rows.sort(key=lambda row: row["index"])
    return pa.table({name: [row.get(name) for row in rows] for name in COLUMNS})
