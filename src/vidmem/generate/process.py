"""A program of the user's, started without a shell, watched while it works, and never left running behind a job."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import IO

from vidmem.generate.redact import without_tokens

POLL_S = 0.2  # how often new outputs are looked for
PATIENCE_S = 10.0  # between asking a program to stop and stopping it
KEPT_CHARS = 4000  # of what a program said last on its standard error
SHOWN_CHARS = 300


class CommandError(ValueError):
    """A program that can't be started; the message is one line."""


class Run:
    """One run of a program in `folder` (None: here), with this process's environment and no input.

    What it says on its standard error is passed on, and the end of it kept for `reason`. Raises `CommandError`.
    """

    def __init__(self, arguments: Sequence[str], folder: Path | None, timeout_s: float | None) -> None:
        self._timeout_s = timeout_s
        self.reason: str | None = None  # once it has ended: None if it ended well, else why not
        try:
            self._process = subprocess.Popen(  # noqa: S603 - the user's own command, and no shell reads it
                list(arguments),
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                start_new_session=True,  # so that all that it starts can be stopped with it
            )
        except OSError as error:
            raise CommandError(f"the command {arguments[0]!r} can't be started: {error.strerror or error}") from None

    def watch(self, outputs: Callable[[], set[str]]) -> Iterator[str]:
        """Yield what is new in `outputs()` until the program ends or its time is up. Whatever ends this, ends it."""
        tail = _Tail(self._process.stderr)
        with _stopped_with_us(self._process):
            yield from self._new(outputs)
            late = self._process.poll() is None
        self.reason = _reason(self._process.returncode, self._timeout_s if late else None, tail.end())

    def _new(self, outputs: Callable[[], set[str]]) -> Iterator[str]:
        deadline = time.monotonic() + self._timeout_s if self._timeout_s else float("inf")
        seen: set[str] = set()
        running = True
        while running:
            running = self._process.poll() is None and time.monotonic() < deadline
            new = outputs() - seen
            seen |= new
            yield from sorted(new)
            if running:
                time.sleep(POLL_S)


@contextmanager
def _stopped_with_us(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """Whatever ends the block, also SIGTERM to this job, ends the program and all that it started."""

    def leave(number: int, _: FrameType | None) -> None:
        raise SystemExit(128 + number)

    main = threading.current_thread() is threading.main_thread()
    before = signal.signal(signal.SIGTERM, leave) if main else None
    try:
        yield
    finally:
        _stop(process)
        if main:
            signal.signal(signal.SIGTERM, before)


def _stop(process: subprocess.Popen[bytes]) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        if process.poll() is None:
            os.killpg(process.pid, number)
            try:
                process.wait(PATIENCE_S)
            except subprocess.TimeoutExpired:
                continue


class _Tail:
    """Passes on what a program says on its standard error, and keeps the end of it."""

    def __init__(self, stream: IO[bytes] | None) -> None:
        assert stream is not None
        self._stream, self._kept = stream, ""
        self._thread = threading.Thread(target=self._pass_on, daemon=True)
        self._thread.start()

    def _pass_on(self) -> None:
        for line in iter(lambda: self._stream.readline(65536), b""):
            said = line.decode("utf-8", "replace")
            self._kept = (self._kept + said)[-KEPT_CHARS:]
            sys.stderr.write(said)
            sys.stderr.flush()

    def end(self) -> str:
        """The last of it, on one line."""
        self._thread.join(1.0)  # something that it left running may hold the stream open
        return " ".join(without_tokens(self._kept).split())[-SHOWN_CHARS:]


def _reason(code: int, stopped_after_s: float | None, said: str) -> str | None:
    if stopped_after_s is not None:
        how = f"the command was stopped after {stopped_after_s:g} s"
    elif code < 0:
        how = f"the command was ended by signal {-code}"
    elif code > 0:
        how = f"the command ended with exit code {code}"
    else:
        return None
    return f"{how}: {said}" if said else how
