"""A job's log: everything a job prints, and its traceback, in one file; the reason alone on the terminal."""

from __future__ import annotations

import errno
import fcntl
import gc
import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

# Not 700: looking for cycles among what imports make is a sixth of the time that those of diffusers take.
OBJECTS_BETWEEN_COLLECTIONS = 10_000


@contextmanager
def log_to(path: str | Path) -> Iterator[None]:
    """Send standard output and error (of libraries written in C too) to `path` while a job runs.

    An exception is written there with its traceback and ends the process with status 1, after one line on the real
    standard error: what failed, and where the log is. Another process that has the same log is waited for: it is the
    same job, of a head that was killed, and two at once would be in each other's way.
    """
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    sys.stdout.flush()
    sys.stderr.flush()
    saved, threshold = (os.dup(1), os.dup(2)), gc.get_threshold()
    gc.set_threshold(OBJECTS_BETWEEN_COLLECTIONS, *threshold[1:])
    with _alone(path), Path(path).open("wb", buffering=0) as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
        failure: Exception | None = None
        try:
            yield
        except Exception as error:
            failure = error
            with suppress(OSError):  # the disk of the log may be what is full
                traceback.print_exc()
        finally:
            gc.set_threshold(*threshold)
            with suppress(OSError):
                sys.stdout.flush()
                sys.stderr.flush()
            for old, descriptor in zip(saved, (1, 2), strict=True):
                os.dup2(old, descriptor)
                os.close(old)
    if failure is not None:
        print(f"vidmem: {_reason(failure)} (log: {path})", file=sys.stderr, flush=True)
        raise SystemExit(1)


@contextmanager
def _alone(log: str | Path) -> Iterator[None]:
    """Hold a lock on a job's log, once nobody else does. It goes with the process, however that ends."""
    with Path(log).open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"vidmem: waiting for another process that does this job (log: {log})", file=sys.stderr, flush=True)
            fcntl.flock(file, fcntl.LOCK_EX)
        except OSError:
            pass  # a file system without locks
        yield


def _reason(failure: Exception) -> str:
    if isinstance(failure, OSError) and failure.errno in (errno.ENOSPC, errno.EDQUOT):
        return "no space is left on the disk. Free some and run the same command again: what is done is kept"
    return " ".join(str(failure).split()) or type(failure).__name__
