"""Turn the printable document into PDF bytes. Nothing is ever fetched; a picture stands in the document itself."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from reportgen.errors import OutputError, RefusedError

if TYPE_CHECKING:
    from weasyprint.urls import URLFetcher

PICTURE = "data:image/png;base64,"
PACKAGES = (
    "Debian and Ubuntu: apt-get install libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0 fonts-dejavu-core; "
    "Fedora: dnf install pango; macOS: brew install pango"
)


class Typeset(NamedTuple):
    """A PDF, and the characters in it that no font on this machine has."""

    data: bytes
    missing: tuple[str, ...]


def check_engine() -> None:
    """See that WeasyPrint finds its system libraries, before a long run.

    Raises:
        OutputError: Naming the packages to install.
    """
    try:
        import weasyprint  # noqa: F401  the import is the check
    except OSError as error:
        raise OutputError(
            f"the PDF needs system libraries that are missing: {error}",
            hint=f"{PACKAGES}; or leave the PDF out with --format html,tables,figures",
        ) from error


def pdf(html: str) -> Typeset:
    """Typeset *html*, tagged for assistive technology (PDF/UA-1).

    Raises:
        RefusedError: If the document asks for any URL; no PDF is made then.
    """
    import weasyprint
    from weasyprint.urls import FatalURLFetchingError

    missing: dict[str, None] = {}  # in order of appearance
    asked: list[str] = []
    made = b""
    with _listening(missing), contextlib.suppress(FatalURLFetchingError):
        made = weasyprint.HTML(string=html, url_fetcher=_refusing_fetcher(asked)).write_pdf(pdf_variant="pdf/ua-1")
    if asked:  # subtle: WeasyPrint goes on after an address in a drawing, and only after that
        raise RefusedError(f"the document asks for a URL: {asked[0]}", hint="this is a bug: please report it")
    return Typeset(bytes(made), tuple(missing))


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
    """Note every URL that is asked for, and fetch none; a PNG within the document needs no fetching."""
    from weasyprint.urls import FatalURLFetchingError, URLFetcher

    class Refusing(URLFetcher):  # type: ignore[misc]  # weasyprint is untyped
        def fetch(self, url: str, headers: dict[str, str] | None = None) -> Any:
            if url.startswith(PICTURE):
                return super().fetch(url, headers)
            asked.append(url)
            raise FatalURLFetchingError(url)

    return Refusing()
