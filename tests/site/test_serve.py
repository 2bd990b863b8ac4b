"""serve: a site on this machine alone, as the server that publishes it will show it."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from reportgen.site import serve
from tests.cli.test_cli import call, fails


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A site of two pages, and a secret beside it."""
    made = tmp_path / "site"
    (made / "reports" / "a").mkdir(parents=True)
    (made / ".reportgen-site").mkdir()
    (tmp_path / "secret.html").write_text("secret")
    (made / "index.html").write_text("index")
    (made / "404.html").write_text("nothing here")
    (made / "style.css").write_text("p{}")
    (made / "reports" / "a" / "index.html").write_text("report a")
    (made / ".reportgen-site" / "state.json").write_text("secret")
    (made / "link.html").symlink_to(tmp_path / "secret.html")
    (made / "circle.html").symlink_to("circle.html")
    (made / "reports" / "b").mkdir()
    (made / "reports" / "b" / "index.html").symlink_to(tmp_path / "secret.html")
    (made / "reports" / "state.json").symlink_to(made / ".reportgen-site" / "state.json")
    (made / "plot.svg").write_text("<svg/>")
    return made


@pytest.fixture
def port(site: Path, request: pytest.FixtureRequest) -> Iterator[int]:
    """The port of a running server; the test's parameter is the path."""
    with serve.server(site, port=0, under=getattr(request, "param", "/"), tell=lambda line: None) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def ask(port: int, path: str, method: str = "GET", **headers: str) -> tuple[int, str, http.client.HTTPMessage]:
    """Status, content and headers of an answer; the path goes out as it is."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request(method, path, headers=headers)
    answer = connection.getresponse()
    found = answer.status, answer.read().decode(), answer.headers
    connection.close()
    return found


def test_files_have_their_types(port: int) -> None:
    for path, content, kind in (
        ("/", "index", "text/html; charset=utf-8"),
        ("/index.html#part", "index", "text/html; charset=utf-8"),
        ("/reports/a/", "report a", "text/html; charset=utf-8"),
        ("/style.css?v=1", "p{}", "text/css; charset=utf-8"),
        ("/plot.svg", "<svg/>", "image/svg+xml"),
    ):
        status, text, headers = ask(port, path)
        assert (status, text, headers["Content-Type"]) == (200, content, kind)
        assert headers["X-Content-Type-Options"] == "nosniff"
    status, text, headers = ask(port, "/style.css", "HEAD")
    assert (status, text, headers["Content-Length"]) == (200, "", "3")
    status, _, headers = ask(port, "/reports/a?v=1")
    assert (status, headers["Location"]) == (301, "/reports/a/?v=1")


@pytest.mark.parametrize(
    "path",
    ["/none.html", "/reports/", "/../secret.html", "/..%2fsecret.html", "/%2e%2e/secret.html", "/link.html",
     "/reports/%2e%2e/%2e%2e/secret.html", "/.reportgen-site/state.json", "/a%00b", "/..%5csecret.html",
     "//index.html/", "/" + "a" * 5000, "/circle.html", "/reports/b/", "/reports/state.json"],
)  # fmt: skip
def test_what_is_no_file_of_the_site_is_answered_with_its_page_for_that(path: str, port: int) -> None:
    status, text, headers = ask(port, path)
    assert (status, text, headers["Content-Type"]) == (404, "nothing here", "text/html; charset=utf-8")


@pytest.mark.parametrize("port", ["reports-of-us", "/reports-of-us/"], indirect=True)
def test_a_site_stands_under_a_path(port: int) -> None:
    assert ask(port, "/reports-of-us/")[:2] == (200, "index")
    assert ask(port, "/reports-of-us/reports/a/index.html")[:2] == (200, "report a")
    assert ask(port, "/index.html")[:2] == (404, "nothing here")


def test_a_foreign_name_for_this_machine_is_refused(port: int) -> None:
    assert ask(port, "/", Host="evil.example:80")[0] == 421
    assert ask(port, "/", Host=f"localhost:{port}")[0] == 200


def test_nothing_is_written(port: int, site: Path) -> None:
    assert ask(port, "/index.html", "POST")[0] == 501
    assert ask(port, "/index.html", "PUT")[0] == 501


def test_a_folder_without_a_site_and_a_port_that_is_taken_are_told(site: Path, tmp_path: Path) -> None:
    fails(call("site", "serve", str(tmp_path)), 7, "contains no site")
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = other.getsockname()[1]
        result = call("site", "serve", str(site), "--port", str(taken))
    fails(result, 2, f"port {taken} is in use")
    assert "--port" in result.stderr


@pytest.mark.parametrize(("how", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_it_ends_without_a_word(how: int, code: int, site: Path) -> None:
    command = [sys.executable, "-m", "reportgen", "site", "serve", str(site), "--port", "0", "-q"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        assert address.startswith("http://127.0.0.1:")
        assert ask(int(address.rsplit(":", 1)[1].strip("/")), "/")[1] == "index"
        os.kill(process.pid, how)
        try:
            _, said = process.communicate(timeout=30)
        finally:
            process.kill()
    assert (process.returncode, said) == (code, "")
