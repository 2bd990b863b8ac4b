"""A small hub on 127.0.0.1: what huggingface_hub, transformers and datasets ask a real one for, and its faults.

Repositories live in memory. Every commit has its files and its hash; a branch is a name for the newest. Large files
are redirected to another host, as a real hub does. Every request is recorded.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

if TYPE_CHECKING:
    import pyarrow as pa

TOKEN = "hf_only_this_one_may_read"
LARGE = 2000  # bytes; larger files are redirected
KINDS = {"models": "", "datasets": "datasets/"}  # kind: how addresses of files begin
API = re.compile(r"/api/(models|datasets)/([^/]+/[^/]+)(?:/(revision|tree|paths-info|refs)(?:/([^/]+)(?:/(.*))?)?)?")
FILE = re.compile(r"/(datasets/)?([^/]+/[^/]+)/resolve/([^/]+)/(.+)")
STATUS = {  # fault: status, code and message of the answer
    "private": (401, "RepoNotFound", "Invalid username or password."),
    "gated": (403, "GatedRepo", "Access to it is restricted and you are not in the authorized list."),
    "token": (401, "", "Invalid credentials in Authorization header"),
    "forbidden": (403, "", "The token lacks a permission"),
    "busy": (429, "", "We had to rate limit you"),
    "broken": (500, "", "Internal Error"),
}  # beside these: slow, silent (no body after the head), cut (half a body), other (wrong bytes), login (a web page)


class Request(NamedTuple):
    """What a client asked for."""

    method: str
    host: str
    path: str
    token: str  # as the client sent it; "" for none
    range: str


@dataclass
class Repository:
    """Files by commit, and the faults that are switched on."""

    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)
    fault: str = ""
    only: str = ""  # the fault shows in addresses that contain this
    times: float = float("inf")  # how many requests the fault is left for


class Hub:
    """The server, and what it serves."""

    def __init__(self) -> None:
        self.repositories: dict[tuple[str, str], Repository] = {}
        self.requests: list[Request] = []
        self.pause = 1.0  # seconds that a slow answer takes
        self.retry_after = "3600"
        self.ranges = True  # whether a part of a file can be asked for
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def reset(self) -> None:
        """Forget all repositories, requests and settings."""
        self.repositories.clear()
        self.requests.clear()
        self.pause, self.retry_after, self.ranges = 1.0, "3600", True

    def model(self, name: str, source: Path | Mapping[str, bytes], *, branch: str = "main") -> str:
        """Commit the files of a folder, or these, as a model; the hash of the commit."""
        if isinstance(source, Path):
            files = {p.relative_to(source).as_posix(): p.read_bytes() for p in source.rglob("*") if p.is_file()}
        else:
            files = dict(source)
        return self._commit("models", name, files, branch)

    def dataset(self, name: str, splits: Mapping[str, pa.Table | bytes], *, readme: str = "") -> str:
        """Commit tables as the Parquet splits of a dataset, or files as they are; the hash of the commit."""
        import pyarrow.parquet as pq

        files = {"README.md": readme.encode()} if readme else {}
        for split, table in splits.items():
            if isinstance(table, bytes):
                files[split] = table
                continue
            written = io.BytesIO()
            pq.write_table(table, written)
            files[f"data/{split}-00000-of-00001.parquet"] = written.getvalue()
        return self._commit("datasets", name, files, "main")

    def fail(self, name: str, fault: str, *, kind: str = "models", only: str = "", times: float = float("inf")) -> None:
        """Switch a fault of a repository on, "" off; for some addresses, or some requests."""
        repository = self.repositories[kind, name]
        repository.fault, repository.only, repository.times = fault, only, times

    def asked(self, part: str) -> list[Request]:
        """The requests whose address contains *part*."""
        return [request for request in self.requests if part in request.path]

    def _commit(self, kind: str, name: str, files: dict[str, bytes], branch: str) -> str:
        repository = self.repositories.setdefault((kind, name), Repository())
        content = hashlib.sha1(repr((len(repository.commits), sorted(files.items()))).encode()).hexdigest()
        repository.commits[content] = files
        repository.branches[branch] = content
        return content


class _Reply(Exception):  # noqa: N818  # an answer that ends the handling, not an error
    def __init__(self, status: int, body: bytes = b"", **headers: str) -> None:
        super().__init__(status)
        self.status, self.body = status, body
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


def _error(status: int, code: str, message: str, **headers: str) -> _Reply:
    codes = {"X_Error_Code": code} if code else {}
    return _Reply(
        status, json.dumps({"error": message}).encode(), X_Error_Message=message, Content_Type="application/json",
        **codes, **headers,
    )  # fmt: skip


def _json(content: Any) -> _Reply:
    return _Reply(200, json.dumps(content).encode(), Content_Type="application/json")


def _entry(path: str, content: bytes) -> dict[str, Any]:
    large = {"lfs": {"oid": hashlib.sha256(content).hexdigest(), "size": len(content), "pointerSize": 134}}
    return {
        "type": "file",
        "path": path,
        "size": len(content),
        "oid": _git_hash(content),
        **(large if len(content) > LARGE else {}),
    }


def _git_hash(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: Hub

    def do_GET(self) -> None:
        self._serve()

    do_HEAD = do_POST = do_GET  # noqa: N815  # the names are those of http.server

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def _serve(self) -> None:
        sent = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        host = self.headers.get("Host", "")
        self.hub.requests.append(Request(self.command, host, self.path, token, self.headers.get("Range", "")))
        self.fault = ""
        address = urlsplit(self.path)
        try:
            if api := API.fullmatch(address.path):
                kind, name, what, revision, path = api.groups()
                raise self._describe(kind, name, what, unquote(revision or ""), unquote(path or ""), sent)
            if file := FILE.fullmatch(address.path):
                prefix, name, revision, path = file.groups()
                raise self._file("datasets" if prefix else "models", name, unquote(revision), unquote(path))
            if address.path.startswith("/large/"):
                raise self._large(address.path.removeprefix("/large/"), parse_qs(address.query))
            raise _error(404, "", "Not Found")
        except _Reply as reply:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                self._send(reply)

    def _repository(self, kind: str, name: str, *, signed: bool = False) -> Repository:
        found = self.hub.repositories.get((kind, name))
        known = signed or self.headers.get("Authorization") == f"Bearer {TOKEN}"
        if found is None:
            raise _error(404 if known else 401, "RepoNotFound", "Repository not found")
        if found.fault and found.only in self.path and found.times > 0 and not (found.fault == "private" and known):
            found.times -= 1
            self.fault = found.fault
        if self.fault == "slow":
            threading.Event().wait(self.hub.pause)
        elif self.fault == "login":
            raise _Reply(200, b"<html><body>Log in to the network</body></html>", Content_Type="text/html")
        elif self.fault in STATUS:
            wait = {"Retry_After": self.hub.retry_after} if self.fault == "busy" else {}
            raise _error(*STATUS[self.fault], **wait)
        return found

    def _commit(self, repository: Repository, revision: str) -> tuple[str, dict[str, bytes]]:
        commit = repository.branches.get(revision or "main", revision)
        if commit not in repository.commits:
            raise _error(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        return commit, repository.commits[commit]

    def _describe(self, kind: str, name: str, what: str | None, revision: str, path: str, sent: str) -> _Reply:
        repository = self._repository(kind, name)
        if what == "refs":
            found = [
                {"name": branch, "ref": f"refs/heads/{branch}", "targetCommit": commit}
                for branch, commit in repository.branches.items()
            ]
            return _json({"branches": found, "tags": [], "converts": []})
        commit, files = self._commit(repository, revision)
        folders = sorted({str(parent) for file in files for parent in Path(file).parents} - {"."})
        tree = [_entry(file, files[file]) for file in sorted(files)]
        tree += [{"type": "directory", "path": one, "size": 0, "oid": _git_hash(one.encode())} for one in folders]
        if what == "paths-info":
            wanted = parse_qs(sent).get("paths", [])
            return _json([entry for entry in tree if entry["path"] in wanted])
        if what == "tree":
            if path and path not in folders:
                return _error(404, "EntryNotFound", f"{path} does not exist")
            deep = parse_qs(urlsplit(self.path).query).get("recursive", ["False"])[0].lower() in ("true", "1")
            inside = [entry for entry in tree if not path or entry["path"].startswith(f"{path}/")]
            depth = path.count("/") + 1 if path else 0
            return _json([entry for entry in inside if deep or entry["path"].count("/") == depth])
        made = "2024-05-01T12:00:00.000Z"
        return _json(
            {"id": name, "sha": commit, "siblings": [{"rfilename": file} for file in sorted(files)], "tags": []}
            | {"private": False, "gated": False, "disabled": False, "createdAt": made, "lastModified": made}
        )

    def _file(self, kind: str, name: str, revision: str, path: str) -> _Reply:
        commit, files = self._commit(self._repository(kind, name), revision)
        if path not in files:
            return _error(404, "EntryNotFound", "Entry not found", X_Repo_Commit=commit)
        content = files[path]
        if len(content) <= LARGE:
            return self._content(content, ETag=f'"{_git_hash(content)}"', X_Repo_Commit=commit)
        sha256 = hashlib.sha256(content).hexdigest()
        # another host than that of the hub: the clients must not send it the token
        place = f"http://localhost:{self.hub.port}/large/{kind}/{name}/{sha256}?signed=yes"
        return _Reply(
            302, Location=place, X_Linked_ETag=f'"{sha256}"', X_Linked_Size=str(len(content)), X_Repo_Commit=commit
        )

    def _large(self, path: str, signed: dict[str, list[str]]) -> _Reply:
        kind, owner, name, sha256 = path.split("/")
        repository = self._repository(kind, f"{owner}/{name}", signed=bool(signed))
        for files in repository.commits.values():
            for content in files.values():
                if hashlib.sha256(content).hexdigest() == sha256:
                    return self._content(content, ETag=f'"{sha256}"')
        return _error(404, "", "Not Found")

    def _content(self, content: bytes, **headers: str) -> _Reply:
        if self.fault == "other":
            content = bytes(byte ^ 0x55 for byte in content)
        part = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if part is None or not self.hub.ranges:
            return _Reply(200, content, **headers)
        first, last = int(part[1]), min(int(part[2] or len(content)), len(content) - 1)
        span = f"bytes {first}-{last}/{len(content)}"
        return _Reply(206, content[first : last + 1], Content_Range=span, **headers)

    def _send(self, reply: _Reply) -> None:
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(reply.body)))
        self.send_header("Accept-Ranges", "bytes")
        self.end_headers()
        if self.command == "HEAD":
            return
        if self.fault in ("cut", "silent"):
            self.close_connection = True
            self.wfile.write(reply.body[: len(reply.body) // 2] if self.fault == "cut" else b"")
            threading.Event().wait(self.hub.pause if self.fault == "silent" else 0)
        else:
            self.wfile.write(reply.body)


def _handler(hub: Hub) -> type[_Handler]:
    return type("Handler", (_Handler,), {"hub": hub})
