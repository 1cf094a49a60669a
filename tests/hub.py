"""A model hub on loopback: the endpoints that huggingface_hub asks, with faults to order.

A second port stands for the CDN that large files are redirected to. Source of the shapes: the
hub's documentation, and what huggingface_hub 2.4.0 reads of the answers.
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import json
import random
import ssl
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

TLS = Path(__file__).parent / "tls"
"""A certificate for localhost with its key, and the authority that signed it: for tests alone."""
CHUNK = 1 << 18
SLOW_CHUNK = 1 << 16
PAGE = 3
"""Entries on one page of a tree, so that there are several."""


@dataclass
class File:
    content: bytes
    lfs: bool = True

    @property
    def size(self) -> int:
        return len(self.content)

    def pieces(self, start: int, end: int, step: int) -> Iterator[memoryview]:
        """The bytes from `start` to `end`, at most `step` at a time."""
        content = memoryview(self.content)
        for at in range(start, end, step):
            yield content[at : min(at + step, end)]

    @cached_property
    def git_sha1(self) -> str:
        head = f"blob {len(self.content)}\0".encode()
        return hashlib.sha1(head + self.content, usedforsecurity=False).hexdigest()

    @cached_property
    def digest(self) -> str:
        return hashlib.sha256(self.content).hexdigest() if self.lfs else self.git_sha1


class Generated(File):
    """A file of any size that is not held in memory: one block of chance, over and over."""

    BLOCK = 8 << 20

    def __init__(self, size: int, seed: int) -> None:
        super().__init__(random.Random(seed).randbytes(min(size, self.BLOCK)))
        self._size = size

    @property
    def size(self) -> int:
        return self._size

    @cached_property
    def digest(self) -> str:
        digest = hashlib.sha256()
        for piece in self.pieces(0, self.size, len(self.content)):
            digest.update(piece)
        return digest.hexdigest()

    @cached_property
    def git_sha1(self) -> str:
        return "0" * 40

    def pieces(self, start: int, end: int, step: int) -> Iterator[memoryview]:
        block, at = memoryview(self.content), start
        while at < end:
            inside = at % len(block)
            piece = block[inside : inside + min(step, end - at)]
            yield piece
            at += len(piece)


@dataclass
class Repository:
    id: str
    files: dict[str, File]
    commit: str = "c" * 40
    gated: bool = False
    """Its files are for those who bring a token."""
    secret: bool = False
    """If it is gated it is not even listed for others; the real hub lists them for everyone
    (huggingface.js issue 945).
    """
    named: dict[str, str] = field(default_factory=dict)
    """Paths to show in the tree under another name: a hub that lies."""
    past: dict[str, dict[str, File]] = field(default_factory=dict)
    """What was `main` before, by its commit."""

    def at(self, revision: str) -> dict[str, File] | None:
        """Its files; None if there is no such revision."""
        return self.files if revision in ("main", self.commit) else self.past.get(revision)


@dataclass
class Fault:
    """Something that goes wrong `times` times with requests whose path ends with `path`."""

    path: str
    method: str = "GET"
    times: int = 1
    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    drop_after: int | None = None
    """Close the connection after so many bytes of the body."""
    stall_after: int | None = None
    """Fall silent after so many bytes, until the hub is closed."""
    flip_at: int | None = None
    """Change the byte at this offset of the file."""
    ignore_range: bool = False
    shift: int = 0
    """Send other bytes than were asked for, so many further on, and say so."""
    at_most: int | None = None
    """Send no more of the range than so many bytes, and say so."""
    to_the_end: bool = False
    """Send the file from where the range begins to its end, and say so."""
    framing: str = "length"
    """Of the body; or `chunked`, or `close`: then its end is that of the connection."""
    zipped: bool = False
    """Compress the body, though nobody asked for that."""
    surplus: bytes = b""
    """Send this as well, after the body's end."""
    etag: str | None = None
    bytes_a_second: int | None = None


@dataclass(frozen=True)
class Seen:
    """A request that came."""

    port: int
    method: str
    path: str
    range: str | None
    token: str | None


class Hub:
    """`endpoint` is for HF_ENDPOINT."""

    def __init__(self, *, cdn: bool = True, tls: bool = False) -> None:
        self.repositories: dict[str, Repository] = {}
        self.faults: list[Fault] = []
        self.seen: list[Seen] = []
        self.sent = 0
        """Bytes of files, over all answers."""
        self.closing = threading.Event()
        self.lock = threading.Lock()
        self._server = _Server(self)
        self._cdn = _Server(self) if cdn else None
        scheme = "https" if tls else "http"
        if tls:
            for server in filter(None, (self._server, self._cdn)):
                server.socket = _tls().wrap_socket(server.socket, server_side=True)
        self.endpoint = f"{scheme}://127.0.0.1:{self._server.server_port}"
        self.cdn = f"{scheme}://127.0.0.1:{self._cdn.server_port}" if self._cdn else None

    def add(self, repository: Repository) -> Repository:
        self.repositories[repository.id] = repository
        return repository

    def fault(self, method: str, path: str) -> Fault | None:
        """The next ordered one for this request, which is used up by it."""
        with self.lock:
            for fault in self.faults:
                if fault.times and fault.method == method and path.endswith(fault.path):
                    fault.times -= 1
                    return fault
        return None

    def requests(self, method: str, ending: str) -> list[Seen]:
        return [seen for seen in self.seen if seen.method == method and seen.path.endswith(ending)]

    def close(self) -> None:
        self.closing.set()
        for server in filter(None, (self._server, self._cdn)):
            server.shutdown()
            server.server_close()


@contextlib.contextmanager
def running_hub(*, cdn: bool = True, tls: bool = False) -> Iterator[Hub]:
    hub = Hub(cdn=cdn, tls=tls)
    try:
        yield hub
    finally:
        hub.close()


def _tls() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(TLS / "hub.pem")
    return context


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        super().__init__(("127.0.0.1", 0), _Handler)
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}).start()

    def handle_error(self, *_: object) -> None:
        """A client that went away in the middle is what some tests are about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, *_: object) -> None:
        """Nothing: `Hub.seen` has it."""

    @property
    def token(self) -> str | None:
        return self.headers.get("Authorization")

    def do_HEAD(self) -> None:
        self._answer("HEAD")

    def do_GET(self) -> None:
        self._answer("GET")

    def _answer(self, method: str) -> None:
        hub, url = self.server.hub, urlsplit(self.path)
        hub.seen.append(
            Seen(
                self.server.server_port,
                method,
                url.path,
                self.headers.get("Range"),
                self.token,
            )
        )
        fault = hub.fault(method, url.path)
        if fault is not None and fault.status is not None:
            self._send(fault.status, b"", fault.headers)
        elif url.path.startswith("/api/models/"):
            self._api(url.path.removeprefix("/api/models/"), parse_qs(url.query))
        elif "/resolve/" in url.path:
            self._resolve(method, url.path.strip("/"), fault)
        elif url.path.startswith("/cdn/"):
            self._cdn(url.path.removeprefix("/cdn/"), fault)
        else:
            self._send(404, b"")

    def _repository(self, id: str, *, listing: bool = False) -> Repository | None:
        """None if that was answered already."""
        repository = self.server.hub.repositories.get(id)
        if repository is None:
            self._send(404, b"", {"X-Error-Code": "RepoNotFound"})
        elif repository.gated and (repository.secret or not listing) and not self.token:
            self._send(403, b"", {"X-Error-Code": "GatedRepo"})
            return None
        return repository

    def _api(self, rest: str, query: dict[str, list[str]]) -> None:
        parts = rest.split("/")
        repository = self._repository("/".join(parts[:2]), listing=True)
        if repository is None:
            return
        revision = parts[3] if len(parts) > 3 else "main"
        files = repository.at(revision)
        if files is None:
            self._send(404, b"", {"X-Error-Code": "RevisionNotFound"})
        elif len(parts) > 2 and parts[2] == "tree":
            self._tree(repository, files, int(query.get("cursor", ["0"])[0]))
        else:
            self._json(
                {
                    "id": repository.id,
                    "sha": repository.commit if revision == "main" else revision,
                    "gated": "auto" if repository.gated else False,
                    "cardData": {"license": "apache-2.0"},
                    "siblings": [{"rfilename": path} for path in files],
                }
            )

    def _tree(self, repository: Repository, files: dict[str, File], cursor: int) -> None:
        entries = [
            _entry(repository.named.get(path, path), file)
            for path, file in list(files.items())[cursor : cursor + PAGE]
        ]
        more = cursor + PAGE < len(files)
        url = f"{self.server.hub.endpoint}{urlsplit(self.path).path}?cursor={cursor + PAGE}"
        self._json(entries, {"Link": f'<{url}>; rel="next"'} if more else {})

    def _resolve(self, method: str, path: str, fault: Fault | None) -> None:
        id, _, rest = path.partition("/resolve/")
        revision, _, name = rest.partition("/")
        repository = self._repository(id)
        if repository is None:
            return
        file = (repository.at(revision) or {}).get(name)
        if file is None:
            self._send(404, b"", {"X-Error-Code": "EntryNotFound"})
            return
        etag = (fault.etag if fault else None) or file.digest
        commit = repository.commit if revision == "main" else revision
        headers = {"X-Repo-Commit": commit, "ETag": f'"{etag}"'}
        if file.lfs:
            headers |= {"X-Linked-Etag": f'"{etag}"', "X-Linked-Size": str(file.size)}
        if file.lfs and self.server.hub.cdn:
            place = f"{self.server.hub.cdn}/cdn/{id}/{commit}/{name}?signature=1"
            self._send(302, b"", headers | {"Location": place})
        elif method == "HEAD":
            self._send(200, b"", headers | {"Content-Length": str(file.size)})
        else:
            self._file(file, fault, headers)

    def _cdn(self, path: str, fault: Fault | None) -> None:
        owner, name, commit, file = path.split("/", 3)
        files = self.server.hub.repositories[f"{owner}/{name}"].at(commit) or {}
        self._file(files[file], fault, {})

    def _file(self, file: File, fault: Fault | None, headers: dict[str, str]) -> None:
        fault = fault or Fault("")
        if fault.flip_at is not None:
            content = bytearray(file.content)
            content[fault.flip_at] ^= 0xFF
            file = File(bytes(content))
        size = file.size
        start, end, status = 0, size, 200
        wanted = self.headers.get("Range")
        if wanted and not fault.ignore_range:
            first, _, last = wanted.removeprefix("bytes=").partition("-")
            start, end, status = int(first), int(last) + 1 if last else size, 206
            start, end = start + fault.shift, size if fault.to_the_end else end
            end = min(end, start + (fault.at_most or size))
            headers = headers | {"Content-Range": f"bytes {start}-{end - 1}/{size}"}
        self.send_response(status)
        if fault.zipped:
            file = File(gzip.compress(b"".join(file.pieces(start, end, size))))
            start, end = 0, file.size
            headers = headers | {"Content-Encoding": "gzip"}
        if fault.framing == "length":
            headers = headers | {"Content-Length": str(end - start)}
        elif fault.framing == "chunked":
            headers = headers | {"Transfer-Encoding": "chunked"}
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self._body(file, start, end, fault)

    def _body(self, file: File, start: int, end: int, fault: Fault) -> None:
        hub = self.server.hub
        step = SLOW_CHUNK if fault.bytes_a_second else CHUNK
        limits = [n for n in (fault.drop_after, fault.stall_after) if n is not None]
        chunked = fault.framing == "chunked"
        for piece in file.pieces(start, min([end, *(start + n for n in limits)]), step):
            self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), bytes(piece)) if chunked else piece)
            with hub.lock:
                hub.sent += len(piece)
            if fault.bytes_a_second:
                hub.closing.wait(len(piece) / fault.bytes_a_second)
        if fault.stall_after is not None:
            hub.closing.wait()
        self.wfile.write((b"0\r\n\r\n" if chunked and not limits else b"") + fault.surplus)
        if limits or fault.framing == "close":
            self.close_connection = True

    def _json(self, document: Any, headers: dict[str, str] | None = None) -> None:
        content = json.dumps(document).encode()
        self._send(200, content, {"Content-Type": "application/json", **(headers or {})})

    def _send(self, status: int, content: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(content))} | (headers or {})).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content)


def _entry(path: str, file: File) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "type": "file",
        "path": path,
        "size": file.size,
        "oid": file.git_sha1,
    }
    if file.lfs:
        entry["lfs"] = {"oid": file.digest, "size": file.size, "pointerSize": 135}
    return entry


def wait_until(met: Any, patience_s: float = 20.0) -> None:
    """Until `met()` is true."""
    deadline = time.monotonic() + patience_s
    while not met():
        assert time.monotonic() < deadline, "it never comes true"
        threading.Event().wait(0.01)
