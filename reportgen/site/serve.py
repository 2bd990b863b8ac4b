"""Show a site to this machine alone, as the server that publishes it will: under a path, with its own page for 404.

Only files are served, no lists of folders; nothing outside the site, whatever the address or a symbolic link says.
"""

from __future__ import annotations

import errno
import shutil
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from reportgen.core import disk
from reportgen.core.errors import OutputError, UsageError

HOST = "127.0.0.1"
HOSTS = (HOST, "localhost")  # as which it may be asked: another name would be a foreign page's trick
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json; charset=utf-8",
    ".xml": "application/xml; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".pdf": "application/pdf",
}
INDEX, NOT_FOUND = "index.html", "404.html"


class Server(ThreadingHTTPServer):
    """One site under one path."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, site: Path, port: int, under: str, tell: Callable[[str], None]) -> None:
        self.site = site.resolve()
        self.under = under
        self.tell = tell
        super().__init__((HOST, port), Handler)

    @property
    def address(self) -> str:
        """Where the site is to be seen."""
        return f"http://{HOST}:{self.server_port}{quote(self.under)}"

    def handle_error(self, request: object, client_address: object) -> None:
        """A reader who went away is no error."""


class Handler(BaseHTTPRequestHandler):
    """Answers for files."""

    server: Server
    server_version = "reportgen"
    sys_version = ""

    def do_GET(self) -> None:
        """A file, or the page that says there is none."""
        self._answer(with_content=True)

    def do_HEAD(self) -> None:
        """What `do_GET` would say of it."""
        self._answer(with_content=False)

    def log_message(self, format: str, *args: object) -> None:
        """Tell what was asked for."""
        self.server.tell(format % args)

    def _answer(self, *, with_content: bool) -> None:
        if self.headers.get("Host", HOST).rsplit(":", 1)[0].lower() not in HOSTS:
            self.send_error(HTTPStatus.MISDIRECTED_REQUEST)
            return
        try:
            address = urlsplit(self.path)
        except ValueError:
            self.send_error(HTTPStatus.BAD_REQUEST)
            return
        asked = unquote(address.path)
        path, status = self._file(asked), HTTPStatus.OK
        if path is None and self._file(f"{asked}/") is not None:
            self.send_response(HTTPStatus.MOVED_PERMANENTLY)
            self.send_header("Location", f"{address.path}/{address.query and '?'}{address.query}")
            self.end_headers()
            return
        if path is None:
            path, status = self._file(self.server.under + NOT_FOUND), HTTPStatus.NOT_FOUND
        if path is None:
            self.send_error(HTTPStatus.NOT_FOUND)
            return
        with path.open("rb") as file:
            self.send_response(status)
            self.send_header("Content-Type", TYPES.get(path.suffix, "application/octet-stream"))
            self.send_header("Content-Length", str(path.stat().st_size))
            self.send_header("Cache-Control", "no-store")
            self.send_header("X-Content-Type-Options", "nosniff")
            self.end_headers()
            if with_content:
                shutil.copyfileobj(file, self.wfile)

    def _file(self, asked: str) -> Path | None:
        """The file of the site that an address names; None where there is none."""
        if not asked.startswith(self.server.under) or "\0" in asked or "\\" in asked:
            return None
        parts = asked[len(self.server.under) :].split("/")
        parts[-1] = parts[-1] or INDEX
        if any(part in ("", "..") or part.startswith(".") for part in parts):  # what is hidden is the build's own
            return None
        path = self.server.site.joinpath(*parts)
        try:
            found = path.resolve()
            return found if found.is_relative_to(self.server.site) and found.is_file() else None
        except (OSError, ValueError):  # too long a name, a loop of links
            return None


def server(site: Path, *, port: int, under: str = "/", tell: Callable[[str], None]) -> Server:
    """A server of a site, on this machine alone; it answers once it is told to.

    Args:
        site: The folder.
        port: Where it listens; 0 for any port that is free.
        under: The path under which the site stands.
        tell: Is told what was asked for.

    Raises:
        OutputError: If there is no site in the folder.
        UsageError: If the port is taken, or may not be used.
    """
    with disk.errors(site):
        there = (site / INDEX).is_file()
    if not there:
        raise OutputError(f"{site}: no site in it", hint="build it first: reportgen site build")
    under = f"/{under.strip('/')}/" if under.strip("/") else "/"
    try:
        return Server(site, port, under, tell)
    except OSError as error:
        reason = "is in use" if error.errno == errno.EADDRINUSE else f"cannot be used: {error.strerror}"
        raise UsageError(
            f"port {port} {reason}", hint="choose another with --port; 0 takes any that is free"
        ) from error
