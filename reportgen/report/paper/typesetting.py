"""Lay out our own HTML in pages with WeasyPrint: nothing is fetched, and characters without a font are noted.

Only this module runs WeasyPrint; positions.py knows it from within. Its callers decide what is laid out and what for.
"""

from __future__ import annotations

import contextlib
import gc
import logging
import re
import signal
import threading
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import regex

from reportgen.core.errors import OutputError, RefusedError
from reportgen.report.paper import painting, positions, tags

if TYPE_CHECKING:
    from weasyprint import Document
    from weasyprint.urls import URLFetcher

MOST_PAGES = 500
MOST_SECONDS = 300
TEX_PDF = "1.5"  # the latest version that pdfTeX takes without a warning
PX = 0.75  # pt of a pixel, in which WeasyPrint measures
PICTURE = "data:image/png;base64,"
LABEL = re.compile(r"(?<=>)[^<>]+(?=</text>)")  # of a drawing
FROM_RIGHT = regex.compile(r"[\p{bc:R}\p{bc:AL}](?:[\p{bc:R}\p{bc:AL}\p{M}\s]*[\p{bc:R}\p{bc:AL}])?\p{M}*")
PACKAGES = (
    "Debian and Ubuntu: apt-get install libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0 fonts-dejavu-core; "
    "Fedora: dnf install pango; macOS: brew install pango"
)


class Typeset(NamedTuple):
    """A PDF, and the characters in it that no font on this machine has."""

    data: bytes
    missing: tuple[str, ...]


def check_engine() -> None:
    """Check that WeasyPrint finds its system libraries, before a long run.

    Raises:
        OutputError: Naming the packages to install.
    """
    try:
        import weasyprint  # noqa: F401  the import is the check
    except OSError as error:
        raise OutputError(
            f"the PDF needs system libraries that are missing: {error}",
            hint=f"{PACKAGES}; or leave the PDF out with --format html,tables",
        ) from error


def attachment(name: str, content: bytes, *, description: str, created: datetime) -> Any:
    """A file to carry along in a PDF, as the option `attachments` takes it."""
    from weasyprint import Attachment

    dates = {"created": created, "modified": created}
    return Attachment(string=content, name=name, description=description, relationship="Data", **dates)


def lay_out(html: str) -> Document:
    """The pages of *html*, with the positions of their contents.

    Raises:
        RefusedError: If the document refers to a URL.
    """
    with _offline() as fetcher:
        return _document(html, fetcher)


def typeset(
    html: str, *, finisher: Callable[[Any, Any], None] | None = None, any_length: bool = False, **options: Any
) -> Typeset:
    """The PDF of *html*.

    Args:
        html: Our own.
        finisher: Changes what WeasyPrint has made.
        any_length: Not for people to read: it may have more than `MOST_PAGES`.
        options: Those of WeasyPrint's `write_pdf`.

    Raises:
        RefusedError: If the document refers to a URL; no PDF is made then.
        OutputError: If it has too many pages.
        UnknownInsideError: If its heat is to be painted behind the text, and where the text is cannot be found.
    """
    missing: dict[str, None] = {}  # in order of appearance
    made = b""
    with _listening(missing), _offline() as fetcher:
        document = _document(html, fetcher, **options)
        if len(document.pages) > MOST_PAGES and not any_length:
            raise OutputError(
                f"the PDF has {len(document.pages)} pages, more than {MOST_PAGES}", hint="choose a shorter text"
            )
        if painting.ATTRIBUTE in html:
            painting.paint(document)
        stacks: dict[tuple[int, int], positions.Stacks] = {}
        with contextlib.suppress(positions.UnknownInsideError):  # letters with marks are copied less well then
            stacks = positions.name_letters(document)

        def finish(_: object, pdf: Any) -> None:
            tags.say_stacks(pdf, stacks)
            if finisher:
                finisher(document, pdf)

        made = document.write_pdf(finisher=finish, **options)
    return Typeset(bytes(made), tuple(missing))


def _document(html: str, fetcher: URLFetcher, **options: Any) -> Document:
    import weasyprint

    drawn = LABEL.sub(lambda label: as_seen(label[0]), html)
    return weasyprint.HTML(string=drawn, url_fetcher=fetcher).render(**options)


def as_seen(label: str) -> str:
    """The words of a drawing as they follow each other on paper, from left to right.

    WeasyPrint sets the letters of an SVG one by one from left to right, so a word from right to left would be reversed.
    Letters of Arabic do not join all the same.

    >>> as_seen("7 \u05d0\u05d1 c")
    '7 \u05d1\u05d0 c'
    """
    turned: str = FROM_RIGHT.sub(lambda run: "".join(reversed(regex.findall(r"\X", run[0]))), label)
    return turned


@contextlib.contextmanager
def _offline() -> Iterator[URLFetcher]:
    """While open, pages are made without the network, in time, and without the collector.

    Raises:
        RefusedError: At the end, if anything asked for a URL.
    """
    from weasyprint.urls import FatalURLFetchingError

    asked: list[str] = []
    with _without_collector(), _in_time(), contextlib.suppress(FatalURLFetchingError):
        yield _refusing_fetcher(asked)
    if asked:  # subtle: WeasyPrint continues after an address in a drawing, and only then
        raise RefusedError(f"the document refers to a URL: {asked[0]}", hint="this is a bug: please report it")


@contextlib.contextmanager
def _in_time() -> Iterator[None]:
    """Give up after `MOST_SECONDS`, on systems with alarms: Unix, in the main thread."""
    if not hasattr(signal, "SIGALRM") or threading.current_thread() is not threading.main_thread():
        yield
        return

    def ring(*_: object) -> None:
        raise TimeoutError(f"not finished after {MOST_SECONDS} seconds")

    before = signal.signal(signal.SIGALRM, ring)
    running = signal.setitimer(signal.ITIMER_REAL, MOST_SECONDS)  # of other code, to be restored
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        signal.setitimer(signal.ITIMER_REAL, *running)


@contextlib.contextmanager
def _without_collector() -> Iterator[None]:
    """Leave out the search for cycles, a quarter of the time: very many boxes are made, and all live to the end."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


@contextlib.contextmanager
def _listening(missing: dict[str, None]) -> Iterator[None]:
    """While open, WeasyPrint's warnings of characters without a glyph are collected, not logged."""

    def collect(record: logging.LogRecord) -> bool:
        if "notdef" not in str(record.msg) or not isinstance(record.args, tuple):
            return True
        missing[str(record.args[0])] = None
        return False

    logger = logging.getLogger("weasyprint")
    logger.addFilter(collect)
    try:
        yield
    finally:
        logger.removeFilter(collect)


def _refusing_fetcher(asked: list[str]) -> URLFetcher:
    """Note every URL that the document refers to, and fetch none; a PNG inside the document needs no fetching."""
    from weasyprint.urls import FatalURLFetchingError, URLFetcher

    class Refusing(URLFetcher):  # type: ignore[misc]  # weasyprint is untyped
        def fetch(self, url: str, headers: dict[str, str] | None = None) -> Any:
            if url.startswith(PICTURE):
                return super().fetch(url, headers)
            asked.append(url)
            raise FatalURLFetchingError(url)

    return Refusing()
