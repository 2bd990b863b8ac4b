"""Turn a text into its sections: the stretches between its headings, each with the name of its heading.

Headings are lines: of Markdown, of LaTeX, numbered ("2.1 Related work"), the names that sections of papers have, or
short lines in capitals. A regular expression of the user's own replaces all of these.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import regex

from reportgen.core.errors import UsageError

NAMES = (
    "abstract|introduction|background|related work|(?:materials and )?methods?|methodology|model|data|dataset|"
    "experiments?|experimental setup|evaluation|results?|results and discussion|discussion|analysis|conclusions?|"
    "limitations|future work|acknowledge?ments|references|appendix"
)
HEADING = regex.compile(
    r"^[ \t]*(?:"
    r"\#{1,6}[ \t]+(?P<name>[^\n]{1,80}?)[ \t]*\#*"
    r"|\\(?:sub){0,2}section\*?\{(?P<name>[^}\n]{1,80})\}[^\n]*"
    r"|(?:\d{1,2}(?:\.\d{1,2}){0,3}\.?|[IVX]{1,5}\.)[ \t]+(?P<name>\p{Lu}[^\n.!?]{1,60})"
    rf"|(?P<name>(?i:{NAMES}))[ \t]*:?"
    r"|(?P<name>\p{Lu}[\p{Lu} \-&,]{2,50}\p{Lu}):?"
    r")[ \t]*$",
    regex.MULTILINE,
)
NUMBER = re.compile(r"^(?:\d{1,2}(?:\.\d{1,2}){0,3}\.?|[IVX]{1,5}\.)\s+")
BEFORE = "before the first heading"
MOST_SECONDS = 2.0  # that a user's expression may take on a text
LONGEST = 60  # letters of a name


class Section(NamedTuple):
    """A stretch of the text."""

    name: str  # lower case, without its number
    start: int  # first character
    end: int  # one past the last


def compiled(expression: str | None) -> regex.Pattern[str]:
    """The expression that finds headings; the group "name", or the first, or the whole match, is the name.

    Raises:
        UsageError: If it is no regular expression.
    """
    if expression is None:
        return HEADING
    try:
        return regex.compile(expression, regex.MULTILINE)
    except regex.error as error:
        raise UsageError(
            f"--sections {expression[:200]}: {error}", hint=r'a regular expression for headings, like "^#+ (.+)$"'
        ) from error


def find(text: str, headings: regex.Pattern[str]) -> tuple[Section, ...]:
    r"""The sections of *text*; none without a heading.

    >>> find("x\n# 1 Data\ny", HEADING)
    (Section(name='before the first heading', start=0, end=2), Section(name='data', start=2, end=12))

    Raises:
        UsageError: If the expression takes too long.
    """
    try:
        found = [(match.start(), _name(match)) for match in headings.finditer(text, timeout=MOST_SECONDS)]
    except TimeoutError as error:
        raise UsageError(
            f"--sections: the expression takes more than {MOST_SECONDS:g} s on a text", hint="use a simpler one"
        ) from error
    if not found:
        return ()
    starts = [start for start, _ in found] + [len(text)]
    sections = [Section(name, start, end) for (start, name), end in zip(found, starts[1:], strict=True) if name]
    return ((Section(BEFORE, 0, starts[0]),) if text[: starts[0]].strip() else ()) + tuple(sections)


def members(found: Sequence[Section], starts: Sequence[int]) -> npt.NDArray[np.int64]:
    """The section of each token, by its first character: an index of *found*, or -1; shape (token,)."""
    at = np.asarray(starts, np.int64)
    own = np.full(len(at), -1, np.int64)
    for number, section in enumerate(found):
        own[(at >= section.start) & (at < section.end)] = number
    return own


def _name(match: regex.Match[str]) -> str:
    groups = match.groupdict()
    given = groups.get("name") if "name" in groups else match[1] if match.re.groups else match[0]
    return NUMBER.sub("", (given or "").strip(" \t#:")).casefold()[:LONGEST].strip()
