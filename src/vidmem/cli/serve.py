"""A report served to this machine alone: read only, on the loopback address, until Ctrl-C.

A report opens from disk too; a server is for browsers that keep files apart, and for a machine that is looked at
through a tunnel. Nothing but the report's own files is given: no folder is listed, no link leads out, no hidden file is
shown, and a request that was not meant for this address (a page that rebinds a name to it) is refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import BinaryIO

from vidmem.cli.errors import Failure

ADDRESS = "127.0.0.1"
NAMES = (ADDRESS, "localhost")
_RANGE = re.compile(r"^bytes=(\d*)-(\d*)$")
HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def report_folder(folder: str | Path) -> Path:
    """The folder with the report's `index.html`: of an audit, or the report's own. Raises `Failure` for none."""
    root = Path(folder).expanduser()
    for path in (root / "report", root):
        if (path / "index.html").is_file():
            return path.resolve()
    raise Failure(f"{folder}: no report there; give results/<audit> of an audit that was run to its end")


def make_server(folder: str | Path, port: int = 0) -> ThreadingHTTPServer:
    """A server of a report on 127.0.0.1; `port` 0 takes a free one. It serves once `serve_forever` is called.

    Raises `Failure` for a folder without a report and a port that can't be had.
    """
    root = report_folder(folder)
    try:
        return ThreadingHTTPServer((ADDRESS, port), partial(_Handler, directory=str(root)))
    except (OSError, OverflowError) as error:
        raise Failure(f"port {port}: {getattr(error, 'strerror', None) or error}; choose another, or 0") from None


def address(server: ThreadingHTTPServer) -> str:
    """Where a browser finds the report."""
    return f"http://{ADDRESS}:{server.server_address[1]}/"


def serve(folder: str | Path, port: int, started: Callable[[str], None]) -> None:
    """Serve until Ctrl-C; `started` is told the address first."""
    with make_server(folder, port) as server:
        started(address(server))
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            return


class _Handler(SimpleHTTPRequestHandler):
    """GET and HEAD of files below one folder, with ranges, which players of video seek by."""

    timeout = 60  # seconds that a request may take to arrive
    server_version, sys_version = "vidmem", ""

    def send_head(self) -> BinaryIO | None:
        """Answer with a file, a part of it, or a refusal."""
        if not self._is_meant_for_here():
            self.send_error(HTTPStatus.MISDIRECTED_REQUEST, "not the address that is served")
            return None
        path = self._file()
        if path is None:
            self.send_error(HTTPStatus.NOT_FOUND, "no such file in this report")
            return None
        try:
            file = path.open("rb")
        except OSError:
            self.send_error(HTTPStatus.NOT_FOUND, "no such file in this report")
            return None
        size = path.stat().st_size
        span = self._span(size)
        if span is None:
            file.close()
            self.send_response(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE)
            self.send_header("Content-Range", f"bytes */{size}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return None
        self._begin(path, span, size)
        file.seek(span.start)
        return _Part(file, len(span))  # type: ignore[return-value] # what is copied from needs `read` and `close` alone

    def end_headers(self) -> None:
        """Every answer says that it is not to be kept, guessed at or used by others."""
        for name, value in HEADERS.items():
            self.send_header(name, value)
        super().end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: the terminal is the reader's."""

    def _is_meant_for_here(self) -> bool:
        """By the name that was asked for; the port may be that of a tunnel."""
        return self.headers.get("Host", "").partition(":")[0] in NAMES

    def _file(self) -> Path | None:
        """The file that is asked for; None for what is hidden, no file, or outside the folder."""
        root = Path(self.directory)
        path = Path(self.translate_path(self.path))
        path = path / "index.html" if path == root or self.path.partition("?")[0].endswith("/") else path
        try:
            real = path.resolve(strict=True)
        except (OSError, ValueError, RuntimeError):
            return None
        inside = real.is_relative_to(root) and real.is_file()
        return real if inside and not any(part.startswith(".") for part in real.relative_to(root).parts) else None

    def _span(self, size: int) -> range | None:
        """The bytes that are asked for: all, or one range; None for a range that isn't there."""
        asked = self.headers.get("Range")
        match = _RANGE.match(asked.strip()) if asked else None
        if match is None or match.groups() == ("", ""):
            return range(size)  # no range, or one of a kind that may be left unheard (RFC 9110, 14.2)
        first, last = match.groups()
        if not first:
            span = range(max(size - int(last), 0), size)
        else:
            span = range(int(first), min(int(last) + 1 if last else size, size))
        return span if len(span) else None

    def _begin(self, path: Path, span: range, size: int) -> None:
        part = len(span) < size
        self.send_response(HTTPStatus.PARTIAL_CONTENT if part else HTTPStatus.OK)
        self.send_header("Content-Type", self.guess_type(str(path)))
        self.send_header("Content-Length", str(len(span)))
        self.send_header("Accept-Ranges", "bytes")
        if part:
            self.send_header("Content-Range", f"bytes {span.start}-{span.stop - 1}/{size}")
        self.end_headers()


class _Part:
    """The next `left` bytes of an open file."""

    def __init__(self, file: BinaryIO, left: int) -> None:
        self._file, self._left = file, left

    def read(self, count: int = -1) -> bytes:
        """At most `count` bytes, none at the end of the part."""
        data = self._file.read(self._left if count < 0 else min(count, self._left))
        self._left -= len(data)
        return data

    def close(self) -> None:
        """Close the file."""
        self._file.close()
