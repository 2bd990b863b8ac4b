"""Serve a site on this machine only, as the server that publishes it will: under a path, with its own page for 404.

Only files are served, no lists of folders, and nothing outside the site, for any address or symbolic link.
"""

from __future__ import annotations

import errno
import functools
from collections.abc import Callable
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote

from reportgen.core.errors import OutputError, UsageError
from reportgen.core.files import disk

HOST = "127.0.0.1"
HOSTS = (HOST, "localhost")  # as which it may be asked: another name would be a foreign page's trick
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json; charset=utf-8",
    ".xml": "application/xml; charset=utf-8",
}  # the standard library knows the others, and names no charset
INDEX, NOT_FOUND = "index.html", "404.html"


class Server(ThreadingHTTPServer):
    """One site under one path."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, site: Path, port: int, under: str, tell: Callable[[str], None]) -> None:
        self.under = quote(under)
        self.tell = tell
        super().__init__((HOST, port), functools.partial(Handler, directory=str(site.resolve())))

    @property
    def address(self) -> str:
        """The address of the site."""
        return f"http://{HOST}:{self.server_port}{self.under}"

    def handle_error(self, request: object, client_address: object) -> None:
        """A reader who went away is no error."""


class Handler(SimpleHTTPRequestHandler):
    """The standard library's, for one site: no lists of folders, and a page of its own for 404."""

    server: Server
    server_version = "reportgen"
    sys_version = ""
    extensions_map = TYPES

    def send_head(self) -> BinaryIO | None:
        """Headers of a file, if this machine was asked under a name of its own."""
        if self.headers.get("Host", HOST).rsplit(":", 1)[0].lower() not in HOSTS:
            self.send_error(HTTPStatus.MISDIRECTED_REQUEST)
            return None
        return super().send_head()

    def translate_path(self, path: str) -> str:
        """The file of an address; "", which is no file, for hidden files and those outside the site."""
        asked = path.partition("?")[0].partition("#")[0]
        if not asked.startswith(self.server.under):
            return ""
        asked = f"/{asked.removeprefix(self.server.under)}{INDEX if asked.endswith('/') else ''}"
        try:
            found = Path(super().translate_path(asked)).resolve()
            inside = found.relative_to(self.directory)
        except (OSError, ValueError, RuntimeError):  # too long a name, a NUL, a link that leads out or in a circle
            return ""
        hidden = any(part.startswith(".") for part in inside.parts)  # the build's own
        return "" if hidden else str(found)

    def list_directory(self, path: object) -> None:
        """No lists."""
        self.send_error(HTTPStatus.NOT_FOUND)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """An error; for missing files, the site's own page."""
        page = Path(self.directory) / NOT_FOUND
        if code != HTTPStatus.NOT_FOUND or not page.is_file():
            super().send_error(code, message, explain)
            return
        content = page.read_bytes()
        self.send_response(code)
        self.send_header("Content-Type", self.guess_type(page))
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def end_headers(self) -> None:
        """Headers: no browser caches files that the next build may change, or guesses their type."""
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        super().end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Report a request."""
        self.server.tell(format % args)


def server(site: Path, *, port: int, under: str = "/", tell: Callable[[str], None]) -> Server:
    """A server of a site, on this machine only; `serve_forever` starts it.

    Args:
        site: The folder.
        port: Where it listens; 0 for any port that is free.
        under: The path of the site.
        tell: Receives a line for every request.

    Raises:
        OutputError: If there is no site in the folder.
        UsageError: If the port is taken, or may not be used.
    """
    with disk.errors(site):
        there = (site / INDEX).is_file()
    if not there:
        raise OutputError(f"{site}: contains no site", hint="build it first: reportgen site build")
    under = f"/{under.strip('/')}/" if under.strip("/") else "/"
    try:
        return Server(site, port, under, tell)
    except OSError as error:
        reason = "is in use" if error.errno == errno.EADDRINUSE else f"cannot be used: {error.strerror}"
        raise UsageError(f"port {port} {reason}", hint="choose another with --port; 0 takes any free port") from error
