"""The process in which files from outside are decoded: it is bounded in memory and time, and may die.

It is told on its command line which function reads, and is then asked for one file after another (`media.apart`).
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import sys
import traceback
from collections.abc import Callable, Mapping
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import cv2

from vidmem.config.media import Limits
from vidmem.media import wire
from vidmem.media.ref import MediaError, MediaRef

MIB = 1024**2
SPARE_MB = 128  # of addresses that hold nothing: libraries, stacks
Reads = Callable[..., Mapping[str, Any]]


def serve(descriptor: int, reads: str, limits: Limits) -> None:
    """Answer what is asked over a connection until it is closed. `reads` is the function, as `module:name`."""
    module, name = reads.split(":")
    function: Reads = getattr(importlib.import_module(module), name)
    cv2.setNumThreads(1)
    _bound_memory(limits)
    with Connection(descriptor) as asked:
        wire.send(asked, {"ready": True})
        while (request := _next(asked)) is not None:
            _bound_time(limits)
            ref = MediaRef(Path(request["path"]), request["offset"], request["size"], request["sha256"])
            answer = _answer(function, ref, limits, request["more"])
            wire.send(asked, answer)
            if "spent" in answer:  # its memory is used up, or in pieces: a new process has all of it
                return


def _next(asked: Connection) -> dict[str, Any] | None:
    try:
        return wire.receive(asked)
    except (EOFError, OSError):
        return None


def _answer(function: Reads, ref: MediaRef, limits: Limits, more: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return {"found": True, **function(ref, limits, **more)}
    except MediaError as error:
        short = "MemoryError" in str(error) or os.strerror(12) in str(error)
        return _too_large(limits) if short else {"reason": str(error)}
    except MemoryError:
        return _too_large(limits)
    except OSError as error:
        return {"reason": f"can't be read: {error.strerror or error}"}
    except Exception as error:  # a file can make a decoder raise anything; the log has the place
        traceback.print_exc()
        return {"reason": f"damaged: it can't be decoded ({type(error).__name__})"}


def _too_large(limits: Limits) -> dict[str, Any]:
    return {"reason": f"decoding it takes more than {limits.max_memory_mb} MB of memory", "spent": True}


def _bound_memory(limits: Limits) -> None:
    """Let this process grow by so much and no more, and leave no core files.

    Private memory is what is meant; some systems, and containers, hold to the bound of the address space alone.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    status = Path("/proc/self/status")
    if status.exists():  # elsewhere the system does not bound it
        lines = dict(line.split(":", 1) for line in status.read_text().splitlines() if ":" in line)
        for bound, now, spare in ((resource.RLIMIT_DATA, "VmData", 0), (resource.RLIMIT_AS, "VmSize", SPARE_MB)):
            most = int(lines[now].split()[0]) * 1024 + (limits.max_memory_mb + spare) * MIB
            resource.setrlimit(bound, (most, most))


def _bound_time(limits: Limits) -> None:
    """The system ends this process when it has worked so long on one file: its own seconds, not the clock's."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    soft = int(used.ru_utime + used.ru_stime + limits.max_decode_s) + 1
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    resource.setrlimit(resource.RLIMIT_CPU, (soft if hard == resource.RLIM_INFINITY else min(soft, hard), hard))


if __name__ == "__main__":
    serve(int(sys.argv[1]), sys.argv[2], Limits.model_validate(json.loads(sys.argv[3])))
