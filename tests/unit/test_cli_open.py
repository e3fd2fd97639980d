"""A report served to this machine alone: its files whole and in parts, nothing else, to nobody else, until Ctrl-C."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.client import HTTPConnection
from http.server import ThreadingHTTPServer
from pathlib import Path
from urllib.request import urlopen

import pytest

from vidmem.cli.errors import Failure
from vidmem.cli.serve import ADDRESS, make_server

PAGE, CLIP = b"<!doctype html><title>report</title>", bytes(range(256)) * 8


@pytest.fixture(scope="module")
def audit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("results") / "mine"
    report = root / "report"
    (report / "media").mkdir(parents=True)
    (report / "index.html").write_bytes(PAGE)
    (report / "media" / "clip.mp4").write_bytes(CLIP)
    (report / "media" / "empty.csv").write_bytes(b"")
    (report / ".hidden").write_text("hidden")
    (root / "secret.txt").write_text("secret")
    (report / "out.txt").symlink_to(root / "secret.txt")
    (report / "up").symlink_to(root)
    (report / "loop").symlink_to("loop")
    return root


@pytest.fixture(scope="module")
def server(audit: Path) -> Iterator[ThreadingHTTPServer]:
    with make_server(audit) as made:
        thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield made
        made.shutdown()
        thread.join()


def ask(
    server: ThreadingHTTPServer, path: str, method: str = "GET", **headers: str
) -> tuple[int, bytes, dict[str, str]]:
    """Status, body and headers of an answer. The path is sent as it is."""
    connection = HTTPConnection(ADDRESS, server.server_address[1], timeout=10)
    host = headers.pop("Host", f"{ADDRESS}:{server.server_address[1]}")
    connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
    for name, value in {"Host": host, **headers}.items():
        connection.putheader(name, value)
    connection.endheaders()
    answer = connection.getresponse()
    found = answer.status, answer.read(), dict(answer.getheaders())
    connection.close()
    return found


def test_the_report_is_served_on_the_loopback_address_alone(server: ThreadingHTTPServer) -> None:
    assert server.server_address[0] == "127.0.0.1" and server.socket.family == socket.AF_INET
    status, body, headers = ask(server, "/")
    assert (status, body, headers["Content-Type"]) == (200, PAGE, "text/html")
    assert headers["X-Content-Type-Options"] == "nosniff" and headers["Cache-Control"] == "no-store"
    assert ask(server, "/index.html?model=planted#f3")[1] == PAGE
    assert ask(server, "/media/clip.mp4")[1:] == (CLIP, ask(server, "/media/clip.mp4")[2])
    assert ask(server, "/media/clip.mp4", "HEAD")[:2] == (200, b"")
    assert ask(server, "/media/empty.csv")[:2] == (200, b"")


@pytest.mark.parametrize(
    "path",
    [
        "/../secret.txt",
        "/media/../../secret.txt",
        "/%2e%2e/secret.txt",
        "/..%2fsecret.txt",
        "/%2e%2e%2fsecret.txt",
        "//../secret.txt",
        "/....//secret.txt",
        "/..\\secret.txt",
        "/out.txt",
        "/up/secret.txt",
        "/up/",
        "/loop",
        "/.hidden",
        "/media/",
        "/media",
        "/nothing.html",
        "/a%00b",
        "/" + "a" * 5000,
    ],
)
def test_nothing_but_files_of_the_report_is_given(server: ThreadingHTTPServer, path: str) -> None:
    status, body, _ = ask(server, path)
    assert status == 404 and b"secret" not in body.replace(b"secret.txt", b"") and b"hidden" not in body


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"])
def test_nothing_can_be_changed(server: ThreadingHTTPServer, audit: Path, method: str) -> None:
    assert ask(server, "/index.html", method)[0] == 501
    assert (audit / "report" / "index.html").read_bytes() == PAGE


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8000", "", "127.0.0.1.evil.example", "[::1]:80"])
def test_a_request_that_was_meant_for_another_name_is_refused(server: ThreadingHTTPServer, host: str) -> None:
    assert ask(server, "/", Host=host)[0] == 421


@pytest.mark.parametrize("host", ["localhost", "localhost:8000", "127.0.0.1"])
def test_a_tunnel_may_have_another_port(server: ThreadingHTTPServer, host: str) -> None:
    assert ask(server, "/", Host=host)[0] == 200


@pytest.mark.parametrize(
    ("asked", "first", "stop"),
    [("bytes=0-99", 0, 100), ("bytes=2000-", 2000, 2048), ("bytes=-48", 2000, 2048), ("bytes=10-99999", 10, 2048)],
)
def test_players_are_given_the_part_that_they_ask_for(
    server: ThreadingHTTPServer, asked: str, first: int, stop: int
) -> None:
    status, body, headers = ask(server, "/media/clip.mp4", Range=asked)
    assert (status, body) == (206, CLIP[first:stop])
    assert headers["Content-Range"] == f"bytes {first}-{stop - 1}/{len(CLIP)}"
    assert headers["Content-Type"] == "video/mp4"


@pytest.mark.parametrize("asked", ["bytes=2048-", "bytes=5-4", "bytes=-0"])
def test_a_part_that_is_not_there_is_said(server: ThreadingHTTPServer, asked: str) -> None:
    status, body, headers = ask(server, "/media/clip.mp4", Range=asked)
    assert (status, body, headers["Content-Range"]) == (416, b"", "bytes */2048")


@pytest.mark.parametrize("asked", ["bytes=0-1,4-5", "items=0-1", "bytes=-", "bytes=x-y"])
def test_a_range_of_another_kind_is_left_unheard(server: ThreadingHTTPServer, asked: str) -> None:
    assert ask(server, "/media/clip.mp4", Range=asked)[:2] == (200, CLIP)


def test_a_folder_without_a_report_and_a_taken_port_are_one_line(
    server: ThreadingHTTPServer, audit: Path, tmp_path: Path
) -> None:
    with pytest.raises(Failure, match="no report there"):
        make_server(tmp_path)
    with pytest.raises(Failure, match="choose another, or 0"):
        make_server(audit, server.server_address[1])
    with make_server(audit / "report") as made:
        assert made.server_address[1] > 0


def test_the_address_is_printed_and_ctrl_c_ends_it(audit: Path) -> None:
    command = [sys.executable, "-m", "vidmem.cli", "open", str(audit), "--json"]
    with subprocess.Popen(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        assert running.stdout is not None and running.stderr is not None
        address = json.loads("".join(running.stdout.readline() for _ in range(3)))["address"]
        assert address.startswith("http://127.0.0.1:")
        with urlopen(address, timeout=10) as answer:  # noqa: S310 - our own address
            assert answer.read() == PAGE
        running.send_signal(signal.SIGINT)
        assert running.wait(10) == 0 and running.stderr.read() == ""
