"""A stand-in of the hub's HTTP API on this machine, as much of it as the real client asks for."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from contextlib import suppress
from hashlib import sha1
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"
PIECE = 1 << 16  # bytes that are given at a time


class Hub(ThreadingHTTPServer):
    """One repository `owner/name` at one commit: the list of its files, and the files.

    `served` counts the bytes given of each file. `gated`: no file is given. `cut`: the file whose first download breaks
    off; it is "cut" once that has happened. `hold` stops all downloads in their midst.
    """

    def __init__(self, files: Mapping[str, bytes]) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.files = dict(files)
        self.gated = False
        self.served: dict[str, int] = {}
        self.cut = ""
        self.held = threading.Event()  # no more is given
        self._room: float = float("inf")
        self._freed, self._taking = threading.Event(), threading.Lock()

    def hold(self, after: float) -> None:
        """Let what is held go on, and give no more once so many further bytes have been given."""
        freed = self._freed
        self.held.clear()
        self._room, self._freed = after, threading.Event()
        freed.set()

    def take(self, size: int) -> None:
        """Wait until so many bytes may be given."""
        with self._taking:
            self._room -= size
            enough, freed = self._room >= 0, self._freed
        if not enough:
            self.held.set()
            freed.wait()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Answer(BaseHTTPRequestHandler):
    server: Hub

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, body: bool) -> None:
        path = urlsplit(self.path).path
        if not path.startswith(("/api/models/owner/name/", "/owner/name/resolve/")):
            return self._refuse(404, "RepoNotFound")
        if COMMIT not in path:
            return self._refuse(404, "RevisionNotFound")
        if path.startswith("/api/"):
            return self._list()
        if self.server.gated:
            return self._refuse(403, "GatedRepo")
        name = path.split(f"/resolve/{COMMIT}/", 1)[1]
        if name not in self.server.files:
            return self._refuse(404, "EntryNotFound")
        return self._file(name, body)

    def _refuse(self, status: int, code: str) -> None:
        self.send_response(status)
        self.send_header("X-Error-Code", code)
        self.send_header("X-Error-Message", "no, and your token hf_secretsecret is noted")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _list(self) -> None:
        rows = [
            {"type": "file", "path": n, "size": len(t), "oid": sha1(t).hexdigest()}  # noqa: S324
            for n, t in self.server.files.items()
        ]
        data = json.dumps(rows).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _file(self, name: str, body: bool) -> None:
        data = self.server.files[name]
        start = int((self.headers.get("Range") or "bytes=0-").split("=")[1].split("-")[0])
        self.send_response(206 if start else 200)
        self.send_header("ETag", f'"{sha1(data).hexdigest()}"')  # noqa: S324
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(len(data) - start))
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        self.end_headers()
        if body:
            part = data[start : start + 1000] if self.server.cut == name else data[start:]
            with suppress(ConnectionError):  # who asked was killed
                self._give(name, part)
            if self.server.cut == name:
                self.server.cut = "cut"
                self.connection.close()

    def _give(self, name: str, part: bytes) -> None:
        for first in range(0, len(part), PIECE):
            piece = part[first : first + PIECE]
            self.server.take(len(piece))
            self.server.served[name] = self.server.served.get(name, 0) + len(piece)
            self.wfile.write(piece)

    def log_message(self, *_: Any) -> None:
        pass
