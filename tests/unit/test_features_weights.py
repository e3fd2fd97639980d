"""Downloads of weights: resumed, whole or absent, and never another file than the pinned one."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from vidmem.features import weights

BODY = bytes(range(256)) * 40
DIGEST = hashlib.sha256(BODY).hexdigest()


class _Server(BaseHTTPRequestHandler):
    """A file server that knows byte ranges, unless the path says it does not."""

    asked: list[str | None]

    def do_GET(self) -> None:
        span = self.headers.get("Range")
        type(self).asked.append(span)
        start = int(span.split("=")[1].rstrip("-")) if span and "plain" not in self.path else 0
        if start >= len(BODY):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(BODY) - start))
        self.end_headers()
        self.wfile.write(BODY[start:])

    def log_message(self, *_: object) -> None:
        """No lines on the test's output."""


@pytest.fixture
def address() -> Iterator[str]:
    _Server.asked = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Server)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_a_download_that_was_cut_off_goes_on_where_it_stopped(address: str, tmp_path: Path) -> None:
    part = tmp_path / "w.part"
    part.write_bytes(BODY[:1000])
    weights.fetch(f"{address}/w", part)
    assert part.read_bytes() == BODY
    assert _Server.asked == ["bytes=1000-"]


def test_a_server_that_cannot_resume_starts_again(address: str, tmp_path: Path) -> None:
    part = tmp_path / "w.part"
    part.write_bytes(b"x" * 1000)
    weights.fetch(f"{address}/plain", part)
    assert part.read_bytes() == BODY


def test_a_part_that_is_whole_is_left_as_it_is(address: str, tmp_path: Path) -> None:
    part = tmp_path / "w.part"
    part.write_bytes(BODY)
    weights.fetch(f"{address}/w", part)
    assert part.read_bytes() == BODY


def test_what_arrives_is_renamed_only_when_it_is_the_pinned_file(address: str, tmp_path: Path) -> None:
    good, bad = tmp_path / f"{DIGEST}.pt", tmp_path / "bad.pt"
    weights._download(f"{address}/w", good, DIGEST)
    assert good.read_bytes() == BODY
    with pytest.raises(weights.WeightsError, match="download was removed"):
        weights._download(f"{address}/w", bad, "0" * 64)
    assert sorted(p.name for p in tmp_path.iterdir()) == [good.name]


def test_a_file_in_the_cache_is_used_without_the_network(tmp_path: Path) -> None:
    (tmp_path / f"{DIGEST}.pt").write_bytes(BODY)
    assert weights.pinned_file("https://example.invalid/w.pt", DIGEST, tmp_path).read_bytes() == BODY


def test_an_unreachable_server_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(weights.WeightsError, match="could not be fetched"):
        weights.pinned_file("https://127.0.0.1:9/w.pt", DIGEST, tmp_path)


def test_the_cache_folder_follows_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("VIDMEM_CACHE", raising=False)
    assert weights.cache_folder() == tmp_path / "vidmem"
    monkeypatch.setenv("VIDMEM_CACHE", str(tmp_path / "mine"))
    assert weights.cache_folder() == tmp_path / "mine"
