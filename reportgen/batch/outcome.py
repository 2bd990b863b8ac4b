"""What became of one example of a batch: its report, or the reason why it has none."""

from __future__ import annotations

import traceback
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from reportgen.core.errors import DeviceError, ReportgenError, one_line
from reportgen.core.records import Example, Report


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one example: a report, or the reason why there is none. Plain values, for the journal."""

    name: str  # of its folder
    index: int  # row of the split
    id: str | None
    title: str
    error: str | None = None  # one line; the other fields below are then not known
    hint: str | None = None
    label: str | None = None  # the gold label
    predicted: str | None = None
    probability: float | None = None  # of the label that was predicted
    verdict: str = "unknown"
    tokens: int = 0  # that the model has read
    total: int = 0  # that the text has
    warnings: tuple[str, ...] = ()  # their codes

    def plain(self) -> dict[str, Any]:
        """For a line of JSON."""
        return asdict(self)

    @classmethod
    def restored(cls, plain: dict[str, Any]) -> Outcome:
        """From a line of JSON.

        Raises:
            TypeError: If a field is missing, or not known.
        """
        return cls(**{**plain, "warnings": tuple(plain.get("warnings", ()))})


def succeeded(report: Report) -> Outcome:
    """The outcome of a report that is written."""
    example, said = report.example, report.prediction
    assert example.index is not None  # it is a row
    assert said is not None  # the model was asked
    return Outcome(
        name=example.name,
        index=example.index,
        id=example.id,
        title=example.title,
        label=said.gold_name,
        predicted=said.labels[said.predicted],
        probability=said.probabilities[said.predicted],
        verdict=said.verdict,
        tokens=len(report.tokens),
        total=report.tokens.total,
        warnings=tuple(warning.code for warning in report.warnings),
    )


def failed(example: Example, error: ReportgenError) -> Outcome:
    """The outcome of an example that has no report."""
    assert example.index is not None  # it is a row
    said = one_line(error.message)
    return Outcome(example.name, example.index, example.id, example.title, error=said, hint=error.hint)


def known(error: Exception) -> ReportgenError:
    """An error as one of ours; a bug is told with the place where it arose, to be found in a batch of a thousand."""
    if isinstance(error, ReportgenError):
        return error
    if isinstance(error, MemoryError):
        return DeviceError("out of memory", hint="use a smaller --max-length")
    where = traceback.extract_tb(error.__traceback__)[-1:]
    place = f" ({Path(where[0].filename).name}, line {where[0].lineno})" if where else ""
    return ReportgenError(f"{type(error).__name__}: {error}{place}", hint="this is a bug; please report it")
