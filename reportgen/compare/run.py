"""Compare what two folders hold: two reports, or two batches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from reportgen.compare import hiding, settings
from reportgen.compare.batches import comparison as batches
from reportgen.compare.links import digest, link
from reportgen.compare.parts import A, B, Comparison, Side
from reportgen.compare.reports import comparison as reports
from reportgen.core.clock import Clock
from reportgen.core.errors import OutputError
from reportgen.core.files import disk
from reportgen.core.nouns.records import Report
from reportgen.data.redact import Hider
from reportgen.report.stored import store

HIDDEN = f"One of {A} and {B} hides words of the text; here they are hidden in both."


def compare(folders: tuple[Path, Path], output: Path, names: tuple[str | None, str | None], clock: Clock) -> Comparison:
    """The comparison of two folders.

    Args:
        folders: Two reports, or two batches.
        output: Where it will be; links to the reports start there.
        names: What a reader calls the two; None: as their folders.
        clock: Told of progress.

    Raises:
        OutputError: If a folder is neither, or one is a report and the other a batch.
    """
    kinds = [_is_report(folder) for folder in folders]
    if kinds[0] != kinds[1]:
        one, other = (disk.shown(folder) for folder in folders)
        raise OutputError(
            f"{one} is {'a report' if kinds[0] else 'a batch'}, {other} is {'a report' if kinds[1] else 'a batch'}",
            hint="compare two reports, or two batches",
        )
    called = _called(folders, names)
    if not kinds[0]:
        return batches.compare(folders, output, called, clock)
    with clock.stage("load"):
        found = [store.load(folder) for folder in folders]
    mine, theirs, hider = hiding.alike(found[0], found[1])
    sides = [
        Side(key, hider.said(name), about(report), _shown(link(folder, output), hider), digest(folder))
        for key, name, report, folder in zip((A, B), called, (mine, theirs), folders, strict=True)
    ]
    with clock.stage("compare"):
        made = reports.compare(mine, theirs, (sides[0], sides[1]))
    if hider is hiding.NOBODY:
        return made
    return replace(made, hider=hider, warnings=(HIDDEN, *made.warnings))


def _shown(address: str | None, hider: Hider) -> str | None:
    """A link, unless it says what is hidden."""
    return address if address is None or hider.said(address) == address else None


def about(report: Report) -> str:
    """What a report is, in a line."""
    return " · ".join((report.example.title, settings.about(report), f"{len(report.tokens):,} tokens"))


def _is_report(folder: Path) -> bool:
    """Whether a folder is a report, and not a batch.

    Raises:
        OutputError: If it is neither.
    """
    disk.put_back(folder)
    with disk.errors(folder):
        if (folder / store.REPORT).is_file() and (folder / store.MANIFEST).is_file():
            return True
        if folder.is_dir() and next(folder.glob(f"*/{store.REPORT}"), None) is not None:
            return False
    store.manifest(folder)  # says what is wrong with it
    raise OutputError(
        f"{disk.shown(folder)} holds neither a report nor reports", hint="give folders that run or batch wrote"
    )


def _called(folders: Sequence[Path], names: Sequence[str | None]) -> tuple[str, str]:
    """The names of the two sides; of folders of one name, with the folder above."""
    plain = [folder.resolve().name for folder in folders]
    if plain[0] == plain[1]:
        plain = ["/".join(folder.resolve().parts[-2:]) for folder in folders]
    one, other = (name or own for name, own in zip(names, plain, strict=True))
    return one, other


def default_output(folders: Sequence[Path]) -> Path:
    """Where a comparison goes if nobody says: next to the reports of the working folder."""
    one, other = (folder.resolve().name for folder in folders)
    return Path("reports") / f"compare-{one}-{other}"
