"""Decoding in a process of its own: a file that brings the decoder down costs its own row and no more.

Decoders are large programs in C that read what strangers wrote. The process that runs them (`media.reader`) is bounded
in memory and time, is started anew when it dies, and what it says is read as plain values.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from queue import LifoQueue
from types import TracebackType
from typing import Any, Self

from vidmem.config.media import Limits
from vidmem.media import wire
from vidmem.media.ref import MediaError, MediaInfo, MediaRef

PATIENCE = 10  # the clock's seconds for one of the process' own: others use the machine, and disks can be slow
START_S = 300  # the clock's seconds until the process must have begun
PROBES = "vidmem.media.probe:told"


class Apart:
    """A process that reads files with the function `reads` (`module:name`), started at once and again when it dies.

    The function takes a `MediaRef`, the `Limits` and what else is asked with, and gives a dict of plain values and
    arrays. One file is read at a time; several threads may ask.
    """

    def __init__(self, reads: str, limits: Limits) -> None:
        self.reads, self.limits = reads, limits
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._end: Connection | None = None
        self._ready = False
        self._death = ""

    def __enter__(self) -> Self:
        self._start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def ask(self, ref: MediaRef, **more: Any) -> dict[str, Any]:
        """What the function gives of a file. Raises `MediaError` with the reason where it can't be used.

        Among the reasons are those of the process itself: that it died on the file, or was at its bounds. One that
        can't even begin is nobody's file's fault, and raises `RuntimeError`.
        """
        request = {"path": str(ref.path), "offset": ref.offset, "size": ref.size, "sha256": ref.sha256, "more": more}
        with self._lock:
            answer = self._say(request)
            if answer is None or "spent" in answer:
                self._stop()
        if answer is None:
            raise MediaError(self._death)
        if "reason" in answer:
            raise MediaError(str(answer["reason"]))
        return answer

    def _say(self, request: dict[str, Any]) -> dict[str, Any] | None:
        """The answer, or None where the process died; what it died of is then in `_death`."""
        process, end = self._begun()
        with self._watched(process, PATIENCE * self.limits.max_decode_s) as late:
            try:
                wire.send(end, request)
                return wire.receive(end)
            except (EOFError, OSError, ValueError, KeyError, TypeError):  # it is gone, or talks nonsense
                pass
        process.kill()  # no answer can be told from the next one's any more
        self._death = self._why(process.wait(), late.is_set())
        return None

    def _why(self, status: int, late: bool) -> str:
        if late:
            return f"no end of decoding it after {PATIENCE * self.limits.max_decode_s:g} s"
        if status == -signal.SIGXCPU:
            return f"decoding it takes longer than {self.limits.max_decode_s:g} s"
        name = signal.Signals(-status).name if status < 0 else f"status {status}"
        return f"damaged: the decoder broke down on it ({name})"

    def _begun(self) -> tuple[subprocess.Popen[bytes], Connection]:
        """The process, once it has said that it is ready."""
        process, end = self._start()
        if not self._ready:
            with self._watched(process, START_S):
                try:
                    self._ready = bool(wire.receive(end)["ready"])
                except (EOFError, OSError, ValueError, KeyError, TypeError):
                    process.kill()
                    why = f"status {process.wait()}; why stands above"
                    raise RuntimeError(f"the process that decodes files can't begin ({why})") from None
        return process, end

    @contextmanager
    def _watched(self, process: subprocess.Popen[bytes], patience_s: float) -> Iterator[threading.Event]:
        """Kill the process when the patience with it is at its end."""
        late = threading.Event()

        def end() -> None:
            late.set()
            process.kill()

        watch = threading.Timer(patience_s, end)
        watch.daemon = True
        watch.start()
        try:
            yield late
        finally:
            watch.cancel()

    def _start(self) -> tuple[subprocess.Popen[bytes], Connection]:
        if self._process is None or self._end is None or self._process.poll() is not None:
            self._stop()
            self._end, theirs = Pipe()
            with theirs:
                command = [sys.executable, "-m", "vidmem.media.reader", str(theirs.fileno()), self.reads]
                self._process = subprocess.Popen(  # noqa: S603 - this interpreter, by its path
                    [*command, json.dumps(self.limits.model_dump())],
                    pass_fds=[theirs.fileno()],
                    stdin=subprocess.DEVNULL,
                    env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
                )
        return self._process, self._end

    def _stop(self) -> None:
        """Close the connection, at which the process ends; it is between two files, or dead."""
        if self._end is not None:
            self._end.close()
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        self._end = self._process = None
        self._ready = False


class Aparts:
    """As many processes apart as there are threads that ask: a file is read by one that is idle.

    The first is started at once, the others when several threads ask at a time.
    """

    def __init__(self, reads: str, limits: Limits, number: int) -> None:
        self._all = [Apart(reads, limits) for _ in range(max(number, 1))]
        self._idle: LifoQueue[Apart] = LifoQueue()
        for apart in reversed(self._all):
            self._idle.put(apart)

    def __enter__(self) -> Self:
        self._all[0].__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        for apart in self._all:
            apart.__exit__(kind, value, trace)

    def ask(self, ref: MediaRef, **more: Any) -> dict[str, Any]:
        """See `Apart.ask`."""
        apart = self._idle.get()
        try:
            return apart.ask(ref, **more)
        finally:
            self._idle.put(apart)


def probe_apart(apart: Apart, ref: MediaRef) -> MediaInfo:
    """`media.probe` by a process that reads with `PROBES`. Raises `MediaError` as `Apart.ask` does."""
    answer = apart.ask(ref)
    return MediaInfo(**{name: answer[name] for name in MediaInfo.__dataclass_fields__})
