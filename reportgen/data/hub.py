"""Talk to the hub: errors of its clients become one error of ours, and waiting has a limit.

The clients (huggingface_hub, and datasets, which uses it) honour HF_ENDPOINT, HF_HOME, HF_TOKEN and HF_HUB_OFFLINE.
Secrets never reach a message: neither the token nor the user and password of an address.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import logging
import os
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from reportgen.core.errors import HubError
from reportgen.core.files import disk

if TYPE_CHECKING:
    import httpx2

Kind = Literal["model", "dataset"]

PATIENCE = 30.0  # seconds of repeating the same request
LONGEST_PAUSE = 5  # seconds between two tries; a hub may demand an hour
PAUSES = (1, 2)  # seconds before a repository is looked up for the second and the third time
BUSY = (408, 429, 500, 502, 503, 504)
NO_HUB = "the server does not answer like a hub", "check HF_ENDPOINT, the proxy, and whether the network needs a login"
NOT_REACHED = "not cached, and the hub does not provide it", "check the network, or try again later"
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS)
COMMIT = re.compile(r"[0-9a-f]{40}")
SECRETS = re.compile(r"(?<=//)[^/\s]+@|(?<=Bearer )[^\s'\"]+|\bhf_[A-Za-z0-9]{20,}")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A repository at one commit."""

    commit: str
    files: tuple[str, ...]  # all of them, or those in the cache where the hub was not asked
    cached: bool  # whether the cache answered, because the hub did not


def is_id(name: str) -> bool:
    """Whether *name* could be a repository on the hub, like org/name."""
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils._validators import validate_repo_id

    try:
        validate_repo_id(name)
    except HFValidationError:
        return False
    return True


def look_up(repository: str, *, kind: Kind = "model", revision: str | None = None) -> Snapshot:
    """The commit of *revision* now, and its files; from the cache if the hub does not answer.

    Raises:
        HubError: If the hub does not give it, or does not answer and the cache has no such revision.
    """
    from huggingface_hub import constants

    cached = _cached(repository, kind, revision)
    with errors(f"{kind} {repository}", revision=revision, cached=cached is not None):
        for pause in (*PAUSES, None):
            try:
                found = _ask(repository, kind, revision)
                break
            except Exception as error:
                if not _passes(error):
                    raise
                if cached is not None:
                    return cached
                if pause is None or constants.is_offline_mode():
                    raise
                time.sleep(pause)
    if found.commit not in (revision, cached and cached.commit):  # kept for later without the hub, as the clients do
        disk.keep(folder(repository, kind) / "refs" / (revision or "main"), found.commit.encode())
    return found


def download(repository: str, file: str, *, commit: str, kind: Kind = "model") -> Path:
    """One file of a repository in the cache, downloaded if it is not there yet.

    Raises:
        HubError: If the hub does not give it.
    """
    from huggingface_hub import hf_hub_download

    with errors(f"{kind} {repository}", revision=commit):
        return Path(hf_hub_download(repository, file, repo_type=kind, revision=commit))


def folder(repository: str, kind: Kind = "model") -> Path:
    """The folder of a repository in the cache: blobs, snapshots by commit, and the commits of its branches in refs."""
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE).expanduser() / "--".join((f"{kind}s", *repository.split("/")))


@contextlib.contextmanager
def errors(what: str, *, revision: str | None = None, cached: bool = False) -> Iterator[None]:
    """Turn errors of the hub's clients in the block into a `HubError` about *what*; other errors pass.

    Args:
        what: The name of the thing, like "dataset org/name".
        revision: The revision that was asked for.
        cached: Whether an earlier copy is in the cache; the hint says how to use it.

    Raises:
        HubError: With what to do about it.
    """
    logger = logging.getLogger("huggingface_hub")  # it logs every try, with the address and its secrets
    level = logger.level
    _watch().key = ()
    logger.setLevel(max(level, logging.ERROR))
    try:
        yield
    except HubError:
        raise
    except Exception as error:
        known = _explain(error, revision)
        if known is None:
            raise
        fact, hint = known
        copy = "; --offline uses the cached copy" if cached else ""
        raise HubError(f"{what}: {redact(fact)}", hint=f"{hint}{copy}") from error
    finally:
        logger.setLevel(level)


def redact(message: str) -> str:
    """*message* without the token, and without user and password in addresses."""
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"):
        if token := os.environ.get(name, "").strip():
            message = message.replace(token, "***")
    return SECRETS.sub(lambda found: "" if found[0].endswith("@") else "***", message)


def _explain(error: Exception, revision: str | None) -> tuple[str, str] | None:
    """Fact and hint for the first error of the chain that is known; None if the hub has no part in it."""
    chain = list(_chain(error))
    for explain in (_explain_answer, _explain_connection, _explain_rest):
        for one in chain:
            if known := explain(one, revision):
                return known
    return None


def _explain_answer(error: BaseException, revision: str | None) -> tuple[str, str] | None:
    """The hub has answered, and said no."""
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        RemoteEntryNotFoundError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    said = str(error) if type(error).__name__ == "DatasetNotFoundError" else ""  # datasets keeps the words alone
    if isinstance(error, GatedRepoError) or " gated " in said:
        return "access needs permission", "request access on its page, and set HF_TOKEN"
    if isinstance(error, RevisionNotFoundError) or said.startswith("Revision "):
        return f'no revision "{revision or "main"}"', "check the name of the branch or tag, or the commit"
    if isinstance(error, RepositoryNotFoundError) or said:
        return "not on the hub, or private", "check the name; private repositories need HF_TOKEN"
    if isinstance(error, RemoteEntryNotFoundError):
        return "one of its files is not on the hub", "check the revision"
    if isinstance(error, HfHubHTTPError | _GaveUpError) and (status := _status(error)) is not None:
        return _explain_status(status)
    return None


def _explain_status(status: int) -> tuple[str, str]:
    match status:
        case 401:
            return "the hub rejects the token (401)", "check HF_TOKEN, or the token stored by hf auth login"
        case 403:
            return "the hub denies access (403)", "check the permissions of the token in HF_TOKEN"
        case 429:
            return "too many requests to the hub (429)", "wait some minutes; HF_TOKEN raises the limit"
        case 408 | 500 | 502 | 503 | 504:
            return f"the hub reports an error (status {status})", "try again later"
    return f"the hub answered with status {status}", "check HF_ENDPOINT and the proxy, or try again later"


def _explain_connection(error: BaseException, _: str | None) -> tuple[str, str] | None:
    """The hub has not answered, or not to the end."""
    from huggingface_hub import constants
    from huggingface_hub.errors import FileMetadataError, OfflineModeIsEnabled, XetDownloadError

    hub = constants.ENDPOINT
    if isinstance(error, FileMetadataError):
        return NO_HUB
    if isinstance(error, OfflineModeIsEnabled):
        return "not cached, and reportgen is offline", (
            "go online once, without --offline and HF_HUB_OFFLINE, or give a local folder or file"
        )
    if isinstance(error, _GaveUpError) or _is_of_client(error, "TimeoutException"):
        return f"not cached, and the hub at {hub} does not answer", "check the network, or try again later"
    if _is_of_client(error, "LocalProtocolError") or str(getattr(error, "object", "")).startswith("Bearer "):
        return "the token contains invalid characters", "check HF_TOKEN, or log in again with hf auth login"
    broken = isinstance(error, XetDownloadError) or (isinstance(error, OSError) and "Consistency check" in str(error))
    if broken or _is_of_client(error, "RemoteProtocolError", "ReadError", "DecodingError"):
        return "the download was interrupted", "check the network, and try again"
    if _is_of_client(error, "TransportError"):
        return f"not cached, and the hub at {hub} cannot be reached: {error}", (
            "check the network, HF_ENDPOINT and the proxy"
        )
    return None


def _explain_rest(error: BaseException, _: str | None) -> tuple[str, str] | None:
    """Less is known about these, so they come last."""
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    match error:
        case HFValidationError():
            return "not a valid repository name", "names look like org/name"
        case LocalEntryNotFoundError():
            return NOT_REACHED
        case FileNotFoundError() if LocalEntryNotFoundError.__name__ in str(error):  # so says datasets
            return NOT_REACHED
        case ConnectionError() | TimeoutError():
            return f"the hub cannot be reached: {error}", "check the network"
        case OSError() if error.errno in NO_ROOM:
            return f"the cache cannot be written: {error.strerror}", "free some space, or set HF_HOME to another folder"
    return None


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """The error and its causes; the clients often wrap the real error."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__  # not its context: the clients continue after many errors


def _is_of_client(error: BaseException, *names: str) -> bool:
    """Whether it is one of these errors of the HTTP client, which is httpx or httpx2."""
    return any(kind.__module__.startswith("httpx") and kind.__name__ in names for kind in type(error).__mro__)


def _status(error: BaseException) -> int | None:
    """The status of the answer that an error is about."""
    found: Any = error
    return found.status if isinstance(error, _GaveUpError) else int(found.response.status_code)


def _passes(error: Exception) -> bool:
    """Whether asking again may help, or the cache."""
    from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

    if isinstance(error, HfHubHTTPError):
        return error.response.status_code in BUSY
    return isinstance(error, OfflineModeIsEnabled | _GaveUpError) or _is_of_client(error, "TransportError")


def _ask(repository: str, kind: Kind, revision: str | None) -> Snapshot:
    """One question to the hub."""
    from huggingface_hub import HfApi, constants
    from huggingface_hub.errors import HFValidationError

    try:
        found: Any = HfApi().repo_info(
            repository, repo_type=kind, revision=revision, timeout=constants.HF_HUB_ETAG_TIMEOUT
        )
        files = tuple(file.rfilename for file in found.siblings or ())
    except (HFValidationError, UnicodeEncodeError):
        raise
    except (ValueError, TypeError, KeyError) as error:  # a page, say, on which one has to log in to the network
        raise HubError(f"{kind} {repository}: {NO_HUB[0]}", hint=NO_HUB[1]) from error
    if not COMMIT.fullmatch(str(found.sha)):
        raise HubError(f"{kind} {repository}: {NO_HUB[0]}", hint=NO_HUB[1])
    return Snapshot(found.sha, files, cached=False)


def _cached(repository: str, kind: Kind, revision: str | None) -> Snapshot | None:
    """The files of a revision in the cache."""
    found = revision or "main"
    if not COMMIT.fullmatch(found):
        try:
            found = (folder(repository, kind) / "refs" / found).read_text().strip()
        except (OSError, ValueError):
            return None
    snapshot = folder(repository, kind) / "snapshots" / found
    files = tuple(sorted(path.relative_to(snapshot).as_posix() for path in snapshot.rglob("*") if path.exists()))
    known = found != revision or files  # a commit that was only given says nothing about the cache
    return Snapshot(found, files, cached=True) if COMMIT.fullmatch(found) and known else None


class _GaveUpError(Exception):
    """The same request was asked again and again without an answer that helps."""

    def __init__(self, status: int | None) -> None:
        super().__init__(status)
        self.status = status  # of the last answer, if there was one


@dataclass(slots=True)
class _Watch:
    """Watches the requests of all clients, whose own patience can be hours."""

    key: tuple[str, ...] = ()  # of the last request: method, address, range
    first: float = 0.0  # when it was asked first
    last: float = 0.0
    status: int | None = None

    def before(self, request: httpx2.Request) -> None:
        """Let no answer take too long, and end asking the same again and again."""
        from huggingface_hub import constants

        longest = max(constants.HF_HUB_ETAG_TIMEOUT, constants.HF_HUB_DOWNLOAD_TIMEOUT)
        limits = request.extensions.get("timeout", {})
        request.extensions["timeout"] = {name: min(limit or longest, longest) for name, limit in limits.items()}
        now = time.monotonic()
        # subtle: a download that continues after an interruption requests another range
        key = request.method, str(request.url), request.headers.get("range", "")
        if key != self.key or now - self.last > longest + 2 * LONGEST_PAUSE:
            self.key, self.first, self.status = key, now, None
        self.last = now
        if now - self.first > PATIENCE:
            raise _GaveUpError(self.status)

    def after(self, response: httpx2.Response) -> None:
        """Limit the time that a server tells clients to wait."""
        self.status = response.status_code if response.status_code in BUSY else None
        if self.status is None:
            return
        response.headers.pop("ratelimit", None)
        asked = response.headers.get("retry-after", "")
        if asked.isdigit() and int(asked) > LONGEST_PAUSE:
            response.headers["retry-after"] = str(LONGEST_PAUSE)


@functools.cache
def _watch() -> _Watch:
    """Have all clients watched, from now on."""
    from huggingface_hub import set_client_factory
    from huggingface_hub.utils._http import default_client_factory

    watch = _Watch()

    def client() -> httpx2.Client:
        made = default_client_factory()
        before, after = (made.event_hooks.get(when, []) for when in ("request", "response"))
        made.event_hooks = {"request": [*before, watch.before], "response": [*after, watch.after]}
        return made

    set_client_factory(client)
    return watch
