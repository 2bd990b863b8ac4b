"""Turn the plain values and arrays of a stored report back into it, or name the field that is wrong.

The annotations of the nouns say what a field may hold, `relations` what must hold between fields.
"""

from __future__ import annotations

from typing import Any

from reportgen.core.config import Config
from reportgen.core.errors import UsageError
from reportgen.core.nouns.plain_values import FieldError, restored
from reportgen.core.nouns.records import Report
from reportgen.core.nouns.values import hints
from reportgen.report.stored import relations

CONFIGURATION = "provenance.configuration"


def report(given: Any) -> Report:
    """The report of plain values, its arrays among them.

    Raises:
        FieldError: Naming the first field that is wrong.
    """
    made = restored(Report, given)
    _check_configuration(made.provenance.configuration)
    for field, problem in relations.problems(made):
        raise FieldError(field, problem)
    return made


def _check_configuration(given: dict[str, Any]) -> None:
    """Check the fields that this version knows; what another version has written besides is its own."""
    known = hints(Config)
    for name in given.keys() & known.keys():
        restored(known[name], given[name], f"{CONFIGURATION}.{name}")
    try:
        Config.restored(given)
    except UsageError as error:
        raise FieldError(CONFIGURATION, f"is invalid: {error.message}") from error
